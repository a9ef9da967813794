/** Answers what a template refers to. */
export interface References {
  ref(logicalId: string): Promise<unknown>;
  getAtt(logicalId: string, attribute: string): Promise<unknown>;
  importValue(name: string): unknown;
  findInMap(map: string, first: string, second: string): unknown;
  condition(name: string): Promise<boolean>;
}

/** Stands for a property that the template removes (AWS::NoValue). */
export const NO_VALUE = Symbol('AWS::NoValue');

type Node = Readonly<Record<string, unknown>>;

/** Resolves CloudFormation's intrinsic functions; refuses those it does not know. */
export async function resolve(value: unknown, references: References): Promise<unknown> {
  if (Array.isArray(value)) {
    const items = await Promise.all(value.map((item) => resolve(item, references)));
    return items.filter((item) => item !== NO_VALUE);
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [only] = entries;
  if (
    entries.length === 1 &&
    only !== undefined &&
    (only[0] === 'Ref' || only[0].startsWith('Fn::') || only[0] === 'Condition')
  ) {
    const intrinsic = INTRINSICS[only[0]];
    // An IAM statement may consist of a Condition alone; elsewhere the key names a condition.
    if (intrinsic !== undefined) return await intrinsic(only[1], references);
    if (only[0] !== 'Condition') throw new Error(`the sandbox does not know the intrinsic function ${only[0]}`);
  }
  const resolved = await Promise.all(
    entries.map(async ([key, member]) => [key, await resolve(member, references)] as const),
  );
  return Object.fromEntries(resolved.filter(([, member]) => member !== NO_VALUE));
}

const INTRINSICS: Readonly<Record<string, (argument: unknown, references: References) => Promise<unknown>>> = {
  Ref: async (id, references) => (id === 'AWS::NoValue' ? NO_VALUE : references.ref(String(id))),
  'Fn::GetAtt': async (argument, references) => {
    const [logicalId, ...attribute] = typeof argument === 'string' ? argument.split('.') : (argument as string[]);
    return references.getAtt(String(logicalId), attribute.join('.'));
  },
  'Fn::Join': async (argument, references) => {
    const [separator, parts] = (await resolve(argument, references)) as [string, unknown[]];
    return parts.map(String).join(separator);
  },
  'Fn::Sub': async (argument, references) => {
    const [text, variables] = Array.isArray(argument) ? (argument as [string, Node]) : [String(argument), {}];
    const own = (await resolve(variables, references)) as Node;
    let result = '';
    let position = 0;
    for (const match of text.matchAll(/\$\{([^}]+)\}/g)) {
      const name = match[1] ?? '';
      result += text.slice(position, match.index);
      position = match.index + match[0].length;
      if (name.startsWith('!')) result += `\${${name.slice(1)}}`;
      else if (name in own) result += String(own[name]);
      else if (name.includes('.') && !name.startsWith('AWS::')) {
        const [logicalId = '', ...attribute] = name.split('.');
        result += String(await references.getAtt(logicalId, attribute.join('.')));
      } else result += String(await references.ref(name));
    }
    return result + text.slice(position);
  },
  'Fn::ImportValue': async (argument, references) =>
    references.importValue(String(await resolve(argument, references))),
  'Fn::Select': async (argument, references) => {
    const [position, list] = (await resolve(argument, references)) as [number | string, unknown[]];
    return list[Number(position)];
  },
  'Fn::Split': async (argument, references) => {
    const [separator, text] = (await resolve(argument, references)) as [string, string];
    return text.split(separator);
  },
  'Fn::FindInMap': async (argument, references) => {
    const [map, first, second] = (await resolve(argument, references)) as [string, string, string];
    return references.findInMap(map, first, second);
  },
  'Fn::If': async (argument, references) => {
    const [condition, yes, no] = argument as [string, unknown, unknown];
    return resolve((await references.condition(condition)) ? yes : no, references);
  },
  'Fn::Equals': async (argument, references) => {
    const [a, b] = (await resolve(argument, references)) as [unknown, unknown];
    return String(a) === String(b);
  },
  'Fn::Not': async (argument, references) => {
    const [condition] = (await resolve(argument, references)) as [unknown];
    return condition !== true;
  },
  'Fn::Or': async (argument, references) =>
    ((await resolve(argument, references)) as unknown[]).some((condition) => condition === true),
  'Fn::And': async (argument, references) =>
    ((await resolve(argument, references)) as unknown[]).every((condition) => condition === true),
};

import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { StateError } from './failure';
import { type Data, type Path, parsePath, readPath, UnsupportedExpressionError } from './paths';

/** The value side of a `.$` member: a path, or an intrinsic function of paths, literals and further functions. */
export type Expression =
  | { readonly kind: 'path'; readonly path: Path }
  | { readonly kind: 'literal'; readonly value: unknown }
  | { readonly kind: 'call'; readonly source: string; readonly name: string; readonly args: readonly Expression[] };

type Intrinsic = (args: readonly unknown[]) => unknown;

/** A wrong argument; reported as States.IntrinsicFailure with the function's source. */
class ArgumentError extends Error {}

function argument<T>(args: readonly unknown[], index: number, is: (value: unknown) => value is T, what: string): T {
  const value = args[index];
  if (!is(value)) throw new ArgumentError(`argument ${index + 1} must be ${what}, got ${JSON.stringify(value)}`);
  return value;
}

const isString = (value: unknown): value is string => typeof value === 'string';
const isInteger = (value: unknown): value is number => Number.isInteger(value);
const isArray = (value: unknown): value is unknown[] => Array.isArray(value);
const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function format([template, ...values]: readonly unknown[]): string {
  if (!isString(template)) throw new ArgumentError('argument 1 must be a string');
  const slots = template.match(/\{\}/g)?.length ?? 0;
  if (slots !== values.length) throw new ArgumentError(`${slots} placeholders but ${values.length} values`);
  let next = 0;
  return template.replace(/\{\}/g, () => {
    const value = values[next++];
    return isString(value) ? value : JSON.stringify(value);
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ArgumentError(`not JSON: ${text}`);
  }
}

const INTRINSICS: Readonly<Record<string, Intrinsic>> = {
  'States.Format': format,
  'States.Array': (args) => [...args],
  'States.ArrayLength': (args) => argument(args, 0, isArray, 'an array').length,
  'States.ArrayContains': (args) =>
    argument(args, 0, isArray, 'an array').some((item) => isDeepStrictEqual(item, args[1])),
  'States.StringToJson': (args) => parseJson(argument(args, 0, isString, 'a string')),
  'States.JsonToString': (args) => JSON.stringify(args[0]),
  'States.JsonMerge': (args) => {
    if (args[2] !== false) throw new ArgumentError('only shallow merging (third argument false) exists');
    return { ...argument(args, 0, isObject, 'an object'), ...argument(args, 1, isObject, 'an object') };
  },
  'States.MathAdd': (args) => argument(args, 0, isInteger, 'an integer') + argument(args, 1, isInteger, 'an integer'),
  'States.UUID': () => randomUUID(),
};

const parsed = new Map<string, Expression>();

export function parseExpression(source: string): Expression {
  let expression = parsed.get(source);
  if (expression === undefined) {
    const parser = new Parser(source);
    expression = source.startsWith('$') ? { kind: 'path', path: parsePath(source) } : parser.whole();
    parsed.set(source, expression);
  }
  return expression;
}

/** Evaluates for the member `field` of a template, which error messages name. */
export function evaluateExpression(expression: Expression, data: Data, field: string): unknown {
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'path': {
      const node = readPath(expression.path, data);
      if (node !== undefined) return node.value;
      const place = expression.path.root === 'context' ? 'context object' : 'input';
      throw new StateError(
        'States.Runtime',
        `The JSONPath '${expression.path.source}' specified for the field '${field}' could not be found in the ${place} '${JSON.stringify(data[expression.path.root])}'`,
      );
    }
    case 'call': {
      const args = expression.args.map((each) => evaluateExpression(each, data, field));
      try {
        return intrinsicNamed(expression.name, expression.source)(args);
      } catch (error) {
        if (!(error instanceof ArgumentError)) throw error;
        const cause = `The function '${expression.source}' had the following error: ${error.message}`;
        throw new StateError('States.IntrinsicFailure', cause);
      }
    }
  }
}

function intrinsicNamed(name: string, source: string): Intrinsic {
  const intrinsic = Object.hasOwn(INTRINSICS, name) ? INTRINSICS[name] : undefined;
  if (intrinsic === undefined) throw new UnsupportedExpressionError(source, 'unsupported intrinsic function');
  return intrinsic;
}

/** Recursive descent over one intrinsic function call. */
class Parser {
  #at = 0;
  constructor(private readonly source: string) {}

  whole(): Expression {
    const expression = this.#call();
    if (this.#at !== this.source.length) throw this.#unsupported('unexpected text after the function');
    return expression;
  }

  #call(): Expression {
    const start = this.#at;
    const name = this.#match(/States\.[A-Za-z0-9]+/y);
    if (name === undefined) throw this.#unsupported('neither a path nor an intrinsic function');
    intrinsicNamed(name, this.source);
    if (this.#match(/\s*\(\s*/y) === undefined) throw this.#unsupported('expected (');
    const args: Expression[] = [];
    while (this.#match(/\)/y) === undefined) {
      if (args.length > 0 && this.#match(/,\s*/y) === undefined) throw this.#unsupported('expected , or )');
      args.push(this.#argument());
      this.#match(/\s*/y);
    }
    return { kind: 'call', name, args, source: this.source.slice(start, this.#at) };
  }

  #argument(): Expression {
    const text = this.#match(/'(?:[^'\\]|\\.)*'/y);
    if (text !== undefined) return { kind: 'literal', value: text.slice(1, -1).replace(/\\(.)/g, '$1') };
    const path = this.#match(/\$(?:\[(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^'"\]]*)\]|[^,()[\]\s])*/y);
    if (path !== undefined) return { kind: 'path', path: parsePath(path) };
    const literal = this.#match(/(?:true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?=[\s,)])/y);
    if (literal !== undefined) return { kind: 'literal', value: JSON.parse(literal) };
    return this.#call();
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.source)?.[0];
    if (match !== undefined) this.#at += match.length;
    return match;
  }

  #unsupported(reason: string): UnsupportedExpressionError {
    return new UnsupportedExpressionError(this.source, reason);
  }
}

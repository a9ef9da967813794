import type { Call, Operation, RawRequest, RawService } from './service';
import { queryFailure } from './wire';

/** A service of the AWS query protocol: one form-encoded POST, operation named by Action, answers in XML. */
export interface QueryService {
  readonly name: string;
  readonly signingNames: readonly string[];
  readonly namespace: string;
  readonly operations: Readonly<Record<string, Operation>>;
}

type Tree = { [member: string]: Tree | string };

export function queryService({ name, signingNames, namespace, operations }: QueryService): RawService {
  return {
    protocol: 'raw',
    name,
    signingNames,
    operationNames: Object.keys(operations),
    identify(request) {
      const { Action: operation, Version: _, ...input } = parseForm(formOf(request));
      if (typeof operation !== 'string' || !Object.hasOwn(operations, operation)) return undefined;
      return { operation, input };
    },
    async handle(_request, call) {
      const result = await operations[call.operation]?.(call.input, call);
      return { status: 200, headers: { 'content-type': 'text/xml' }, body: answerXml(call, namespace, result ?? {}) };
    },
    fail: (error, { requestId }) => queryFailure(error, requestId),
  };
}

/** Older clients send the form as a GET query. */
function formOf({ method, query, body }: RawRequest): URLSearchParams {
  return method === 'GET' ? query : new URLSearchParams(body.toString('utf8'));
}

/** Turns Tags.member.1.Key=a into {Tags: [{Key: 'a'}]}. */
export function parseForm(form: URLSearchParams): Readonly<Record<string, unknown>> {
  const tree = emptyTree();
  for (const [path, value] of form) {
    const keys = path.split('.');
    const last = keys.pop() ?? path;
    let level = tree;
    for (const key of keys) {
      const below = level[key];
      level = typeof below === 'object' ? below : newBranch(level, key);
    }
    level[last] = value;
  }
  return Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, withLists(value)]));
}

/** Without a prototype: a member called __proto__ is one like any other. */
function emptyTree(): Tree {
  return Object.create(null) as Tree;
}

function newBranch(level: Tree, key: string): Tree {
  const branch = emptyTree();
  level[key] = branch;
  return branch;
}

function withLists(node: Tree | string): unknown {
  if (typeof node === 'string') return node;
  const { member } = node;
  if (typeof member === 'object') {
    const byNumber = Object.entries(member).sort(([one], [other]) => Number(one) - Number(other));
    return byNumber.map(([, item]) => withLists(item));
  }
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, withLists(value)]));
}

function answerXml({ operation, requestId }: Call, namespace: string, result: unknown): string {
  return (
    `<${operation}Response xmlns="${namespace}"><${operation}Result>${xml(result)}</${operation}Result>` +
    `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${operation}Response>`
  );
}

function xml(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((item) => `<member>${xml(item)}</member>`).join('');
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => `<${name}>${xml(member)}</${name}>`)
      .join('');
  }
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

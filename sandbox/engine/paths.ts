import { StateError } from './failure';

/** What paths of a state read from: `$` is the input at hand, `$$` the context object. */
export interface Data {
  readonly input: unknown;
  readonly context: unknown;
}

/** A reference path: names exactly one node. */
export interface Path {
  readonly source: string;
  readonly root: keyof Data;
  readonly keys: readonly (string | number)[];
}

/** An expression that the engine does not evaluate; the loader reports it with its state and field. */
export class UnsupportedExpressionError extends Error {
  override readonly name = 'UnsupportedExpressionError';
  constructor(
    readonly expression: string,
    reason: string,
  ) {
    super(`${reason}: ${expression}`);
  }
}

const KEY = /\.([^.[\]'"*?()@,:$\s]+)|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]/y;

const parsed = new Map<string, Path>();

/** Wildcards, filters, slices and recursive descent name many nodes and are refused. */
export function parsePath(source: string): Path {
  const known = parsed.get(source);
  if (known !== undefined) return known;
  const root = source.startsWith('$$') ? 'context' : 'input';
  if (!source.startsWith('$')) throw new UnsupportedExpressionError(source, 'a path starts with $');
  const keys: (string | number)[] = [];
  let at = root === 'context' ? 2 : 1;
  while (at < source.length) {
    KEY.lastIndex = at;
    const match = KEY.exec(source);
    if (match === null) throw new UnsupportedExpressionError(source, 'not a reference path');
    const [whole, dotted, single, double, index] = match;
    const name = dotted ?? (single ?? double)?.replace(/\\(.)/g, '$1');
    keys.push(name ?? Number(index));
    at += whole.length;
  }
  const path: Path = { source, root, keys };
  parsed.set(source, path);
  return path;
}

/** The node that the path names, or undefined when there is none (a node may well hold null). */
export function readPath(path: Path, data: Data): { readonly value: unknown } | undefined {
  let value: unknown = data[path.root];
  for (const key of path.keys) {
    if (typeof value !== 'object' || value === null) return undefined;
    if (typeof key === 'number' ? !Array.isArray(value) : Array.isArray(value)) return undefined;
    if (!Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string | number, unknown>)[key];
  }
  return { value };
}

/** Reads a node that has to exist, as InputPath, OutputPath, SecondsPath and the like do. */
export function readRequired(source: string, data: Data, field: string): unknown {
  const node = readPath(parsePath(source), data);
  if (node !== undefined) return node.value;
  throw new StateError(
    'States.Runtime',
    `Invalid path '${source}': the field '${field}' could not be found in the input '${JSON.stringify(data.input)}'`,
  );
}

/** InputPath and OutputPath: absent keeps everything, null keeps nothing. */
export function selectPath(path: string | null | undefined, data: Data, field: string): unknown {
  if (path === undefined) return data.input;
  return path === null ? {} : readRequired(path, data, field);
}

/** ResultPath: absent replaces the state's raw input by the result, null drops the result, a path adds it to the input. */
export function placeResult(path: string | null | undefined, input: unknown, result: unknown): unknown {
  if (path === undefined || path === '$') return result;
  if (path === null) return input;
  return withValue(input, parsePath(path).keys, result, path);
}

function withValue(target: unknown, keys: readonly (string | number)[], value: unknown, path: string): unknown {
  const [key, ...rest] = keys;
  if (key === undefined) return value;
  if (typeof key === 'number') {
    if (!Array.isArray(target) || key >= target.length) throw mismatch(path, target);
    return target.with(key, withValue(target[key], rest, value, path));
  }
  if (typeof target !== 'object' || target === null || Array.isArray(target)) throw mismatch(path, target);
  const node = Object.hasOwn(target, key) ? (target as Record<string, unknown>)[key] : {};
  return { ...target, [key]: rest.length === 0 ? value : withValue(node, rest, value, path) };
}

const mismatch = (path: string, target: unknown) =>
  new StateError('States.ResultPathMatchFailure', `Unable to apply step "${path}" to input ${JSON.stringify(target)}`);

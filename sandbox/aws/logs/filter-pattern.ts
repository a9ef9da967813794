import { invalidParameter } from './store';

type Matcher = (message: string) => boolean;

/**
 * The parts of the CloudWatch Logs filter syntax that people type: terms ("quoted" when they hold spaces) that must all
 * occur, ?terms of which one must occur, -terms that must not, and { $.field = "value" } on JSON messages.
 */
export function filterPattern(pattern = ''): Matcher {
  const text = pattern.trim();
  if (text.startsWith('{')) return jsonFilter(text);
  if (text.startsWith('[')) throw unsupported(pattern);

  const terms = [...text.matchAll(/([-?]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))/g)].map(
    ([, sign = '', quoted, bare = '']) => ({
      sign,
      term: quoted?.replace(/\\(.)/g, '$1') ?? bare,
    }),
  );
  const of = (sign: string) => terms.filter((one) => one.sign === sign).map(({ term }) => term);
  const [all, any, none] = [of(''), of('?'), of('-')];
  return (message) =>
    all.every((term) => message.includes(term)) &&
    (any.length === 0 || any.some((term) => message.includes(term))) &&
    !none.some((term) => message.includes(term));
}

function jsonFilter(text: string): Matcher {
  const [, path, operator, quoted, bare] =
    /^\{\s*\(?\s*\$\.([\w.-]+)\s*(=|!=)\s*(?:"([^"]*)"|([^\s"&|]+))\s*\)?\s*\}$/.exec(text) ?? [];
  if (path === undefined) throw unsupported(text);
  const wanted = quoted ?? bare ?? '';
  const wildcard = new RegExp(
    `^${wanted
      .split('*')
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
  );
  return (message) => {
    const value = memberOf(message, path.split('.'));
    if (value === undefined) return false;
    return wildcard.test(String(value)) === (operator === '=');
  };
}

function memberOf(message: string, path: readonly string[]): unknown {
  let value: unknown;
  try {
    value = JSON.parse(message);
  } catch {
    return undefined;
  }
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function unsupported(pattern: string) {
  return invalidParameter(`The sandbox does not understand the filter pattern ${pattern}`);
}

import type { Context } from './context';

/**
 * Text of a policy with its wildcards (* and ?) and variables [reference_policies_variables]. Taken apart once, when the
 * policy is read; variables get their values per request.
 */
export interface Pattern {
  readonly text: string;
  readonly parts: readonly Part[];
  /** The pattern of a text that holds no variable. */
  readonly fixed: RegExp | undefined;
}

type Part =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'one' }
  | { readonly kind: 'variable'; readonly key: string; readonly fallback: string | undefined };

export interface PatternOptions {
  /** False under policy language version 2008-10-17, where variables are plain text. */
  readonly variables: boolean;
  /** Whether * and ? match anything. @default true */
  readonly wildcards?: boolean;
  /** @default false */
  readonly ignoreCase?: boolean;
}

const TOKEN = /\$\{([^}]*)\}|[*?]/g;
/** `${key}` or `${key, 'default'}`. */
const VARIABLE = /^\s*([^\s,']+)\s*(?:,\s*'([^']*)'\s*)?$/;
/** `${*}`, `${?}` and `${$}` stand for the characters themselves. */
const ESCAPED = new Set(['*', '?', '$']);

/** Throws an Error on a variable that cannot be read; unknown keys are `checkKey`'s business. */
export function pattern(
  text: string,
  { variables, wildcards = true, ignoreCase = false }: PatternOptions,
  checkKey: (key: string) => void = () => {},
): Pattern {
  const parts: Part[] = [];
  const literal = (value: string) => value !== '' && parts.push({ kind: 'literal', text: value });
  let position = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [token, variable] = match;
    if (variable !== undefined && !variables) continue;
    if (variable === undefined && !wildcards) continue;
    literal(text.slice(position, match.index));
    position = match.index + token.length;
    if (token === '*') parts.push({ kind: 'any' });
    else if (token === '?') parts.push({ kind: 'one' });
    else if (ESCAPED.has(variable ?? '')) literal(variable ?? '');
    else {
      const [, key, fallback] = VARIABLE.exec(variable ?? '') ?? [];
      if (key === undefined) throw new Error(`the policy variable ${token} cannot be read`);
      checkKey(key);
      parts.push({ kind: 'variable', key: key.toLowerCase(), fallback });
    }
  }
  literal(text.slice(position));
  const fixed = parts.some(({ kind }) => kind === 'variable') ? undefined : expression(parts, undefined, ignoreCase);
  return { text, parts, fixed };
}

/** Whether the whole value matches. A variable without a value matches nothing [policy-vars-no-value]. */
export function matches({ parts, fixed }: Pattern, value: string, context: Context): boolean {
  if (fixed !== undefined) return fixed.test(value);
  return expression(parts, context, false)?.test(value) ?? false;
}

/** True when some variable of the pattern has no value in this request. */
export function lacksValue({ parts }: Pattern, context: Context): boolean {
  return parts.some((part) => part.kind === 'variable' && variableValue(part, context) === undefined);
}

function expression(parts: readonly Part[], context: Context | undefined, ignoreCase: boolean): RegExp | undefined {
  let source = '';
  for (const part of parts) {
    switch (part.kind) {
      case 'any':
        source += '.*';
        break;
      case 'one':
        source += '.';
        break;
      case 'literal':
        source += escaped(part.text);
        break;
      case 'variable': {
        const value = context && variableValue(part, context);
        if (value === undefined) return undefined;
        source += escaped(value);
      }
    }
  }
  return new RegExp(`^${source}$`, ignoreCase ? 'is' : 's');
}

/** Only single-valued keys can stand in a variable; what a request holds of others has no one value. */
function variableValue({ key, fallback }: Extract<Part, { kind: 'variable' }>, context: Context): string | undefined {
  const values = context.get(key);
  return values?.length === 1 ? values[0] : fallback;
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

/**
 * The pattern of an ARN: compared component by component, so that a wildcard in one of the first five does not reach into
 * the next [reference_policies_elements_condition_operators, ARN condition operators]. A pattern of `*` alone is everything.
 */
export interface ArnPattern {
  readonly text: string;
  readonly components: readonly Pattern[] | 'everything';
}

const COMPONENTS = 6;

/** Throws an Error on what is neither an ARN nor `*`. */
export function arnPattern(text: string, options: PatternOptions, checkKey?: (key: string) => void): ArnPattern {
  if (text === '*') return { text, components: 'everything' };
  const components = split(text);
  if (components.length !== COMPONENTS || components[0] !== 'arn') throw new Error(`${text} is no ARN and not *`);
  return { text, components: components.map((component) => pattern(component, options, checkKey)) };
}

export function matchesArn({ components }: ArnPattern, arn: string, context: Context): boolean {
  if (components === 'everything') return true;
  const given = split(arn);
  return (
    given.length === COMPONENTS && components.every((component, at) => matches(component, given[at] ?? '', context))
  );
}

export function arnLacksValue({ components }: ArnPattern, context: Context): boolean {
  return components !== 'everything' && components.some((component) => lacksValue(component, context));
}

/** At the first five colons that are not inside a variable. */
function split(arn: string): string[] {
  const components: string[] = [];
  let start = 0;
  let inVariable = false;
  for (let at = 0; at < arn.length && components.length < COMPONENTS - 1; at += 1) {
    if (arn.startsWith('${', at)) inVariable = true;
    else if (arn[at] === '}') inVariable = false;
    else if (arn[at] === ':' && !inVariable) {
      components.push(arn.slice(start, at));
      start = at + 1;
    }
  }
  return [...components, arn.slice(start)];
}

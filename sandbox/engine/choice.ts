import { StateError } from './failure';
import { type Data, parsePath, readPath } from './paths';

/** One rule of a Choice: a comparison of `Variable`, or And, Or, Not over further rules. */
export interface ChoiceRule {
  readonly Comment?: string;
  readonly Next?: string;
  readonly Variable?: string;
  readonly And?: readonly ChoiceRule[];
  readonly Or?: readonly ChoiceRule[];
  readonly Not?: ChoiceRule;
  readonly [operator: string]: unknown;
}

type Compare = (actual: unknown, expected: unknown) => boolean;
type Predicate = (actual: unknown) => boolean;

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** Milliseconds of an RFC 3339 timestamp in the profile that Step Functions reads (capital T and Z). */
export function parseTimestamp(value: unknown): number | undefined {
  if (typeof value !== 'string' || !TIMESTAMP.test(value)) return undefined;
  const milliseconds = Date.parse(value);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

const asString = (value: unknown) => (typeof value === 'string' ? value : undefined);
const asNumber = (value: unknown) => (typeof value === 'number' ? value : undefined);

/** Values of another type than the operator's never compare as true. */
function ordering<T>(prefix: string, read: (value: unknown) => T | undefined): Record<string, Compare> {
  const compare =
    (test: (a: T, b: T) => boolean): Compare =>
    (actual, expected) => {
      const [a, b] = [read(actual), read(expected)];
      return a !== undefined && b !== undefined && test(a, b);
    };
  return {
    [`${prefix}Equals`]: compare((a, b) => a === b),
    [`${prefix}LessThan`]: compare((a, b) => a < b),
    [`${prefix}LessThanEquals`]: compare((a, b) => a <= b),
    [`${prefix}GreaterThan`]: compare((a, b) => a > b),
    [`${prefix}GreaterThanEquals`]: compare((a, b) => a >= b),
  };
}

/** `*` matches any run of characters; `\*` and `\\` are literal. */
function matches(actual: unknown, pattern: unknown): boolean {
  if (typeof actual !== 'string' || typeof pattern !== 'string') return false;
  const source = pattern.replace(/\\([*\\])|\*|[\s\S]/g, (token, escaped: string | undefined) =>
    token === '*' ? '[\\s\\S]*' : (escaped ?? token).replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&'),
  );
  return new RegExp(`^${source}$`).test(actual);
}

const COMPARISONS: Readonly<Record<string, Compare>> = {
  ...ordering('String', asString),
  ...ordering('Numeric', asNumber),
  ...ordering('Timestamp', parseTimestamp),
  BooleanEquals: (actual, expected) => typeof actual === 'boolean' && actual === expected,
};

const PREDICATES: Readonly<Record<string, Predicate>> = {
  IsNull: (value) => value === null,
  IsString: (value) => typeof value === 'string',
  IsNumeric: (value) => typeof value === 'number',
  IsBoolean: (value) => typeof value === 'boolean',
  IsTimestamp: (value) => parseTimestamp(value) !== undefined,
};

/** Operators that may stand beside Variable. StringMatches has no Path variant. */
export const CHOICE_OPERATORS: ReadonlySet<string> = new Set([
  ...Object.keys(COMPARISONS).flatMap((name) => [name, `${name}Path`]),
  ...Object.keys(PREDICATES),
  'IsPresent',
  'StringMatches',
]);

export function ruleHolds(rule: ChoiceRule, data: Data): boolean {
  if (rule.And !== undefined) return rule.And.every((each) => ruleHolds(each, data));
  if (rule.Or !== undefined) return rule.Or.some((each) => ruleHolds(each, data));
  if (rule.Not !== undefined) return !ruleHolds(rule.Not, data);
  const operator = Object.keys(rule).find((key) => CHOICE_OPERATORS.has(key)) ?? '';
  const expected = rule[operator];
  const node = readPath(parsePath(rule.Variable ?? '$'), data);
  if (operator === 'IsPresent') return (node !== undefined) === expected;
  if (node === undefined) throw missing(rule.Variable ?? '$');
  if (operator === 'StringMatches') return matches(node.value, expected);
  const predicate = PREDICATES[operator];
  if (predicate !== undefined) return predicate(node.value) === expected;
  const compare = COMPARISONS[operator];
  if (compare !== undefined) return compare(node.value, expected);
  const other = readPath(parsePath(String(expected)), data);
  if (other === undefined) throw missing(String(expected));
  return COMPARISONS[operator.slice(0, -'Path'.length)]?.(node.value, other.value) ?? false;
}

const missing = (path: string) =>
  new StateError(
    'States.Runtime',
    `Invalid path '${path}': The choice state's condition path references an invalid value.`,
  );

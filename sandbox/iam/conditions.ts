import { type Context, cardinalityOf } from './context';
import { arnPattern, matches, matchesArn, pattern } from './pattern';

/** One operator on one key of a statement's Condition. */
export interface Condition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
  holds(context: Context): boolean;
}

/** Whether a value of the request compares to one value of the policy. */
type Comparison = (requested: string, context: Context) => boolean;

interface Operator {
  /** Holds when no value of the policy compares [operators "…Not…"]. */
  readonly negated: boolean;
  /** Reads a value of the policy; throws an Error on one that it cannot be. */
  compile(value: string, variables: boolean): Comparison;
}

const OPERATOR = /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$/;

/**
 * Condition operators of IAM [reference_policies_elements_condition_operators]. Those that are not here (BinaryEquals,
 * IpAddress) are refused when the policy is read.
 */
const OPERATORS: Readonly<Record<string, Operator>> = {
  ...both('StringEquals', 'StringNotEquals', (value, variables) => {
    const compiled = pattern(value, { variables, wildcards: false }, requireKnown);
    return (requested, context) => matches(compiled, requested, context);
  }),
  ...both('StringEqualsIgnoreCase', 'StringNotEqualsIgnoreCase', (value, variables) => {
    const compiled = pattern(value.toLowerCase(), { variables, wildcards: false }, requireKnown);
    return (requested, context) => matches(compiled, requested.toLowerCase(), lowerCased(context));
  }),
  ...both('StringLike', 'StringNotLike', (value, variables) => {
    const compiled = pattern(value, { variables }, requireKnown);
    return (requested, context) => matches(compiled, requested, context);
  }),
  // ArnEquals and ArnLike behave identically [same page].
  ...both('ArnEquals', 'ArnNotEquals', arnComparison),
  ...both('ArnLike', 'ArnNotLike', arnComparison),
  ...both(
    'NumericEquals',
    'NumericNotEquals',
    ordered(numberOf, (a, b) => a === b),
  ),
  ...only(
    'NumericLessThan',
    ordered(numberOf, (a, b) => a < b),
  ),
  ...only(
    'NumericLessThanEquals',
    ordered(numberOf, (a, b) => a <= b),
  ),
  ...only(
    'NumericGreaterThan',
    ordered(numberOf, (a, b) => a > b),
  ),
  ...only(
    'NumericGreaterThanEquals',
    ordered(numberOf, (a, b) => a >= b),
  ),
  ...both(
    'DateEquals',
    'DateNotEquals',
    ordered(dateOf, (a, b) => a === b),
  ),
  ...only(
    'DateLessThan',
    ordered(dateOf, (a, b) => a < b),
  ),
  ...only(
    'DateLessThanEquals',
    ordered(dateOf, (a, b) => a <= b),
  ),
  ...only(
    'DateGreaterThan',
    ordered(dateOf, (a, b) => a > b),
  ),
  ...only(
    'DateGreaterThanEquals',
    ordered(dateOf, (a, b) => a >= b),
  ),
  ...only('Bool', (value) => {
    const expected = booleanOf(value);
    return (requested) => requested.toLowerCase() === expected;
  }),
};

/**
 * Reads one entry of a Condition. Throws an Error on an operator, a key or a value that the sandbox does not know, and on
 * a set operator left out where a key has many values: AWS documents no meaning for that.
 */
export function condition(operator: string, key: string, values: readonly string[], variables: boolean): Condition {
  const [, set, name = '', suffix] = OPERATOR.exec(operator) ?? [];
  const ifExists = suffix !== undefined;
  const facts = { operator, key, values };
  requireKnown(key);
  const lower = key.toLowerCase();
  if (name === 'Null') {
    if (set !== undefined || ifExists) throw new Error(`${operator}: Null takes no prefix and no suffix`);
    const expected = values.map(booleanOf);
    return { ...facts, holds: (context) => expected.includes(String(!context.has(lower))) };
  }
  const found = Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined;
  if (found === undefined) throw new Error(`the sandbox does not know the condition operator ${operator}`);
  if (set === undefined && cardinalityOf(key) === 'many') {
    throw new Error(`${operator} on ${key}, which has many values: it needs ForAllValues or ForAnyValue`);
  }
  const comparisons = values.map((value) => found.compile(value, variables));
  const accepts = (requested: string, context: Context) =>
    comparisons.some((compares) => compares(requested, context)) !== found.negated;
  return { ...facts, holds: quantified(lower, set, ifExists, found.negated, accepts) };
}

/** What an absent key means, and how the values of a request count [reference_policies_condition-single-vs-multi-valued-context-keys]. */
function quantified(
  key: string,
  set: string | undefined,
  ifExists: boolean,
  negated: boolean,
  accepts: (requested: string, context: Context) => boolean,
): (context: Context) => boolean {
  return (context) => {
    const values = context.get(key);
    if (values === undefined && ifExists) return true;
    if (set === undefined) {
      return values === undefined ? negated : values.some((value) => accepts(value, context));
    }
    // A value that resolves to an empty string is no member of the set: ForAllValues then holds, ForAnyValue does not.
    const members = (values ?? []).filter((value) => value !== '');
    return set === 'ForAllValues'
      ? members.every((value) => accepts(value, context))
      : members.some((value) => accepts(value, context));
  };
}

function only(name: string, compile: Operator['compile']): Record<string, Operator> {
  return { [name]: { negated: false, compile } };
}

function both(name: string, opposite: string, compile: Operator['compile']): Record<string, Operator> {
  return { [name]: { negated: false, compile }, [opposite]: { negated: true, compile } };
}

function arnComparison(value: string, variables: boolean): Comparison {
  const compiled = arnPattern(value, { variables }, requireKnown);
  return (requested, context) => matchesArn(compiled, requested, context);
}

/** A value of the request that cannot be read as one compares to nothing. */
function ordered(
  read: (value: string) => number,
  holds: (requested: number, expected: number) => boolean,
): Operator['compile'] {
  return (value) => {
    const expected = read(value);
    if (Number.isNaN(expected)) throw new Error(`the condition value ${value} cannot be read`);
    return (requested) => holds(read(requested), expected);
  };
}

function numberOf(value: string): number {
  return value.trim() === '' ? Number.NaN : Number(value);
}

/** ISO 8601 or epoch seconds. */
function dateOf(value: string): number {
  return /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value);
}

function booleanOf(value: string): string {
  const lower = value.toLowerCase();
  if (lower !== 'true' && lower !== 'false') throw new Error(`the condition value ${value} is neither true nor false`);
  return lower;
}

export function requireKnown(key: string): void {
  if (cardinalityOf(key) === undefined) throw new Error(`the sandbox does not know the condition key ${key}`);
}

const lowerCased = (context: Context): Context =>
  new Map([...context].map(([key, values]) => [key, values.map((value) => value.toLowerCase())]));

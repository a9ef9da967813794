// biome-ignore-all lint/suspicious/noTemplateCurlyInString: IAM writes policy variables like that.
import { condition } from '../../../sandbox/iam/conditions';
import { type ContextRecord, contextOf } from '../../../sandbox/iam/context';

const holds = (operator: string, key: string, values: string | readonly string[], context: ContextRecord): boolean =>
  condition(operator, key, [values].flat(), true).holds(contextOf(context));

const TAG = 'aws:PrincipalTag/tenant_id';
const MANY = 'dynamodb:LeadingKeys';

describe('an operator on a key with one value', () => {
  it.each([
    ['StringEquals', 'a', 'a', true],
    ['StringEquals', 'a', 'A', false],
    ['StringEquals', 'a*', 'ab', false],
    ['StringNotEquals', 'a', 'b', true],
    ['StringNotEquals', 'a', 'a', false],
    ['StringEqualsIgnoreCase', 'ABC', 'abc', true],
    ['StringNotEqualsIgnoreCase', 'ABC', 'abc', false],
    ['StringLike', 'te?t-*', 'test-', true],
    ['StringLike', '?*', '', false],
    ['StringNotLike', 'a*', 'b', true],
    ['NumericEquals', '10', '10.0', true],
    ['NumericNotEquals', '10', '10', false],
    ['NumericLessThan', '1.2', '1.1', true],
    ['NumericLessThanEquals', '1.2', '1.2', true],
    ['NumericGreaterThan', '1', '1', false],
    ['NumericGreaterThanEquals', '1', '1', true],
    ['NumericLessThan', '1', 'no number', false],
    ['DateEquals', '2026-01-01T00:00:00Z', '1767225600', true],
    ['DateLessThan', '2026-01-02T00:00:00Z', '2026-01-01T00:00:00Z', true],
    ['DateGreaterThan', '2026-01-02T00:00:00Z', '2026-01-01T00:00:00Z', false],
    ['Bool', 'true', 'true', true],
    ['Bool', 'false', 'true', false],
    ['ArnLike', 'arn:aws:s3:::b*/x', 'arn:aws:s3:::bucket/x', true],
    ['ArnEquals', 'arn:aws:iam::1:role/*', 'arn:aws:iam::1:role/a/b', true],
    ['ArnEquals', 'arn:aws:*:role/x', 'arn:aws:iam::1:role/x', undefined],
    ['ArnLike', 'arn:aws:iam::*:role/x', 'arn:aws:iam:eu:1:role/x', false],
    ['ArnNotLike', 'arn:aws:iam::1:role/x', 'arn:aws:iam::1:role/y', true],
  ])('%s %j of %j: %s', (operator, expected, actual, result) => {
    const evaluate = () => holds(operator, TAG, expected, { [TAG]: actual });

    if (result === undefined) expect(evaluate).toThrow('is no ARN');
    else expect(evaluate()).toBe(result);
  });

  it('accepts any of several values, and with a negated operator none of them', () => {
    expect(holds('StringEquals', TAG, ['a', 'b'], { [TAG]: 'b' })).toBe(true);
    expect(holds('StringNotEquals', TAG, ['a', 'b'], { [TAG]: 'b' })).toBe(false);
  });

  it('does not tell the case of keys apart', () => {
    expect(holds('StringEquals', 'AWS:principaltag/TENANT_ID', 'a', { [TAG]: 'a' })).toBe(true);
  });
});

describe('a key that is absent', () => {
  it.each([
    ['StringEquals', false],
    ['StringLike', false],
    ['StringNotEquals', true],
    ['StringNotLike', true],
    ['StringEqualsIfExists', true],
    ['StringNotEqualsIfExists', true],
    ['ForAllValues:StringEquals', true],
    ['ForAnyValue:StringEquals', false],
    ['ForAnyValue:StringNotEquals', false],
  ])('%s: %s', (operator, result) => {
    expect(holds(operator, operator.startsWith('For') ? MANY : TAG, 'a', {})).toBe(result);
  });

  it.each([
    ['true', {}, true],
    ['false', {}, false],
    ['true', { [TAG]: 'a' }, false],
    ['false', { [TAG]: 'a' }, true],
    ['false', { [TAG]: '' }, true],
  ] as const)('Null %s of %j: %s', (expected, context, result) => {
    expect(holds('Null', TAG, expected, context)).toBe(result);
  });
});

describe('a key with many values', () => {
  it.each([
    ['ForAllValues:StringLike', ['T#a#*'], ['T#a#1', 'T#a#2'], true],
    ['ForAllValues:StringLike', ['T#a#*'], ['T#a#1', 'T#b#2'], false],
    ['ForAnyValue:StringLike', ['T#a#*'], ['T#a#1', 'T#b#2'], true],
    ['ForAllValues:StringNotLike', ['T#b#*'], ['T#a#1', 'T#b#2'], false],
    ['ForAllValues:StringLike', ['T#a#*'], [''], true],
    ['ForAnyValue:StringLike', ['*'], [''], false],
  ])('%s %j of %j: %s', (operator, expected, actual, result) => {
    expect(holds(operator, MANY, expected, { [MANY]: actual })).toBe(result);
  });
});

describe('a policy variable in a condition', () => {
  const own = 'TENANT#${aws:PrincipalTag/tenant_id}#*';

  it.each([
    ['has its value', { [TAG]: 'acme', [MANY]: ['TENANT#acme#1'] }, true],
    ['does not reach a neighbour whose id begins alike', { [TAG]: 'acme', [MANY]: ['TENANT#acme2#1'] }, false],
    ['without a value matches nothing', { [MANY]: ['TENANT##1'] }, false],
    ['with an empty value is empty', { [TAG]: '', [MANY]: ['TENANT##1'] }, true],
  ] as const)('%s', (_title, context, result) => {
    expect(holds('ForAllValues:StringLike', MANY, own, context)).toBe(result);
  });

  it('without a value is like nothing, so that a negated operator holds', () => {
    const other = '${aws:PrincipalTag/tenant_id}';

    expect(holds('StringNotEquals', 'aws:ResourceTag/tenant-id', other, { 'aws:ResourceTag/tenant-id': 'acme' })).toBe(
      true,
    );
    expect(holds('StringEquals', 'aws:ResourceTag/tenant-id', other, { 'aws:ResourceTag/tenant-id': 'acme' })).toBe(
      false,
    );
  });

  it('takes its default where there is no value', () => {
    const withDefault = "${aws:PrincipalTag/tenant_id, 'nobody'}";

    expect(holds('StringEquals', 'aws:ResourceTag/t', withDefault, { 'aws:ResourceTag/t': 'nobody' })).toBe(true);
    expect(holds('StringEquals', 'aws:ResourceTag/t', withDefault, { [TAG]: 'a', 'aws:ResourceTag/t': 'nobody' })).toBe(
      false,
    );
  });

  it('can be a wildcard taken literally, and holds none itself', () => {
    expect(holds('StringLike', TAG, 'a${*}', { [TAG]: 'ab' })).toBe(false);
    expect(holds('StringLike', TAG, 'a${*}', { [TAG]: 'a*' })).toBe(true);
    expect(
      holds('StringLike', 'aws:ResourceTag/t', '${aws:PrincipalTag/tenant_id}', {
        [TAG]: 'a.c',
        'aws:ResourceTag/t': 'abc',
      }),
    ).toBe(false);
  });
});

describe('what the sandbox does not know is refused', () => {
  it.each([
    ['IpAddress', 'aws:PrincipalArn', '10.0.0.0/8', 'condition operator IpAddress'],
    ['StringEquals', 'aws:SourceVpce', 'vpce-1', 'condition key aws:SourceVpce'],
    ['StringEquals', TAG, '${aws:SourceVpc}', 'condition key aws:SourceVpc'],
    ['StringEquals', TAG, '${}', 'cannot be read'],
    ['StringLike', MANY, 'a', 'needs ForAllValues or ForAnyValue'],
    ['NullIfExists', TAG, 'true', 'no suffix'],
    ['Bool', TAG, 'yes', 'neither true nor false'],
    ['NumericEquals', TAG, 'many', 'cannot be read'],
  ])('%s on %s with %j', (operator, key, value, message) => {
    expect(() => condition(operator, key, [value], true)).toThrow(message);
  });
});

import fc from 'fast-check';
import { isNamed, mapAwsError, redact } from '../../../tasks/shared/aws-errors';
import { StaleExecutionError } from '../../../tasks/shared/errors';
import { aLostAnswer, anAwsError } from '../../support/aws-errors';

/** Wire name, HTTP status, our error. From each operation's "Errors" in the API references. */
const CLASSIFIED: readonly (readonly [name: string, status: number, expected: string])[] = [
  // Throttled
  ['ThrottlingException', 400, 'ThrottledError'],
  ['Throttling', 400, 'ThrottledError'],
  ['TooManyRequestsException', 429, 'ThrottledError'],
  ['SlowDown', 503, 'ThrottledError'],
  ['KMS.ThrottlingException', 400, 'ThrottledError'],
  ['KmsThrottlingException', 400, 'ThrottledError'],
  ['ProvisionedThroughputExceededException', 400, 'ThrottledError'],
  ['RequestLimitExceeded', 400, 'ThrottledError'],
  // Quota, though the SDK takes the first for throttling
  ['LimitExceededException', 400, 'QuotaExceededError'],
  ['ServiceQuotaExceededException', 402, 'QuotaExceededError'],
  // Access
  ['AccessDenied', 403, 'AccessDeniedError'],
  ['AccessDeniedException', 400, 'AccessDeniedError'],
  ['KmsAccessDeniedException', 400, 'AccessDeniedError'],
  ['NotAuthorizedException', 400, 'AccessDeniedError'],
  ['UnrecognizedClientException', 400, 'AccessDeniedError'],
  // Something shared is missing
  ['ResourceNotFoundException', 400, 'MissingDependencyError'],
  ['NoSuchBucket', 404, 'MissingDependencyError'],
  ['StateMachineDoesNotExist', 400, 'MissingDependencyError'],
  // A workflow must repeat these, the SDK does not
  ['OperationAbortedException', 400, 'TransientError'],
  ['OperationAborted', 409, 'TransientError'],
  ['ConditionalRequestConflict', 409, 'TransientError'],
  ['DependencyFailureException', 424, 'TransientError'],
  ['DependencyTimeoutException', 503, 'TransientError'],
  ['KMSInternalException', 500, 'TransientError'],
  ['InternalErrorException', 400, 'TransientError'],
  ['CodeDeliveryFailureException', 400, 'TransientError'],
  ['TransactionConflictException', 400, 'TransientError'],
  ['ExecutionLimitExceeded', 400, 'TransientError'],
  ['RequestTimeout', 400, 'TransientError'],
  ['ServiceUnavailable', 503, 'TransientError'],
  ['SomethingNew', 502, 'TransientError'],
  // No repeat helps
  ['ValidationException', 400, 'RejectedCallError'],
  ['InvalidParameterException', 400, 'RejectedCallError'],
  ['MalformedPolicyDocumentException', 400, 'RejectedCallError'],
  ['SomethingNew', 400, 'RejectedCallError'],
];

describe('mapAwsError', () => {
  it.each(CLASSIFIED)('turns %s (%i) into %s', (name, status, expected) => {
    const cause = anAwsError(name, 'told by AWS', status);

    const mapped = mapAwsError(cause, 'acme');

    expect(mapped).toMatchObject({ name: expected, message: `tenant acme: ${name}: told by AWS`, cause });
  });

  it('takes a broken connection for an unknown outcome', () => {
    expect(mapAwsError(aLostAnswer(), 'acme')).toMatchObject({ name: 'TransientError' });
    expect(mapAwsError(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), 'acme')).toMatchObject({
      name: 'TransientError',
    });
  });

  it('takes a full domain for a quota', () => {
    const full = anAwsError(
      'ValidationException',
      'this action would add [2] shards, but this cluster has [1000]/[1000] maximum shards open',
    );

    expect(mapAwsError(full, 'acme')).toMatchObject({ name: 'QuotaExceededError' });
  });

  it.each([
    new TypeError('a bug'),
    new StaleExecutionError('ours'),
    'text',
    undefined,
    Object.assign(new Error('x'), { code: 'ENOENT' }),
  ])('leaves %p alone: it is not an AWS error', (thrown) => {
    expect(mapAwsError(thrown, 'acme')).toBe(thrown);
  });

  it('says nothing of a tenant that is not known', () => {
    expect(mapAwsError(anAwsError('ValidationException', 'no'), undefined)).toMatchObject({
      message: 'ValidationException: no',
    });
  });
});

describe('redact', () => {
  it.each([
    ['User ada@acme.example exists', 'User [redacted] exists'],
    ["o'hara@acme.example", '[redacted]'],
    ['"ada@acme.example"', '"[redacted]"'],
    ['<ada+x@acme.example>, (b@c.example)', '<[redacted]>, ([redacted])'],
    ['no address here', 'no address here'],
    // [troubleshoot-403-errors]
    [
      'not authorized to perform: s3:DeleteObject on resource: "arn:aws:s3:::data/tenants/acme/Jane "J" Doe.pdf" because no identity-based policy allows the s3:DeleteObject action',
      'not authorized to perform: s3:DeleteObject on resource: "arn:aws:s3:::data/[redacted] because no identity-based policy allows the s3:DeleteObject action',
    ],
    [
      'resource: arn:aws-us-gov:s3:::data/born with an explicit deny 1999.pdf with an explicit deny in a resource-based policy',
      'resource: arn:aws-us-gov:s3:::data/[redacted] with an explicit deny in a resource-based policy',
    ],
    ['arn:aws:s3:::data/Jane\nDoe.pdf', 'arn:aws:s3:::data/[redacted]'],
    ['arn:aws:s3:::data, of Jane', 'arn:aws:s3:::data, of Jane'],
  ])('makes %j %j, and no more of that', (text, expected) => {
    expect(redact(text)).toBe(expected);
    expect(redact(redact(text))).toBe(expected);
  });

  it('leaves no address in any text', () =>
    fc.assert(
      fc.property(fc.string(), fc.emailAddress(), fc.string(), (before, address, after) => {
        expect(redact(`${before} ${address} ${after}`)).not.toContain(address);
      }),
    ));
});

describe('isNamed', () => {
  it('compares names, not classes', () => {
    expect(isNamed(anAwsError('NotFound'), 'NoSuchKey', 'NotFound')).toBe(true);
    expect(isNamed(anAwsError('NotFound'), 'NoSuchKey')).toBe(false);
    expect(isNamed('NotFound', 'NotFound')).toBe(false);
  });
});

import {
  AccessDeniedError,
  MissingDependencyError,
  QuotaExceededError,
  RejectedCallError,
  TenantLifecycleError,
  ThrottledError,
  TransientError,
} from './errors';

/**
 * Maps an SDK error to this project's closed set, by `error.name`: unmodelled errors are only instances of a base class,
 * but keep their wire name. Anything that is not an AWS error is returned as it is: a bug must look like one.
 */
export function mapAwsError(error: unknown, tenantId: string | undefined): unknown {
  if (error instanceof TenantLifecycleError || !isAwsError(error)) return error;
  const status = error.$metadata?.httpStatusCode;
  const about = tenantId === undefined ? '' : `tenant ${tenantId}: `;
  const message = `${about}${error.name}: ${redact(error.message)}`;
  const ErrorType = classify(error.name, status, error.message);
  return new ErrorType(message, { cause: error });
}

type Mapped = new (message: string, options: ErrorOptions) => TenantLifecycleError;

function classify(name: string, status: number | undefined, message: string): Mapped {
  if (THROTTLED.has(name) || /throttl/i.test(name)) return ThrottledError;
  // In KMS, Logs and Cognito this name is a hard quota, whatever the SDK's own retry list says.
  if (QUOTA.has(name) || /maximum shards open/i.test(message)) return QuotaExceededError;
  if (DENIED.has(name) || /AccessDenied/.test(name)) return AccessDeniedError;
  if (MISSING.has(name)) return MissingDependencyError;
  if (TRANSIENT.has(name) || status === undefined || status >= 500) return TransientError;
  return RejectedCallError;
}

const THROTTLED = new Set([
  'TooManyRequestsException',
  'SlowDown',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
]);
const QUOTA = new Set(['LimitExceededException', 'ServiceQuotaExceededException']);
const DENIED = new Set([
  'NotAuthorizedException',
  'UnauthorizedException',
  'UnrecognizedClientException',
  'InvalidClientTokenId',
]);
const MISSING = new Set(['ResourceNotFoundException', 'NoSuchBucket', 'NotFoundException', 'StateMachineDoesNotExist']);
/**
 * Names that the SDK does not retry but a workflow must, and names of unknown outcomes: a connection that is reset reaches
 * us as TimeoutError, without a status.
 */
const TRANSIENT = new Set([
  'TimeoutError',
  'NetworkingError',
  'AbortError',
  'RequestTimeout',
  'RequestTimeoutException',
  'OperationAborted',
  'OperationAbortedException',
  'ConditionalRequestConflict',
  'DependencyFailureException',
  'DependencyTimeoutException',
  'KMSInternalException',
  'InternalErrorException',
  'InternalServerError',
  'InternalServerException',
  'InternalException',
  'InternalError',
  'ServiceUnavailable',
  'ServiceUnavailableException',
  'TransactionConflictException',
  'CodeDeliveryFailureException',
  'UnexpectedLambdaException',
  'ExecutionLimitExceeded',
]);

interface AwsError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly code?: string;
}

const PROGRAMMING_ERRORS = new Set(['TypeError', 'ReferenceError', 'SyntaxError', 'RangeError']);

const NETWORK_CODES = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN']);

function isAwsError(error: unknown): error is AwsError {
  // The SDK adds $metadata to whatever is thrown inside of send(), also to a programming error.
  if (!(error instanceof Error) || PROGRAMMING_ERRORS.has(error.name)) return false;
  if ('$metadata' in error) return true;
  return 'code' in error && typeof error.code === 'string' && NETWORK_CODES.has(error.code);
}

/** True when the error is one of these AWS errors, by name. */
export const isNamed = (error: unknown, ...names: readonly string[]): boolean =>
  error instanceof Error && names.includes(error.name);

/**
 * AWS messages may repeat what they were sent. Whatever looks like an e-mail address does not leave the task, nor the key of
 * an S3 object, after which an application may name a patient: a refusal names the object's ARN, here cut to its bucket.
 */
export const redact = (text: string): string =>
  text.replace(OBJECT_KEY, '$1[redacted]').replace(/[^\s"<>()]+@[^\s"<>()]+/g, '[redacted]');

/** Keys may hold any character, so one ends where AWS says why it refused, or not at all. */
const OBJECT_KEY = /(:s3:::[^\s"/]+\/)(?!\[redacted\])(?:.*(?= (?:because|with an explicit deny) )|.*)/gs;

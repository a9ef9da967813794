import { Duration } from 'aws-cdk-lib';
import { JitterType, type RetryProps } from 'aws-cdk-lib/aws-stepfunctions';

/**
 * The one set of retriers, for every task. First match wins and each counts for itself. All tasks are safe to repeat, so
 * an error whose outcome is unknown is repeated like any other. Full jitter, because many tenants may fail together.
 */
export const RETRIES: readonly RetryProps[] = [
  {
    // Lambda's own faults [bp-lambda-serviceexception] and its concurrency limit: 2, 4, … 60 s, about 2 minutes in all.
    errors: [
      'Lambda.ClientExecutionTimeoutException',
      'Lambda.ServiceException',
      'Lambda.AWSLambdaException',
      'Lambda.SdkClientException',
      'Lambda.TooManyRequestsException',
    ],
    interval: Duration.seconds(2),
    backoffRate: 2,
    maxAttempts: 6,
    maxDelay: Duration.seconds(60),
    jitterStrategy: JitterType.FULL,
  },
  {
    // AWS throttles or hiccups: 5, 10, … 300 s, at most about 15 minutes.
    errors: ['ThrottledError', 'TransientError'],
    interval: Duration.seconds(5),
    backoffRate: 2,
    maxAttempts: 8,
    maxDelay: Duration.minutes(5),
    jitterStrategy: JitterType.FULL,
  },
  {
    // Eventual consistency, up to several minutes in KMS [programming-eventual-consistency]: 20, 30, 45, 60 … s, no jitter
    // because the point is to wait that long.
    errors: ['NotReadyError'],
    interval: Duration.seconds(20),
    backoffRate: 1.5,
    maxAttempts: 10,
    maxDelay: Duration.seconds(60),
    jitterStrategy: JitterType.NONE,
  },
  {
    // Fresh IAM and key policies take up to minutes to be seen, and the tags of a new key up to five to count in
    // authorization [KMS, abac]; then the denial is real: 15, 30, 60, 120, 240 s, almost 8 minutes in all.
    errors: ['AccessDeniedError'],
    interval: Duration.seconds(15),
    backoffRate: 2,
    maxAttempts: 5,
    jitterStrategy: JitterType.NONE,
  },
  {
    // What was set may be read back as it was before, for example a key's rotation status; then it is not as it must be:
    // 15, 30, 60 s, almost 2 minutes in all.
    errors: ['VerificationFailedError'],
    interval: Duration.seconds(15),
    backoffRate: 2,
    maxAttempts: 3,
    jitterStrategy: JitterType.NONE,
  },
  {
    // The function died or ran out of time; what it did is unknown: 10, 20 s.
    errors: ['States.Timeout', 'Lambda.Unknown', 'Sandbox.Timedout', 'Runtime.ExitError'],
    interval: Duration.seconds(10),
    backoffRate: 2,
    maxAttempts: 2,
    jitterStrategy: JitterType.FULL,
  },
  {
    // These never get better by themselves.
    errors: [
      'InvalidInputError',
      'InvalidEnvironmentError',
      'TenantNotRequestedError',
      'RequestConflictError',
      'OperationInProgressError',
      'TenantRetiredError',
      'StaleExecutionError',
      'ResourceConflictError',
      'QuotaExceededError',
      'MissingDependencyError',
      'RejectedCallError',
      'ResourceTimedOutError',
      'LegalHoldError',
      'PurgeNotAllowedError',
      'SelfApprovalError',
      'ResidueFoundError',
      'AuditChainBrokenError',
      'UnauthenticatedError',
      'TenantMismatchError',
      'ForbiddenError',
      'VersionConflictError',
      'LastOwnerError',
      'RoleInUseError',
      'IsolationBreachError',
    ],
    maxAttempts: 0,
  },
];

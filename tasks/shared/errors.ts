import { STOPPED_BY_APP } from './names';

/**
 * Every failure this project knows, one class per thing that a state machine or an operator does differently.
 * `name` is a literal because Lambda reports it as errorType and a Retry matches it; bundlers rename constructors.
 */

/** What kind of trouble it is; decides who acts. */
export type ErrorClass =
  | 'validation'
  | 'hold'
  | 'conflict'
  | 'quota'
  | 'access'
  | 'configuration'
  | 'stale'
  | 'verification'
  | 'timeout'
  | 'throttled'
  | 'transient'
  | 'not-ready';

/** Root of all errors thrown on purpose. Messages name the tenant and hold no personal data. */
export abstract class TenantLifecycleError extends Error {
  abstract override readonly name: string;
  abstract readonly errorClass: ErrorClass;
  /** What the reader should do next, one sentence. */
  abstract readonly nextAction: string;
}

/** Input that cannot be acted on; lists every problem. */
export class InvalidInputError extends TenantLifecycleError {
  override readonly name = 'InvalidInputError';
  readonly errorClass = 'validation';
  readonly nextAction = 'Correct the listed fields and send the request again with a new requestId.';
}

/** The function was deployed without (or with bad) environment variables; lists every problem. */
export class InvalidEnvironmentError extends TenantLifecycleError {
  override readonly name = 'InvalidEnvironmentError';
  readonly errorClass = 'configuration';
  readonly nextAction = 'Deploy the stack again so that the function has its variables, then redrive the execution.';
}

/** An execution names a tenant that no request was recorded for. */
export class TenantNotRequestedError extends TenantLifecycleError {
  override readonly name = 'TenantNotRequestedError';
  readonly errorClass = 'validation';
  readonly nextAction =
    'Request the tenant through the request-operation function (tenantctl onboard); it starts the execution itself.';
}

/** The same requestId, or the same tenant id, was used before with another payload. */
export class RequestConflictError extends TenantLifecycleError {
  override readonly name = 'RequestConflictError';
  readonly errorClass = 'conflict';
  readonly nextAction =
    'Compare with tenantctl status; choose another tenant id, or repeat the request exactly as it was.';
}

/** Another operation of this tenant is running. */
export class OperationInProgressError extends TenantLifecycleError {
  override readonly name = 'OperationInProgressError';
  readonly errorClass = 'conflict';
  readonly nextAction = 'Wait until the execution named in the message has ended, then send the request again.';
}

/** The tenant id belongs to a tenant that is being, or has been, offboarded. Ids are never reused. */
export class TenantRetiredError extends TenantLifecycleError {
  override readonly name = 'TenantRetiredError';
  readonly errorClass = 'conflict';
  readonly nextAction = 'Choose a new tenant id; retired ids are never reused.';
}

/** The execution lost its lease: a newer one acts for the tenant. Nothing was touched. */
export class StaleExecutionError extends TenantLifecycleError {
  override readonly name = 'StaleExecutionError';
  readonly errorClass = 'stale';
  readonly nextAction = 'Leave this execution alone; follow the newer one shown by tenantctl status.';
}

/** A resource with the tenant's name exists and is not the tenant's, or differs in what cannot be changed. */
export class ResourceConflictError extends TenantLifecycleError {
  override readonly name = 'ResourceConflictError';
  readonly errorClass = 'conflict';
  readonly nextAction =
    'Find out who made the resource named in the message; remove or repair it, then redrive the execution.';
}

/** The tenant would not fit into an account or service quota. */
export class QuotaExceededError extends TenantLifecycleError {
  override readonly name = 'QuotaExceededError';
  readonly errorClass = 'quota';
  readonly nextAction =
    'Raise the quota or free capacity (or choose another tier or account), then redrive the execution.';
}

/** AWS refused the task its permission, and went on refusing after propagation time. */
export class AccessDeniedError extends TenantLifecycleError {
  override readonly name = 'AccessDeniedError';
  readonly errorClass = 'access';
  readonly nextAction =
    "Compare the task role's policy with the call named in the message, deploy, then redrive the execution.";
}

/** Something shared that must exist (table, bucket, pool, domain, role) does not. */
export class MissingDependencyError extends TenantLifecycleError {
  override readonly name = 'MissingDependencyError';
  readonly errorClass = 'configuration';
  readonly nextAction = 'Restore or deploy the shared resource named in the message, then redrive the execution.';
}

/** AWS rejected the call for a reason that a repeat does not change. */
export class RejectedCallError extends TenantLifecycleError {
  override readonly name = 'RejectedCallError';
  readonly errorClass = 'validation';
  readonly nextAction =
    'Read the message: what was asked for is not possible as it stands. Correct it, then redrive the execution.';
}

/** The tenant's resources are not as they must be, also after reads had time to become consistent; lists every problem. */
export class VerificationFailedError extends TenantLifecycleError {
  override readonly name = 'VerificationFailedError';
  readonly errorClass = 'verification';
  readonly nextAction =
    'Start a new execution with the same input: it converges every resource. If it fails again, repair by hand what the message lists.';
}

/** A session reached what is not its tenant's; names every call that was let through. The tenant does not become ACTIVE. */
export class IsolationBreachError extends TenantLifecycleError {
  override readonly name = 'IsolationBreachError';
  readonly errorClass = 'access';
  readonly nextAction =
    'Treat it as an incident: find the policy that lets the call through (role, key or bucket), close it, then redrive the execution.';
}

/** An asynchronous resource did not become ready in its time. */
export class ResourceTimedOutError extends TenantLifecycleError {
  override readonly name = 'ResourceTimedOutError';
  readonly errorClass = 'timeout';
  readonly nextAction =
    'Look at the resource named in the message in its console; redrive the execution when it is ready or gone.';
}

/** A legal hold forbids destruction. Nothing was destroyed; the refusal is in the audit trail. */
export class LegalHoldError extends TenantLifecycleError {
  override readonly name = 'LegalHoldError';
  readonly errorClass = 'hold';
  readonly nextAction =
    'Leave the tenant as it is. When the last legal hold is released (tenantctl hold legal --off --hold-id), redrive the execution; if it failed more than 14 days ago, start a new one with the same input.';
}

/** The hold has not ended, or the purge is not approved, or the offboarding was cancelled. */
export class PurgeNotAllowedError extends TenantLifecycleError {
  override readonly name = 'PurgeNotAllowedError';
  readonly errorClass = 'hold';
  readonly nextAction =
    'Look at the hold with tenantctl status; redrive the execution when it has ended and the purge is approved.';
}

/** The requester of an offboarding tried to approve it. */
export class SelfApprovalError extends TenantLifecycleError {
  override readonly name = 'SelfApprovalError';
  readonly errorClass = 'access';
  readonly nextAction = 'Let another principal approve the purge.';
}

/** After the purge something of the tenant is still there; lists what was found. */
export class ResidueFoundError extends TenantLifecycleError {
  override readonly name = 'ResidueFoundError';
  readonly errorClass = 'verification';
  readonly nextAction =
    'Find out who writes for the tenant, stop it, remove what the message lists, then redrive the execution.';
}

/** The audit chain of a tenant is not what it was: a record is missing or was changed. Nothing is added to it. */
export class AuditChainBrokenError extends TenantLifecycleError {
  override readonly name = 'AuditChainBrokenError';
  readonly errorClass = 'verification';
  readonly nextAction =
    'Treat it as an incident: run tenantctl audit verify, keep the access logs of the audit bucket, find out who wrote or deleted there.';
}

/** The access token is none that this app issued for this use, or has expired. */
export class UnauthenticatedError extends TenantLifecycleError {
  override readonly name = 'UnauthenticatedError';
  readonly errorClass = 'access';
  readonly nextAction = 'Get a new access token (refresh, or sign in again) and send the request with it.';
}

/** The request names another tenant than the access token is for. */
export class TenantMismatchError extends TenantLifecycleError {
  override readonly name = 'TenantMismatchError';
  readonly errorClass = 'access';
  readonly nextAction =
    'Leave the tenant out of the request, or switch to it and use the tokens that are issued for it.';
}

/** The user may not do this in this tenant, or is no member of it, or the tenant is closed to them. */
export class ForbiddenError extends TenantLifecycleError {
  override readonly name = 'ForbiddenError';
  readonly errorClass = 'access';
  readonly nextAction = 'Ask an owner of the tenant for a role that permits it; repeating the request changes nothing.';
}

/** What the request is about was changed by somebody else since it was read. */
export class VersionConflictError extends TenantLifecycleError {
  override readonly name = 'VersionConflictError';
  readonly errorClass = 'conflict';
  readonly nextAction = 'Read it again, decide again, and send the request with the version that was read.';
}

/** A tenant's only owner cannot leave it or lose that role. */
export class LastOwnerError extends TenantLifecycleError {
  override readonly name = 'LastOwnerError';
  readonly errorClass = 'conflict';
  readonly nextAction = 'Make another member an owner first, then send the request again.';
}

/** The role is still given to members or invited users. */
export class RoleInUseError extends TenantLifecycleError {
  override readonly name = 'RoleInUseError';
  readonly errorClass = 'conflict';
  readonly nextAction = 'Give the members who have the role another one, then remove it.';
}

/** AWS throttled the call. Retried. */
export class ThrottledError extends TenantLifecycleError {
  override readonly name = 'ThrottledError';
  readonly errorClass = 'throttled';
  readonly nextAction = 'Redrive the execution when the load is lower; raise the request rate quota if it recurs.';
}

/** The call failed for a passing reason, or its outcome is unknown. Retried; every task is safe to repeat. */
export class TransientError extends TenantLifecycleError {
  override readonly name = 'TransientError';
  readonly errorClass = 'transient';
  readonly nextAction =
    'Redrive the execution; if it recurs, look at the AWS Health Dashboard for the service named in the message.';
}

/** Something just made is not visible everywhere yet. Retried. */
export class NotReadyError extends TenantLifecycleError {
  override readonly name = 'NotReadyError';
  readonly errorClass = 'not-ready';
  readonly nextAction = 'Redrive the execution in a few minutes.';
}

/** All error classes, for lookups by name and for the test that every name in a Retry exists. */
export const ERRORS = [
  InvalidInputError,
  InvalidEnvironmentError,
  TenantNotRequestedError,
  RequestConflictError,
  OperationInProgressError,
  TenantRetiredError,
  StaleExecutionError,
  ResourceConflictError,
  QuotaExceededError,
  AccessDeniedError,
  MissingDependencyError,
  RejectedCallError,
  VerificationFailedError,
  IsolationBreachError,
  ResourceTimedOutError,
  LegalHoldError,
  PurgeNotAllowedError,
  SelfApprovalError,
  ResidueFoundError,
  AuditChainBrokenError,
  UnauthenticatedError,
  TenantMismatchError,
  ForbiddenError,
  VersionConflictError,
  LastOwnerError,
  RoleInUseError,
  ThrottledError,
  TransientError,
  NotReadyError,
] as const;

const BY_NAME = new Map(ERRORS.map((ErrorType) => new ErrorType('')).map((error) => [error.name as string, error]));

/** Class and next action for an error name as it stands in an execution's history; undefined for names that are not ours. */
export function describeErrorName(name: string): { errorClass: ErrorClass; nextAction: string } | undefined {
  const known = BY_NAME.get(name);
  return known && { errorClass: known.errorClass, nextAction: known.nextAction };
}

/** What is said of a failure under any name, also one that is not ours. */
export const adviceOn = (name: string): { errorClass: ErrorClass | 'unexpected'; nextAction: string } =>
  describeErrorName(name) ?? {
    errorClass: 'unexpected',
    nextAction: STOPPED[name] ?? 'Read the function’s log for the cause, correct it, then redrive the execution.',
  };

/** Of executions that did not fail but were stopped. */
const STOPPED: Readonly<Record<string, string>> = {
  [STOPPED_BY_APP.cancelled]: 'Leave this execution alone: the offboarding was cancelled, and the tenant comes back.',
  Aborted: 'Somebody stopped the execution; find out who and why, then redrive it.',
};

/** The name of anything thrown. */
export function errorName(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}

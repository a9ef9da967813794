import * as z from 'zod/mini';

/**
 * Tenant id: valid in every service's own naming rule (OpenSearch: lower case; Bedrock: no `--`; KMS alias; S3 key;
 * IAM tag), 3 to 36 characters so that a UUID fits. Never reused.
 */
export const TenantId = z
  .string()
  .check(
    z.minLength(3, 'must have at least 3 characters'),
    z.maxLength(36, 'must have at most 36 characters'),
    z.regex(/^[a-z0-9](-?[a-z0-9])+$/, 'must be lower-case letters and digits, with single hyphens inside'),
  );

/** The caller's idempotency key. */
export const RequestId = z
  .string()
  .check(z.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/, 'must be 1 to 128 letters, digits, hyphens or underscores'));

export const TIERS = ['standard', 'premium'] as const;
/** What the tenant buys; premium has a Bedrock knowledge base. */
export const Tier = z.enum(TIERS, { error: `must be ${TIERS.join(' or ')}` });
export type Tier = z.output<typeof Tier>;

export const STATUSES = [
  'REQUESTED',
  'PROVISIONING',
  'ACTIVE',
  'ONBOARDING_FAILED',
  'OFFBOARDING',
  'PURGING',
  'OFFBOARDED',
  'OFFBOARDING_FAILED',
  'REINSTATING',
] as const;
export type TenantStatus = (typeof STATUSES)[number];

/** Statuses that an onboarding goes through. A failed status is among them because a redriven step does not pass through Claim again. */
export const ONBOARDING_STATUSES: readonly TenantStatus[] = [
  'REQUESTED',
  'PROVISIONING',
  'ONBOARDING_FAILED',
  'ACTIVE',
];

/** Statuses in which resources may be made: of an onboarding, and of a reinstatement, for what was lost or changed during the hold. */
export const PROVISION_STATUSES: readonly TenantStatus[] = [...ONBOARDING_STATUSES, 'REINSTATING'];

/** Statuses of a tenant whose offboarding may still be cancelled (if no purge has started). */
export const HOLD_STATUSES: readonly TenantStatus[] = ['OFFBOARDING', 'OFFBOARDING_FAILED'];

/** Statuses in which resources may be destroyed; whether the purge has started is a fact of its own, see TenantState. */
export const PURGE_STATUSES: readonly TenantStatus[] = ['PURGING', 'OFFBOARDING_FAILED'];

/** Statuses from which no onboarding is possible any more. */
export const RETIRED_STATUSES: readonly TenantStatus[] = [
  'OFFBOARDING',
  'PURGING',
  'OFFBOARDED',
  'OFFBOARDING_FAILED',
  'REINSTATING',
];

export const OPERATIONS = ['onboard', 'offboard', 'reinstate'] as const;
export type OperationName = (typeof OPERATIONS)[number];

/** Requests that start no execution. */
export type HoldChangeName =
  | 'set-hold'
  | 'extend-hold'
  | 'set-legal-hold'
  | 'release-legal-hold'
  | 'approve-purge'
  | 'suspend-again';

import * as z from 'zod/mini';
import { TEARDOWN } from '../resources';
import { executionArnPattern } from '../shared/arns';
import {
  defineContract,
  type EnvironmentName,
  Generation,
  type Permission,
  type Platform,
  TaskInput,
} from '../shared/contract';
import { REQUEST_RECORDS } from '../shared/names';
import { registryItems } from '../shared/permissions';
import { HOLD_STATUSES, PURGE_STATUSES, RequestId, TenantId, Tier } from '../shared/tenant';
import { ClaimInput, HoldSeconds, oneOf, Principal, Reason } from './inputs';

const executions = (platform: Platform, actions: readonly string[]): Permission => ({
  actions,
  resources: [executionArnPattern(platform)],
  wildcardReason: 'Executions of the state machines of this app and stage; their names hold the request.',
});

/** Name of the Wait state in which an offboarding sleeps. */
export const HOLD_STATE = 'Hold';

const Claim = z.strictObject({
  tenantId: TenantId,
  requestId: RequestId,
  generation: Generation,
  tier: Tier,
});

/** ISO 8601 instant, UTC. */
const Instant = z.iso.datetime('must be an ISO 8601 instant, for example 2027-01-31T00:00:00Z');

/** A Standard execution lives a year at most [service-quotas]; well before that a successor takes over. */
export const HAND_OVER_AFTER_MS = 300 * 86_400_000;

/** How often a hold without an end of its own (legal hold, missing approval) is looked at again. */
export const HOLD_RECHECK_MS = 86_400_000;

export const claimOffboarding = defineContract({
  name: 'claim-offboarding',
  stateName: 'Claim offboarding',
  repeatable: 'The lease belongs to the execution; the end of the hold, once set, is kept.',
  entry: 'lifecycle/claim-offboarding',
  input: ClaimInput,
  /** `holdUntil` is where the first sleep ends; a longer hold is looked at again there. */
  output: z.extend(Claim, { holdUntil: Instant }),
  recordsStep: true,
  environment: ['HOLD_DEFAULT_SECONDS', 'HOLD_MINIMUM_SECONDS'],
  permissions: (platform) => [
    registryItems(platform, ['dynamodb:GetItem', 'dynamodb:UpdateItem']),
    executions(platform, ['states:DescribeExecution']),
  ],
});

export const checkHold = defineContract({
  name: 'check-hold',
  stateName: 'Check hold',
  repeatable: 'It only reads and decides.',
  entry: 'lifecycle/check-hold',
  input: TaskInput,
  output: z.strictObject({ decision: z.enum(['wait', 'purge', 'hand over']), until: Instant }),
  fence: [...HOLD_STATUSES, ...PURGE_STATUSES],
  environment: ['PURGE_NEEDS_APPROVAL'],
  permissions: () => [],
});

export const handOver = defineContract({
  name: 'hand-over',
  stateName: 'Hand over to a new execution',
  repeatable: 'The successor’s name holds its generation: starting it twice starts it once.',
  entry: 'lifecycle/hand-over',
  input: TaskInput,
  output: z.strictObject({ handedOver: z.literal(true) }),
  recordsStep: true,
  environment: ['OFFBOARD_STATE_MACHINE_ARN'],
  permissions: (platform) => [
    registryItems(platform, ['dynamodb:GetItem', 'dynamodb:UpdateItem']),
    { actions: ['states:StartExecution'], resources: [platform.offboardStateMachineArn] },
  ],
});

export const claimPurge = defineContract({
  name: 'claim-purge',
  stateName: 'Claim purge',
  repeatable:
    'A conditional write that the execution’s own generation may repeat; the first time of the purge is kept.',
  entry: 'lifecycle/claim-purge',
  input: TaskInput,
  output: z.strictObject({ purgeStartedAt: Instant }),
  fence: [...HOLD_STATUSES, ...PURGE_STATUSES],
  environment: ['PURGE_NEEDS_APPROVAL'],
  permissions: (platform) => [registryItems(platform, ['dynamodb:UpdateItem'])],
});

export const proveTenantGone = defineContract({
  name: 'prove-tenant-gone',
  stateName: 'Prove tenant is gone',
  repeatable: 'It lists every store and notes that nothing was found.',
  entry: 'lifecycle/prove-tenant-gone',
  input: TaskInput,
  output: z.strictObject({ stores: z.array(z.string()), hits: z.literal(0) }),
  fence: PURGE_STATUSES,
  timeoutSeconds: 60,
  environment: [...new Set(TEARDOWN.flatMap<EnvironmentName>(({ residue }) => residue.environment))],
  permissions: (platform) => [
    registryItems(platform, ['dynamodb:Query', 'dynamodb:UpdateItem']),
    ...TEARDOWN.flatMap(({ residue }) => residue.permissions(platform)),
  ],
});

export const closeTenant = defineContract({
  name: 'close-tenant',
  stateName: 'Close tenant',
  repeatable: 'Erasing twice erases once; places are given back once; the tombstone is written last.',
  entry: 'lifecycle/close-tenant',
  input: TaskInput,
  output: z.strictObject({ tenantId: TenantId, status: z.literal('OFFBOARDED') }),
  fence: [...PURGE_STATUSES, 'OFFBOARDED'],
  // What is erased is data too.
  destructive: true,
  environment: [],
  permissions: (platform) => [
    registryItems(
      platform,
      ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'],
      ['TENANT#*', 'ESTATE'],
    ),
  ],
});

export const claimReinstatement = defineContract({
  name: 'claim-reinstatement',
  stateName: 'Claim reinstatement',
  repeatable:
    'The lease belongs to the execution; the offboarding it was taken from is noted, and stopped on every run.',
  entry: 'lifecycle/claim-reinstatement',
  input: ClaimInput,
  output: Claim,
  recordsStep: true,
  environment: [],
  permissions: (platform) => [
    registryItems(platform, ['dynamodb:GetItem', 'dynamodb:UpdateItem']),
    executions(platform, ['states:DescribeExecution', 'states:StopExecution']),
  ],
});

const Change = z.strictObject({ tenantId: TenantId, requestId: RequestId, requestedBy: Principal });
/** The new end, or how many seconds from the time at which the change is recorded. */
export const SetHold = z
  .extend(Change, {
    change: z.literal('set-hold'),
    until: z.optional(Instant),
    inSeconds: z.optional(HoldSeconds),
  })
  .check(
    z.refine(({ until, inSeconds }) => (until === undefined) !== (inSeconds === undefined), {
      error: 'exactly one of until and inSeconds is required',
      // Beside what is wrong with other fields, not after it.
      when: ({ value }) => typeof value === 'object' && value !== null,
    }),
  );
/** Counted from the end that the hold has, or from now if that is over. */
export const ExtendHold = z.extend(Change, {
  change: z.literal('extend-hold'),
  bySeconds: HoldSeconds.check(z.minimum(1, 'must be longer than 0')),
});
export const LegalHold = z.extend(Change, { change: z.literal('set-legal-hold'), reason: Reason });
/** `legalHoldId` is the requestId of the change that set the hold: others stay. */
export const ReleaseLegalHold = z.extend(Change, {
  change: z.literal('release-legal-hold'),
  legalHoldId: RequestId,
  reason: Reason,
});
export const ApprovePurge = z.extend(Change, { change: z.literal('approve-purge') });
/** Blocks a tenant in its hold once more, because somebody has unblocked it; the hold ends when it ended before. */
export const SuspendAgain = z.extend(Change, { change: z.literal('suspend-again') });

export const changeHold = defineContract({
  name: 'change-hold',
  stateName: 'Change hold',
  repeatable:
    'requestId and payload hash decide; the tenant’s own record says which changes were made: none is made again.',
  entry: 'lifecycle/change-hold',
  input: oneOf(
    'change',
    [SetHold, ExtendHold, LegalHold, ReleaseLegalHold, ApprovePurge, SuspendAgain],
    'must be set-hold, extend-hold, set-legal-hold, release-legal-hold, approve-purge or suspend-again',
  ),
  output: z.strictObject({
    tenantId: TenantId,
    status: z.string(),
    holdUntil: z.optional(z.string()),
    /** Ids of the legal holds that stand, oldest first: the requestIds of the changes that set them. */
    legalHolds: z.array(z.string()),
    approvedBy: z.optional(z.string()),
    /** ISO 8601, of a tenant under a legal hold whose key KMS is going to destroy all the same. */
    encryptionKeyDeletionDate: z.optional(z.string()),
  }),
  records: [REQUEST_RECORDS],
  environment: ['HOLD_MINIMUM_SECONDS', 'OFFBOARD_STATE_MACHINE_ARN'],
  permissions: (platform) => [
    registryItems(platform, ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem']),
    executions(platform, ['states:StopExecution']),
    { actions: ['states:StartExecution'], resources: [platform.offboardStateMachineArn] },
  ],
});

export const OFFBOARDING_CONTRACTS = [
  claimOffboarding,
  checkHold,
  handOver,
  claimPurge,
  proveTenantGone,
  closeTenant,
  claimReinstatement,
  changeHold,
] as const;

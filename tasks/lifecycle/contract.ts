import * as z from 'zod/mini';
import { TENANT_RESOURCES } from '../resources';
import { executionArnPattern } from '../shared/arns';
import {
  Arn,
  defineContract,
  EmailAddress,
  type EnvironmentName,
  Generation,
  type Permission,
  type Platform,
  TaskInput,
} from '../shared/contract';
import { REQUEST_RECORDS } from '../shared/names';
import { registryItems } from '../shared/permissions';
import { ONBOARDING_STATUSES, PROVISION_STATUSES, RequestId, TenantId, Tier } from '../shared/tenant';
import { ClaimInput, HoldSeconds, oneOf, Principal, Reason } from './inputs';

const executions = (platform: Platform, actions: readonly string[]): Permission => ({
  actions,
  resources: [executionArnPattern(platform)],
  wildcardReason: 'Executions of the state machines of this app and stage; their names hold the request.',
});

export const OnboardRequest = z.strictObject({
  operation: z.literal('onboard'),
  tenantId: TenantId,
  /** The caller's idempotency key: the same id with the same payload gets the first answer again. */
  requestId: RequestId,
  displayName: z.string().check(
    z.minLength(1, 'must not be empty'),
    z.maxLength(128, 'must have at most 128 characters'),
    z.regex(/^\P{C}*$/u, 'must not hold control characters'),
    z.refine((name) => name.trim().length > 0, 'must not be blank'),
  ),
  adminEmail: EmailAddress,
  tier: Tier,
  requestedBy: Principal,
});

export const OffboardRequest = z.strictObject({
  operation: z.literal('offboard'),
  tenantId: TenantId,
  requestId: RequestId,
  reason: Reason,
  /** Length of the hold, seconds. @default the stage's */
  holdSeconds: z.optional(HoldSeconds),
  requestedBy: Principal,
});

/** Cancels an offboarding during its hold. */
export const ReinstateRequest = z.strictObject({
  operation: z.literal('reinstate'),
  tenantId: TenantId,
  requestId: RequestId,
  reason: Reason,
  requestedBy: Principal,
});

/** Onboards a tenant once more, as it was asked for: every resource that is missing or altered is brought back. */
export const RepairRequest = z.strictObject({
  operation: z.literal('repair'),
  tenantId: TenantId,
  requestId: RequestId,
  requestedBy: Principal,
});

/** Starts anew what an execution of an earlier request did not finish, where it cannot be redriven. */
export const ReplayRequest = z.strictObject({
  operation: z.literal('replay'),
  tenantId: TenantId,
  /** The earlier request. */
  requestId: RequestId,
  /** Its execution that failed; it is replayed once, however often that is asked for. */
  executionArn: Arn,
  requestedBy: Principal,
});

export const requestOperation = defineContract({
  name: 'request-operation',
  stateName: 'Request operation',
  repeatable:
    'requestId and payload hash decide: the same request gets its first answer again, and starts nothing twice.',
  entry: 'lifecycle/request-operation',
  input: oneOf(
    'operation',
    [OnboardRequest, OffboardRequest, ReinstateRequest, ReplayRequest, RepairRequest],
    'must be onboard, offboard, reinstate, replay or repair',
  ),
  output: z.strictObject({
    tenantId: TenantId,
    requestId: z.string(),
    operation: z.string(),
    /** The tenant's status now. */
    status: z.string(),
    executionArn: z.optional(z.string()),
    /** Step Functions' word for the execution: RUNNING, SUCCEEDED, FAILED … */
    executionStatus: z.optional(z.string()),
    /** True when this request was accepted before. */
    repeated: z.boolean(),
    /** True when there was nothing to do. */
    alreadyActive: z.boolean(),
    /** ISO 8601, of a tenant in its hold: nothing is destroyed before. */
    holdUntil: z.optional(z.string()),
    /** Of a tenant in its hold: ids of the legal holds that stand, oldest first. */
    legalHolds: z.optional(z.array(z.string())),
    /** Of a tenant that is gone. */
    tombstone: z.optional(z.record(z.string(), z.string())),
  }),
  records: [REQUEST_RECORDS],
  environment: [
    'ONBOARD_STATE_MACHINE_ARN',
    'OFFBOARD_STATE_MACHINE_ARN',
    'REINSTATE_STATE_MACHINE_ARN',
    'HOLD_DEFAULT_SECONDS',
    'HOLD_MINIMUM_SECONDS',
  ],
  permissions: (platform) => [
    registryItems(platform, ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:PutItem', 'dynamodb:UpdateItem']),
    {
      actions: ['states:StartExecution'],
      resources: [platform.onboardStateMachineArn, platform.offboardStateMachineArn, platform.reinstateStateMachineArn],
    },
    executions(platform, ['states:DescribeExecution']),
  ],
});

/** Stands before the fence: gets the execution's whole input, whatever was typed into it. */
export const claimTenant = defineContract({
  name: 'claim-tenant',
  stateName: 'Claim tenant',
  repeatable: 'The lease belongs to the execution: claiming it again returns the same generation.',
  entry: 'lifecycle/claim-tenant',
  input: ClaimInput,
  output: z.strictObject({
    tenantId: TenantId,
    requestId: RequestId,
    generation: Generation,
    tier: Tier,
  }),
  recordsStep: true,
  environment: [],
  permissions: (platform) => [
    registryItems(platform, ['dynamodb:GetItem', 'dynamodb:UpdateItem']),
    executions(platform, ['states:DescribeExecution']),
  ],
});

export const checkQuotas = defineContract({
  name: 'check-quotas',
  stateName: 'Check quotas',
  repeatable:
    'A tenant’s places are counted once: its id stays in a pending set until its own record says that they are taken.',
  entry: 'lifecycle/check-quotas',
  input: TaskInput,
  output: z.strictObject({ reserved: z.literal(true) }),
  fence: ONBOARDING_STATUSES,
  environment: ['QUOTA_LIMITS'],
  permissions: (platform) => [
    registryItems(platform, ['dynamodb:GetItem', 'dynamodb:UpdateItem'], ['TENANT#*', 'ESTATE']),
    {
      actions: ['bedrock:ListKnowledgeBases'],
      resources: ['*'],
      wildcardReason:
        'ListKnowledgeBases has no resource-level permission; the quota counts every knowledge base of the account.',
    },
  ],
});

export const verifyTenant = defineContract({
  name: 'verify-tenant',
  stateName: 'Verify tenant',
  repeatable: 'It only reads.',
  entry: 'lifecycle/verify-tenant',
  input: TaskInput,
  output: z.strictObject({ verified: z.array(z.string()) }),
  fence: PROVISION_STATUSES,
  timeoutSeconds: 60,
  environment: [...new Set(TENANT_RESOURCES.flatMap<EnvironmentName>(({ verify }) => verify?.environment ?? []))],
  permissions: (platform) => [
    registryItems(platform, ['dynamodb:Query']),
    ...TENANT_RESOURCES.flatMap(({ verify }) => verify?.permissions(platform) ?? []),
  ],
});

export const activateTenant = defineContract({
  name: 'activate-tenant',
  stateName: 'Activate tenant',
  repeatable:
    'A conditional write that the execution’s own generation may repeat; it also clears a failure recorded on the way.',
  entry: 'lifecycle/activate-tenant',
  input: TaskInput,
  output: z.strictObject({ tenantId: TenantId, requestId: RequestId, status: z.literal('ACTIVE') }),
  fence: PROVISION_STATUSES,
  environment: [],
  permissions: (platform) => [registryItems(platform, ['dynamodb:UpdateItem'])],
});

export const recordOutcome = defineContract({
  name: 'record-outcome',
  stateName: 'Record outcome',
  repeatable: 'It writes what the execution says about itself, only while that execution is the tenant’s.',
  entry: 'lifecycle/record-outcome',
  /** EventBridge event "Step Functions Execution Status Change", the members that are used. */
  input: z.object({
    detail: z.object({
      executionArn: Arn,
      status: z.enum(['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED']),
    }),
  }),
  output: z.strictObject({ recorded: z.boolean() }),
  records: ['failure-redrive-*.json'],
  environment: [],
  permissions: (platform) => [
    registryItems(platform, ['dynamodb:GetItem', 'dynamodb:UpdateItem']),
    executions(platform, ['states:DescribeExecution', 'states:GetExecutionHistory']),
  ],
});

/** Functions that are no tenant resource's. */
export const LIFECYCLE_CONTRACTS = [
  requestOperation,
  claimTenant,
  checkQuotas,
  verifyTenant,
  activateTenant,
  recordOutcome,
] as const;

import * as z from 'zod/mini';
import type { App } from './names';
import { RequestId, TenantId, type TenantStatus } from './tenant';

/** A string with something in it. */
export const Text = z.string().check(z.minLength(1));
/** Personal data: it goes to Cognito and into the PROFILE item, nowhere else. */
export const EmailAddress = z
  .email('must be an e-mail address')
  .check(z.maxLength(128, 'must have at most 128 characters'));
export const Arn = z.string().check(z.startsWith('arn:'));
const Positive = z.pipe(z.coerce.number(), z.int().check(z.positive()));
/** Not coerced: an empty variable would count as 0. */
const CountFromZero = z.pipe(z.pipe(Text, z.transform(Number)), z.int().check(z.minimum(0)));
const Flag = z.pipe(
  z.enum(['true', 'false']),
  z.transform((value) => value === 'true'),
);

/** Environment variables that tasks may ask for. A contract lists names; infra supplies exactly those; the wrapper parses them. */
export const ENVIRONMENT = {
  APP_NAME: Text,
  STAGE: Text,
  REGISTRY_TABLE: Text,
  AUDIT_BUCKET: Text,
  AUDIT_KEY_ARN: Arn,
  /** A value that CloudWatch Logs accepts; one of its own list. */
  AUDIT_RETENTION_DAYS: Positive,
  AUDIT_DELETION_PROTECTION: Flag,
  /** Waiting time before KMS destroys a tenant's key, 7 to 30 [API_ScheduleKeyDeletion]. */
  KEY_DELETION_DAYS: z.pipe(z.coerce.number(), z.int().check(z.minimum(7), z.maximum(30))),
  /** Hold of an offboarding that names none, and the shortest one of a tenant that was ever active. */
  HOLD_DEFAULT_SECONDS: Positive,
  HOLD_MINIMUM_SECONDS: CountFromZero,
  /** Two-person rule: whether a second principal must approve the purge. */
  PURGE_NEEDS_APPROVAL: Flag,
  DATA_TABLE: Text,
  MEMBERSHIP_TABLE: Text,
  DATA_BUCKET: Text,
  USER_POOL_ID: Text,
  /** The one client whose access tokens are believed. */
  USER_POOL_CLIENT_ID: Text,
  VECTOR_DOMAIN_NAME: Text,
  VECTOR_DOMAIN_ARN: Arn,
  /** https://… without a trailing slash; Bedrock wants it beside the ARN. */
  VECTOR_DOMAIN_ENDPOINT: Text,
  VECTOR_DIMENSION: Positive,
  VECTOR_REPLICAS: CountFromZero,
  KNOWLEDGE_BASE_ROLE_ARN: Arn,
  EMBEDDING_MODEL_ARN: Arn,
  STORAGE_WRITER_ROLE_ARN: Arn,
  TENANT_ACCESS_ROLE_ARN: Arn,
  /** Platform key of the data table and the data bucket. */
  DATA_KEY_ARN: Arn,
  ACCOUNT_ID: z.string().check(z.regex(/^\d{12}$/)),
  ONBOARD_STATE_MACHINE_ARN: Arn,
  OFFBOARD_STATE_MACHINE_ARN: Arn,
  REINSTATE_STATE_MACHINE_ARN: Arn,
  /** JSON object: how many of each resource type fit, see QuotaLimits. */
  QUOTA_LIMITS: z.pipe(
    z.pipe(
      z.string(),
      z.transform((text, context) => {
        try {
          return JSON.parse(text) as unknown;
        } catch {
          context.issues.push({ code: 'custom', message: 'must be JSON', input: text });
          return z.NEVER;
        }
      }),
    ),
    z.record(z.string(), z.int().check(z.minimum(0))),
  ),
} as const;

export type EnvironmentName = keyof typeof ENVIRONMENT;
export type Environment = { [Name in EnvironmentName]: z.output<(typeof ENVIRONMENT)[Name]> };

/** What every task gets, whatever it asks for: its names, the registry for the fence, the bucket for its audit record. */
export const BASE_ENVIRONMENT = [
  'APP_NAME',
  'STAGE',
  'REGISTRY_TABLE',
  'AUDIT_BUCKET',
] as const satisfies readonly EnvironmentName[];
type BaseEnvironmentName = (typeof BASE_ENVIRONMENT)[number];
export type TaskEnvironment<Names extends EnvironmentName> = Pick<Environment, Names | BaseEnvironmentName>;

/** Shared resources as infra knows them, for writing permissions. Values may be CDK tokens. */
export interface Platform {
  readonly app: App;
  readonly partition: string;
  readonly region: string;
  readonly account: string;
  readonly registryTableArn: string;
  readonly auditBucketArn: string;
  readonly auditKeyArn: string;
  readonly dataTableArn: string;
  readonly membershipTableArn: string;
  readonly dataBucketArn: string;
  readonly userPoolArn: string;
  readonly vectorDomainArn: string;
  readonly knowledgeBaseRoleArn: string;
  readonly tenantAccessRoleArn: string;
  readonly onboardStateMachineArn: string;
  readonly offboardStateMachineArn: string;
  readonly reinstateStateMachineArn: string;
}

/** One Allow statement of a task's role. */
export interface Permission {
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
  /** Why a wildcard in it is safe; required where there is one (cdk-nag AwsSolutions-IAM5). */
  readonly wildcardReason?: string;
}

/** A tenant's fencing number. */
export const Generation = z.int().check(z.positive());

/** Input of every task behind Claim: ids and the fence, never personal data. */
export const TaskInput = z.strictObject({
  tenantId: TenantId,
  requestId: RequestId,
  /** Fencing number that Claim gave this execution. */
  generation: Generation,
  executionArn: Arn,
  /** State name. */
  step: z.string().check(z.minLength(1), z.maxLength(80)),
});
export type TaskInput = z.output<typeof TaskInput>;

export interface TaskContract<
  Input extends z.ZodMiniType = z.ZodMiniType,
  Output extends z.ZodMiniType = z.ZodMiniType,
  Names extends EnvironmentName = EnvironmentName,
> {
  /** File and function name, for example provision-encryption-key. */
  readonly name: string;
  /** State name, imperative, at most 40 characters, stable: history, alarms and tests refer to it. */
  readonly stateName: string;
  /** Why the task is safe to repeat; the state's comment. */
  readonly repeatable: string;
  /** Path of the handler file below tasks/, without extension. */
  readonly entry: string;
  readonly input: Input;
  readonly output: Output;
  readonly environment: readonly Names[];
  /** Ledger type that the task writes. Gives its role UpdateItem on the registry. */
  readonly resource?: string;
  /** True for tasks that look into that ledger and write nothing into it. */
  readonly readsLedger?: boolean;
  /** Statuses in which the task may act; absent for tasks that stand before the fence. */
  readonly fence?: readonly TenantStatus[];
  /** True for steps before the fence that write the audit record of what they did all the same; behind it every step does. */
  readonly recordsStep?: true;
  /** Names of further states with this function behind them. */
  readonly furtherStates?: readonly string[];
  /** Audit records that the task writes beside those of its step: how their keys end, as patterns. */
  readonly records?: readonly string[];
  /** True for tasks that destroy: refused under a legal hold or before the purge has started. */
  readonly destructive?: boolean;
  /** Lambda timeout, seconds. @default 30 */
  readonly timeoutSeconds?: number;
  /** @default 256 MiB */
  readonly memoryMiB?: number;
  permissions(platform: Platform): readonly Permission[];
}

/** Keeps the literal types of a contract. */
export const defineContract = <
  Input extends z.ZodMiniType,
  Output extends z.ZodMiniType,
  const Names extends EnvironmentName,
>(
  contract: TaskContract<Input, Output, Names>,
): TaskContract<Input, Output, Names> => contract;

/** What a destroying task answers: `gone` is false while there is more; the machine runs the task again. */
export const Destroyed = z.strictObject({
  physicalId: Text,
  gone: z.boolean(),
  /** Things removed by this run. */
  removed: z.int().check(z.minimum(0)),
});

/** What suspending and restoring tasks answer. */
export const Switched = z.strictObject({ physicalId: Text, ready: z.boolean() });

/** What a provisioning task answers: the physical id, and whether the resource is ready to use. */
export const Provisioned = z.strictObject({ physicalId: Text, ready: z.literal(true) });

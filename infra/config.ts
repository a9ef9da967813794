import type { Stack } from 'aws-cdk-lib';
import { z } from 'zod';
import { type App, appId } from '../tasks/shared/names';

/** Name of the app in stacks, functions, roles, aliases and log groups. */
export const APP_NAME = 'tenant-lifecycle';
export const STAGES = ['dev', 'staging', 'prod'] as const;
export type Stage = (typeof STAGES)[number];

/** Retention values that CloudWatch Logs accepts, in days [API_PutRetentionPolicy]. */
export const LOG_RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
] as const;
export type LogRetentionDays = (typeof LOG_RETENTION_DAYS)[number];

/** How many of each resource type fit, by ledger type; check-quotas refuses a tenant beyond it. */
export interface QuotaLimits {
  readonly 'encryption-key': number;
  readonly 'user-group': number;
  readonly 'knowledge-base': number;
  readonly 'vector-index': number;
}

export interface VectorDomainConfig {
  readonly instanceType: string;
  readonly nodes: number;
  /** Availability Zones that the nodes are spread over; 1 means no zone awareness. */
  readonly zones: 1 | 2 | 3;
  /** Three dedicated masters of this type; absent for none. */
  readonly masterInstanceType?: string;
  /** Per data node, GiB. */
  readonly volumeGiB: number;
  /** Replicas of each tenant's index. */
  readonly replicas: number;
}

/** What stands between the request of an offboarding and the first destruction. */
export interface HoldConfig {
  readonly defaultDays: number;
  /** Of a tenant that was ever active. */
  readonly minimumDays: number;
  /** Two-person rule: a second principal must approve the purge. */
  readonly needsApproval: boolean;
}

/** Everything that differs between stages. */
export interface StageConfig {
  readonly app: App;
  /** True: nothing stateful goes with the stack. The audit bucket, its key and its access logs stay in any case. */
  readonly retain: boolean;
  /** Deletion protection of tables, user pool, tenant audit logs, and termination protection of the stacks. */
  readonly deletionProtection: boolean;
  readonly pointInTimeRecovery: boolean;
  /** Default Object Lock of the audit bucket. COMPLIANCE cannot be shortened by anyone, the account's root included. */
  readonly auditLock: { readonly mode: 'GOVERNANCE' | 'COMPLIANCE'; readonly days: number };
  /** Retention of each tenant's audit log group. */
  readonly auditLogDays: LogRetentionDays;
  /** Retention of the logs of functions, state machine and domain, and of the buckets' access logs. */
  readonly operationalLogDays: LogRetentionDays;
  /** Days until a platform key is gone after its deletion was scheduled. */
  readonly keyDeletionDays: number;
  readonly hold: HoldConfig;
  readonly mfa: 'REQUIRED' | 'OPTIONAL';
  readonly callbackUrls: readonly string[];
  readonly vectorDomain: VectorDomainConfig;
  /** Of the embedding model and of the index mapping: they must agree. */
  readonly vectorDimension: number;
  readonly embeddingModelId: string;
  readonly quotaLimits: QuotaLimits;
  /**
   * Sender of invitations and codes, whose domain is a verified identity of Amazon SES in the same Region. Absent: Cognito's own
   * e-mail, of which an account may send about 50 a day [Cognito, quotas].
   */
  readonly emailFrom?: string;
  /** Gets the alarms; it has to confirm the subscription. A pager subscribes to the topic itself. */
  readonly alarmEmail?: string;
  /** Where alarms say the runbook is; a heading of it is appended. */
  readonly runbookUrl: string;
  /** False leaves the task code out of the synthesized functions: for tests of templates. */
  readonly bundle: boolean;
}

type StageDefaults = Omit<
  StageConfig,
  'app' | 'quotaLimits' | 'bundle' | 'vectorDimension' | 'embeddingModelId' | 'emailFrom' | 'alarmEmail' | 'runbookUrl'
> & {
  /** Shards per domain: at most 1,000 per 16 GiB of heap, heap being half of the memory [OpenSearch 2.17+, limits]. */
  readonly vectorIndexLimit: number;
};

/** 7 years with their leap days: HIPAA asks for 6 (45 CFR 164.316(b)(2)(i)), some state laws for 7. */
const SEVEN_YEARS = 2557;

const DEFAULTS: Readonly<Record<Stage, StageDefaults>> = {
  dev: {
    retain: false,
    deletionProtection: false,
    pointInTimeRecovery: false,
    auditLock: { mode: 'GOVERNANCE', days: 1 },
    auditLogDays: 30,
    operationalLogDays: 30,
    keyDeletionDays: 7,
    hold: { defaultDays: 1, minimumDays: 0, needsApproval: false },
    mfa: 'OPTIONAL',
    callbackUrls: ['http://localhost:3000/callback'],
    vectorDomain: { instanceType: 'r7g.large.search', nodes: 1, zones: 1, volumeGiB: 20, replicas: 0 },
    // One node with 8 GiB of heap holds 500 shards; 100 are left to the domain's own indices.
    vectorIndexLimit: 400,
  },
  staging: {
    retain: true,
    deletionProtection: true,
    pointInTimeRecovery: true,
    auditLock: { mode: 'GOVERNANCE', days: 30 },
    auditLogDays: 90,
    operationalLogDays: 90,
    keyDeletionDays: 30,
    hold: { defaultDays: 7, minimumDays: 1, needsApproval: false },
    mfa: 'REQUIRED',
    callbackUrls: ['https://staging.example.com/callback'],
    vectorDomain: { instanceType: 'r7g.large.search', nodes: 2, zones: 2, volumeGiB: 50, replicas: 1 },
    // Two nodes hold 1,000 shards, a tenant has 2: 500 less 100 for the domain's own.
    vectorIndexLimit: 400,
  },
  prod: {
    retain: true,
    deletionProtection: true,
    pointInTimeRecovery: true,
    auditLock: { mode: 'COMPLIANCE', days: SEVEN_YEARS },
    auditLogDays: SEVEN_YEARS,
    operationalLogDays: 400,
    keyDeletionDays: 30,
    hold: { defaultDays: 30, minimumDays: 7, needsApproval: true },
    mfa: 'REQUIRED',
    callbackUrls: ['https://app.example.com/callback'],
    vectorDomain: {
      instanceType: 'r7g.2xlarge.search',
      nodes: 3,
      zones: 3,
      masterInstanceType: 'm7g.large.search',
      volumeGiB: 200,
      replicas: 1,
    },
    // Recommended are 25 shards per GiB of heap: 3 nodes × 32 GiB × 25 = 2,400 shards, a tenant has 2: 1,200, less a reserve.
    vectorIndexLimit: 1000,
  },
};

/** Account-wide limits [KMS, Cognito and Bedrock quota pages]; only the first can be raised. */
const ACCOUNT_LIMITS = { 'encryption-key': 100_000, 'user-group': 10_000, 'knowledge-base': 100 } as const;

/** `-c name=value` comes as text, cdk.json as a value. */
const json = (value: unknown): unknown => {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
};

const limit = z.number().int().min(0).optional();

const Context = z.object({
  stage: z.enum(STAGES, { error: `must be one of ${STAGES.join(', ')}` }).default('dev'),
  bundle: z.preprocess(json, z.boolean('must be true or false').default(true)),
  callbackUrls: z
    .preprocess(
      (value) => (typeof value === 'string' ? value.split(',') : value),
      z.array(z.url('must be URLs, separated by commas')).min(1),
    )
    .optional(),
  emailFrom: z.email('must be an e-mail address').optional(),
  alarmEmail: z.email('must be an e-mail address').optional(),
  runbookUrl: z.string().min(1).default('docs/runbook.md'),
  quotaLimits: z.preprocess(
    json,
    z
      .strictObject({ 'encryption-key': limit, 'user-group': limit, 'knowledge-base': limit, 'vector-index': limit })
      .default({}),
  ),
});

/** Names of the context values that the app reads; nothing else reads context. */
const CONTEXT_NAMES = Object.keys(Context.shape);

/**
 * Configuration of the stage that the context asks for.
 * @param read looks up a context value
 * @throws Error that lists every problem
 */
export function readConfig(read: (name: string) => unknown): StageConfig {
  const parsed = Context.safeParse(Object.fromEntries(CONTEXT_NAMES.map((name) => [name, read(name) ?? undefined])));
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.map(String).join('.')}: ${message}`);
    throw new Error(`The context (cdk -c name=value) cannot be used: ${problems.join('; ')}`);
  }
  const { stage, bundle, callbackUrls, quotaLimits, emailFrom, alarmEmail, runbookUrl } = parsed.data;
  const { vectorIndexLimit, ...defaults } = DEFAULTS[stage];
  return {
    ...defaults,
    app: { name: APP_NAME, stage },
    bundle,
    ...(emailFrom !== undefined && { emailFrom }),
    ...(alarmEmail !== undefined && { alarmEmail }),
    runbookUrl,
    callbackUrls: callbackUrls ?? defaults.callbackUrls,
    vectorDimension: 1024,
    embeddingModelId: 'amazon.titan-embed-text-v2:0',
    quotaLimits: { ...ACCOUNT_LIMITS, 'vector-index': vectorIndexLimit, ...defined(quotaLimits) },
  };
}

const defined = <T extends object>(value: T) =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [Name in keyof T]?: Exclude<T[Name], undefined>;
  };

/** An OpenSearch domain name has at most 28 characters [API_CreateDomain]. */
export const vectorDomainName = (app: App): string => appId(app);
/** Fixed, because tenant key policies and the domain's access policy name the role. */
export const knowledgeBaseRoleName = (app: App): string => `${appId(app)}-knowledge-base`;
/** Fixed, because tenant key policies and the data bucket's policy name the role. */
export const tenantAccessRoleName = (app: App): string => `${appId(app)}-tenant-access`;
export const dataStackName = (app: App): string => `${appId(app)}-data`;
export const lifecycleStackName = (app: App): string => `${appId(app)}-lifecycle`;
/** Foundation models belong to AWS, hence no account. */
export const embeddingModelArn = (
  { partition, region }: Pick<Stack, 'partition' | 'region'>,
  { embeddingModelId }: StageConfig,
): string => `arn:${partition}:bedrock:${region}::foundation-model/${embeddingModelId}`;

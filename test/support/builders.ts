import type { DataSource, KnowledgeBase } from '@aws-sdk/client-bedrock-agent';
import { tenantKeyPolicy } from '../../tasks/encryption-key/key-policy';
import type { Membership } from '../../tasks/membership/memberships';
import type { Environment, EnvironmentName, TaskInput } from '../../tasks/shared/contract';
import { ENVIRONMENT } from '../../tasks/shared/contract';
import type { Failure, LedgerEntry, OperationRecord, Profile, TenantState } from '../../tasks/shared/registry';
import type { Tier } from '../../tasks/shared/tenant';
import type { Verification } from '../../tasks/shared/verification';

export const ACCOUNT = '123456789012';
export const REGION = 'eu-central-1';
export const APP = { name: 'tenant-lifecycle', stage: 'dev' } as const;
export const REGISTRY_TABLE = 'registry';
export const DATA_TABLE = 'data';
export const MEMBERSHIP_TABLE = 'memberships';
export const CLIENT_ID = 'client';
export const AUDIT_BUCKET = 'audit-bucket';
export const DATA_BUCKET = 'data-bucket';
export const STATE_MACHINE_ARN = `arn:aws:states:${REGION}:${ACCOUNT}:stateMachine:tenant-lifecycle-dev-onboard-tenant`;

export const OFFBOARD_MACHINE_ARN = STATE_MACHINE_ARN.replace('onboard-tenant', 'offboard-tenant');
export const REINSTATE_MACHINE_ARN = STATE_MACHINE_ARN.replace('onboard-tenant', 'reinstate-tenant');

/** Of the machine that the name's first word says. */
export const anExecutionArnOf = (name: string): string =>
  `${STATE_MACHINE_ARN.replace(':stateMachine:', ':execution:').replace('onboard-tenant', `${name.split('--')[0]}-tenant`)}:${name}`;

export const anExecutionArn = (name = 'onboard--acme--request-1'): string =>
  `${STATE_MACHINE_ARN.replace(':stateMachine:', ':execution:')}:${name}`;

export const aKeyArn = (id = '1111'): string => `arn:aws:kms:${REGION}:${ACCOUNT}:key/${id}`;

/** Every variable that some task asks for. */
export const anEnvironment = (): Record<string, string> => ({
  APP_NAME: APP.name,
  STAGE: APP.stage,
  REGISTRY_TABLE,
  AUDIT_BUCKET,
  AUDIT_KEY_ARN: aKeyArn('audit'),
  AUDIT_RETENTION_DAYS: '365',
  AUDIT_DELETION_PROTECTION: 'true',
  DATA_TABLE,
  MEMBERSHIP_TABLE,
  DATA_BUCKET,
  USER_POOL_ID: `${REGION}_pool`,
  USER_POOL_CLIENT_ID: CLIENT_ID,
  VECTOR_DOMAIN_NAME: 'vectors',
  VECTOR_DOMAIN_ARN: `arn:aws:es:${REGION}:${ACCOUNT}:domain/vectors`,
  VECTOR_DOMAIN_ENDPOINT: 'https://vectors.example',
  VECTOR_DIMENSION: '1024',
  VECTOR_REPLICAS: '1',
  KNOWLEDGE_BASE_ROLE_ARN: `arn:aws:iam::${ACCOUNT}:role/knowledge-base`,
  EMBEDDING_MODEL_ARN: `arn:aws:bedrock:${REGION}::foundation-model/titan`,
  STORAGE_WRITER_ROLE_ARN: `arn:aws:iam::${ACCOUNT}:role/storage-writer`,
  TENANT_ACCESS_ROLE_ARN: `arn:aws:iam::${ACCOUNT}:role/tenant-access`,
  DATA_KEY_ARN: aKeyArn('data'),
  ACCOUNT_ID: ACCOUNT,
  ONBOARD_STATE_MACHINE_ARN: STATE_MACHINE_ARN,
  OFFBOARD_STATE_MACHINE_ARN: OFFBOARD_MACHINE_ARN,
  REINSTATE_STATE_MACHINE_ARN: REINSTATE_MACHINE_ARN,
  HOLD_DEFAULT_SECONDS: String(30 * 86_400),
  HOLD_MINIMUM_SECONDS: String(7 * 86_400),
  PURGE_NEEDS_APPROVAL: 'true',
  KEY_DELETION_DAYS: '7',
  QUOTA_LIMITS: JSON.stringify({ 'encryption-key': 10, 'vector-index': 10, 'knowledge-base': 2, 'user-group': 10 }),
});

/** Gives the process the environment of a deployed task; undefined leaves a variable out. */
export function setEnvironment(changes: Readonly<Record<string, string | undefined>> = {}): void {
  for (const [name, value] of Object.entries({ ...anEnvironment(), ...changes })) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}

/** A tenant in the middle of its purge. */
export const aPurgedTenant = (changes: Partial<TenantState> = {}): Partial<TenantState> => ({
  status: 'PURGING',
  operation: 'offboard',
  requestId: 'request-2',
  requestedBy: 'ops/one',
  leaseOwner: anExecutionArnOf('offboard--acme--request-2'),
  leasedAt: '2026-01-02T00:00:00.000Z',
  activatedAt: '2026-01-01T00:10:00.000Z',
  offboarding: {
    requestId: 'request-2',
    requestedBy: 'ops/one',
    requestedAt: '2026-01-02T00:00:00.000Z',
    reason: 'contract ended',
  },
  holdUntil: '2026-02-01T00:00:00.000Z',
  purgeApproval: { by: 'ops/two', at: '2026-01-03T00:00:00.000Z' },
  purgeStartedAt: '2026-02-01T00:00:01.000Z',
  ...changes,
});

/** A tenant that sleeps in its hold. */
export const aHeldTenant = (changes: Partial<TenantState> = {}): Partial<TenantState> => {
  const { purgeStartedAt: _started, purgeApproval: _approval, ...held } = aPurgedTenant();
  return { ...held, status: 'OFFBOARDING', ...changes };
};

export const oneLegalHold = {
  'hold-17': { by: 'counsel/one', reason: 'case 17', since: '2026-01-15T00:00:00.000Z' },
} as const;

/** What a step of the offboarding in aPurgedTenant gets. */
export const anOffboardingInput = (changes: Partial<TaskInput> = {}): TaskInput =>
  aTaskInput({ requestId: 'request-2', executionArn: anExecutionArnOf('offboard--acme--request-2'), ...changes });

export const aContext = () => ({ awsRequestId: 'invocation-1' });

export const aTaskInput = (changes: Partial<TaskInput> = {}): TaskInput => ({
  tenantId: 'acme',
  requestId: 'request-1',
  generation: 1,
  executionArn: anExecutionArn(),
  step: 'A step',
  ...changes,
});

/** Personal data: none of it may leave a task. */
export const PERSONAL = { displayName: 'Acme Dental Care', adminEmail: "ada.o'hara@acme.example" } as const;

export const aRequest = (changes: Readonly<Record<string, unknown>> = {}) => ({
  operation: 'onboard',
  tenantId: 'acme',
  requestId: 'request-1',
  ...PERSONAL,
  tier: 'premium',
  requestedBy: 'signup/backend',
  ...changes,
});

export const aTenantState = (changes: Partial<TenantState> = {}): TenantState => ({
  tenantId: 'acme',
  status: 'PROVISIONING',
  generation: 1,
  requestId: 'request-1',
  operation: 'onboard',
  requestedBy: 'signup/backend',
  tier: 'premium',
  leaseOwner: anExecutionArn(),
  requestedAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
  ...changes,
});

export const aProfile = (changes: Partial<Profile> = {}): Profile => ({
  ...PERSONAL,
  tier: 'premium',
  payloadHash: 'hash',
  ...changes,
});

export const anOperation = (changes: Partial<OperationRecord> = {}): OperationRecord => ({
  requestId: 'request-1',
  operation: 'onboard',
  payloadHash: 'hash',
  requestedBy: 'signup/backend',
  requestedAt: '2026-01-01T00:00:00.000Z',
  ...changes,
});

export const aLedgerEntry = (changes: Partial<LedgerEntry> = {}): LedgerEntry => ({
  type: 'encryption-key',
  phase: 'DONE',
  physicalId: aKeyArn(),
  since: '2026-01-01T00:00:00.000Z',
  generation: 1,
  ...changes,
});

type Keyed<T> = T & { readonly pk: string; readonly sk: string };
const keyed = <T>(tenantId: string, sk: string, item: T): Keyed<T> => ({ ...item, pk: `TENANT#${tenantId}`, sk });

/** The same, as they lie in the registry table. */
export const aStateItem = (changes: Partial<TenantState> = {}) =>
  keyed(changes.tenantId ?? 'acme', 'STATE', aTenantState(changes));
export const aProfileItem = (changes: Partial<Profile> = {}, tenantId = 'acme') =>
  keyed(tenantId, 'PROFILE', aProfile(changes));
export const anOperationItem = (changes: Partial<OperationRecord> = {}, tenantId = 'acme') =>
  keyed(tenantId, `OPERATION#${changes.requestId ?? 'request-1'}`, anOperation(changes));
export const aLedgerItem = (changes: Partial<LedgerEntry> = {}, tenantId = 'acme') =>
  keyed(tenantId, `RESOURCE#${changes.type ?? 'encryption-key'}`, aLedgerEntry(changes));

/** Policy of the tenant's key in anEnvironment. */
export const aKeyPolicy = (tenantId = 'acme') => tenantKeyPolicy(tenantId, aVerification().env);

/** What is wrong, in words. */
export const messagesOf = (problems: readonly { readonly message: string }[]): string[] =>
  problems.map(({ message }) => message);

/** What a verify.ts is given, with these resources DONE in the ledger. */
export const aVerification = (
  resources: Readonly<Record<string, string>> = {},
  tier: Tier = 'premium',
): Verification<EnvironmentName> => ({
  tenantId: 'acme',
  tier,
  app: APP,
  blocked: false,
  activated: false,
  env: Object.fromEntries(
    Object.entries(anEnvironment()).map(([name, value]) => [name, ENVIRONMENT[name as EnvironmentName].parse(value)]),
  ) as Environment,
  ledger: (type) => {
    const physicalId = resources[type];
    return physicalId === undefined ? undefined : aLedgerEntry({ type, physicalId });
  },
});

/** A tenant's index as GetIndex shows it: settings as text. */
export const anIndexSchema = ({ shards = '1', dimension = 1024, engine = 'faiss', knn = 'true' } = {}) => ({
  settings: { index: { knn, number_of_shards: shards, number_of_replicas: '1', uuid: 'x' } },
  mappings: {
    properties: {
      vector: { type: 'knn_vector', dimension, method: { name: 'hnsw', engine, space_type: 'l2' } },
      AMAZON_BEDROCK_TEXT_CHUNK: { type: 'text' },
      AMAZON_BEDROCK_METADATA: { type: 'text', index: false },
    },
  },
});

export const aKnowledgeBase = (changes: Partial<KnowledgeBase> = {}): KnowledgeBase => {
  const env = anEnvironment();
  const at = new Date('2026-01-01T00:00:00.000Z');
  return {
    knowledgeBaseId: 'KB1',
    knowledgeBaseArn: `arn:aws:bedrock:${REGION}:${ACCOUNT}:knowledge-base/KB1`,
    name: 'tenant-lifecycle-dev-acme',
    status: 'ACTIVE',
    createdAt: at,
    updatedAt: at,
    roleArn: env['KNOWLEDGE_BASE_ROLE_ARN'],
    knowledgeBaseConfiguration: {
      type: 'VECTOR',
      vectorKnowledgeBaseConfiguration: { embeddingModelArn: env['EMBEDDING_MODEL_ARN'] },
    },
    storageConfiguration: {
      type: 'OPENSEARCH_MANAGED_CLUSTER',
      opensearchManagedClusterConfiguration: {
        domainArn: env['VECTOR_DOMAIN_ARN'],
        domainEndpoint: env['VECTOR_DOMAIN_ENDPOINT'],
        vectorIndexName: 'tenant-acme',
        fieldMapping: undefined,
      },
    },
    ...changes,
  };
};

export const aDataSource = (changes: Partial<DataSource> = {}): DataSource => {
  const at = new Date('2026-01-01T00:00:00.000Z');
  return {
    knowledgeBaseId: 'KB1',
    dataSourceId: 'DS1',
    name: 'documents-acme',
    status: 'AVAILABLE',
    createdAt: at,
    updatedAt: at,
    dataSourceConfiguration: {
      type: 'S3',
      s3Configuration: {
        bucketArn: `arn:aws:s3:::${DATA_BUCKET}`,
        inclusionPrefixes: ['tenants/acme/docs/'],
      },
    },
    dataDeletionPolicy: 'RETAIN',
    ...changes,
  };
};

export const aMembership = (changes: Partial<Membership> = {}): Membership => ({
  sub: 'sub-1',
  tenantId: 'acme',
  status: 'ACTIVE',
  roles: ['owner'],
  version: 1,
  invitedBy: 'request-1',
  invitedAt: '2026-01-01T00:00:00.000Z',
  acceptedAt: '2026-01-01T00:00:00.000Z',
  ...changes,
});

/** As it lies in the membership table. */
export const aMembershipItem = (changes: Partial<Membership> = {}) => {
  const membership = aMembership(changes);
  const tenantKey = `TENANT#${membership.tenantId}`;
  return { ...membership, pk: `USER#${membership.sub}`, sk: tenantKey, tenantKey };
};

/** What Cognito sends before it issues tokens, event version V2_0 [user-pool-lambda-pre-token-generation]. */
export const aTokenEvent = (
  clientMetadata?: Readonly<Record<string, string>>,
  triggerSource = clientMetadata === undefined ? 'TokenGeneration_HostedAuth' : 'TokenGeneration_RefreshTokens',
) => ({
  version: '2',
  triggerSource,
  region: REGION,
  userPoolId: `${REGION}_pool`,
  userName: 'sub-1',
  callerContext: { awsSdkVersion: 'aws-sdk-unknown-unknown', clientId: 'client' },
  request: {
    userAttributes: { sub: 'sub-1', email: PERSONAL.adminEmail, 'custom:tenant_id': 'acme' },
    groupConfiguration: { groupsToOverride: ['acme', 'acme2'], iamRolesToOverride: [], preferredRole: null },
    scopes: ['openid', 'email'],
    ...(clientMetadata !== undefined && { clientMetadata }),
  },
  response: { claimsAndScopeOverrideDetails: null },
});

/** Who counts as owner of the tenant. */
export const anOwnersItem = (owners: readonly string[] = ['sub-1'], tenantId = 'acme') => ({
  pk: `TENANT#${tenantId}`,
  sk: 'OWNERS',
  tenantKey: `TENANT#${tenantId}`,
  owners: new Set(owners),
});

export const aFailure = (changes: Partial<Failure> = {}): Failure => ({
  step: 'Provision vector index',
  error: 'ThrottledError',
  errorClass: 'throttled',
  message: 'tenant acme: ThrottlingException: Rate exceeded',
  attempt: 3,
  executionArn: anExecutionArn(),
  redriveCount: 0,
  nextAction: 'Redrive the execution.',
  failedAt: '2026-01-01T00:10:00.000Z',
  ...changes,
});

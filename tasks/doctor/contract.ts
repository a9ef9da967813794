import * as z from 'zod/mini';
import { listLogGroups } from '../audit-log/contract';
import { examineKeyPermissions, orphanPermissions, retireKeyPermissions } from '../encryption-key/contract';
import { knowledgeBaseResiduePermissions } from '../knowledge-base/contract';
import { Principal } from '../lifecycle/inputs';
import { TEARDOWN, TENANT_RESOURCES } from '../resources';
import { executionArnPattern } from '../shared/arns';
import { Arn, defineContract, type EnvironmentName, type Permission, type Platform, Text } from '../shared/contract';
import { DOCTOR_PREFIX } from '../shared/names';
import { auditKey, registryByStatus, registryItems } from '../shared/permissions';
import { RequestId, TenantId } from '../shared/tenant';
import { listPrefixesPermissions } from '../storage-prefix/contract';
import { listGroupsPermissions, verifyBlockedUsersPermissions } from '../user-group/contract';
import { TenantFindings } from './finding';

const Count = z.int().check(z.minimum(0));

/** Which examination a step belongs to: its report lies where these say. */
const Examination = {
  /** Of the examination, not of a child execution of its Map Run. */
  executionArn: Arn,
  /** ISO 8601, start of the execution. */
  startedAt: z.iso.datetime(),
  step: Text,
};

/** How far the examination has come. */
export const Walk = z.strictObject({
  /** To examine now. */
  tenants: z.array(TenantId),
  /** `<status>/<tenant id>` of the last one listed; empty at the start. */
  cursor: z.string(),
  more: z.boolean(),
  /** False when one tenant was asked for: then the account is not examined. */
  wholeEstate: z.boolean(),
  examined: Count,
  unexamined: Count,
});
export type Walk = z.output<typeof Walk>;

const findings = (platform: Platform, actions: readonly string[]): readonly Permission[] => [
  {
    actions,
    resources: [`${platform.auditBucketArn}/${DOCTOR_PREFIX}*`],
    wildcardReason: 'Reports of examinations, which hold ids and findings; no audit record lies below this prefix.',
  },
  auditKey(platform),
];

const executions = (platform: Platform): Permission => ({
  actions: ['states:DescribeExecution'],
  resources: [executionArnPattern(platform)],
  wildcardReason: 'Executions of the state machines of this app and stage: whether the owner of a lease still runs.',
});

export const listTenantsToExamine = defineContract({
  name: 'list-tenants-to-examine',
  stateName: 'List tenants to examine',
  repeatable:
    'It reads the next page after its cursor, and notes whom the page before left unexamined under a fixed key.',
  entry: 'doctor/list-tenants-to-examine',
  input: z.strictObject({
    ...Examination,
    /** The execution's own input. */
    request: z.strictObject({ tenantId: z.optional(TenantId) }),
    walk: Walk,
    /** Answers of the examinations of `walk.tenants` that succeeded. */
    results: z.array(z.object({ tenantId: TenantId })),
  }),
  output: Walk,
  environment: [],
  permissions: (platform) => [registryByStatus(platform), ...findings(platform, ['s3:PutObject'])],
});

export const examineTenant = defineContract({
  name: 'examine-tenant',
  stateName: 'Examine tenant',
  repeatable: 'It only reads; what it found is put under a fixed key, once.',
  entry: 'doctor/examine-tenant',
  input: z.strictObject({ ...Examination, tenantId: TenantId }),
  output: TenantFindings,
  timeoutSeconds: 120,
  environment: [
    ...new Set<EnvironmentName>([
      ...TENANT_RESOURCES.flatMap(({ verify }) => verify?.environment ?? []),
      ...TEARDOWN.flatMap(({ residue }) => residue.environment),
    ]),
  ],
  permissions: (platform) => [
    registryItems(platform, ['dynamodb:GetItem', 'dynamodb:Query']),
    executions(platform),
    ...TENANT_RESOURCES.flatMap(({ verify }) => verify?.permissions(platform) ?? []),
    ...verifyBlockedUsersPermissions(platform),
    ...TEARDOWN.flatMap(({ residue }) => residue.permissions(platform)),
    ...findings(platform, ['s3:PutObject']),
  ],
});

export const examineAccount = defineContract({
  name: 'examine-account',
  stateName: 'Examine account',
  repeatable: 'It only reads; what it found is put under a fixed key, once.',
  entry: 'doctor/examine-account',
  input: z.strictObject(Examination),
  output: z.strictObject({ findings: Count }),
  // Two lists of up to 100,000 keys, and the groups of up to 10,000 tenants at the rates that AWS allows.
  timeoutSeconds: 900,
  memoryMiB: 512,
  environment: ['DATA_BUCKET', 'USER_POOL_ID'],
  permissions: (platform) => [
    registryItems(platform, ['dynamodb:GetItem', 'dynamodb:Query'], ['TENANT#*', 'ESTATE']),
    registryByStatus(platform),
    executions(platform),
    ...orphanPermissions(platform),
    ...knowledgeBaseResiduePermissions(),
    ...listGroupsPermissions(platform),
    listLogGroups(platform),
    ...listPrefixesPermissions(platform),
    ...findings(platform, ['s3:PutObject']),
  ],
});

export const summarizeExamination = defineContract({
  name: 'summarize-examination',
  stateName: 'Summarize examination',
  repeatable: 'The report is put once, from what lies there; its gauges may be emitted again.',
  entry: 'doctor/summarize-examination',
  input: z.strictObject({ ...Examination, walk: Walk }),
  output: z.strictObject({
    /** Object key in the audit bucket. */
    report: Text,
    examined: Count,
    unexamined: Count,
    findings: Count,
    counts: z.record(z.string(), Count),
  }),
  timeoutSeconds: 300,
  memoryMiB: 512,
  environment: [],
  permissions: (platform) => [
    {
      actions: ['s3:ListBucket'],
      resources: [platform.auditBucketArn],
      conditions: { StringLike: { 's3:prefix': `${DOCTOR_PREFIX}*` } },
    },
    ...findings(platform, ['s3:GetObject', 's3:PutObject']),
  ],
});

export const RetireOrphanedKey = z.strictObject({
  keyArn: Arn,
  requestId: RequestId,
  requestedBy: Principal,
});

export const retireOrphanedKey = defineContract({
  name: 'retire-orphaned-key',
  stateName: 'Retire orphaned key',
  repeatable: 'A key that is pending deletion counts as retired; everything that makes it an orphan is looked at anew.',
  entry: 'doctor/retire-orphaned-key',
  input: RetireOrphanedKey,
  output: z.strictObject({ keyArn: Arn, tenantId: TenantId, deletionDate: Text }),
  timeoutSeconds: 60,
  records: ['retired-keys/*.json'],
  environment: [],
  permissions: (platform) => [
    registryItems(platform, ['dynamodb:Query']),
    executions(platform),
    ...examineKeyPermissions(platform),
    ...retireKeyPermissions(platform),
  ],
});

export const DOCTOR_CONTRACTS = [
  listTenantsToExamine,
  examineTenant,
  examineAccount,
  summarizeExamination,
  retireOrphanedKey,
] as const;

import type { Permission, Platform } from './contract';
import {
  AUDIT_LOG_STREAM,
  AUDIT_ROOT,
  appId,
  auditLogGroupName,
  BY_STATUS,
  BY_TENANT_INDEX,
  MANAGED_BY_TAG,
} from './names';
import { STATUSES } from './tenant';

/** Items of a table, by partition; the Null condition rules out calls that name no key, such as scans. */
const itemsOf = (
  resources: readonly string[],
  actions: readonly string[],
  partitions: readonly string[],
): Permission => ({
  actions,
  resources,
  conditions: {
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': partitions },
    Null: { 'dynamodb:LeadingKeys': 'false' },
  },
});

export const registryItems = (
  { registryTableArn }: Pick<Platform, 'registryTableArn'>,
  actions: readonly string[],
  partitions: readonly string[] = ['TENANT#*'],
): Permission => itemsOf([registryTableArn], actions, partitions);

/** Lists of tenants by status; the index's partition key is the status. */
export const registryByStatus = ({ registryTableArn }: Pick<Platform, 'registryTableArn'>): Permission =>
  itemsOf([`${registryTableArn}/index/${BY_STATUS}`], ['dynamodb:Query'], STATUSES);

/**
 * Whether a tenant is ACTIVE, and nothing else that the registry knows: the attributes that may be asked for are named, and
 * a read that names none would get all [DynamoDB, specifying conditions for fine-grained access].
 */
export const tenantStatus = (platform: Pick<Platform, 'registryTableArn'>): Permission => {
  const { actions, resources, conditions } = registryItems(platform, ['dynamodb:GetItem']);
  return {
    actions,
    resources,
    conditions: {
      'ForAllValues:StringLike': { ...conditions?.['ForAllValues:StringLike'] },
      'ForAllValues:StringEquals': { 'dynamodb:Attributes': ['pk', 'sk', 'status'] },
      StringEqualsIfExists: { 'dynamodb:Select': 'SPECIFIC_ATTRIBUTES' },
      Null: { 'dynamodb:LeadingKeys': 'false', 'dynamodb:Attributes': 'false' },
    },
  };
};

/** Items of the membership table: of users (memberships, chosen tenants) and of tenants (owners, roles, requests). */
export const membershipItems = (
  { membershipTableArn }: Pick<Platform, 'membershipTableArn'>,
  actions: readonly string[],
  partitions: readonly string[] = ['USER#*', 'TENANT#*'],
): Permission => itemsOf([membershipTableArn], actions, partitions);

/** Everything of one tenant in the membership table, also what lies in its users' partitions. */
export const membershipsByTenant = ({ membershipTableArn }: Pick<Platform, 'membershipTableArn'>): Permission =>
  itemsOf([membershipTableArn, `${membershipTableArn}/index/${BY_TENANT_INDEX}`], ['dynamodb:Query'], ['TENANT#*']);

/** S3 uses the audit bucket's key in the name of whoever reads or writes an object there. */
export const auditKey = ({ auditKeyArn, region }: Pick<Platform, 'auditKeyArn' | 'region'>): Permission => ({
  actions: ['kms:GenerateDataKey', 'kms:Decrypt'],
  resources: [auditKeyArn],
  conditions: { StringEquals: { 'kms:ViaService': `s3.${region}.amazonaws.com` } },
});

/**
 * Writing audit records: into the audit bucket, and what stands there into the tenant's log group.
 * @param keys how they end, as patterns
 */
export const auditRecords = (platform: Platform, keys: readonly string[]): readonly Permission[] => [
  {
    actions: ['s3:PutObject', 's3:GetObject'],
    resources: keys.map((key) => `${platform.auditBucketArn}/${AUDIT_ROOT}*/${key}`),
    wildcardReason:
      'The task’s own audit records, of any tenant and execution; one that an earlier attempt has written is read to be logged as it stands. Object Lock keeps each version, so none can be replaced.',
  },
  auditKey(platform),
  {
    actions: ['logs:PutLogEvents', 'logs:CreateLogStream'],
    resources: [
      `arn:${platform.partition}:logs:${platform.region}:${platform.account}:log-group:${auditLogGroupName(platform.app, '*')}:log-stream:${AUDIT_LOG_STREAM}`,
    ],
    wildcardReason: 'The one stream of audit records in the log group of every tenant of this app and stage.',
  },
];

/** Calls to the user pool. */
export const userPool = ({ userPoolArn }: Pick<Platform, 'userPoolArn'>, actions: readonly string[]): Permission => ({
  actions,
  resources: [userPoolArn],
});

/**
 * Giving the tag that marks a resource as made by this app and stage. The tag is power over what has it, so it is given to
 * what is being made, which has no tags yet, to what has lost the tag, and to what has it; never to what carries the tag of
 * another app or stage, which would be taken away from it.
 * @param made ARN of what there is already, with a wildcard
 * @param unmarked what else must hold of a resource without the tag
 */
export const markAsOurs = (
  { app }: Pick<Platform, 'app'>,
  action: string,
  made: string,
  unmarked: Permission['conditions'] = {},
): readonly Permission[] => {
  const mark = { [`aws:RequestTag/${MANAGED_BY_TAG}`]: appId(app) };
  const existing = `aws:ResourceTag/${MANAGED_BY_TAG}`;
  return [
    {
      actions: [action],
      resources: ['*'],
      conditions: { StringEquals: mark, Null: { [existing]: 'true' }, ...unmarked },
      wildcardReason:
        'What is being made has no ARN yet; the conditions demand the tag of this app and stage, and admit nothing that has another’s.',
    },
    {
      actions: [action],
      resources: [made],
      conditions: { StringEquals: { ...mark, [existing]: appId(app) } },
      wildcardReason: 'Ids are chosen by AWS; the condition admits only what this app and stage has made.',
    },
  ];
};

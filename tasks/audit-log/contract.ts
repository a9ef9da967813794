import * as z from 'zod/mini';
import { defineContract, type Permission, type Platform, Provisioned, TaskInput, Text } from '../shared/contract';
import { AUDIT_ROOT, auditLogGroupName } from '../shared/names';
import { registryItems } from '../shared/permissions';
import { PROVISION_STATUSES, PURGE_STATUSES } from '../shared/tenant';

export const AUDIT_LOG = 'audit-log';

const logGroups = ({ app, partition, region, account }: Platform, actions: readonly string[]): Permission => ({
  actions,
  resources: [
    `arn:${partition}:logs:${region}:${account}:log-group:${auditLogGroupName(app, '*')}`,
    `arn:${partition}:logs:${region}:${account}:log-group:${auditLogGroupName(app, '*')}:*`,
  ],
  wildcardReason:
    'The audit log groups of the tenants of this app and stage; creating one needs permission on a name not there yet.',
});

export const provisionAuditLog = defineContract({
  name: 'provision-audit-log',
  stateName: 'Provision audit log',
  repeatable: 'The log group name is unique; key, retention and tags are set, and records logged, again on every run.',
  entry: 'audit-log/provision',
  input: TaskInput,
  output: Provisioned,
  resource: AUDIT_LOG,
  fence: PROVISION_STATUSES,
  // Hundreds of records, of a tenant that was replayed often.
  timeoutSeconds: 60,
  environment: ['AUDIT_KEY_ARN', 'AUDIT_RETENTION_DAYS', 'AUDIT_DELETION_PROTECTION'],
  permissions: (platform) => [
    logGroups(platform, [
      'logs:CreateLogGroup',
      'logs:PutRetentionPolicy',
      'logs:AssociateKmsKey',
      'logs:TagResource',
      'logs:PutLogGroupDeletionProtection',
    ]),
    {
      actions: ['s3:GetObject'],
      resources: [`${platform.auditBucketArn}/${AUDIT_ROOT}*.json`],
      wildcardReason: 'What other steps of any tenant have recorded before there was a log group; it holds ids only.',
    },
    {
      actions: ['s3:ListBucket'],
      resources: [platform.auditBucketArn],
      conditions: { StringLike: { 's3:prefix': `${AUDIT_ROOT}*` } },
    },
  ],
});

export const verifyAuditLogPermissions = (platform: Platform): readonly Permission[] => [
  logGroups(platform, ['logs:ListTagsForResource']),
  listLogGroups(platform),
];

/** Also for finding the groups of tenants that nobody knows. */
export const listLogGroups = ({ partition, region, account }: Platform): Permission => ({
  actions: ['logs:DescribeLogGroups'],
  resources: [`arn:${partition}:logs:${region}:${account}:log-group:*`],
  wildcardReason:
    'DescribeLogGroups lists by prefix and cannot be narrowed to one group; it shows settings, no events.',
});

export const sealAuditLog = defineContract({
  name: 'seal-audit-log',
  stateName: 'Seal audit log',
  repeatable: 'The evidence is put only where none exists (If-None-Match); what stands there is what counts.',
  entry: 'audit-log/seal',
  input: TaskInput,
  output: z.strictObject({ physicalId: Text, sha256: z.string().check(z.length(64)) }),
  fence: PURGE_STATUSES,
  records: ['evidence-of-deletion/*.json'],
  environment: [],
  permissions: (platform) => [registryItems(platform, ['dynamodb:Query', 'dynamodb:UpdateItem'])],
});

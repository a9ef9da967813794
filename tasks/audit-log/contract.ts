import { defineContract, type Permission, type Platform, Provisioned, TaskInput } from '../shared/contract';
import { auditLogGroupName } from '../shared/names';
import { ONBOARDING_STATUSES } from '../shared/tenant';

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
  repeatable: 'The log group name is unique; key, retention and tags are set again on every run.',
  entry: 'audit-log/provision',
  input: TaskInput,
  output: Provisioned,
  resource: AUDIT_LOG,
  fence: ONBOARDING_STATUSES,
  environment: ['AUDIT_KEY_ARN', 'AUDIT_RETENTION_DAYS', 'AUDIT_DELETION_PROTECTION'],
  permissions: (platform) => [
    logGroups(platform, [
      'logs:CreateLogGroup',
      'logs:PutRetentionPolicy',
      'logs:AssociateKmsKey',
      'logs:TagResource',
      'logs:PutLogGroupDeletionProtection',
    ]),
  ],
});

export const verifyAuditLogPermissions = ({ partition, region, account }: Platform): readonly Permission[] => [
  {
    actions: ['logs:DescribeLogGroups'],
    resources: [`arn:${partition}:logs:${region}:${account}:log-group:*`],
    wildcardReason:
      'DescribeLogGroups lists by prefix and cannot be narrowed to one group; it shows settings, no events.',
  },
];

import { CloudWatchLogsClient, paginateDescribeLogGroups } from '@aws-sdk/client-cloudwatch-logs';
import { REPEATABLE } from '../shared/clients';
import { auditLogGroupName } from '../shared/names';
import { problemsOf, type Verify } from '../shared/verification';

const logs = new CloudWatchLogsClient(REPEATABLE);

/** The log group exists under the platform's audit key, with the stage's retention. */
export const verifyAuditLog: Verify<'AUDIT_KEY_ARN' | 'AUDIT_RETENTION_DAYS'> = async ({ tenantId, env, app }) => {
  const name = auditLogGroupName(app, tenantId);
  for await (const page of paginateDescribeLogGroups({ client: logs }, { logGroupNamePrefix: name })) {
    const group = page.logGroups?.find(({ logGroupName }) => logGroupName === name);
    if (group === undefined) continue;
    return problemsOf({
      [`log group ${name} is not under the platform audit key`]: group.kmsKeyId === env.AUDIT_KEY_ARN,
      [`log group ${name} keeps events for ${group.retentionInDays ?? 'ever'} instead of ${env.AUDIT_RETENTION_DAYS} days`]:
        group.retentionInDays === env.AUDIT_RETENTION_DAYS,
    });
  }
  return [`log group ${name} does not exist`];
};

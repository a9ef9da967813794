import {
  CloudWatchLogsClient,
  ListTagsForResourceCommand,
  paginateDescribeLogGroups,
} from '@aws-sdk/client-cloudwatch-logs';
import { REPEATABLE } from '../shared/clients';
import { appId, auditLogGroupName, MANAGED_BY_TAG, TENANT_TAG } from '../shared/names';
import { missing, problemsOf, type Verify } from '../shared/verification';

const logs = new CloudWatchLogsClient(REPEATABLE);

/** The log group exists under the platform's audit key, with the stage's retention and protection, and is tagged. */
export const verifyAuditLog: Verify<'AUDIT_KEY_ARN' | 'AUDIT_RETENTION_DAYS' | 'AUDIT_DELETION_PROTECTION'> = async ({
  tenantId,
  env,
  app,
}) => {
  const name = auditLogGroupName(app, tenantId);
  for await (const page of paginateDescribeLogGroups({ client: logs }, { logGroupNamePrefix: name })) {
    const group = page.logGroups?.find(({ logGroupName }) => logGroupName === name);
    if (group === undefined) continue;
    // The older member ends in ":*", which the tag operations do not take [API_LogGroup].
    const resourceArn = group.logGroupArn ?? group.arn?.replace(/:\*$/, '');
    const { tags = {} } = await logs.send(new ListTagsForResourceCommand({ resourceArn }));
    return [
      ...problemsOf({
        [`log group ${name} is not under the platform audit key`]: group.kmsKeyId === env.AUDIT_KEY_ARN,
        [`log group ${name} keeps events for ${group.retentionInDays ?? 'ever'} instead of ${env.AUDIT_RETENTION_DAYS} days`]:
          group.retentionInDays === env.AUDIT_RETENTION_DAYS,
        [`log group ${name} is ${env.AUDIT_DELETION_PROTECTION ? 'not ' : ''}protected from deletion`]:
          (group.deletionProtectionEnabled ?? false) === env.AUDIT_DELETION_PROTECTION,
      }),
      ...problemsOf(
        {
          [`log group ${name} is not tagged ${TENANT_TAG}=${tenantId}`]: tags[TENANT_TAG] === tenantId,
          [`log group ${name} is not tagged ${MANAGED_BY_TAG}=${appId(app)}`]: tags[MANAGED_BY_TAG] === appId(app),
        },
        { kind: 'mis-tagged' },
      ),
    ];
  }
  return [missing(`log group ${name} does not exist`)];
};

import { CloudWatchLogsClient, paginateDescribeLogGroups } from '@aws-sdk/client-cloudwatch-logs';
import { REPEATABLE } from '../shared/clients';
import type { ListHoldings } from '../shared/holdings';
import { auditLogGroupName } from '../shared/names';

const logs = new CloudWatchLogsClient(REPEATABLE);

export const auditLogHoldings: ListHoldings<never> = async function* ({ app }) {
  const [logGroupNamePrefix = '', end = ''] = auditLogGroupName(app, '*').split('*');
  for await (const page of paginateDescribeLogGroups({ client: logs }, { logGroupNamePrefix })) {
    for (const { logGroupName = '' } of page.logGroups ?? []) {
      if (logGroupName.endsWith(end))
        yield { tenantId: logGroupName.slice(logGroupNamePrefix.length, -end.length), physicalId: logGroupName };
    }
  }
};

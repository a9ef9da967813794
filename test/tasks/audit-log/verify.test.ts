import { CloudWatchLogsClient, DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { mockClient } from 'aws-sdk-client-mock';
import { verifyAuditLog } from '../../../tasks/audit-log/verify';
import { aKeyArn, aVerification } from '../../support/builders';

const logs = mockClient(CloudWatchLogsClient);
const NAME = '/tenant-lifecycle/dev/tenants/acme/audit';
const aGroup = (changes: object = {}) => ({
  logGroupName: NAME,
  kmsKeyId: aKeyArn('audit'),
  retentionInDays: 365,
  ...changes,
});

describe('verifyAuditLog', () => {
  beforeEach(() => logs.reset());

  it('finds nothing wrong with a group as it must be, also on a later page', async () => {
    logs
      .on(DescribeLogGroupsCommand)
      .resolvesOnce({ logGroups: [aGroup({ logGroupName: `${NAME}-more` })], nextToken: 'next' })
      .resolvesOnce({ logGroups: [aGroup()] });

    expect(await verifyAuditLog(aVerification())).toEqual([]);
  });

  it('lists everything that is wrong', async () => {
    const { retentionInDays: _, ...forever } = aGroup({ kmsKeyId: aKeyArn('tenant') });
    logs.on(DescribeLogGroupsCommand).resolves({ logGroups: [forever] });

    expect(await verifyAuditLog(aVerification())).toEqual([
      `log group ${NAME} is not under the platform audit key`,
      `log group ${NAME} keeps events for ever instead of 365 days`,
    ]);
  });

  it('reports a missing group', async () => {
    logs.on(DescribeLogGroupsCommand).resolves({ logGroups: [] });

    expect(await verifyAuditLog(aVerification())).toEqual([`log group ${NAME} does not exist`]);
  });
});

import {
  CloudWatchLogsClient,
  DescribeLogGroupsCommand,
  ListTagsForResourceCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { mockClient } from 'aws-sdk-client-mock';
import { verifyAuditLog } from '../../../tasks/audit-log/verify';
import { aKeyArn, aVerification, messagesOf } from '../../support/builders';

const logs = mockClient(CloudWatchLogsClient);
const NAME = '/tenant-lifecycle/dev/tenants/acme/audit';
const aGroup = (changes: object = {}) => ({
  logGroupName: NAME,
  kmsKeyId: aKeyArn('audit'),
  retentionInDays: 365,
  deletionProtectionEnabled: true,
  arn: `arn:aws:logs:eu-central-1:123456789012:log-group:${NAME}:*`,
  ...changes,
});

describe('verifyAuditLog', () => {
  beforeEach(() => {
    logs.reset();
    logs
      .on(ListTagsForResourceCommand, { resourceArn: `arn:aws:logs:eu-central-1:123456789012:log-group:${NAME}` })
      .resolves({ tags: { 'tenant-id': 'acme', 'managed-by': 'tenant-lifecycle-dev' } });
  });

  it('finds nothing wrong with a group as it must be, also on a later page', async () => {
    logs
      .on(DescribeLogGroupsCommand)
      .resolvesOnce({ logGroups: [aGroup({ logGroupName: `${NAME}-more` })], nextToken: 'next' })
      .resolvesOnce({ logGroups: [aGroup()] });

    expect(messagesOf(await verifyAuditLog(aVerification()))).toEqual([]);
  });

  it('lists everything that is wrong', async () => {
    const { retentionInDays: _, ...forever } = aGroup({
      kmsKeyId: aKeyArn('tenant'),
      deletionProtectionEnabled: false,
    });
    logs.on(ListTagsForResourceCommand).resolves({ tags: { 'tenant-id': 'acme2' } });
    logs.on(DescribeLogGroupsCommand).resolves({ logGroups: [forever] });

    expect(messagesOf(await verifyAuditLog(aVerification()))).toEqual([
      `log group ${NAME} is not under the platform audit key`,
      `log group ${NAME} keeps events for ever instead of 365 days`,
      `log group ${NAME} is not protected from deletion`,
      `log group ${NAME} is not tagged tenant-id=acme`,
      `log group ${NAME} is not tagged managed-by=tenant-lifecycle-dev`,
    ]);
  });

  it('reports a missing group', async () => {
    logs.on(DescribeLogGroupsCommand).resolves({ logGroups: [] });

    expect(messagesOf(await verifyAuditLog(aVerification()))).toEqual([`log group ${NAME} does not exist`]);
  });
});

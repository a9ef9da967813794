import {
  AssociateKmsKeyCommand,
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  DeleteLogGroupCommand,
  DescribeLogStreamsCommand,
  FilterLogEventsCommand,
  GetLogEventsCommand,
  ListTagsForResourceCommand,
  PutLogEventsCommand,
  PutLogGroupDeletionProtectionCommand,
  PutRetentionPolicyCommand,
  paginateDescribeLogGroups,
  TagResourceCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import type { Endpoint } from '../../../sandbox/aws/endpoint';
import { createKms, type Kms } from '../../../sandbox/aws/kms';
import { createLogs, type Logs } from '../../../sandbox/aws/logs';
import { anEstate, clientFor, DAY, startedEndpoint } from './an-estate';

const logGroupName = '/app/dev/tenants/acme/audit';

describe('CloudWatch Logs', () => {
  const estate = anEstate();
  let kms: Kms;
  let logs: Logs;
  let endpoint: Endpoint;
  let client: CloudWatchLogsClient;

  beforeAll(async () => {
    kms = createKms(estate);
    logs = createLogs(estate, { kms, groupQuota: 5 });
    endpoint = await startedEndpoint({ estate, services: [kms.service, logs.service] });
    client = new CloudWatchLogsClient(clientFor(endpoint));
  });
  beforeEach(() => logs.reset());
  afterAll(() => endpoint.stop());

  const describeGroups = async (logGroupNamePrefix?: string) => {
    const groups = [];
    for await (const page of paginateDescribeLogGroups({ client, pageSize: 2 }, { logGroupNamePrefix })) {
      groups.push(...(page.logGroups ?? []));
    }
    return groups;
  };

  it('creates a group once, with key, tags and protection', async () => {
    const kmsKeyId = kms.createKey();
    const create = new CreateLogGroupCommand({
      logGroupName,
      kmsKeyId,
      tags: { 'tenant-id': 'acme' },
      deletionProtectionEnabled: true,
    });
    await client.send(create);
    await client.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays: 400 }));

    const arn = `arn:aws:logs:eu-central-1:111122223333:log-group:${logGroupName}`;
    expect(await describeGroups('/app')).toMatchObject([
      { logGroupName, kmsKeyId, retentionInDays: 400, arn: `${arn}:*`, logGroupArn: arn, logGroupClass: 'STANDARD' },
    ]);
    await expect(client.send(create)).rejects.toMatchObject({ name: 'ResourceAlreadyExistsException' });
    for (const resourceArn of [arn, `${arn}:*`]) {
      await client.send(new TagResourceCommand({ resourceArn, tags: { b: '2' } }));
      expect((await client.send(new ListTagsForResourceCommand({ resourceArn }))).tags).toEqual({
        'tenant-id': 'acme',
        b: '2',
      });
    }
  });

  it.each([
    [
      'a retention that is not offered',
      () => new PutRetentionPolicyCommand({ logGroupName, retentionInDays: 42 }),
      'InvalidParameterException',
    ],
    [
      'retention of a group that is not there',
      () => new PutRetentionPolicyCommand({ logGroupName: '/none', retentionInDays: 7 }),
      'ResourceNotFoundException',
    ],
    ['a name with a space', () => new CreateLogGroupCommand({ logGroupName: 'a b' }), 'InvalidParameterException'],
    ['a name of AWS', () => new CreateLogGroupCommand({ logGroupName: 'aws/x' }), 'InvalidParameterException'],
    [
      'a key that is not there',
      () => new CreateLogGroupCommand({ logGroupName: '/x', kmsKeyId: '00000000-0000-0000-0000-000000000000' }),
      'InvalidParameterException',
    ],
    [
      'the deletion of a group that is not there',
      () => new DeleteLogGroupCommand({ logGroupName: '/none' }),
      'ResourceNotFoundException',
    ],
  ])('refuses %s', async (_, command, name) => {
    logs.createLogGroup({ name: logGroupName });

    await expect(client.send(command() as CreateLogGroupCommand)).rejects.toMatchObject({ name });
  });

  it('takes a usable key only', async () => {
    logs.createLogGroup({ name: logGroupName });
    const [usable, disabled] = [kms.createKey(), kms.createKey()];
    kms.service.operations['DisableKey']?.({ KeyId: disabled }, {} as never);

    await client.send(new AssociateKmsKeyCommand({ logGroupName, kmsKeyId: usable }));
    await client.send(new AssociateKmsKeyCommand({ logGroupName, kmsKeyId: usable }));

    await expect(client.send(new AssociateKmsKeyCommand({ logGroupName, kmsKeyId: disabled }))).rejects.toMatchObject({
      name: 'InvalidParameterException',
    });
    expect(logs.group(logGroupName)?.kmsKeyId).toBe(usable);
  });

  it('deletes a protected group only after the protection is off', async () => {
    logs.createLogGroup({ name: logGroupName, deletionProtection: true });
    const remove = new DeleteLogGroupCommand({ logGroupName });

    await expect(client.send(remove)).rejects.toMatchObject({ name: 'ValidationException' });
    await client.send(
      new PutLogGroupDeletionProtectionCommand({ logGroupIdentifier: logGroupName, deletionProtectionEnabled: false }),
    );
    await client.send(remove);

    expect(await describeGroups()).toEqual([]);
  });

  it('pages through groups by prefix and reports the quota', async () => {
    for (const name of ['/b', '/a/3', '/a/1', '/a/2', '/c']) logs.createLogGroup({ name });

    expect((await describeGroups('/a/')).map((group) => group.logGroupName)).toEqual(['/a/1', '/a/2', '/a/3']);
    await expect(client.send(new CreateLogGroupCommand({ logGroupName: '/d' }))).rejects.toMatchObject({
      name: 'LimitExceededException',
    });
  });

  describe('events', () => {
    const logStreamName = 'purge';
    const messages = ['{"step":"claim","n":1}', '{"step":"purge","n":2}', 'plain purge line'];

    beforeEach(async () => {
      logs.createLogGroup({ name: logGroupName });
      await client.send(new CreateLogStreamCommand({ logGroupName, logStreamName }));
      const logEvents = messages.map((message, index) => ({ message, timestamp: estate.clock.now() + index }));
      await client.send(new PutLogEventsCommand({ logGroupName, logStreamName, logEvents }));
    });

    it('are read from either end, page by page, until the token repeats', async () => {
      const read = (nextToken?: string) =>
        client.send(new GetLogEventsCommand({ logGroupName, logStreamName, startFromHead: true, limit: 2, nextToken }));

      const first = await read();
      const second = await read(first.nextForwardToken);
      const third = await read(second.nextForwardToken);
      const newest = await client.send(new GetLogEventsCommand({ logGroupName, logStreamName, limit: 1 }));

      expect([first, second, third].map(({ events }) => events?.length)).toEqual([2, 1, 0]);
      expect(third.nextForwardToken).toBe(second.nextForwardToken);
      expect(newest.events?.[0]?.message).toBe('plain purge line');
    });

    it.each([
      ['purge', 2],
      ['"purge line"', 1],
      ['purge -plain', 1],
      ['?claim ?plain', 2],
      ['{ $.step = "purge" }', 1],
      ['{ $.n = 1 }', 1],
      ['', 3],
    ])('match the pattern %s', async (filterPattern, count) => {
      const { events } = await client.send(new FilterLogEventsCommand({ logGroupName, filterPattern }));

      expect(events).toHaveLength(count);
    });

    it('must be in order and not too old', async () => {
      const putAt = (...offsets: number[]) =>
        client.send(
          new PutLogEventsCommand({
            logGroupName,
            logStreamName,
            logEvents: offsets.map((offset) => ({ message: 'm', timestamp: estate.clock.now() + offset })),
          }),
        );

      await expect(putAt(1, 0)).rejects.toMatchObject({ name: 'InvalidParameterException' });
      expect((await putAt(-15 * DAY, 0, DAY)).rejectedLogEventsInfo).toEqual({
        tooOldLogEventEndIndex: 1,
        tooNewLogEventStartIndex: 2,
      });
    });

    it('vanish with the retention', async () => {
      await client.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays: 1 }));
      await estate.clock.advance(2 * DAY);

      expect((await client.send(new FilterLogEventsCommand({ logGroupName }))).events).toEqual([]);
    });

    it('need an existing stream', async () => {
      await expect(client.send(new GetLogEventsCommand({ logGroupName, logStreamName: 'none' }))).rejects.toMatchObject(
        { name: 'ResourceNotFoundException' },
      );
      await expect(client.send(new CreateLogStreamCommand({ logGroupName, logStreamName }))).rejects.toMatchObject({
        name: 'ResourceAlreadyExistsException',
      });
    });

    it('can be appended by the sandbox itself, which makes group and stream on the way', async () => {
      logs.append('/aws/lambda/purge', 'b', 'one');
      logs.append('/aws/lambda/purge', 'a', 'two');

      const { logStreams } = await client.send(
        new DescribeLogStreamsCommand({ logGroupName: '/aws/lambda/purge', orderBy: 'LogStreamName' }),
      );

      expect(logStreams?.map((stream) => stream.logStreamName)).toEqual(['a', 'b']);
      expect(logs.lines('/aws/lambda/purge')).toEqual(['one', 'two']);
      expect(logs.lines('/none')).toEqual([]);
    });
  });
});

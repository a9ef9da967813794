import { CloudWatchLogsClient, CreateLogStreamCommand, PutLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { type AuditRecord, type AuditTrail, writeAuditRecord } from '../../../tasks/shared/audit';
import { type AuditBucket, serveAuditBucket } from '../../support/audit-bucket';
import { aLostAnswer, anAwsError } from '../../support/aws-errors';
import { APP, AUDIT_BUCKET, anExecutionArn, REGISTRY_TABLE } from '../../support/builders';

const s3 = mockClient(S3Client);
const logs = mockClient(CloudWatchLogsClient);
let bucket: AuditBucket;

const KEY = 'audit/acme/x/y.json';
const NOW = new Date('2026-01-02T00:00:00.000Z');
const aTrail = (): AuditTrail => ({
  app: APP,
  env: { APP_NAME: APP.name, STAGE: APP.stage, REGISTRY_TABLE, AUDIT_BUCKET },
  now: () => NOW,
});
const aRecord = (changes: Partial<AuditRecord> = {}): AuditRecord => ({
  tenantId: 'acme',
  action: 'provision-user-group',
  requestedBy: 'signup/backend',
  requestId: 'request-1',
  executionArn: anExecutionArn(),
  step: 'Provision user group',
  resource: { type: 'user-group', physicalId: 'acme' },
  outcome: 'SUCCEEDED',
  at: '2026-01-01T00:00:00.000Z',
  ...changes,
});
const write = (changes?: Partial<AuditRecord>) => writeAuditRecord(aTrail(), KEY, aRecord(changes));
const gone = () => anAwsError('ResourceNotFoundException');
const GROUP = { logGroupName: '/tenant-lifecycle/dev/tenants/acme/audit', logStreamName: 'lifecycle' };
const puts = () => logs.commandCalls(PutLogEventsCommand).map((call) => call.args[0].input);
const logged = () =>
  puts().flatMap(({ logEvents = [] }) => logEvents.map(({ message }) => JSON.parse(message ?? '') as object));

beforeEach(() => {
  s3.reset();
  logs.reset();
  bucket = serveAuditBucket(s3);
  logs.on(PutLogEventsCommand).resolves({});
});

describe('writeAuditRecord', () => {
  it('puts canonical JSON only where nothing is yet', async () => {
    await write();

    const [put] = s3.commandCalls(PutObjectCommand);
    expect(put?.args[0].input).toMatchObject({
      Bucket: AUDIT_BUCKET,
      Key: KEY,
      IfNoneMatch: '*',
      ContentType: 'application/json',
    });
    expect(JSON.parse(String(put?.args[0].input.Body))).toEqual({ schemaVersion: 1, ...aRecord() });
  });

  it('then puts the record, with its key, into the tenant’s log', async () => {
    await write();

    expect(puts()).toEqual([{ ...GROUP, logEvents: [{ timestamp: NOW.getTime(), message: expect.any(String) }] }]);
    expect(logged()).toEqual([{ schemaVersion: 1, ...aRecord(), key: KEY }]);
  });

  it('leaves a record that is there already, and logs it as it stands', async () => {
    await write();

    await write({ at: '2026-01-01T00:05:00.000Z' });

    expect(bucket.versionsOf(KEY)).toBe(1);
    expect(logged()).toEqual([1, 2].map(() => ({ schemaVersion: 1, ...aRecord(), key: KEY })));
  });

  it('is repeated after the answer of the put was lost, and after a death between bucket and log', async () => {
    bucket.loseAnswer('PutObject', /y\.json$/);
    await expect(write()).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(logged()).toEqual([]);

    await write({ at: '2026-01-01T00:05:00.000Z' });

    expect(bucket.versionsOf(KEY)).toBe(1);
    expect(logged()).toEqual([{ schemaVersion: 1, ...aRecord(), key: KEY }]);
  });

  it.each(['NoSuchBucket', 'AccessDenied', 'SlowDown', 'ConditionalRequestConflict'])(
    'passes %s on: no evidence, no success, and nothing in the log',
    async (name) => {
      bucket.fail('PutObject', /y\.json$/, anAwsError(name));

      await expect(write()).rejects.toMatchObject({ name });

      expect(logs.calls()).toHaveLength(0);
    },
  );

  it('passes on that what stands there cannot be read', async () => {
    await write();
    bucket.fail('GetObject', /y\.json$/);

    await expect(write()).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  it('is content with the bucket where the tenant has no log group', async () => {
    logs.on(PutLogEventsCommand).rejects(gone());
    logs.on(CreateLogStreamCommand).rejects(gone());

    await write();

    expect(bucket.keys()).toEqual([KEY]);
    expect(logs.calls()).toHaveLength(2);
  });

  it.each([
    ['is missing', () => logs.on(CreateLogStreamCommand).resolves({})],
    [
      'was made by another task a moment ago',
      () => logs.on(CreateLogStreamCommand).rejects(anAwsError('ResourceAlreadyExistsException')),
    ],
  ])('puts again when the stream %s', async (_, prepare) => {
    logs.on(PutLogEventsCommand).rejectsOnce(gone()).resolves({});
    prepare();

    await write();

    expect(logs.commandCalls(CreateLogStreamCommand).map((call) => call.args[0].input)).toEqual([GROUP]);
    expect(puts()).toHaveLength(2);
  });

  it('wants to be repeated when the stream is not visible after it was made', async () => {
    logs.on(PutLogEventsCommand).rejects(gone());
    logs.on(CreateLogStreamCommand).resolves({});

    await expect(write()).rejects.toMatchObject({ name: 'NotReadyError' });

    expect(puts()).toHaveLength(2);
  });

  it('wants to be repeated when the event was rejected', async () => {
    logs.on(PutLogEventsCommand).resolves({ rejectedLogEventsInfo: { tooNewLogEventStartIndex: 0 } });

    await expect(write()).rejects.toMatchObject({ name: 'TransientError' });
  });

  it.each([
    ['PutLogEvents', 'ServiceUnavailableException', () => logs.on(PutLogEventsCommand)],
    ['PutLogEvents', 'AccessDeniedException', () => logs.on(PutLogEventsCommand)],
    ['CreateLogStream', 'ThrottlingException', () => logs.on(CreateLogStreamCommand)],
  ])(
    'passes on that %s failed with %s; the record in the bucket stays, and the repeat logs it',
    async (_, name, on) => {
      logs.on(PutLogEventsCommand).rejects(gone());
      on().rejects(anAwsError(name));

      await expect(write()).rejects.toMatchObject({ name });

      expect(bucket.keys()).toEqual([KEY]);
      logs.reset();
      logs.on(PutLogEventsCommand).resolves({});
      await write({ at: '2026-01-01T00:05:00.000Z' });
      expect(logged()).toEqual([{ schemaVersion: 1, ...aRecord(), key: KEY }]);
    },
  );

  it('logs again after the answer of the log was lost: readers tell by the key', async () => {
    logs.on(PutLogEventsCommand).rejectsOnce(aLostAnswer()).resolves({});
    await expect(write()).rejects.toMatchObject({ name: 'TimeoutError' });

    await write();

    expect(logged()).toEqual([1, 2].map(() => ({ schemaVersion: 1, ...aRecord(), key: KEY })));
  });
});

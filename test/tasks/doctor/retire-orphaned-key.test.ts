import { CloudWatchLogsClient, PutLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DisableKeyCommand, EnableKeyCommand, KMSClient, ScheduleKeyDeletionCommand } from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import { DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/doctor/retire-orphaned-key';
import { type AuditBucket, serveAuditBucket } from '../../support/audit-bucket';
import { recordIn } from '../../support/audit-log';
import { anAwsError } from '../../support/aws-errors';
import {
  aContext,
  aKeyArn,
  aLedgerItem,
  aStateItem,
  oneLegalHold,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { type Calls, interruptible } from '../../support/interruptions';
import { anOrphanedKey, type Key, serveKeys } from '../../support/key-ring';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const kms = mockClient(KMSClient);
const s3 = mockClient(S3Client);
const sfn = mockClient(SFNClient);
const logs = mockClient(CloudWatchLogsClient);
let calls: Calls;
let tables: Tables;
let bucket: AuditBucket;
let key: Key;

const RECORD = 'audit/acme/retired-keys/orphan.json';
const retire = () =>
  handler({ keyArn: aKeyArn('orphan'), requestId: 'retire-1', requestedBy: 'ops/one' }, aContext()) as Promise<{
    deletionDate: string;
  }>;
const DAYS_30 = 30 * 86_400_000;

async function begin(): Promise<void> {
  for (const mock of [dynamodb, kms, s3, sfn, logs]) mock.reset();
  logs.on(PutLogEventsCommand).resolves({});
  sfn.on(DescribeExecutionCommand).rejects(anAwsError('ExecutionDoesNotExist'));
  bucket = serveAuditBucket(s3);
  tables = await serveTables(dynamodb, REGISTRY_TABLE);
  // The tenant has another key.
  await tables.put(REGISTRY_TABLE, aStateItem({ status: 'ACTIVE' }), aLedgerItem({ physicalId: aKeyArn('ours') }));
  key = anOrphanedKey();
  serveKeys(kms, [key]);
  calls = interruptible(DynamoDBDocumentClient, KMSClient, S3Client, SFNClient, CloudWatchLogsClient);
}

beforeEach(async () => {
  captureOutput();
  setEnvironment();
  await begin();
});
afterEach(() => jest.restoreAllMocks());

describe('retire-orphaned-key', () => {
  it('disables the key, schedules its deletion with the longest window, and audits who asked', async () => {
    const { deletionDate } = await retire();

    expect(key.state).toBe('PendingDeletion');
    expect(Date.parse(deletionDate) - Date.now()).toBeGreaterThan(DAYS_30 - 60_000);
    expect(kms.commandCalls(DisableKeyCommand)).toHaveLength(1);
    expect(recordIn(bucket, RECORD)).toMatchObject({
      tenantId: 'acme',
      action: 'retire-orphaned-key',
      requestedBy: 'ops/one',
      requestId: 'retire-1',
      resource: { type: 'encryption-key', physicalId: aKeyArn('orphan') },
      outcome: 'SUCCEEDED',
      until: deletionDate,
    });
    expect(logs.commandCalls(PutLogEventsCommand)).toHaveLength(1);
  });

  it('answers the same when it is asked again, and schedules nothing twice', async () => {
    const first = await retire();

    expect(await retire()).toEqual(first);
    expect(kms.commandCalls(ScheduleKeyDeletionCommand)).toHaveLength(1);
    expect(bucket.versionsOf(RECORD)).toBe(1);
  });

  it('converges after a crash or a lost answer at whichever call', async () => {
    await retire();
    const all = [...calls.names];
    expect(all.filter((name) => /Disable|Schedule|PutObject|PutLogEvents/.test(name))).toHaveLength(4);

    for (const when of ['before', 'after'] as const) {
      for (const call of all.keys()) {
        await begin();
        calls.reset({ call, when });
        await retire().catch(() => undefined);
        calls.reset();
        const { deletionDate } = await retire();

        const scheduled = kms.commandCalls(ScheduleKeyDeletionCommand).length;
        expect({ call: `${when} ${call} ${all[call]}`, state: key.state, versions: bucket.versionsOf(RECORD) }).toEqual(
          {
            call: `${when} ${call} ${all[call]}`,
            state: 'PendingDeletion',
            versions: 1,
          },
        );
        expect(scheduled).toBe(1);
        expect(deletionDate).toBe(key.deletionDate?.toISOString());
        expect(recordIn(bucket, RECORD)).toMatchObject({ until: deletionDate });
      }
    }
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      'the tenant has it',
      () => tables.put(REGISTRY_TABLE, aLedgerItem({ physicalId: aKeyArn('orphan') })),
      /not an orphan/,
    ],
    ['an alias leads to it', () => Object.assign(key, { alias: 'alias/somebody' }), /not an orphan/],
    ['it was used', () => Object.assign(key, { usedAt: new Date('2026-05-05') }), /it was used at 2026-05-05/],
    [
      'a legal hold of the tenant stands',
      () => tables.put(REGISTRY_TABLE, aStateItem({ legalHolds: oneLegalHold })),
      /under a legal hold/,
    ],
    [
      'it names no tenant',
      () => Object.assign(key, { tags: { 'managed-by': 'tenant-lifecycle-dev' } }),
      /names no tenant/,
    ],
  ])('touches nothing when %s', async (_, change, why) => {
    await change();

    await expect(retire()).rejects.toMatchObject({
      name: 'ResourceConflictError',
      message: expect.stringMatching(why),
    });
    expect(key.state).toBe('Enabled');
    expect(calls.names.filter((name) => /Disable|Enable|Schedule|PutObject/.test(name))).toEqual([]);
  });

  it('gives the key back to an onboarding that took it meanwhile', async () => {
    kms.on(DisableKeyCommand).callsFake(async () => {
      key.state = 'Disabled';
      await tables.put(REGISTRY_TABLE, aLedgerItem({ physicalId: aKeyArn('orphan') }));
      return {};
    });

    await expect(retire()).rejects.toMatchObject({ name: 'ResourceConflictError' });

    expect(key.state).toBe('Enabled');
    expect(kms.commandCalls(EnableKeyCommand)).toHaveLength(1);
    expect(kms.commandCalls(ScheduleKeyDeletionCommand)).toHaveLength(0);
    expect(bucket.keys()).toEqual([]);
  });

  it('leaves the key disabled, not scheduled, when the second look fails', async () => {
    let looked = 0;
    sfn.on(DescribeExecutionCommand).callsFake(() => {
      looked += 1;
      throw anAwsError(looked === 1 ? 'ExecutionDoesNotExist' : 'ThrottlingException');
    });

    await expect(retire()).rejects.toMatchObject({ name: 'ThrottledError' });

    expect(key.state).toBe('Disabled');
    expect(bucket.keys()).toEqual([]);
  });
});

import {
  DeleteAliasCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  type KeyState,
  KMSClient,
  ListKeysCommand,
  ListResourceTagsCommand,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import * as destroy from '../../../tasks/encryption-key/destroy';
import * as restore from '../../../tasks/encryption-key/restore';
import * as suspend from '../../../tasks/encryption-key/suspend';
import { serveAuditLog } from '../../support/audit-log';
import { aLostAnswer, anAwsError } from '../../support/aws-errors';
import {
  aContext,
  aHeldTenant,
  aKeyArn,
  aLedgerItem,
  anOffboardingInput,
  aPurgedTenant,
  aStateItem,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const kms = mockClient(KMSClient);
const s3 = mockClient(S3Client);
serveAuditLog();
let tables: Tables;

const ALIAS = 'alias/tenant-lifecycle-dev/tenant/acme';
const DELETED_AT = new Date('2026-03-01T00:00:00.000Z');
interface Key {
  readonly id: string;
  readonly tenantId: string;
  state: KeyState;
}
let keys: Key[];
let alias: string | undefined;
let lose: string | undefined;

const ledger = () => tables.get(REGISTRY_TABLE, 'TENANT#acme', 'RESOURCE#encryption-key');
const stateOf = (id: string) => keys.find((key) => key.id === id)?.state;
const run = (task: { handler: typeof destroy.handler }) => task.handler(anOffboardingInput(), aContext());
/** Its first attempt was long ago. */
const aYoungEntry = () => aLedgerItem({ physicalId: aKeyArn('ours'), attemptedAt: new Date().toISOString() });
/** What KMS shows of a key is as old as its last change. */
const showsLate = (id: string, KeyState: KeyState) =>
  kms
    .on(DescribeKeyCommand, { KeyId: aKeyArn(id) })
    .resolves({ KeyMetadata: { KeyId: id, Arn: aKeyArn(id), KeyState } });
const anIntent = () => aLedgerItem({ phase: 'INTENT', attemptId: 'a', physicalId: undefined as never });

beforeEach(async () => {
  captureOutput();
  setEnvironment();
  dynamodb.reset();
  kms.reset();
  s3.reset();
  tables = await serveTables(dynamodb, REGISTRY_TABLE);
  await tables.put(REGISTRY_TABLE, aStateItem(aPurgedTenant()), aLedgerItem({ physicalId: aKeyArn('ours') }));
  keys = [
    { id: 'ours', tenantId: 'acme', state: 'Enabled' },
    { id: 'theirs', tenantId: 'acme2', state: 'Enabled' },
  ];
  alias = aKeyArn('ours');
  lose = undefined;
  const find = (id: string | undefined) => {
    const key = keys.find((one) => aKeyArn(one.id) === (id === ALIAS ? alias : id));
    if (key === undefined) throw anAwsError('NotFoundException');
    return key;
  };
  const set =
    (name: string, to: KeyState) =>
    ({ KeyId }: { KeyId?: string }) => {
      const key = find(KeyId);
      if (key.state === 'PendingDeletion') throw anAwsError('KMSInvalidStateException', 'is pending deletion');
      key.state = to;
      if (lose === name) {
        lose = undefined;
        throw aLostAnswer();
      }
      return { DeletionDate: DELETED_AT };
    };
  kms.on(DescribeKeyCommand).callsFake(({ KeyId }) => {
    const { id, state } = find(KeyId);
    const DeletionDate = state === 'PendingDeletion' ? DELETED_AT : undefined;
    return { KeyMetadata: { KeyId: id, Arn: aKeyArn(id), KeyState: state, DeletionDate } };
  });
  kms.on(ListKeysCommand).callsFake(() => ({ Keys: keys.map(({ id }) => ({ KeyArn: aKeyArn(id) })) }));
  kms.on(ListResourceTagsCommand).callsFake(({ KeyId }) => ({
    Tags: [
      { TagKey: 'tenant-id', TagValue: find(KeyId).tenantId },
      { TagKey: 'managed-by', TagValue: 'tenant-lifecycle-dev' },
    ],
  }));
  kms.on(DisableKeyCommand).callsFake(set('disable', 'Disabled'));
  kms.on(EnableKeyCommand).callsFake(set('enable', 'Enabled'));
  kms.on(ScheduleKeyDeletionCommand).callsFake(set('schedule', 'PendingDeletion'));
  kms.on(DeleteAliasCommand).callsFake(() => {
    if (alias === undefined) throw anAwsError('NotFoundException');
    alias = undefined;
    return {};
  });
});

afterEach(() => {
  expect(stateOf('theirs')).toBe('Enabled');
  jest.restoreAllMocks();
});

describe('suspend-encryption-key', () => {
  it('disables the key', async () => {
    await tables.put(REGISTRY_TABLE, aStateItem(aHeldTenant()));

    expect(await run(suspend)).toEqual({ physicalId: aKeyArn('ours'), ready: true });
    expect(await run(suspend)).toEqual({ physicalId: aKeyArn('ours'), ready: true });

    expect(stateOf('ours')).toBe('Disabled');
  });

  it('disables a key that KMS still shows as it was before it was enabled', async () => {
    showsLate('ours', 'Disabled');

    await run(suspend);

    expect(stateOf('ours')).toBe('Disabled');
  });

  it('comes back later for a key whose deletion KMS does not show yet', async () => {
    for (const key of keys) if (key.id === 'ours') key.state = 'PendingDeletion';
    showsLate('ours', 'Enabled');

    await expect(run(suspend)).rejects.toMatchObject({ name: 'NotReadyError' });
  });

  it('comes back later for a key that was just made and that KMS does not know yet', async () => {
    await tables.put(REGISTRY_TABLE, aYoungEntry());
    keys = keys.filter(({ id }) => id !== 'ours');

    await expect(run(suspend)).rejects.toMatchObject({ name: 'NotReadyError' });
  });

  it('does not look for a key whose CreateKey was sent a moment ago', async () => {
    await tables.put(REGISTRY_TABLE, { ...anIntent(), attemptedAt: new Date().toISOString() });

    await expect(run(suspend)).rejects.toMatchObject({ name: 'NotReadyError' });
  });

  it('finds a key whose CreateKey answer was lost', async () => {
    alias = undefined;
    await tables.put(REGISTRY_TABLE, anIntent());

    await run(suspend);

    expect(stateOf('ours')).toBe('Disabled');
  });

  it.each(['PendingDeletion', undefined] as const)('counts a key that is %s as disabled', async (state) => {
    keys = keys.filter(({ id }) => id !== 'ours' || state !== undefined);
    for (const key of keys) if (key.id === 'ours' && state !== undefined) key.state = state;

    expect(await run(suspend)).toMatchObject({ ready: true });
    expect(kms.commandCalls(DisableKeyCommand)).toHaveLength(0);
  });
});

describe('restore-encryption-key', () => {
  it('enables the key', async () => {
    for (const key of keys) if (key.id === 'ours') key.state = 'Disabled';

    expect(await run(restore)).toMatchObject({ ready: true });
    expect(await run(restore)).toMatchObject({ ready: true });

    expect(stateOf('ours')).toBe('Enabled');
  });

  it('enables a key that KMS still shows as it was before it was disabled', async () => {
    for (const key of keys) if (key.id === 'ours') key.state = 'Disabled';
    showsLate('ours', 'Enabled');

    await run(restore);

    expect(stateOf('ours')).toBe('Enabled');
  });

  it('comes back later for a key that was just made and that KMS does not know yet', async () => {
    await tables.put(REGISTRY_TABLE, aYoungEntry());
    keys = keys.filter(({ id }) => id !== 'ours');

    await expect(run(restore)).rejects.toMatchObject({ name: 'NotReadyError' });
  });

  it.each(['PendingDeletion', undefined] as const)('leaves a key alone that is %s', async (state) => {
    keys = keys.filter(({ id }) => id !== 'ours' || state !== undefined);
    for (const key of keys) if (key.id === 'ours' && state !== undefined) key.state = state;

    expect(await run(restore)).toMatchObject({ ready: true });
    expect(kms.commandCalls(EnableKeyCommand)).toHaveLength(0);
  });

  it('has nothing to do for a key that was never made', async () => {
    await tables.put(REGISTRY_TABLE, anIntent());

    expect(await run(restore)).toEqual({ physicalId: 'never made', ready: true });
  });
});

describe('destroy-encryption-key', () => {
  it('deletes the alias, disables the key, schedules its deletion and keeps the date', async () => {
    expect(await run(destroy)).toEqual({ physicalId: aKeyArn('ours'), gone: true, removed: 1 });

    expect([alias, stateOf('ours')]).toEqual([undefined, 'PendingDeletion']);
    expect(kms.commandCalls(ScheduleKeyDeletionCommand)[0]?.args[0].input.PendingWindowInDays).toBe(7);
    expect(await ledger()).toMatchObject({ phase: 'DESTROYED', deletionDate: DELETED_AT.toISOString() });
  });

  it.each(['disable', 'schedule'])('goes on after the answer to "%s" was lost', async (call) => {
    lose = call;
    await expect(run(destroy)).rejects.toMatchObject({ name: 'TransientError' });

    expect(await run(destroy)).toMatchObject({ gone: true });
    expect(await run(destroy)).toMatchObject({ gone: true });

    expect(stateOf('ours')).toBe('PendingDeletion');
    expect(await ledger()).toMatchObject({ deletionDate: DELETED_AT.toISOString() });
  });

  it('reads the date back when KMS still shows as enabled what is pending deletion', async () => {
    let looks = 0;
    kms.on(DescribeKeyCommand, { KeyId: aKeyArn('ours') }).callsFake(() => {
      looks += 1;
      const late = looks > 1 && { KeyState: 'PendingDeletion' as const, DeletionDate: DELETED_AT };
      return { KeyMetadata: { KeyId: 'ours', Arn: aKeyArn('ours'), KeyState: 'Enabled' as const, ...late } };
    });
    for (const key of keys) if (key.id === 'ours') key.state = 'PendingDeletion';

    expect(await run(destroy)).toMatchObject({ gone: true });
    expect(await ledger()).toMatchObject({ deletionDate: DELETED_AT.toISOString() });
  });

  it('does not take a key that was just made and that KMS does not know yet for destroyed', async () => {
    await tables.put(REGISTRY_TABLE, aYoungEntry());
    keys = keys.filter(({ id }) => id !== 'ours');

    await expect(run(destroy)).rejects.toMatchObject({ name: 'NotReadyError' });
    expect(await ledger()).toMatchObject({ phase: 'DONE' });
  });

  it('notes of a key that KMS has destroyed before when that was found, once', async () => {
    keys = keys.filter(({ id }) => id !== 'ours');
    const before = Date.now();

    expect(await run(destroy)).toMatchObject({ physicalId: aKeyArn('ours'), gone: true });
    const noted = (await ledger())?.['deletionDate'];
    await run(destroy);

    expect(Date.parse(String(noted))).toBeGreaterThanOrEqual(before);
    expect(await ledger()).toMatchObject({ phase: 'DESTROYED', deletionDate: noted });
  });

  it('schedules every key that carries the tenant’s tags when an answer had been lost', async () => {
    keys.push({ id: 'orphan', tenantId: 'acme', state: 'Enabled' });
    await tables.put(REGISTRY_TABLE, anIntent());

    expect(await run(destroy)).toMatchObject({ removed: 2 });

    expect([stateOf('ours'), stateOf('orphan')]).toEqual(['PendingDeletion', 'PendingDeletion']);
  });

  it('does not touch another tenant’s key that the alias stands on', async () => {
    alias = aKeyArn('theirs');
    keys = keys.filter(({ id }) => id === 'theirs');

    expect(await run(destroy)).toMatchObject({ gone: true, removed: 0 });
  });

  it('has nothing to do for a key that was never made', async () => {
    alias = undefined;
    keys = keys.filter(({ id }) => id === 'theirs');
    await tables.put(REGISTRY_TABLE, anIntent());

    expect(await run(destroy)).toEqual({ physicalId: 'never made', gone: true, removed: 0 });
  });

  it.each(['6', '31', ''])('is not run with a window of %j days', async (days) => {
    setEnvironment({ KEY_DELETION_DAYS: days });

    await expect(run(destroy)).rejects.toMatchObject({ name: 'InvalidEnvironmentError' });
    expect(kms.calls()).toHaveLength(0);
  });
});

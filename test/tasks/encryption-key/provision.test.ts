import {
  CreateAliasCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  EnableKeyCommand,
  EnableKeyRotationCommand,
  GetKeyPolicyCommand,
  KMSClient,
  ListKeysCommand,
  ListResourceTagsCommand,
  PutKeyPolicyCommand,
  TagResourceCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/encryption-key/provision';
import { serveAuditLog } from '../../support/audit-log';
import { aLostAnswer, anAwsError } from '../../support/aws-errors';
import {
  ACCOUNT,
  aContext,
  aKeyArn,
  aKeyPolicy,
  aLedgerItem,
  aStateItem,
  aTaskInput,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
const kms = mockClient(KMSClient);
serveAuditLog();
let tables: Tables;

const ALIAS = 'alias/tenant-lifecycle-dev/tenant/acme';

interface Key {
  readonly id: string;
  tenantId?: string;
  managedBy?: string;
  state?: 'Enabled' | 'Disabled' | 'PendingDeletion';
  createdAt?: number;
}

/** KMS as far as the task sees it: keys with tags, and one alias. */
function serveKeys(keys: Key[] = [], alias?: string): { keys: Key[]; alias: () => string | undefined } {
  let target = alias;
  const find = (id: string | undefined) => {
    const key = keys.find((one) => aKeyArn(one.id) === (id === ALIAS ? target : id));
    if (key === undefined) throw anAwsError('NotFoundException', `${id} is not found`);
    return key;
  };
  kms.on(CreateKeyCommand).callsFake(({ Tags = [] }) => {
    const tag = (name: string) => Tags.find(({ TagKey }: { TagKey: string }) => TagKey === name)?.TagValue;
    const id = `made-${keys.length + 1}`;
    keys.push({ id, tenantId: tag('tenant-id'), managedBy: tag('managed-by') });
    return { KeyMetadata: { KeyId: id, Arn: aKeyArn(id) } };
  });
  kms.on(DescribeKeyCommand).callsFake(({ KeyId }) => {
    const { id, state = 'Enabled', createdAt = 0 } = find(KeyId);
    return { KeyMetadata: { KeyId: id, Arn: aKeyArn(id), KeyState: state, CreationDate: new Date(createdAt) } };
  });
  kms.on(ListKeysCommand).callsFake(({ Marker }) => {
    const position = Number(Marker ?? 0);
    const Keys = keys.slice(position, position + 2).map(({ id }) => ({ KeyId: id, KeyArn: aKeyArn(id) }));
    const next = position + 2;
    return next < keys.length ? { Keys, Truncated: true, NextMarker: String(next) } : { Keys, Truncated: false };
  });
  kms.on(GetKeyPolicyCommand).callsFake(() => ({ Policy: JSON.stringify(aKeyPolicy()) }));
  kms.on(ListResourceTagsCommand).callsFake(({ KeyId }) => {
    const { tenantId, managedBy = 'tenant-lifecycle-dev' } = find(KeyId);
    if (tenantId === 'hidden') throw anAwsError('AccessDeniedException');
    return {
      Tags: [
        { TagKey: 'tenant-id', TagValue: tenantId },
        { TagKey: 'managed-by', TagValue: managedBy },
      ],
    };
  });
  kms.on(CreateAliasCommand).callsFake(({ TargetKeyId }) => {
    if (target !== undefined) throw anAwsError('AlreadyExistsException');
    find(TargetKeyId);
    target = TargetKeyId;
    return {};
  });
  kms.on(UpdateAliasCommand).callsFake(({ TargetKeyId }) => {
    target = TargetKeyId;
    return {};
  });
  kms.on(EnableKeyCommand).callsFake(({ KeyId }) => {
    find(KeyId).state = 'Enabled';
    return {};
  });
  kms.on(EnableKeyRotationCommand).resolves({});
  return { keys, alias: () => target };
}

const ledger = () => tables.get(REGISTRY_TABLE, 'TENANT#acme', 'RESOURCE#encryption-key');
const created = () => kms.commandCalls(CreateKeyCommand);
const isLedgerWrite =
  (phase: string) =>
  (operation: string, { Item }: Record<string, unknown>) =>
    operation === 'Put' && (Item as { phase?: string }).phase === phase;
const anIntent = (secondsAgo = 60) =>
  aLedgerItem({
    phase: 'INTENT',
    attemptId: 'attempt-0',
    attemptedAt: new Date(Date.now() - secondsAgo * 1000).toISOString(),
    physicalId: undefined as never,
  });

describe('provision-encryption-key', () => {
  beforeEach(async () => {
    captureOutput();
    setEnvironment();
    dynamodb.reset();
    s3.reset();
    kms.reset();
    tables = await serveTables(dynamodb, REGISTRY_TABLE);
    await tables.put(REGISTRY_TABLE, aStateItem());
  });

  afterEach(() => jest.restoreAllMocks());

  describe('for a new tenant', () => {
    it('makes one tagged key with its policy, its alias and rotation, and searches for none', async () => {
      const estate = serveKeys();

      const output = await handler(aTaskInput(), aContext());

      expect(output).toEqual({ physicalId: aKeyArn('made-1'), ready: true });
      expect(estate.alias()).toBe(aKeyArn('made-1'));
      const input = created()[0]?.args[0].input;
      expect(input?.Tags).toEqual([
        { TagKey: 'tenant-id', TagValue: 'acme' },
        { TagKey: 'managed-by', TagValue: 'tenant-lifecycle-dev' },
        { TagKey: 'attempt-id', TagValue: expect.stringMatching(/^onboard--acme--request-1\.\d+$/) },
      ]);
      expect(JSON.parse(input?.Policy ?? '').Statement[0].Principal).toEqual({ AWS: `arn:aws:iam::${ACCOUNT}:root` });
      expect(kms.commandCalls(CreateAliasCommand)[0]?.args[0].input).toEqual({
        AliasName: ALIAS,
        TargetKeyId: aKeyArn('made-1'),
      });
      expect(kms.commandCalls(EnableKeyRotationCommand)[0]?.args[0].input).toEqual({ KeyId: aKeyArn('made-1') });
      expect(kms.commandCalls(ListKeysCommand)).toHaveLength(0);
    });

    it('never lets the SDK repeat CreateKey, and lets it repeat the rest', async () => {
      serveKeys();

      await handler(aTaskInput(), aContext());

      const attempts = async (client: unknown) => (client as KMSClient).config.maxAttempts();
      expect(created()).toHaveLength(1);
      expect(await attempts(created()[0]?.thisValue)).toBe(1);
      expect(await attempts(kms.commandCalls(CreateAliasCommand)[0]?.thisValue)).toBe(3);
    });

    it('writes its intent before CreateKey and the key id between CreateKey and CreateAlias', async () => {
      serveKeys();
      const seen: unknown[] = [];
      tables.before(isLedgerWrite('INTENT'), async () => seen.push(['INTENT', created().length]));
      tables.before(isLedgerWrite('DONE'), async () =>
        seen.push(['DONE', created().length, kms.commandCalls(CreateAliasCommand).length]),
      );

      await handler(aTaskInput(), aContext());

      expect(seen).toEqual([
        ['INTENT', 0],
        ['DONE', 1, 0],
      ]);
      expect(await ledger()).toMatchObject({ phase: 'DONE', physicalId: aKeyArn('made-1'), generation: 1 });
    });

    it('makes nothing when its intent cannot be written', async () => {
      serveKeys();
      await tables.put(REGISTRY_TABLE, { ...anIntent(), generation: 2 });

      const run = handler(aTaskInput(), aContext());

      await expect(run).rejects.toMatchObject({ name: 'StaleExecutionError' });
      expect(created()).toHaveLength(0);
    });
  });

  describe('run again', () => {
    it('keeps the key in the ledger and sets alias and rotation once more', async () => {
      const estate = serveKeys();
      const first = await handler(aTaskInput(), aContext());

      const second = await handler(aTaskInput(), aContext());

      expect(second).toEqual(first);
      expect(estate.keys).toHaveLength(1);
      expect(kms.commandCalls(UpdateAliasCommand)).toHaveLength(0);
    });

    it('finds a key that has the alias though the ledger is empty', async () => {
      serveKeys([{ id: 'old', tenantId: 'acme' }], aKeyArn('old'));

      const output = await handler(aTaskInput(), aContext());

      expect(output).toEqual({ physicalId: aKeyArn('old'), ready: true });
      expect(created()).toHaveLength(0);
      expect(await ledger()).toMatchObject({ phase: 'DONE', physicalId: aKeyArn('old') });
    });

    it('enables a key that was disabled by hand', async () => {
      const estate = serveKeys([{ id: 'old', tenantId: 'acme', state: 'Disabled' }], aKeyArn('old'));
      await tables.put(REGISTRY_TABLE, aLedgerItem({ physicalId: aKeyArn('old') }));

      await handler(aTaskInput(), aContext());

      expect(estate.keys[0]?.state).toBe('Enabled');
    });

    it('enables a key that KMS still shows as enabled, seconds after a block', async () => {
      const estate = serveKeys([{ id: 'old', tenantId: 'acme', state: 'Disabled' }], aKeyArn('old'));
      await tables.put(REGISTRY_TABLE, aLedgerItem({ physicalId: aKeyArn('old') }));
      kms.on(DescribeKeyCommand).resolves({ KeyMetadata: { Arn: aKeyArn('old'), KeyId: 'old', KeyState: 'Enabled' } });

      await handler(aTaskInput(), aContext());

      expect(estate.keys[0]?.state).toBe('Enabled');
    });

    it('enables nothing for an execution that a newer one has overtaken meanwhile', async () => {
      const estate = serveKeys([{ id: 'old', tenantId: 'acme', state: 'Disabled' }], aKeyArn('old'));
      await tables.put(REGISTRY_TABLE, aLedgerItem({ physicalId: aKeyArn('old') }));
      kms.on(DescribeKeyCommand).callsFake(async () => {
        await tables.put(REGISTRY_TABLE, aStateItem({ generation: 2, status: 'OFFBOARDING' }));
        return { KeyMetadata: { Arn: aKeyArn('old'), KeyId: 'old', KeyState: 'Disabled' } };
      });

      await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'StaleExecutionError' });

      expect(estate.keys[0]?.state).toBe('Disabled');
    });

    it('gives the key in the ledger its tags and its policy back, and writes neither when they are right', async () => {
      serveKeys([{ id: 'old', tenantId: 'acme2' }], aKeyArn('old'));
      await tables.put(REGISTRY_TABLE, aLedgerItem({ physicalId: aKeyArn('old') }));
      kms.on(GetKeyPolicyCommand).resolves({ Policy: JSON.stringify({ Statement: [] }) });

      await handler(aTaskInput(), aContext());
      serveKeys([{ id: 'old', tenantId: 'acme' }], aKeyArn('old'));
      await handler(aTaskInput(), aContext());

      expect(kms.commandCalls(TagResourceCommand).map((call) => call.args[0].input)).toEqual([
        {
          KeyId: aKeyArn('old'),
          Tags: [
            { TagKey: 'tenant-id', TagValue: 'acme' },
            { TagKey: 'managed-by', TagValue: 'tenant-lifecycle-dev' },
          ],
        },
      ]);
      const policies = kms.commandCalls(PutKeyPolicyCommand).map((call) => call.args[0].input);
      expect(policies).toMatchObject([{ KeyId: aKeyArn('old') }]);
      expect(JSON.parse(String(policies[0]?.Policy))).toEqual(aKeyPolicy());
    });

    it('does not revive a key that is being deleted', async () => {
      serveKeys([{ id: 'old', tenantId: 'acme', state: 'PendingDeletion' }], aKeyArn('old'));
      await tables.put(REGISTRY_TABLE, aLedgerItem({ physicalId: aKeyArn('old') }));

      const run = handler(aTaskInput(), aContext());

      await expect(run).rejects.toMatchObject({
        name: 'ResourceConflictError',
        message: expect.stringContaining(`tenant acme: key ${aKeyArn('old')} is PendingDeletion`),
      });
      expect(created()).toHaveLength(0);
    });

    it('gives the alias its key back when it was lost', async () => {
      const estate = serveKeys([{ id: 'old', tenantId: 'acme' }]);
      await tables.put(REGISTRY_TABLE, aLedgerItem({ physicalId: aKeyArn('old') }));

      await handler(aTaskInput(), aContext());

      expect(estate.alias()).toBe(aKeyArn('old'));
    });
  });

  describe('after a lost CreateKey answer', () => {
    it('reports an unknown outcome, waits, and then adopts the key instead of making another', async () => {
      const estate = serveKeys();
      kms.on(CreateKeyCommand).callsFake(() => {
        estate.keys.push({ id: 'lost', tenantId: 'acme' });
        throw aLostAnswer();
      });

      await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'TransientError' });
      await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'NotReadyError' });
      await tables.put(REGISTRY_TABLE, anIntent());
      const output = await handler(aTaskInput(), aContext());

      expect(output).toEqual({ physicalId: aKeyArn('lost'), ready: true });
      expect(created()).toHaveLength(1);
    });

    it('takes the oldest of several enabled keys of the tenant and this app, over all pages', async () => {
      serveKeys([
        { id: 'stranger', tenantId: 'acme2', createdAt: 1 },
        { id: 'hidden', tenantId: 'hidden', createdAt: 1 },
        { id: 'other-stage', tenantId: 'acme', managedBy: 'tenant-lifecycle-prod', createdAt: 1 },
        { id: 'dying', tenantId: 'acme', state: 'PendingDeletion', createdAt: 1 },
        { id: 'younger', tenantId: 'acme', createdAt: 3 },
        { id: 'oldest', tenantId: 'acme', createdAt: 2 },
      ]);
      await tables.put(REGISTRY_TABLE, anIntent());

      const output = await handler(aTaskInput(), aContext());

      expect(output).toMatchObject({ physicalId: aKeyArn('oldest') });
      expect(kms.commandCalls(ListKeysCommand)).toHaveLength(3);
      expect(created()).toHaveLength(0);
    });

    it('makes one when the search finds none', async () => {
      const estate = serveKeys([{ id: 'stranger', tenantId: 'acme2' }]);
      await tables.put(REGISTRY_TABLE, anIntent());

      await handler(aTaskInput(), aContext());

      expect(created()).toHaveLength(1);
      expect(estate.keys).toHaveLength(2);
    });
  });

  describe('with the alias taken', () => {
    it('refuses the key of a stranger, naming tenant, alias and key', async () => {
      serveKeys([{ id: 'stranger', tenantId: 'acme2' }], aKeyArn('stranger'));

      const run = handler(aTaskInput(), aContext());

      await expect(run).rejects.toMatchObject({
        name: 'ResourceConflictError',
        message: `tenant acme: alias ${ALIAS} belongs to ${aKeyArn('stranger')}, which is not tagged as the tenant's`,
      });
      expect(created()).toHaveLength(0);
    });

    it('takes it from a key that is being deleted', async () => {
      const estate = serveKeys([{ id: 'dying', tenantId: 'acme', state: 'PendingDeletion' }], aKeyArn('dying'));

      const output = await handler(aTaskInput(), aContext());

      expect(output).toMatchObject({ physicalId: aKeyArn('made-2') });
      expect(estate.alias()).toBe(aKeyArn('made-2'));
    });

    it('adopts the competitor’s key when it lost the race for the alias', async () => {
      const estate = serveKeys([{ id: 'winner', tenantId: 'acme' }]);
      tables.before(isLedgerWrite('DONE'), () =>
        new KMSClient({}).send(new CreateAliasCommand({ AliasName: ALIAS, TargetKeyId: aKeyArn('winner') })),
      );

      const output = await handler(aTaskInput(), aContext());

      expect(output).toMatchObject({ physicalId: aKeyArn('winner') });
      expect(estate.alias()).toBe(aKeyArn('winner'));
      expect(await ledger()).toMatchObject({ physicalId: aKeyArn('winner') });
    });

    it('refuses a stranger who took it in between', async () => {
      serveKeys([{ id: 'stranger', tenantId: 'acme2' }]);
      tables.before(isLedgerWrite('DONE'), () =>
        new KMSClient({}).send(new CreateAliasCommand({ AliasName: ALIAS, TargetKeyId: aKeyArn('stranger') })),
      );

      const run = handler(aTaskInput(), aContext());

      await expect(run).rejects.toMatchObject({ name: 'ResourceConflictError' });
    });
  });

  it.each(['NotFoundException', 'DisabledException', 'KMSInvalidStateException'])(
    'comes back later when a new key answers %s to rotation or alias',
    async (name) => {
      const message = 'not here yet';
      serveKeys();
      kms.on(EnableKeyRotationCommand).rejects(anAwsError(name, message));
      await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'NotReadyError' });
      kms.on(CreateAliasCommand).rejects(anAwsError(name, message));
      await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'NotReadyError' });

      serveKeys([{ id: 'made-1', tenantId: 'acme' }]);
      const output = await handler(aTaskInput(), aContext());

      expect(output).toMatchObject({ physicalId: aKeyArn('made-1') });
      expect(created()).toHaveLength(1);
    },
  );

  it.each([
    ['LimitExceededException', 400, 'QuotaExceededError'],
    ['ThrottlingException', 400, 'ThrottledError'],
    ['KMSInternalException', 500, 'TransientError'],
    ['DependencyTimeoutException', 503, 'TransientError'],
    ['AccessDeniedException', 400, 'AccessDeniedError'],
    ['MalformedPolicyDocumentException', 400, 'RejectedCallError'],
    ['TagException', 400, 'RejectedCallError'],
  ])('reports %s (%i) from CreateKey as %s', async (name, status, expected) => {
    serveKeys();
    kms.on(CreateKeyCommand).rejects(anAwsError(name, 'told by KMS', status));

    const run = handler(aTaskInput(), aContext());

    await expect(run).rejects.toMatchObject({ name: expected, message: `tenant acme: ${name}: told by KMS` });
    expect(await ledger()).toMatchObject({ phase: 'INTENT' });
  });
});

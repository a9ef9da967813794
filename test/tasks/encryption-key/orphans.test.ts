import { GetKeyLastUsageCommand, KMSClient, ListResourceTagsCommand } from '@aws-sdk/client-kms';
import { DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { aliasesOfAccount, examineKey, findOrphans, tenantOfAlias } from '../../../tasks/encryption-key/orphans';
import { openRegistry } from '../../../tasks/shared/registry';
import { anAwsError } from '../../support/aws-errors';
import {
  APP,
  aKeyArn,
  aLedgerItem,
  aPurgedTenant,
  aStateItem,
  oneLegalHold,
  REGISTRY_TABLE,
} from '../../support/builders';
import { anOrphanedKey, type Key, serveKeys } from '../../support/key-ring';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const kms = mockClient(KMSClient);
const sfn = mockClient(SFNClient);
let tables: Tables;

const search = () => ({ app: APP, registry: openRegistry(REGISTRY_TABLE), now: () => new Date() });
const ORPHAN = aKeyArn('orphan');
const serve = (...keys: readonly Key[]) => serveKeys(kms, keys);
const examine = async (key: Key, options = {}) => {
  serve(key);
  return await examineKey(aKeyArn(key.id), search(), options);
};
const put = (...items: readonly object[]) => tables.put(REGISTRY_TABLE, ...items);
const HOUR = 3_600_000;

beforeEach(async () => {
  dynamodb.reset();
  kms.reset();
  sfn.reset();
  sfn.on(DescribeExecutionCommand).rejects(anAwsError('ExecutionDoesNotExist'));
  tables = await serveTables(dynamodb, REGISTRY_TABLE);
});

describe('a key that no tenant has', () => {
  it('is an orphan once it is old, unused and without an alias', async () => {
    expect(await examine(anOrphanedKey())).toEqual({ keyArn: ORPHAN, tenantId: 'acme' });
  });

  it.each<[string, Partial<Key>]>([
    ['is another app’s or stage’s', { tags: { 'tenant-id': 'acme', 'managed-by': 'tenant-lifecycle-prod' } }],
    ['has no tags', { tags: {} }],
    ['is on its way out', { state: 'PendingDeletion' }],
    ['has an alias, whatever it is called', { alias: 'alias/somebody' }],
    ['is younger than a day', { created: new Date(Date.now() - 23 * HOUR) }],
  ])('is nobody’s business when it %s', async (_, changes) => {
    expect(await examine(anOrphanedKey(changes))).toBeUndefined();
  });

  it('is examined although its deletion is scheduled, if that is asked for', async () => {
    const pending = anOrphanedKey({ state: 'PendingDeletion' });

    expect(await examine(pending, { scheduled: true })).toEqual({ keyArn: ORPHAN, tenantId: 'acme' });
  });

  it.each<[string, Partial<Key>, string]>([
    ['was ever used', { usedAt: new Date('2026-02-01T00:00:00.000Z') }, 'it was used at 2026-02-01T00:00:00.000Z'],
    [
      'is older than KMS keeps track of uses',
      { created: new Date('2025-01-01T00:00:00.000Z') },
      'KMS does not know whether it was used',
    ],
    ['names nobody', { tags: { 'managed-by': 'tenant-lifecycle-dev' } }, 'it names no tenant'],
    [
      'names somebody who can be no tenant',
      { tags: { 'tenant-id': 'No Tenant', 'managed-by': 'tenant-lifecycle-dev' } },
      'it names no tenant',
    ],
  ])('is reported and left alone when it %s', async (_, changes, kept) => {
    expect(await examine(anOrphanedKey(changes))).toMatchObject({ keyArn: ORPHAN, kept });
  });

  it('is reported and left alone when its policy hides its last use', async () => {
    serve(anOrphanedKey());
    kms.on(GetKeyLastUsageCommand).rejects(anAwsError('AccessDeniedException'));

    expect(await examineKey(ORPHAN, search())).toMatchObject({
      keyArn: ORPHAN,
      kept: 'its policy does not let KMS say whether it was used',
    });
  });

  it('is left alone while a legal hold of its tenant stands', async () => {
    await put(aStateItem({ status: 'ACTIVE', legalHolds: oneLegalHold }));

    expect(await examine(anOrphanedKey())).toMatchObject({ kept: 'its tenant is under a legal hold' });
  });

  it('is left alone while a legal hold stands of whom its description names, when its tag was changed', async () => {
    await put(aStateItem({ tenantId: 'acme2', status: 'ACTIVE', legalHolds: oneLegalHold }));
    const renamed = anOrphanedKey({ description: 'Data of tenant acme2' });

    expect(await examine(renamed)).toMatchObject({ tenantId: 'acme', kept: 'its tenant is under a legal hold' });
  });

  it.each<[string, readonly object[]]>([
    ['its ledger has it', [aStateItem({ status: 'ACTIVE' }), aLedgerItem({ physicalId: ORPHAN })]],
    [
      'its ledger has it as destroyed',
      [aStateItem(aPurgedTenant()), aLedgerItem({ physicalId: ORPHAN, phase: 'DESTROYED' })],
    ],
    [
      'its tombstone names it',
      [
        aStateItem({
          status: 'OFFBOARDED',
          tombstone: { closedAt: '', evidenceKey: '', evidenceSha256: '', encryptionKeyArn: ORPHAN } as never,
        }),
      ],
    ],
    [
      'a recorded attempt may have made it',
      [aStateItem(), aLedgerItem({ phase: 'INTENT', attemptId: 'onboard--acme--x.1', physicalId: undefined as never })],
    ],
  ])('is the tenant’s when %s', async (_, items) => {
    await put(...items);

    expect(await examine(anOrphanedKey())).toBeUndefined();
  });

  it('is the tenant’s when it does not say which attempt made it, and one is under way', async () => {
    await put(aStateItem(), aLedgerItem({ phase: 'INTENT', attemptId: 'another', physicalId: undefined as never }));
    const { 'attempt-id': _, ...tags } = anOrphanedKey().tags;

    expect(await examine(anOrphanedKey({ tags }))).toBeUndefined();
    expect(await examine(anOrphanedKey())).toEqual({ keyArn: ORPHAN, tenantId: 'acme' });
  });

  it('is left to whatever execution works on the tenant', async () => {
    await put(aStateItem());
    sfn.on(DescribeExecutionCommand).resolves({ status: 'RUNNING' });

    expect(await examine(anOrphanedKey())).toBeUndefined();
  });

  it('is nobody’s business when it has gone meanwhile', async () => {
    serve();

    expect(await examineKey(ORPHAN, search())).toBeUndefined();
  });

  it('is not judged while its tags cannot be read for a reason that passes', async () => {
    serve(anOrphanedKey());
    kms.on(ListResourceTagsCommand).rejects(anAwsError('ThrottlingException'));

    await expect(examineKey(ORPHAN, search())).rejects.toMatchObject({ name: 'ThrottlingException' });
  });
});

describe('the search through an account', () => {
  it('reads all pages of both lists, and the tags only of keys without an alias', async () => {
    const tenants = Array.from({ length: 7 }, (_, at) =>
      anOrphanedKey({ id: `of-${at}`, alias: `alias/tenant-lifecycle-dev/tenant/tenant-${at}` }),
    );
    const orphans = [anOrphanedKey({ id: 'orphan-1' }), anOrphanedKey({ id: 'orphan-2' })];
    serveKeys(
      kms,
      [orphans[0], ...tenants, orphans[1]].filter((key) => key !== undefined),
      3,
    );

    const aliases = await aliasesOfAccount();
    const found = await findOrphans(aliases, search());

    expect(aliases.map((alias) => tenantOfAlias(APP, alias))).toEqual(tenants.map((_, at) => `tenant-${at}`));
    expect(found.map(({ keyArn }) => keyArn)).toEqual([aKeyArn('orphan-1'), aKeyArn('orphan-2')]);
    const asked = new Set(kms.commandCalls(ListResourceTagsCommand).map((call) => call.args[0].input.KeyId));
    expect([...asked]).toEqual([aKeyArn('orphan-1'), aKeyArn('orphan-2')]);
  });

  it('passes over keys that do not show their tags: those of AWS, and those gone meanwhile', async () => {
    serve(anOrphanedKey());
    kms.on(ListResourceTagsCommand).rejects(anAwsError('AccessDeniedException'));

    expect(await findOrphans([], search())).toEqual([]);
  });
});

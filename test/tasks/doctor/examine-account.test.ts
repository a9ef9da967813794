import { BedrockAgentClient, ListKnowledgeBasesCommand } from '@aws-sdk/client-bedrock-agent';
import { CloudWatchLogsClient, DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { CognitoIdentityProviderClient, ListGroupsCommand } from '@aws-sdk/client-cognito-identity-provider';
import { KMSClient } from '@aws-sdk/client-kms';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import * as examineAccount from '../../../tasks/doctor/examine-account';
import type { TenantState } from '../../../tasks/shared/registry';
import { type AuditBucket, serveAuditBucket } from '../../support/audit-bucket';
import { recordIn } from '../../support/audit-log';
import { aContext, aLedgerItem, DATA_BUCKET, setEnvironment } from '../../support/builders';
import { anOrphanedKey, type Key, serveKeys } from '../../support/key-ring';
import { captureOutput } from '../../support/output';
import { manyTenants, serveIndex } from '../../support/tenants';

const bedrock = mockClient(BedrockAgentClient);
const cognito = mockClient(CognitoIdentityProviderClient);
const dynamodb = mockClient(DynamoDBDocumentClient);
const kms = mockClient(KMSClient);
const logs = mockClient(CloudWatchLogsClient);
const s3 = mockClient(S3Client);
mockClient(SFNClient);
let bucket: AuditBucket;

const PART = 'reports/doctor/2026-03-01/exam-1/account.json';
const examine = () =>
  examineAccount.handler(
    {
      executionArn: 'arn:aws:states:eu-central-1:123456789012:execution:tenant-lifecycle-dev-examine-tenants:exam-1',
      startedAt: '2026-03-01T06:00:00.000Z',
      step: 'Examine account',
    },
    aContext(),
  ) as Promise<{ findings: number }>;
const found = () =>
  (recordIn(bucket, PART)['account'] as { kind: string; resource: string; physicalId: string; message: string }[]).map(
    ({ kind, resource, physicalId }) => `${kind} ${resource} ${physicalId}`,
  );

/** What the account holds, besides keys. */
interface Account {
  readonly groups?: readonly { name: string; description?: string }[];
  readonly prefixes?: readonly string[];
  readonly knowledgeBases?: readonly { id: string; name: string }[];
  readonly logGroups?: readonly string[];
}

/** Serves lists in pages of so many. */
function serveAccount({ groups = [], prefixes = [], knowledgeBases = [], logGroups = [] }: Account, size = 60): void {
  const page = <Entry>(all: readonly Entry[], from: string | undefined) => ({
    entries: all.slice(Number(from ?? 0), Number(from ?? 0) + size),
    next: Number(from ?? 0) + size < all.length ? String(Number(from ?? 0) + size) : undefined,
  });
  cognito.on(ListGroupsCommand).callsFake(({ NextToken }) => {
    const { entries, next } = page(groups, NextToken);
    return {
      Groups: entries.map(({ name, description }) => ({
        GroupName: name,
        Description: description ?? `Members of tenant ${name}`,
      })),
      ...(next && { NextToken: next }),
    };
  });
  bedrock.on(ListKnowledgeBasesCommand).callsFake(({ nextToken }) => {
    const { entries, next } = page(knowledgeBases, nextToken);
    return {
      knowledgeBaseSummaries: entries.map(({ id, name }) => ({ knowledgeBaseId: id, name })),
      ...(next && { nextToken: next }),
    };
  });
  logs.on(DescribeLogGroupsCommand).callsFake(({ nextToken, logGroupNamePrefix }) => {
    const { entries, next } = page(
      logGroups.filter((name) => name.startsWith(logGroupNamePrefix)),
      nextToken,
    );
    return { logGroups: entries.map((logGroupName) => ({ logGroupName })), ...(next && { nextToken: next }) };
  });
  s3.on(ListObjectsV2Command, { Bucket: DATA_BUCKET }).callsFake(({ ContinuationToken }) => {
    const { entries, next } = page(prefixes, ContinuationToken);
    return {
      CommonPrefixes: entries.map((Prefix) => ({ Prefix })),
      ...(next && { NextContinuationToken: next, IsTruncated: true }),
    };
  });
}

/** The account as onboardings leave it. */
const heldBy = (tenants: readonly TenantState[]): Account & { readonly keys: readonly Key[] } => ({
  groups: tenants.map(({ tenantId }) => ({ name: tenantId })),
  prefixes: tenants.map(({ tenantId }) => `tenants/${tenantId}/`),
  logGroups: tenants.map(({ tenantId }) => `/tenant-lifecycle/dev/tenants/${tenantId}/audit`),
  keys: tenants.map(({ tenantId }) =>
    anOrphanedKey({ id: `key-of-${tenantId}`, alias: `alias/tenant-lifecycle-dev/tenant/${tenantId}` }),
  ),
});
const capacityItem = (taken: Record<string, number>, pending?: ReadonlySet<string>) => ({
  pk: 'ESTATE',
  sk: 'CAPACITY',
  ...taken,
  ...(pending && { pending }),
});
const standardPlaces = (count: number) => ({ 'encryption-key': count, 'vector-index': count, 'user-group': count });
const ACTIVE = { status: 'ACTIVE', tier: 'standard', capacityReserved: true } as const;

beforeEach(() => {
  captureOutput();
  setEnvironment();
  for (const mock of [bedrock, cognito, dynamodb, kms, logs, s3]) mock.reset();
  bucket = serveAuditBucket(s3);
  serveAccount({});
  serveKeys(kms, []);
  serveIndex(dynamodb, []);
});
afterEach(() => jest.restoreAllMocks());

describe('examine-account', () => {
  it('finds nothing in a healthy estate of many pages, and reads no tenant one by one', async () => {
    const tenants = manyTenants(1203, ACTIVE);
    const { keys, ...account } = heldBy(tenants);
    serveIndex(dynamodb, tenants, { pageSize: 500, items: [capacityItem(standardPlaces(1203))] });
    serveAccount(account);
    serveKeys(kms, keys, 100);

    expect(await examine()).toEqual({ findings: 0 });

    expect(bucket.keys()).toEqual([]);
    // Twice the capacity counter.
    expect(dynamodb.commandCalls(GetCommand)).toHaveLength(2);
    const calls = [bedrock, cognito, dynamodb, kms, logs, s3].reduce((sum, mock) => sum + mock.calls().length, 0);
    expect(calls).toBeLessThan(150);
  });

  it('finds on the last page of every list what is nobody’s', async () => {
    const tenants = manyTenants(130, ACTIVE);
    const { keys, groups = [], prefixes = [], logGroups = [] } = heldBy(tenants);
    serveIndex(dynamodb, tenants, { items: [capacityItem(standardPlaces(130))] });
    serveAccount({
      groups: [...groups, { name: 'gone' }, { name: 'doctors', description: 'Ours' }],
      prefixes: [...prefixes, 'tenants/gone/'],
      logGroups: [...logGroups, '/tenant-lifecycle/dev/tenants/gone/audit', '/tenant-lifecycle/dev/tenants/gone/other'],
      knowledgeBases: [
        { id: 'KB1', name: 'somebodys-own' },
        { id: 'KB2', name: 'tenant-lifecycle-dev-gone' },
      ],
    });
    serveKeys(
      kms,
      [
        ...keys,
        anOrphanedKey({ id: 'aliased', alias: 'alias/tenant-lifecycle-dev/tenant/gone' }),
        anOrphanedKey({ id: 'other-app', alias: 'alias/other-app-dev/tenant/gone' }),
      ],
      50,
    );

    await examine();

    expect(found().sort()).toEqual([
      'extra audit-log /tenant-lifecycle/dev/tenants/gone/audit',
      'extra encryption-key alias/tenant-lifecycle-dev/tenant/gone',
      'extra knowledge-base KB2',
      `extra storage-prefix ${DATA_BUCKET}/tenants/gone/`,
      'extra user-group gone',
    ]);
  });

  it('asks the registry itself before it calls a tenant unknown: the index may be behind', async () => {
    const [late] = manyTenants(1, { ...ACTIVE, capacityReserved: false }, 'late');
    const item = { ...late, pk: 'TENANT#late-00000', sk: 'STATE' };
    serveIndex(dynamodb, [], { items: [item] });
    serveAccount({ groups: [{ name: 'late-00000' }] });

    expect(await examine()).toEqual({ findings: 0 });
  });

  it('leaves what closed tenants left to their own examination', async () => {
    serveIndex(dynamodb, manyTenants(1, { status: 'OFFBOARDED' }));
    serveAccount({ groups: [{ name: 'tenant-00000' }] });

    expect(await examine()).toEqual({ findings: 0 });
  });

  it('finds a knowledge base of a tier that has none, and a second one beside the ledger’s', async () => {
    const [standard, premium] = [
      manyTenants(1, { ...ACTIVE, capacityReserved: false }, 'standard'),
      manyTenants(1, { ...ACTIVE, tier: 'premium', capacityReserved: false }, 'premium'),
    ];
    const ledgered = aLedgerItem({ type: 'knowledge-base', physicalId: 'KB2' }, 'premium-00000');
    serveIndex(dynamodb, [...standard, ...premium], { items: [ledgered] });
    serveAccount({
      knowledgeBases: [
        { id: 'KB1', name: 'tenant-lifecycle-dev-standard-00000' },
        { id: 'KB2', name: 'tenant-lifecycle-dev-premium-00000' },
        { id: 'KB3', name: 'tenant-lifecycle-dev-premium-00000' },
      ],
    });

    await examine();

    expect(found()).toEqual(['extra knowledge-base KB1', 'extra knowledge-base KB3']);
  });

  it('names an orphaned key with what may be done about it', async () => {
    serveKeys(kms, [anOrphanedKey(), anOrphanedKey({ id: 'used', usedAt: new Date('2026-02-01') })]);

    expect(await examine()).toEqual({ findings: 2 });

    expect(recordIn(bucket, PART)['account']).toEqual([
      expect.objectContaining({ kind: 'orphaned', repair: 'retire-key' }),
      expect.objectContaining({
        kind: 'orphaned',
        repair: 'none',
        message: expect.stringContaining('left alone because it was used'),
      }),
    ]);
  });

  it('finds a capacity counter that does not add up, unless places are being taken', async () => {
    const tenants = manyTenants(2, ACTIVE);
    serveIndex(dynamodb, tenants, { items: [capacityItem({ ...standardPlaces(2), 'user-group': 5 })] });

    await examine();
    expect(found()).toEqual(['mis-configured capacity ESTATE/CAPACITY/user-group']);

    bucket.remove(PART);
    serveIndex(dynamodb, tenants, {
      items: [capacityItem({ ...standardPlaces(2), 'user-group': 5 }, new Set(['new']))],
    });
    expect(await examine()).toEqual({ findings: 0 });
  });
});

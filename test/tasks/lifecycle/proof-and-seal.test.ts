import { createHash } from 'node:crypto';
import { BedrockAgentClient, ListKnowledgeBasesCommand } from '@aws-sdk/client-bedrock-agent';
import { CognitoIdentityProviderClient } from '@aws-sdk/client-cognito-identity-provider';
import {
  DeleteIndexCommand,
  DescribeDomainCommand,
  GetIndexCommand,
  OpenSearchClient,
} from '@aws-sdk/client-opensearch';
import {
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import * as seal from '../../../tasks/audit-log/seal';
import * as prove from '../../../tasks/lifecycle/prove-tenant-gone';
import * as destroyIndex from '../../../tasks/vector-index/destroy';
import { serveAuditLog } from '../../support/audit-log';
import { aLostAnswer, anAwsError } from '../../support/aws-errors';
import {
  AUDIT_BUCKET,
  aContext,
  aLedgerItem,
  aMembershipItem,
  anOffboardingInput,
  anOperationItem,
  aProfileItem,
  aPurgedTenant,
  aStateItem,
  DATA_TABLE,
  MEMBERSHIP_TABLE,
  PERSONAL,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';
import { serveUserPool, type UserPool } from '../../support/user-pool';

const dynamodb = mockClient(DynamoDBDocumentClient);
const bedrock = mockClient(BedrockAgentClient);
const cognito = mockClient(CognitoIdentityProviderClient);
const opensearch = mockClient(OpenSearchClient);
const s3 = mockClient(S3Client);
serveAuditLog();
let tables: Tables;
let pool: UserPool;
let objects: Map<string, string>;

const state = () => tables.get(REGISTRY_TABLE, 'TENANT#acme', 'STATE');
const run = (task: { handler: typeof seal.handler }) => task.handler(anOffboardingInput(), aContext());
const notFound = () => anAwsError('ResourceNotFoundException');

beforeEach(async () => {
  captureOutput();
  setEnvironment();
  for (const client of [dynamodb, bedrock, cognito, opensearch, s3]) client.reset();
  objects = new Map();
  tables = await serveTables(dynamodb, REGISTRY_TABLE, MEMBERSHIP_TABLE);
  await tables.put(
    REGISTRY_TABLE,
    aStateItem(aPurgedTenant()),
    aProfileItem(),
    anOperationItem(),
    aLedgerItem({ phase: 'DESTROYED', deletionDate: '2026-03-01T00:00:00.000Z' }),
    aLedgerItem({ type: 'first-admin', phase: 'DESTROYED', physicalId: 'admin' }),
  );
  dynamodb.on(QueryCommand, { TableName: DATA_TABLE }).resolves({ Items: [] });
  pool = serveUserPool(cognito, { admin: { groups: ['acme2'] } });
  pool.groups.delete('acme');
  bedrock.on(ListKnowledgeBasesCommand).resolves({
    knowledgeBaseSummaries: [
      { knowledgeBaseId: 'KB2', name: 'tenant-lifecycle-dev-acme2', status: 'ACTIVE', updatedAt: new Date(0) },
    ],
  });
  opensearch.on(GetIndexCommand).rejects(notFound());
  opensearch.on(DeleteIndexCommand).rejects(notFound());
  opensearch.on(DescribeDomainCommand).resolves({});
  s3.on(ListObjectVersionsCommand).resolves({});
  s3.on(ListMultipartUploadsCommand).resolves({});
  s3.on(PutObjectCommand).callsFake(({ Key, Body }) => {
    if (objects.has(Key)) throw anAwsError('PreconditionFailed');
    objects.set(Key, Body);
    return {};
  });
  s3.on(GetObjectCommand).callsFake(({ Key }) => ({ Body: { transformToString: async () => objects.get(Key) } }));
});

afterEach(() => jest.restoreAllMocks());

describe('prove-tenant-gone', () => {
  it('lists every store, finds nothing although another tenant lives, and notes it', async () => {
    const stores = ['knowledge-base', 'vector-index', 'storage-prefix', 'data-partition', 'user-group'];

    expect(await run(prove)).toEqual({ stores, hits: 0 });
    expect(await run(prove)).toEqual({ stores, hits: 0 });

    expect((await state())?.['proofOfDeletion']).toMatchObject({ stores, hits: 0, generation: 1 });
  });

  it('takes a first admin who is a member of another tenant for no residue, also when its group does not show it', async () => {
    pool.users.set('admin', { enabled: true, groups: [] });
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ sub: 'admin', tenantId: 'acme2' }));

    expect(await run(prove)).toMatchObject({ hits: 0 });
  });

  it('fails with everything that it finds', async () => {
    pool.groups.add('acme');
    pool.users.set('admin', { enabled: false, groups: [] });
    opensearch.on(GetIndexCommand).resolves({});
    s3.on(ListObjectVersionsCommand).resolves({ DeleteMarkers: [{ Key: 'tenants/acme/a', VersionId: '1' }] });
    s3.on(ListMultipartUploadsCommand).resolves({ Uploads: [{ Key: 'tenants/acme/b' }] });
    dynamodb.on(QueryCommand, { TableName: DATA_TABLE }).resolves({ Items: [{ pk: 'TENANT#acme', sk: 'META' }] });
    bedrock.on(ListKnowledgeBasesCommand).resolves({
      knowledgeBaseSummaries: [
        { knowledgeBaseId: 'KB1', name: 'tenant-lifecycle-dev-acme', status: 'DELETING', updatedAt: new Date(0) },
      ],
    });

    const error = (await run(prove).catch((thrown) => thrown)) as Error;

    expect(error.name).toBe('ResidueFoundError');
    for (const hit of ['KB1', 'tenant-acme', 'object versions', 'uploads', 'TENANT#acme', 'group acme', 'user admin']) {
      expect(error.message).toContain(hit);
    }
    expect(await state()).not.toHaveProperty('proofOfDeletion');
  });

  it.each([
    ['user pool', () => void Object.assign(pool, { exists: false })],
    ['domain', () => void opensearch.on(DescribeDomainCommand).rejects(notFound())],
    ['bucket', () => void s3.on(ListObjectVersionsCommand).rejects(anAwsError('NoSuchBucket'))],
    ['table', () => void dynamodb.on(QueryCommand, { TableName: DATA_TABLE }).rejects(notFound())],
  ])('proves nothing when the %s itself is missing', async (_, lose) => {
    lose();

    await expect(run(prove)).rejects.toMatchObject({ name: 'MissingDependencyError' });
    expect(await state()).not.toHaveProperty('proofOfDeletion');
  });
});

describe('seal-audit-log', () => {
  const KEY = 'audit/acme/evidence-of-deletion/request-2.json';
  const PROOF = { at: '2026-02-02T00:00:00.000Z', stores: ['user-group'], hits: 0, generation: 1 };

  beforeEach(() => tables.put(REGISTRY_TABLE, aStateItem(aPurgedTenant({ proofOfDeletion: PROOF }))));

  it.each([
    ['without a proof', undefined],
    ['over a proof with hits', { ...PROOF, hits: 1 }],
    ['over the proof of another execution', { ...PROOF, generation: 2 }],
  ])('seals nothing %s', async (_, proofOfDeletion) => {
    await tables.put(REGISTRY_TABLE, aStateItem(aPurgedTenant(proofOfDeletion && { proofOfDeletion })));

    await expect(run(seal)).rejects.toMatchObject({ name: 'PurgeNotAllowedError' });

    expect(objects.size).toBe(0);
    expect(await state()).not.toHaveProperty('evidence');
  });

  it('seals nothing as long as no day is known on which KMS destroys the key', async () => {
    await run(prove);
    await tables.put(REGISTRY_TABLE, aLedgerItem({ phase: 'DESTROYED' }));

    await expect(run(seal)).rejects.toMatchObject({ name: 'PurgeNotAllowedError' });

    expect([...objects.keys()].filter((key) => key.includes('evidence-of-deletion'))).toEqual([]);
  });

  it('writes what was destroyed, when the key dies and hashes of it all, without personal data', async () => {
    const { sha256 } = (await run(seal)) as { sha256: string };

    const manifest = JSON.parse(objects.get(KEY) ?? '');
    expect(manifest).toMatchObject({ tenantId: 'acme', offboarding: { reason: 'contract ended' } });
    expect(manifest.resources).toContainEqual(
      expect.objectContaining({ phase: 'DESTROYED', deletionDate: '2026-03-01T00:00:00.000Z' }),
    );
    expect(Object.keys(manifest.hashes).sort()).toEqual(['kept', 'offboarding', 'operations', 'proof', 'resources']);
    for (const value of Object.values(PERSONAL)) expect(objects.get(KEY)).not.toContain(value);
    expect(sha256).toBe(
      createHash('sha256')
        .update(objects.get(KEY) ?? '')
        .digest('hex'),
    );
    expect(await state()).toMatchObject({ evidence: { key: KEY, sha256 } });
  });

  it('lets the evidence count that an earlier attempt wrote', async () => {
    objects.set(KEY, 'earlier');

    const answer = await run(seal);

    const sha256 = createHash('sha256').update('earlier').digest('hex');
    expect(answer).toEqual({ physicalId: `${AUDIT_BUCKET}/${KEY}`, sha256 });
    expect(objects.get(KEY)).toBe('earlier');
  });
});

describe('destroy-vector-index', () => {
  const ledger = () => tables.get(REGISTRY_TABLE, 'TENANT#acme', 'RESOURCE#vector-index');

  it('deletes the index of exactly that name, also when repeated after a lost answer', async () => {
    opensearch.on(DeleteIndexCommand).rejectsOnce(aLostAnswer()).rejects(notFound());
    await expect(run(destroyIndex)).rejects.toMatchObject({ name: 'TransientError' });

    expect(await run(destroyIndex)).toMatchObject({ physicalId: 'tenant-acme', gone: true });

    const names = opensearch.commandCalls(DeleteIndexCommand).map((call) => call.args[0].input.IndexName);
    expect(new Set(names)).toEqual(new Set(['tenant-acme']));
    expect(await ledger()).toMatchObject({ phase: 'DESTROYED' });
  });

  it('does not take a missing domain for a missing index', async () => {
    opensearch.on(DescribeDomainCommand).rejects(notFound());

    await expect(run(destroyIndex)).rejects.toMatchObject({ name: 'MissingDependencyError' });
    expect(await ledger()).toBeUndefined();
  });
});

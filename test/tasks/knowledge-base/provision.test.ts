import {
  BedrockAgentClient,
  CreateDataSourceCommand,
  CreateKnowledgeBaseCommand,
  type DataSource,
  GetDataSourceCommand,
  GetKnowledgeBaseCommand,
  type KnowledgeBase,
  ListDataSourcesCommand,
  ListKnowledgeBasesCommand,
  ListTagsForResourceCommand,
  TagResourceCommand,
} from '@aws-sdk/client-bedrock-agent';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/knowledge-base/provision';
import { serveAuditLog } from '../../support/audit-log';
import { aLostAnswer, anAwsError } from '../../support/aws-errors';
import {
  aContext,
  aDataSource,
  aKnowledgeBase,
  aLedgerItem,
  anEnvironment,
  aStateItem,
  aTaskInput,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
const bedrock = mockClient(BedrockAgentClient);
serveAuditLog();
let tables: Tables;

const OUR_TAGS = { 'tenant-id': 'acme', 'managed-by': 'tenant-lifecycle-dev' };
const NAME = 'tenant-lifecycle-dev-acme';
const env = anEnvironment();
const ledger = () => tables.get(REGISTRY_TABLE, 'TENANT#acme', 'RESOURCE#knowledge-base');
const creates = () => bedrock.commandCalls(CreateKnowledgeBaseCommand).map((call) => call.args[0].input);
const dataSourceCreates = () => bedrock.commandCalls(CreateDataSourceCommand).map((call) => call.args[0].input);
const MINUTE = 60_000;
const ago = (milliseconds: number) => new Date(Date.now() - milliseconds).toISOString();
const anIntent = (changes: object = {}) =>
  aLedgerItem({
    type: 'knowledge-base',
    phase: 'INTENT',
    attemptId: 'attempt-1',
    since: ago(MINUTE),
    physicalId: undefined as never,
    ...changes,
  });
const aDone = (changes: object = {}) =>
  aLedgerItem({ type: 'knowledge-base', phase: 'DONE', physicalId: 'KB1', since: ago(MINUTE), ...changes });

/** What Bedrock holds. */
function serve({ knowledgeBases = [] as KnowledgeBase[], dataSources = [] as DataSource[] } = {}): void {
  bedrock.on(ListKnowledgeBasesCommand).resolves({
    knowledgeBaseSummaries: knowledgeBases.map(({ knowledgeBaseId, name, status, updatedAt }) => ({
      knowledgeBaseId,
      name,
      status,
      updatedAt,
    })),
  });
  bedrock.on(ListTagsForResourceCommand).callsFake(({ resourceArn }) => {
    const known = knowledgeBases.some(({ knowledgeBaseId }) => resourceArn.endsWith(`/${knowledgeBaseId}`));
    if (!known) throw anAwsError('ResourceNotFoundException', '', 404);
    return { tags: OUR_TAGS };
  });
  bedrock.on(GetKnowledgeBaseCommand).callsFake(({ knowledgeBaseId }) => {
    const knowledgeBase = knowledgeBases.find((one) => one.knowledgeBaseId === knowledgeBaseId);
    if (knowledgeBase === undefined) throw anAwsError('ResourceNotFoundException', '', 404);
    return { knowledgeBase };
  });
  bedrock.on(ListDataSourcesCommand).resolves({
    dataSourceSummaries: dataSources.map(({ knowledgeBaseId, dataSourceId, name, status, updatedAt }) => ({
      knowledgeBaseId,
      dataSourceId,
      name,
      status,
      updatedAt,
    })),
  });
  bedrock.on(GetDataSourceCommand).callsFake(({ dataSourceId }) => ({
    dataSource: dataSources.find((one) => one.dataSourceId === dataSourceId),
  }));
}

describe('provision-knowledge-base', () => {
  beforeEach(async () => {
    captureOutput();
    setEnvironment();
    dynamodb.reset();
    s3.reset();
    bedrock.reset();
    serve();
    bedrock.on(CreateKnowledgeBaseCommand).resolves({ knowledgeBase: aKnowledgeBase({ status: 'CREATING' }) });
    bedrock.on(CreateDataSourceCommand).resolves({ dataSource: aDataSource() });
    tables = await serveTables(dynamodb, REGISTRY_TABLE);
    await tables.put(REGISTRY_TABLE, aStateItem());
  });

  afterEach(() => jest.restoreAllMocks());

  describe('for a new tenant', () => {
    it('asks for a knowledge base over the tenant’s index and answers that it is not ready', async () => {
      const output = await handler(aTaskInput(), aContext());

      expect(output).toEqual({ physicalId: 'KB1', ready: false });
      expect(creates()).toEqual([
        {
          clientToken: expect.stringMatching(/^[a-f0-9]{64}$/),
          name: NAME,
          roleArn: env['KNOWLEDGE_BASE_ROLE_ARN'],
          knowledgeBaseConfiguration: {
            type: 'VECTOR',
            vectorKnowledgeBaseConfiguration: { embeddingModelArn: env['EMBEDDING_MODEL_ARN'] },
          },
          storageConfiguration: {
            type: 'OPENSEARCH_MANAGED_CLUSTER',
            opensearchManagedClusterConfiguration: {
              domainArn: env['VECTOR_DOMAIN_ARN'],
              domainEndpoint: env['VECTOR_DOMAIN_ENDPOINT'],
              vectorIndexName: 'tenant-acme',
              fieldMapping: {
                vectorField: 'vector',
                textField: 'AMAZON_BEDROCK_TEXT_CHUNK',
                metadataField: 'AMAZON_BEDROCK_METADATA',
              },
            },
          },
          tags: { 'tenant-id': 'acme', 'managed-by': 'tenant-lifecycle-dev' },
        },
      ]);
      expect(await ledger()).toMatchObject({ phase: 'DONE', physicalId: 'KB1' });
    });

    it('writes no audit record before it is ready', async () => {
      await handler(aTaskInput(), aContext());

      expect(s3.commandCalls(PutObjectCommand)).toHaveLength(0);
    });

    it('writes its intent before the call', async () => {
      let before: unknown;
      bedrock.on(CreateKnowledgeBaseCommand).callsFake(async () => {
        before = await ledger();
        throw aLostAnswer();
      });

      await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'TransientError' });

      expect(before).toMatchObject({ phase: 'INTENT', generation: 1 });
    });
  });

  describe('once the knowledge base is active', () => {
    beforeEach(async () => {
      await tables.put(REGISTRY_TABLE, aDone());
    });

    it('gives it a data source over the tenant’s documents alone, which keeps what it indexed', async () => {
      serve({ knowledgeBases: [aKnowledgeBase()] });

      const output = await handler(aTaskInput(), aContext());

      expect(output).toEqual({ physicalId: 'KB1', ready: true });
      expect(creates()).toEqual([]);
      expect(dataSourceCreates()).toEqual([
        {
          clientToken: expect.stringMatching(/^[a-f0-9]{64}$/),
          knowledgeBaseId: 'KB1',
          name: 'documents-acme',
          dataSourceConfiguration: {
            type: 'S3',
            s3Configuration: { bucketArn: 'arn:aws:s3:::data-bucket', inclusionPrefixes: ['tenants/acme/docs/'] },
          },
          dataDeletionPolicy: 'RETAIN',
        },
      ]);
      expect(s3.commandCalls(PutObjectCommand)).toHaveLength(1);
    });

    it('uses the data source that is there', async () => {
      serve({ knowledgeBases: [aKnowledgeBase()], dataSources: [aDataSource()] });

      const output = await handler(aTaskInput(), aContext());

      expect(output).toEqual({ physicalId: 'KB1', ready: true });
      expect(dataSourceCreates()).toEqual([]);
    });

    it.each([
      ['beside the tenant’s', [aDataSource({ dataSourceId: 'DS0', name: 'another' }), aDataSource()]],
      ['before there is the tenant’s', [aDataSource({ dataSourceId: 'DS0', name: 'another' })]],
    ])('refuses another data source %s: it could read the documents of other tenants', async (_when, dataSources) => {
      serve({ knowledgeBases: [aKnowledgeBase()], dataSources });

      const run = handler(aTaskInput(), aContext());

      await expect(run).rejects.toMatchObject({
        name: 'ResourceConflictError',
        message: expect.stringMatching(/ documents: DS0$/),
      });
      expect(dataSourceCreates()).toEqual([]);
    });

    it('is not ready before its data source is', async () => {
      serve({ knowledgeBases: [aKnowledgeBase()], dataSources: [aDataSource({ status: 'CREATING' as never })] });

      expect(await handler(aTaskInput(), aContext())).toEqual({ physicalId: 'KB1', ready: false });
    });

    it.each([
      [{ bucketArn: 'arn:aws:s3:::data-bucket', inclusionPrefixes: ['tenants/acme'] }, 'tenants/acme of'],
      [{ bucketArn: 'arn:aws:s3:::data-bucket' }, 'all of arn:aws:s3:::data-bucket'],
      [{ bucketArn: 'arn:aws:s3:::other', inclusionPrefixes: ['tenants/acme/docs/'] }, 'of arn:aws:s3:::other'],
    ])('refuses a data source over %j: it would read other documents', async (s3Configuration, clause) => {
      const dataSource = aDataSource({ dataSourceConfiguration: { type: 'S3', s3Configuration } });
      serve({ knowledgeBases: [aKnowledgeBase()], dataSources: [dataSource] });

      const run = handler(aTaskInput(), aContext());

      await expect(run).rejects.toMatchObject({
        name: 'ResourceConflictError',
        message: expect.stringContaining(clause),
      });
    });

    it('refuses a data source that would empty the index when it is deleted', async () => {
      const dataSource = aDataSource({ dataDeletionPolicy: 'DELETE' });
      serve({ knowledgeBases: [aKnowledgeBase()], dataSources: [dataSource] });

      const run = handler(aTaskInput(), aContext());

      await expect(run).rejects.toMatchObject({
        name: 'ResourceConflictError',
        message: expect.stringContaining('deletion policy DELETE, not RETAIN'),
      });
    });

    it('gets its tags back first, because its tasks have no power over it without them', async () => {
      serve({ knowledgeBases: [aKnowledgeBase()], dataSources: [aDataSource()] });
      bedrock.on(ListTagsForResourceCommand).resolves({ tags: { 'tenant-id': 'acme' } });

      await handler(aTaskInput(), aContext());

      expect(bedrock.commandCalls(TagResourceCommand).map((call) => call.args[0].input)).toEqual([
        { resourceArn: aKnowledgeBase().knowledgeBaseArn, tags: OUR_TAGS },
      ]);
      expect(bedrock.calls()[1]?.args[0]).toBeInstanceOf(TagResourceCommand);
    });

    it('comes back later when Bedrock is busy with the knowledge base', async () => {
      serve({ knowledgeBases: [aKnowledgeBase()] });
      bedrock.on(CreateDataSourceCommand).rejects(anAwsError('ConflictException', 'busy', 409));

      await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'NotReadyError' });
    });

    it('makes a new one, under another token, when somebody deleted it', async () => {
      await handler(aTaskInput(), aContext());
      await tables.put(REGISTRY_TABLE, anIntent());
      await handler(aTaskInput(), aContext());

      const [afterDeletion, ofIntent] = creates();
      expect(afterDeletion?.clientToken).not.toBe(ofIntent?.clientToken);
    });
  });

  describe('after an attempt whose answer was lost', () => {
    it('sends the same token again', async () => {
      await tables.put(REGISTRY_TABLE, anIntent());

      await handler(aTaskInput(), aContext());
      await tables.put(REGISTRY_TABLE, anIntent());
      await handler(aTaskInput({ executionArn: `${aTaskInput().executionArn}-again` }), aContext());

      const tokens = creates().map(({ clientToken }) => clientToken);
      expect(tokens).toHaveLength(2);
      expect(new Set(tokens).size).toBe(1);
    });

    it('adopts what has the name, the smallest id first', async () => {
      await tables.put(REGISTRY_TABLE, anIntent());
      bedrock.on(CreateKnowledgeBaseCommand).rejects(anAwsError('ConflictException', 'exists', 409));
      serve({
        knowledgeBases: [
          aKnowledgeBase({ knowledgeBaseId: 'KB3' }),
          aKnowledgeBase({ knowledgeBaseId: 'KB2' }),
          aKnowledgeBase({ knowledgeBaseId: 'KB1', name: `${NAME}2` }),
        ],
      });

      const output = await handler(aTaskInput(), aContext());

      expect(output).toEqual({ physicalId: 'KB2', ready: true });
      expect(await ledger()).toMatchObject({ phase: 'DONE', physicalId: 'KB2' });
    });

    it('comes back later when the name is taken but nothing shows it yet', async () => {
      bedrock.on(CreateKnowledgeBaseCommand).rejects(anAwsError('ConflictException', 'exists', 409));

      await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'NotReadyError' });
    });

    const aStorage = (changes: object) => ({
      storageConfiguration: {
        type: 'OPENSEARCH_MANAGED_CLUSTER' as const,
        opensearchManagedClusterConfiguration: {
          ...aKnowledgeBase().storageConfiguration?.opensearchManagedClusterConfiguration,
          ...changes,
        },
      } as never,
    });

    it.each([
      ['role', { roleArn: 'arn:aws:iam::123456789012:role/other' }],
      ['index', aStorage({ vectorIndexName: 'tenant-acme2' })],
      ['domain', aStorage({ domainArn: 'arn:aws:es:eu-central-1:123456789012:domain/other' })],
      [
        'model',
        {
          knowledgeBaseConfiguration: {
            type: 'VECTOR' as const,
            vectorKnowledgeBaseConfiguration: { embeddingModelArn: 'arn:aws:bedrock:other' },
          },
        },
      ],
    ])('refuses a knowledge base of that name with another %s', async (_, changes) => {
      bedrock.on(CreateKnowledgeBaseCommand).rejects(anAwsError('ConflictException', 'exists', 409));
      serve({ knowledgeBases: [aKnowledgeBase(changes)] });

      const run = handler(aTaskInput(), aContext());

      await expect(run).rejects.toMatchObject({
        name: 'ResourceConflictError',
        message: `tenant acme: knowledge base ${NAME} (KB1) exists with another role, index or embedding model`,
      });
      expect(await ledger()).toMatchObject({ phase: 'INTENT' });
    });
  });

  describe('bounds the time', () => {
    it('gives up on a knowledge base that is not ready after half an hour', async () => {
      await tables.put(REGISTRY_TABLE, aDone({ since: ago(31 * MINUTE) }));
      serve({ knowledgeBases: [aKnowledgeBase({ status: 'CREATING' })] });

      const run = handler(aTaskInput(), aContext());

      await expect(run).rejects.toMatchObject({
        name: 'ResourceTimedOutError',
        message: expect.stringContaining('tenant acme: knowledge base KB1'),
      });
    });

    it('keeps since over the looks in between', async () => {
      await handler(aTaskInput(), aContext());
      const since = (await ledger())?.['since'];
      serve({ knowledgeBases: [aKnowledgeBase({ status: 'CREATING' })] });

      await handler(aTaskInput(), aContext());

      expect((await ledger())?.['since']).toBe(since);
    });

    it('counts from the accepted call, not from a refused one long before the redrive', async () => {
      await tables.put(REGISTRY_TABLE, anIntent({ since: ago(24 * 60 * MINUTE) }));

      const output = await handler(aTaskInput(), aContext());

      expect(output).toEqual({ physicalId: 'KB1', ready: false });
    });
  });

  it('reports a failed knowledge base with Bedrock’s reasons', async () => {
    await tables.put(REGISTRY_TABLE, aDone());
    serve({ knowledgeBases: [aKnowledgeBase({ status: 'FAILED', failureReasons: ['no access to index'] })] });

    const run = handler(aTaskInput(), aContext());

    await expect(run).rejects.toMatchObject({
      name: 'RejectedCallError',
      message: 'tenant acme: knowledge base KB1 failed: no access to index. Delete it, then redrive.',
    });
  });

  it.each([
    ['ValidationException', 400, 'Bedrock cannot assume role x', 'NotReadyError'],
    ['ValidationException', 400, 'Bedrock was unable to assume the given role', 'NotReadyError'],
    ['ValidationException', 400, 'The knowledge base storage configuration provided is invalid...', 'NotReadyError'],
    ['ValidationException', 400, 'name is too long', 'RejectedCallError'],
    ['ThrottlingException', 429, '', 'ThrottledError'],
    ['InternalServerException', 500, '', 'TransientError'],
    ['ServiceQuotaExceededException', 402, '', 'QuotaExceededError'],
    ['AccessDeniedException', 403, '', 'AccessDeniedError'],
  ])('reports %s (%i, %j) as %s', async (name, status, message, expected) => {
    bedrock.on(CreateKnowledgeBaseCommand).rejects(anAwsError(name, message, status));

    const run = handler(aTaskInput(), aContext());

    await expect(run).rejects.toMatchObject({ name: expected, message: expect.stringContaining('tenant acme') });
    expect(await ledger()).toMatchObject({ phase: 'INTENT' });
  });
});

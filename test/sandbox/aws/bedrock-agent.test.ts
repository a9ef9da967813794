import {
  BedrockAgentClient,
  CreateDataSourceCommand,
  type CreateDataSourceCommandInput,
  CreateKnowledgeBaseCommand,
  type CreateKnowledgeBaseCommandInput,
  DeleteDataSourceCommand,
  DeleteKnowledgeBaseCommand,
  GetDataSourceCommand,
  GetIngestionJobCommand,
  GetKnowledgeBaseCommand,
  ListDataSourcesCommand,
  ListIngestionJobsCommand,
  ListKnowledgeBasesCommand,
  ListTagsForResourceCommand,
  StartIngestionJobCommand,
  StopIngestionJobCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateDataSourceCommand,
  UpdateKnowledgeBaseCommand,
} from '@aws-sdk/client-bedrock-agent';
import { type BedrockAgent, createBedrockAgent } from '../../../sandbox/aws/bedrock-agent';
import type { Estate } from '../../../sandbox/aws/service';
import { anEstate, type Served, serve } from './serve';

const SECOND = 1000;
const TOKEN = 'a'.repeat(64);

function aKnowledgeBase(changes: Partial<CreateKnowledgeBaseCommandInput> = {}): CreateKnowledgeBaseCommandInput {
  return {
    name: 'app-dev-acme',
    roleArn: 'arn:aws:iam::123456789012:role/knowledge-base',
    knowledgeBaseConfiguration: {
      type: 'VECTOR',
      vectorKnowledgeBaseConfiguration: {
        embeddingModelArn: 'arn:aws:bedrock:eu-central-1::foundation-model/amazon.titan-embed-text-v2:0',
      },
    },
    storageConfiguration: {
      type: 'OPENSEARCH_MANAGED_CLUSTER',
      opensearchManagedClusterConfiguration: {
        domainArn: 'arn:aws:es:eu-central-1:123456789012:domain/vectors',
        domainEndpoint: 'https://search-vectors.eu-central-1.es.amazonaws.com',
        vectorIndexName: 'tenant-acme',
        fieldMapping: { vectorField: 'vector', textField: 'text', metadataField: 'metadata' },
      },
    },
    tags: { 'tenant-id': 'acme' },
    ...changes,
  };
}

function aDataSource(
  knowledgeBaseId: string,
  changes: Partial<CreateDataSourceCommandInput> = {},
): CreateDataSourceCommandInput {
  return {
    knowledgeBaseId,
    name: 'documents',
    dataSourceConfiguration: {
      type: 'S3',
      s3Configuration: { bucketArn: 'arn:aws:s3:::tenants', inclusionPrefixes: ['tenants/acme/docs/'] },
    },
    dataDeletionPolicy: 'RETAIN',
    ...changes,
  };
}

describe('Bedrock knowledge bases in the sandbox', () => {
  let estate: Estate;
  let bedrock: BedrockAgent;
  let served: Served;
  let client: BedrockAgentClient;
  let indices: Set<string>;

  beforeEach(async () => {
    indices = new Set(['tenant-acme']);
    estate = anEstate();
    bedrock = createBedrockAgent(estate, {
      knowledgeBases: 3,
      indexExists: (_, index) => indices.has(index),
      canAssumeRole: (roleArn) => !roleArn.endsWith('/missing'),
    });
    served = await serve(estate, bedrock.service);
    client = new BedrockAgentClient(served.client);
  });

  afterEach(async () => {
    client.destroy();
    await served.stop();
  });

  const create = async (changes: Partial<CreateKnowledgeBaseCommandInput> = {}) =>
    (await client.send(new CreateKnowledgeBaseCommand(aKnowledgeBase(changes)))).knowledgeBase;
  const createActive = async (changes: Partial<CreateKnowledgeBaseCommandInput> = {}) => {
    const created = await create(changes);
    await estate.clock.advance(50 * SECOND);
    return created?.knowledgeBaseId ?? '';
  };
  const get = async (knowledgeBaseId: string | undefined) =>
    (await client.send(new GetKnowledgeBaseCommand({ knowledgeBaseId }))).knowledgeBase;
  const remove = (knowledgeBaseId: string) => client.send(new DeleteKnowledgeBaseCommand({ knowledgeBaseId }));
  const createDataSource = async (knowledgeBaseId: string, changes: Partial<CreateDataSourceCommandInput> = {}) =>
    (await client.send(new CreateDataSourceCommand(aDataSource(knowledgeBaseId, changes)))).dataSource?.dataSourceId ??
    '';

  it('is CREATING at first and ACTIVE after 50 seconds of virtual time', async () => {
    const created = await create();
    expect(created).toMatchObject({ status: 'CREATING', createdAt: new Date('2026-01-01T00:00:00Z') });
    expect(created?.knowledgeBaseId).toMatch(/^[A-Z0-9]{10}$/);

    await estate.clock.advance(49 * SECOND);
    expect(await get(created?.knowledgeBaseId)).toMatchObject({ status: 'CREATING' });

    await estate.clock.advance(SECOND);
    const { tags: _, ...definition } = aKnowledgeBase();
    expect(await get(created?.knowledgeBaseId)).toMatchObject({ ...definition, status: 'ACTIVE' });
  });

  it('becomes FAILED with its reasons when that is planned, and only once', async () => {
    bedrock.failNextCreation('app-dev-acme', ['The vector field has the wrong dimension']);

    const failed = await createActive();
    expect(await get(failed)).toMatchObject({
      status: 'FAILED',
      failureReasons: ['The vector field has the wrong dimension'],
    });
    await remove(failed);
    await estate.clock.advance(20 * SECOND);

    expect(await get(await createActive())).toMatchObject({ status: 'ACTIVE' });
  });

  it('keeps its name to itself until its deletion is through', async () => {
    const id = await createActive();
    await expect(create()).rejects.toMatchObject({ name: 'ConflictException', $metadata: { httpStatusCode: 409 } });

    bedrock.failNextDeletion('app-dev-acme', ['Unable to delete data from vector store']);
    await remove(id);
    await expect(create()).rejects.toMatchObject({ name: 'ConflictException' });
    await estate.clock.advance(20 * SECOND);
    expect(await get(id)).toMatchObject({ status: 'DELETE_UNSUCCESSFUL' });
    await expect(create()).rejects.toMatchObject({ name: 'ConflictException' });

    await remove(id);
    await estate.clock.advance(20 * SECOND);
    await expect(get(id)).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    await expect(create()).resolves.toMatchObject({ status: 'CREATING' });
  });

  it('answers a repeated client token as it did the first time', async () => {
    const first = await create({ clientToken: TOKEN });
    await estate.clock.advance(50 * SECOND);

    expect(await create({ clientToken: TOKEN })).toEqual(first);

    expect(bedrock.knowledgeBases()).toMatchObject([{ id: first?.knowledgeBaseId, status: 'ACTIVE' }]);
  });

  it.each([
    ['a name with two hyphens in a row', { name: 'app--acme' }],
    ['a role that is none', { roleArn: 'arn:aws:iam::123456789012:user/ada' }],
    ['a role that cannot be assumed', { roleArn: 'arn:aws:iam::123456789012:role/missing' }],
    ['a short client token', { clientToken: 'short' }],
    ['no vector store', { storageConfiguration: undefined }],
  ] as const)('refuses %s', async (_, changes) => {
    await expect(create(changes)).rejects.toMatchObject({ name: 'ValidationException' });
  });

  it('refuses an index that does not exist, in the words of a lack of access', async () => {
    indices.clear();

    await expect(create()).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringContaining('storage configuration provided is invalid'),
    });
  });

  it('ends at the quota', async () => {
    for (const name of ['one', 'two', 'three']) await create({ name });

    await expect(create({ name: 'four' })).rejects.toMatchObject({
      name: 'ServiceQuotaExceededException',
      $metadata: { httpStatusCode: 402 },
    });
  });

  it('is listed in pages', async () => {
    for (const name of ['one', 'two', 'three']) await create({ name });

    const first = await client.send(new ListKnowledgeBasesCommand({ maxResults: 2 }));
    const second = await client.send(new ListKnowledgeBasesCommand({ maxResults: 2, nextToken: first.nextToken }));

    expect(first.knowledgeBaseSummaries?.map(({ name }) => name)).toEqual(['one', 'two']);
    expect(second).toMatchObject({ knowledgeBaseSummaries: [{ name: 'three', status: 'CREATING' }] });
    expect(second.nextToken).toBeUndefined();
  });

  it('tells a malformed id from a missing one', async () => {
    await expect(get('short')).rejects.toMatchObject({ name: 'ValidationException' });
    await expect(get('ABCDEFGHIJ')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('can be renamed but keeps its vector store', async () => {
    const knowledgeBaseId = await createActive();
    const { tags: _, ...definition } = aKnowledgeBase({ name: 'renamed' });

    await client.send(new UpdateKnowledgeBaseCommand({ knowledgeBaseId, ...definition }));
    expect(await get(knowledgeBaseId)).toMatchObject({ name: 'renamed' });

    const moved = { knowledgeBaseId, ...definition, storageConfiguration: { type: 'RDS' } } as const;
    await expect(client.send(new UpdateKnowledgeBaseCommand(moved))).rejects.toMatchObject({
      name: 'ValidationException',
    });
  });

  it('has tags', async () => {
    const created = await create();
    const resourceArn = created?.knowledgeBaseArn;
    await client.send(new TagResourceCommand({ resourceArn, tags: { stage: 'dev', tier: 'pro' } }));
    await client.send(new UntagResourceCommand({ resourceArn, tagKeys: ['stage'] }));

    const { tags } = await client.send(new ListTagsForResourceCommand({ resourceArn }));

    expect(tags).toEqual({ 'tenant-id': 'acme', tier: 'pro' });
    const missing = client.send(new ListTagsForResourceCommand({ resourceArn: `${resourceArn?.slice(0, -1)}_` }));
    await expect(missing).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('cannot be deleted while it is being created or has a data source', async () => {
    const created = await create();
    const id = created?.knowledgeBaseId ?? '';
    await expect(remove(id)).rejects.toMatchObject({ name: 'ConflictException' });
    await estate.clock.advance(50 * SECOND);
    const dataSourceId = await createDataSource(id);
    await expect(remove(id)).rejects.toMatchObject({ name: 'ConflictException' });

    await client.send(new DeleteDataSourceCommand({ knowledgeBaseId: id, dataSourceId }));
    await estate.clock.advance(20 * SECOND);

    expect(await remove(id)).toMatchObject({ status: 'DELETING', $metadata: { httpStatusCode: 202 } });
  });

  describe('data sources', () => {
    it('need an active knowledge base and take exactly one prefix', async () => {
      const created = await create();
      const id = created?.knowledgeBaseId ?? '';
      await expect(createDataSource(id)).rejects.toMatchObject({ name: 'ConflictException' });
      await estate.clock.advance(50 * SECOND);

      const s3Configuration = { bucketArn: 'arn:aws:s3:::tenants', inclusionPrefixes: ['a/', 'b/'] };
      const twoPrefixes = createDataSource(id, { dataSourceConfiguration: { type: 'S3', s3Configuration } });

      await expect(twoPrefixes).rejects.toMatchObject({ name: 'ValidationException' });
    });

    it('are available at once, repeat a client token and are listed', async () => {
      const knowledgeBaseId = await createActive();
      const dataSourceId = await createDataSource(knowledgeBaseId, { clientToken: TOKEN });

      expect(await createDataSource(knowledgeBaseId, { clientToken: TOKEN })).toBe(dataSourceId);

      const { dataSource } = await client.send(new GetDataSourceCommand({ knowledgeBaseId, dataSourceId }));
      const { dataSourceSummaries } = await client.send(new ListDataSourcesCommand({ knowledgeBaseId }));
      expect(dataSource).toMatchObject({ ...aDataSource(knowledgeBaseId), status: 'AVAILABLE' });
      expect(dataSourceSummaries).toMatchObject([{ dataSourceId, name: 'documents' }]);
    });

    it('are replaced as a whole by an update', async () => {
      const knowledgeBaseId = await createActive();
      const vectorIngestionConfiguration = { chunkingConfiguration: { chunkingStrategy: 'NONE' } } as const;
      const dataSourceId = await createDataSource(knowledgeBaseId, { description: 'x', vectorIngestionConfiguration });
      const { description: _, ...definition } = aDataSource(knowledgeBaseId, { dataDeletionPolicy: undefined });

      const partial = new UpdateDataSourceCommand({ dataSourceId, ...definition });
      await expect(client.send(partial)).rejects.toMatchObject({ name: 'ValidationException' });

      const whole = new UpdateDataSourceCommand({ dataSourceId, ...definition, vectorIngestionConfiguration });
      const { dataSource } = await client.send(whole);
      expect(dataSource).toMatchObject({ dataDeletionPolicy: 'DELETE', vectorIngestionConfiguration });
      expect(dataSource?.description).toBeUndefined();
    });

    it('get stuck in deletion with the policy DELETE when the index is gone, and free with RETAIN', async () => {
      const knowledgeBaseId = await createActive();
      const dataSourceId = await createDataSource(knowledgeBaseId, { dataDeletionPolicy: 'DELETE' });
      indices.clear();
      const ids = { knowledgeBaseId, dataSourceId };

      const deletion = await client.send(new DeleteDataSourceCommand(ids));
      expect(deletion).toMatchObject({ status: 'DELETING', $metadata: { httpStatusCode: 202 } });
      await estate.clock.advance(20 * SECOND);
      const { dataSource } = await client.send(new GetDataSourceCommand(ids));
      expect(dataSource).toMatchObject({
        status: 'DELETE_UNSUCCESSFUL',
        failureReasons: [expect.stringContaining('Unable to delete data from vector store')],
      });

      await client.send(new UpdateDataSourceCommand({ ...aDataSource(knowledgeBaseId), dataSourceId }));
      await client.send(new DeleteDataSourceCommand(ids));
      await estate.clock.advance(20 * SECOND);
      await expect(client.send(new GetDataSourceCommand(ids))).rejects.toMatchObject({
        name: 'ResourceNotFoundException',
      });
    });
  });

  describe('ingestion jobs', () => {
    it('run to completion, one at a time', async () => {
      const knowledgeBaseId = await createActive();
      const ids = { knowledgeBaseId, dataSourceId: await createDataSource(knowledgeBaseId) };

      const { ingestionJob } = await client.send(new StartIngestionJobCommand(ids));
      expect(ingestionJob).toMatchObject({ status: 'STARTING' });
      await expect(client.send(new StartIngestionJobCommand(ids))).rejects.toMatchObject({ name: 'ConflictException' });
      await expect(client.send(new DeleteDataSourceCommand(ids))).rejects.toMatchObject({ name: 'ConflictException' });

      await estate.clock.advance(300 * SECOND); // Nobody looks until long after it is done.
      const ingestionJobId = ingestionJob?.ingestionJobId;
      const { ingestionJob: done } = await client.send(new GetIngestionJobCommand({ ...ids, ingestionJobId }));
      expect(done).toMatchObject({ status: 'COMPLETE', updatedAt: new Date('2026-01-01T00:01:50Z') });
      await expect(client.send(new StopIngestionJobCommand({ ...ids, ingestionJobId }))).rejects.toMatchObject({
        name: 'ConflictException',
      });
    });

    it('can be found by status and stopped', async () => {
      const knowledgeBaseId = await createActive();
      const ids = { knowledgeBaseId, dataSourceId: await createDataSource(knowledgeBaseId) };
      const { ingestionJob } = await client.send(new StartIngestionJobCommand(ids));
      const ingestionJobId = ingestionJob?.ingestionJobId;
      const running = async () => {
        const filter = {
          attribute: 'STATUS' as const,
          operator: 'EQ' as const,
          values: ['STARTING', 'IN_PROGRESS', 'STOPPING'],
        };
        const { ingestionJobSummaries } = await client.send(
          new ListIngestionJobsCommand({ ...ids, filters: [filter] }),
        );
        return ingestionJobSummaries;
      };
      expect(await running()).toMatchObject([{ ingestionJobId }]);

      await client.send(new StopIngestionJobCommand({ ...ids, ingestionJobId }));
      expect(await running()).toMatchObject([{ status: 'STOPPING' }]);
      await estate.clock.advance(5 * SECOND);

      expect(await running()).toEqual([]);
      await client.send(new DeleteDataSourceCommand(ids));
    });
  });
});

import {
  CreateIndexCommand,
  DeleteIndexCommand,
  DescribeDomainCommand,
  GetIndexCommand,
  ListDomainNamesCommand,
  ListTagsCommand,
  OpenSearchClient,
  UpdateIndexCommand,
} from '@aws-sdk/client-opensearch';
import { createOpenSearch, type DomainHandle, type OpenSearch } from '../../../sandbox/aws/opensearch';
import { anEstate, type Served, serve } from './serve';

const DomainName = 'vectors';
const IndexName = 'tenant-acme';

const vectorSchema = {
  settings: { index: { knn: true, number_of_shards: 1, number_of_replicas: 1 } },
  mappings: { properties: { vector: { type: 'knn_vector', dimension: 1024 }, text: { type: 'text' } } },
};

describe('OpenSearch Service in the sandbox', () => {
  let openSearch: OpenSearch;
  let served: Served;
  let client: OpenSearchClient;
  let domain: DomainHandle;

  beforeEach(async () => {
    const estate = anEstate();
    openSearch = createOpenSearch(estate, { maximumShards: 12 });
    domain = openSearch.createDomain({ name: DomainName, tags: { app: 'tenants' } });
    served = await serve(estate, openSearch.service);
    client = new OpenSearchClient(served.client);
  });

  afterEach(async () => {
    client.destroy();
    await served.stop();
  });

  const create = (name: string, IndexSchema: object = vectorSchema) =>
    client.send(
      new CreateIndexCommand({ DomainName, IndexName: name, IndexSchema: IndexSchema as typeof vectorSchema }),
    );
  const update = (IndexSchema: typeof vectorSchema | { mappings: (typeof vectorSchema)['mappings'] } | object) =>
    client.send(new UpdateIndexCommand({ DomainName, IndexName, IndexSchema: IndexSchema as typeof vectorSchema }));

  it('describes the domain with its tags', async () => {
    const { DomainStatus } = await client.send(new DescribeDomainCommand({ DomainName }));
    const { DomainNames } = await client.send(new ListDomainNamesCommand({}));
    const { TagList } = await client.send(new ListTagsCommand({ ARN: domain.arn }));

    expect(DomainStatus).toMatchObject({ ARN: domain.arn, Endpoint: domain.endpoint, Processing: false });
    expect(DomainNames).toEqual([{ DomainName, EngineType: 'OpenSearch' }]);
    expect(TagList).toEqual([{ Key: 'app', Value: 'tenants' }]);
  });

  it('creates an index once and answers its settings as strings', async () => {
    expect(await create(IndexName)).toMatchObject({ Status: 'CREATED' });
    await expect(create(IndexName)).rejects.toMatchObject({ name: 'ResourceAlreadyExistsException' });

    const { IndexSchema } = await client.send(new GetIndexCommand({ DomainName, IndexName }));

    expect(IndexSchema).toMatchObject({
      settings: { index: { knn: 'true', number_of_shards: '1', number_of_replicas: '1', provided_name: IndexName } },
      mappings: vectorSchema.mappings,
    });
    expect(openSearch.indexExists(domain.arn, IndexName)).toBe(true);
  });

  it('reports a missing index and a missing domain by the same error', async () => {
    const missingIndex = client.send(new DeleteIndexCommand({ DomainName, IndexName }));
    await expect(missingIndex).rejects.toMatchObject({ name: 'ResourceNotFoundException' });

    const missingDomain = client.send(new GetIndexCommand({ DomainName: 'elsewhere', IndexName }));
    await expect(missingDomain).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    await expect(client.send(new DescribeDomainCommand({ DomainName: 'elsewhere' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });

  it('deletes an index for good', async () => {
    await create(IndexName);

    expect(await client.send(new DeleteIndexCommand({ DomainName, IndexName }))).toMatchObject({ Status: 'DELETED' });

    expect(openSearch.indices(DomainName)).toEqual([]);
    expect(openSearch.indexExists(domain.arn, IndexName)).toBe(false);
  });

  it.each(['Tenant-Acme', '_acme', '-acme', 'acme,globex', 'acme*'])('refuses the index name %j', async (name) => {
    await expect(create(name)).rejects.toMatchObject({ name: 'ValidationException' });
  });

  it.each([
    ['an unknown section', { setting: {} }],
    ['a vector without a dimension', { mappings: { properties: { vector: { type: 'knn_vector' } } } }],
    ['a field without a type', { mappings: { properties: { text: {} } } }],
    ['no shard', { settings: { number_of_shards: 0 } }],
  ])('refuses %s', async (_, schema) => {
    await expect(create(IndexName, schema)).rejects.toMatchObject({ name: 'ValidationException' });
  });

  it('lets fields be added but neither settings nor types be changed', async () => {
    await create(IndexName);

    const added = await update({ mappings: { properties: { tenant: { type: 'keyword' } } } });
    expect(added.Status).toBe('UPDATED');
    await expect(update({ settings: { index: { number_of_replicas: 2 } } })).rejects.toMatchObject({
      name: 'ValidationException',
    });
    await expect(update({ mappings: { properties: { text: { type: 'keyword' } } } })).rejects.toMatchObject({
      name: 'ValidationException',
    });

    const [index] = openSearch.indices(DomainName);
    expect(Object.keys(index?.mappings['properties'] ?? {})).toEqual(['vector', 'text', 'tenant']);
  });

  it('counts ten shards for an index that does not say how many, and ends at the limit of the cluster', async () => {
    await create('says-nothing', { mappings: {} });
    await create('says-one-and-one');

    await expect(create('one-too-many')).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringContaining('[12]/[12] maximum shards open'),
    });
  });
});

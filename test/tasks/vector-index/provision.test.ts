import { CreateIndexCommand, GetIndexCommand, OpenSearchClient } from '@aws-sdk/client-opensearch';
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/vector-index/provision';
import { serveAuditLog } from '../../support/audit-log';
import { aLostAnswer, anAwsError } from '../../support/aws-errors';
import {
  aContext,
  anIndexSchema,
  aStateItem,
  aTaskInput,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
const opensearch = mockClient(OpenSearchClient);
serveAuditLog();
let tables: Tables;

const ledger = () => tables.get(REGISTRY_TABLE, 'TENANT#acme', 'RESOURCE#vector-index');

describe('provision-vector-index', () => {
  beforeEach(async () => {
    captureOutput();
    setEnvironment();
    dynamodb.reset();
    s3.reset();
    opensearch.reset();
    opensearch.on(CreateIndexCommand).resolves({ Status: 'CREATED' });
    tables = await serveTables(dynamodb, REGISTRY_TABLE);
    await tables.put(REGISTRY_TABLE, aStateItem());
  });

  afterEach(() => jest.restoreAllMocks());

  it('makes a k-NN index of one primary shard with the fields that Bedrock needs', async () => {
    const output = await handler(aTaskInput(), aContext());

    expect(output).toEqual({ physicalId: 'tenant-acme', ready: true });
    expect(opensearch.commandCalls(CreateIndexCommand)[0]?.args[0].input).toEqual({
      DomainName: 'vectors',
      IndexName: 'tenant-acme',
      IndexSchema: {
        settings: { index: { knn: true, number_of_shards: 1, number_of_replicas: 1 } },
        mappings: {
          properties: {
            vector: {
              type: 'knn_vector',
              dimension: 1024,
              method: { name: 'hnsw', engine: 'faiss', space_type: 'l2' },
            },
            AMAZON_BEDROCK_TEXT_CHUNK: { type: 'text' },
            AMAZON_BEDROCK_METADATA: { type: 'text', index: false },
          },
        },
      },
    });
    expect(opensearch.commandCalls(GetIndexCommand)).toHaveLength(0);
    expect(await ledger()).toMatchObject({ phase: 'DONE', physicalId: 'tenant-acme' });
  });

  it('adopts the index of an earlier attempt whose answer was lost; OpenSearch shows settings as text', async () => {
    opensearch
      .on(CreateIndexCommand)
      .rejectsOnce(aLostAnswer())
      .rejects(anAwsError('ResourceAlreadyExistsException', '', 409));
    opensearch.on(GetIndexCommand).resolves({ IndexSchema: anIndexSchema() });

    await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'TransientError' });
    const output = await handler(aTaskInput(), aContext());

    expect(output).toEqual({ physicalId: 'tenant-acme', ready: true });
    expect(opensearch.commandCalls(GetIndexCommand)[0]?.args[0].input).toEqual({
      DomainName: 'vectors',
      IndexName: 'tenant-acme',
    });
  });

  it('adopts it as well when the answer stands under its name, and refuses other settings there, too', async () => {
    opensearch.on(CreateIndexCommand).rejects(anAwsError('ResourceAlreadyExistsException', '', 409));
    opensearch
      .on(GetIndexCommand)
      .resolvesOnce({ IndexSchema: { 'tenant-acme': anIndexSchema({ dimension: 256 }) } })
      .resolves({ IndexSchema: { 'tenant-acme': anIndexSchema() } });

    await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({
      name: 'ResourceConflictError',
      message: expect.stringMatching(/settings: mappings\.properties\.vector\.dimension is 256, must be 1024$/),
    });
    expect(await handler(aTaskInput(), aContext())).toEqual({ physicalId: 'tenant-acme', ready: true });
  });

  it('refuses an index with other settings, naming each', async () => {
    opensearch.on(CreateIndexCommand).rejects(anAwsError('ResourceAlreadyExistsException', '', 409));
    opensearch
      .on(GetIndexCommand)
      .resolves({ IndexSchema: anIndexSchema({ shards: '5', dimension: 256, engine: 'nmslib' }) });

    const run = handler(aTaskInput(), aContext());

    await expect(run).rejects.toMatchObject({
      name: 'ResourceConflictError',
      message:
        'tenant acme: index tenant-acme exists with other settings: settings.index.number_of_shards is 5, must be 1; mappings.properties.vector.dimension is 256, must be 1024; mappings.properties.vector.method.engine is nmslib, must be faiss',
    });
    expect(await ledger()).toBeUndefined();
  });

  it.each([undefined, null, {}, { settings: null }, 'text'])(
    'refuses an index whose schema reads %j',
    async (schema) => {
      opensearch.on(CreateIndexCommand).rejects(anAwsError('ResourceAlreadyExistsException', '', 409));
      opensearch.on(GetIndexCommand).resolves({ IndexSchema: schema as never });

      const run = handler(aTaskInput(), aContext());

      await expect(run).rejects.toMatchObject({ name: 'ResourceConflictError' });
    },
  );

  it('comes back later for an index that exists and cannot be read yet', async () => {
    opensearch.on(CreateIndexCommand).rejects(anAwsError('ResourceAlreadyExistsException', '', 409));
    opensearch.on(GetIndexCommand).rejects(anAwsError('ResourceNotFoundException', '', 404));

    const run = handler(aTaskInput(), aContext());

    await expect(run).rejects.toMatchObject({ name: 'NotReadyError', message: expect.stringContaining('tenant-acme') });
  });

  it.each([
    ['ThrottlingException', 429, '', 'ThrottledError'],
    ['InternalException', 500, '', 'TransientError'],
    ['DependencyFailureException', 424, '', 'TransientError'],
    ['ValidationException', 400, 'this cluster currently has [1000]/[1000] maximum shards open', 'QuotaExceededError'],
    ['ValidationException', 400, '', 'RejectedCallError'],
    ['DisabledOperationException', 409, '', 'RejectedCallError'],
    ['ResourceNotFoundException', 404, 'Domain not found', 'MissingDependencyError'],
    ['AccessDeniedException', 403, '', 'AccessDeniedError'],
  ])('reports %s (%i, %j) as %s', async (name, status, message, expected) => {
    opensearch.on(CreateIndexCommand).rejects(anAwsError(name, message, status));

    const run = handler(aTaskInput(), aContext());

    await expect(run).rejects.toMatchObject({ name: expected, message: `tenant acme: ${name}: ${message}` });
  });
});

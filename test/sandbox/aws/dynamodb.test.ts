import {
  BatchWriteItemCommand,
  CreateTableCommand,
  DeleteTableCommand,
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  ListTablesCommand,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import {
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  paginateQuery,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { createDynamoDb, type DynamoDb } from '../../../sandbox/aws/dynamodb';
import { DynaliteServer } from '../../../sandbox/aws/dynamodb/dynalite-server';
import { anEstate, type Served, serve } from './serve';

const TableName = 'registry';
const ARN = 'arn:aws:dynamodb:eu-central-1:123456789012:table/registry';

describe('DynamoDB in the sandbox', () => {
  let dynamoDb: DynamoDb;
  let served: Served;
  let client: DynamoDBClient;
  let documents: DynamoDBDocumentClient;

  beforeAll(async () => {
    const estate = anEstate();
    dynamoDb = createDynamoDb(estate);
    await dynamoDb.start();
    served = await serve(estate, dynamoDb.service);
    client = new DynamoDBClient(served.client);
    documents = DynamoDBDocumentClient.from(client);
  });

  beforeEach(() =>
    dynamoDb.createTable({
      TableName,
      AttributeDefinitions: ['pk', 'sk', 'status'].map((AttributeName) => ({
        AttributeName,
        AttributeType: 'S' as const,
      })),
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      GlobalSecondaryIndexes: [
        {
          IndexName: 'by-status',
          KeySchema: [{ AttributeName: 'status', KeyType: 'HASH' }],
          Projection: { ProjectionType: 'ALL' },
        },
      ],
      pointInTimeRecovery: true,
      timeToLiveAttribute: 'expiresAt',
    }),
  );

  afterEach(() => client.send(new DeleteTableCommand({ TableName })));

  afterAll(async () => {
    client.destroy();
    await served.stop();
    await dynamoDb.stop();
  });

  const put = (Item: Record<string, unknown>) => documents.send(new PutCommand({ TableName, Item }));

  it('describes a table as one of this account and Region, made at virtual time', async () => {
    const { Table } = await client.send(new DescribeTableCommand({ TableName }));
    const { TableNames } = await client.send(new ListTablesCommand({}));

    expect(Table).toMatchObject({
      TableArn: ARN,
      TableStatus: 'ACTIVE',
      CreationDateTime: new Date('2026-01-01T00:00:00Z'),
      GlobalSecondaryIndexes: [{ IndexArn: `${ARN}/index/by-status` }],
    });
    expect(TableNames).toEqual([TableName]);
  });

  it('tells the backup and expiry settings it was given', async () => {
    const { ContinuousBackupsDescription } = await client.send(new DescribeContinuousBackupsCommand({ TableName }));
    const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName }));

    expect(ContinuousBackupsDescription).toMatchObject({
      PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: 'ENABLED' },
    });
    expect(TimeToLiveDescription).toEqual({ TimeToLiveStatus: 'ENABLED', AttributeName: 'expiresAt' });
  });

  it('makes and removes tables over the wire', async () => {
    const made = await client.send(
      new CreateTableCommand({
        TableName: 'other',
        AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    );
    expect(made.TableDescription?.TableArn).toBe('arn:aws:dynamodb:eu-central-1:123456789012:table/other');

    await client.send(new DeleteTableCommand({ TableName: 'other' }));
    await expect(client.send(new DescribeTableCommand({ TableName: 'other' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });

  it('honours conditions and reports their failure by name', async () => {
    const once = new PutCommand({
      TableName,
      Item: { pk: 'TENANT#acme', sk: 'STATE', status: 'REQUESTED' },
      ConditionExpression: 'attribute_not_exists(pk)',
    });
    await documents.send(once);

    await expect(documents.send(once)).rejects.toMatchObject({
      name: 'ConditionalCheckFailedException',
      message: 'The conditional request failed',
      $metadata: { httpStatusCode: 400 },
    });

    const move = new UpdateCommand({
      TableName,
      Key: { pk: 'TENANT#acme', sk: 'STATE' },
      UpdateExpression: 'SET #status = :to, generation = if_not_exists(generation, :zero) + :one',
      ConditionExpression: '#status IN (:from)',
      ExpressionAttributeNames: { '#status': 'status' },
      ExpressionAttributeValues: { ':to': 'ACTIVE', ':from': 'REQUESTED', ':zero': 0, ':one': 1 },
      ReturnValues: 'ALL_NEW',
    });
    expect((await documents.send(move)).Attributes).toMatchObject({ status: 'ACTIVE', generation: 1 });
    await expect(documents.send(move)).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
  });

  it('queries a partition in pages and an index by its key', async () => {
    for (const number of [1, 2, 3]) await put({ pk: 'TENANT#acme', sk: `ITEM#${number}`, status: 'NEW' });
    await put({ pk: 'TENANT#acme2', sk: 'ITEM#1', status: 'OLD' });

    const pages: number[] = [];
    const partition = {
      TableName,
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': 'TENANT#acme' },
      ConsistentRead: true,
    };
    for await (const { Count } of paginateQuery({ client: documents, pageSize: 2 }, partition)) pages.push(Count ?? 0);
    const { Items } = await documents.send(
      new QueryCommand({
        TableName,
        IndexName: 'by-status',
        KeyConditionExpression: '#status = :status',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: { ':status': 'OLD' },
      }),
    );

    expect(pages).toEqual([2, 1]);
    expect(Items).toMatchObject([{ pk: 'TENANT#acme2' }]);
  });

  it('dumps a whole table in plain values', async () => {
    const item = { pk: 'a', sk: 'b', n: 1.5, yes: true, none: null, list: ['x', 2], map: { deep: { er: 'y' } } };
    await put({ ...item, tags: new Set(['t']), numbers: new Set([1]) });

    expect(await dynamoDb.dump(TableName)).toEqual([{ ...item, tags: ['t'], numbers: [1] }]);
  });

  it('hands back a part of a batch when told to, until the caller has looped through', async () => {
    const writes = ['1', '2', '3'].map((sk) => ({ PutRequest: { Item: { pk: { S: 'a' }, sk: { S: sk } } } }));
    dynamoDb.leaveUnprocessed(1);

    const first = await client.send(new BatchWriteItemCommand({ RequestItems: { [TableName]: writes } }));
    expect(first.UnprocessedItems?.[TableName]).toEqual([writes[2]]);
    expect(await dynamoDb.dump(TableName)).toHaveLength(2);

    const second = await client.send(new BatchWriteItemCommand({ RequestItems: first.UnprocessedItems }));
    expect(second.UnprocessedItems).toEqual({});
    expect(await dynamoDb.dump(TableName)).toHaveLength(3);
  });

  it('fails loudly on transactions, which it does not have', async () => {
    const Put = { TableName, Item: { pk: { S: 'a' }, sk: { S: 'b' } } };

    await expect(client.send(new TransactWriteItemsCommand({ TransactItems: [{ Put }] }))).rejects.toMatchObject({
      name: 'UnknownOperationException',
    });
  });

  it('names a missing table', async () => {
    const get = new GetCommand({ TableName: 'missing', Key: { pk: 'a', sk: 'b' } });

    await expect(documents.send(get)).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });
});

describe('the server behind DynamoDB', () => {
  const server = new DynaliteServer();
  beforeAll(() => server.start());
  afterAll(() => server.stop());

  it('answers no web page that finds its port', async () => {
    const get = (headers: Record<string, string>) => fetch(`http://127.0.0.1:${server.port}/`, { headers });

    expect((await get({})).status).toBe(200);
    await expect(get({ origin: 'https://page.example' })).rejects.toThrow('fetch failed');
  });
});

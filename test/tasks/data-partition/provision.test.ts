import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/data-partition/provision';
import { serveAuditLog } from '../../support/audit-log';
import { anAwsError } from '../../support/aws-errors';
import { aContext, aStateItem, aTaskInput, DATA_TABLE, REGISTRY_TABLE, setEnvironment } from '../../support/builders';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
serveAuditLog();
let tables: Tables;

describe('provision-data-partition', () => {
  beforeEach(async () => {
    captureOutput();
    setEnvironment();
    dynamodb.reset();
    s3.reset();
    tables = await serveTables(dynamodb, REGISTRY_TABLE, DATA_TABLE);
    await tables.put(REGISTRY_TABLE, aStateItem());
  });

  afterEach(() => jest.restoreAllMocks());

  const puts = () => dynamodb.commandCalls(PutCommand, { TableName: DATA_TABLE }).map((call) => call.args[0].input);

  it('puts the first items where none exist and records the partition key', async () => {
    const output = await handler(aTaskInput(), aContext());

    expect(output).toEqual({ physicalId: 'TENANT#acme', ready: true });
    expect(puts().map(({ Item, ConditionExpression }) => [Item?.['sk'], ConditionExpression])).toEqual([
      ['META', 'attribute_not_exists(pk)'],
      ['SETTINGS', 'attribute_not_exists(pk)'],
    ]);
    expect(await tables.get(DATA_TABLE, 'TENANT#acme', 'META')).toMatchObject({
      tenantId: 'acme',
      tenantKey: 'TENANT#acme',
      tier: 'premium',
    });
    expect(await tables.get(REGISTRY_TABLE, 'TENANT#acme', 'RESOURCE#data-partition')).toMatchObject({
      phase: 'DONE',
      physicalId: 'TENANT#acme',
      generation: 1,
    });
  });

  it('gives the same answer when it runs again, and changes no item', async () => {
    await handler(aTaskInput(), aContext());
    const before = await tables.get(DATA_TABLE, 'TENANT#acme', 'META');

    const output = await handler(aTaskInput(), aContext());

    expect(output).toEqual({ physicalId: 'TENANT#acme', ready: true });
    expect(await tables.get(DATA_TABLE, 'TENANT#acme', 'META')).toEqual(before);
  });

  it('goes on where an earlier attempt died between the two items', async () => {
    tables.loseAnswer((operation, { TableName }) => operation === 'Put' && TableName === DATA_TABLE);

    await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'TransientError' });
    const output = await handler(aTaskInput(), aContext());

    expect(output).toEqual({ physicalId: 'TENANT#acme', ready: true });
    expect(await tables.get(DATA_TABLE, 'TENANT#acme', 'SETTINGS')).toMatchObject({ tenantId: 'acme' });
  });

  it('refuses an item that is not the tenant’s, naming tenant and item', async () => {
    await tables.put(DATA_TABLE, { pk: 'TENANT#acme', sk: 'META', tenantId: 'other', tenantKey: 'TENANT#other' });

    const run = handler(aTaskInput(), aContext());

    await expect(run).rejects.toMatchObject({
      name: 'ResourceConflictError',
      message: "tenant acme: item TENANT#acme / META in table data is not the tenant's",
    });
    expect(await tables.get(REGISTRY_TABLE, 'TENANT#acme', 'RESOURCE#data-partition')).toBeUndefined();
  });

  it.each([
    ['ProvisionedThroughputExceededException', 'ThrottledError'],
    ['ThrottlingException', 'ThrottledError'],
    ['InternalServerError', 'TransientError'],
    ['ResourceNotFoundException', 'MissingDependencyError'],
    ['AccessDeniedException', 'AccessDeniedError'],
    ['ValidationException', 'RejectedCallError'],
  ])('reports %s as %s', async (name, expected) => {
    tables.fail((operation, { TableName }) => operation === 'Put' && TableName === DATA_TABLE, anAwsError(name));

    const run = handler(aTaskInput(), aContext());

    await expect(run).rejects.toMatchObject({ name: expected, message: expect.stringContaining('tenant acme') });
  });

  it.each([{ generation: 2 }, { status: 'OFFBOARDING' as const }])(
    'touches nothing once the tenant is %j',
    async (now) => {
      await tables.put(REGISTRY_TABLE, aStateItem(now));

      const run = handler(aTaskInput(), aContext());

      await expect(run).rejects.toMatchObject({ name: 'StaleExecutionError' });
      expect(dynamodb.commandCalls(PutCommand)).toHaveLength(0);
      expect(s3.calls()).toHaveLength(0);
    },
  );
});

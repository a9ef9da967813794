import { S3Client } from '@aws-sdk/client-s3';
import { BatchWriteCommand, DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/data-partition/destroy';
import { serveAuditLog } from '../../support/audit-log';
import { anAwsError } from '../../support/aws-errors';
import {
  aContext,
  anOffboardingInput,
  aPurgedTenant,
  aStateItem,
  DATA_TABLE,
  oneLegalHold,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
serveAuditLog();
let tables: Tables;
let items: { pk: string; sk: string; tenantKey?: string }[];

const run = () => handler(anOffboardingInput(), aContext());
const ledger = () => tables.get(REGISTRY_TABLE, 'TENANT#acme', 'RESOURCE#data-partition');
const writes = () => dynamodb.commandCalls(BatchWriteCommand);
const remove = (requests: readonly { DeleteRequest: { Key: { pk: string; sk: string } } }[]) => {
  const gone = new Set(requests.map(({ DeleteRequest: { Key } }) => `${Key.pk} ${Key.sk}`));
  items = items.filter(({ pk, sk }) => !gone.has(`${pk} ${sk}`));
};

describe('destroy-data-partition', () => {
  beforeEach(async () => {
    captureOutput();
    setEnvironment();
    dynamodb.reset();
    s3.reset();
    tables = await serveTables(dynamodb, REGISTRY_TABLE);
    await tables.put(REGISTRY_TABLE, aStateItem(aPurgedTenant()));
    items = [
      { pk: 'TENANT#acme', sk: 'META' },
      { pk: 'TENANT#acme', sk: 'SETTINGS', tenantKey: 'TENANT#acme' },
      { pk: 'TENANT#acme#ORDERS', sk: '1', tenantKey: 'TENANT#acme' },
      { pk: 'TENANT#acme2', sk: 'META', tenantKey: 'TENANT#acme2' },
    ];
    dynamodb
      .on(QueryCommand, { TableName: DATA_TABLE })
      .callsFake(({ IndexName, ExpressionAttributeValues, Limit }) => {
        const value = ExpressionAttributeValues[':value'];
        const found = items.filter((item) => (IndexName === undefined ? item.pk : item.tenantKey) === value);
        return { Items: found.slice(0, Limit).map(({ pk, sk }) => ({ pk, sk })) };
      });
    dynamodb.on(BatchWriteCommand).callsFake(({ RequestItems }) => {
      remove(RequestItems[DATA_TABLE]);
      return {};
    });
  });

  afterEach(() => jest.restoreAllMocks());

  it('deletes all items of the tenant, also of its further partitions, and none of another', async () => {
    expect(await run()).toEqual({ physicalId: 'TENANT#acme', gone: true, removed: 3 });
    expect(await run()).toEqual({ physicalId: 'TENANT#acme', gone: true, removed: 0 });

    expect(items).toEqual([{ pk: 'TENANT#acme2', sk: 'META', tenantKey: 'TENANT#acme2' }]);
    expect(await ledger()).toMatchObject({ phase: 'DESTROYED', removed: 3 });
  });

  it('leaves items alone that lie in another tenant’s partition, whatever they claim', async () => {
    items.push(
      { pk: 'TENANT#acme2', sk: 'ORDER', tenantKey: 'TENANT#acme' },
      { pk: 'TENANT#acme2#ORDERS', sk: '1', tenantKey: 'TENANT#acme' },
    );

    expect(await run()).toMatchObject({ gone: true, removed: 3 });

    expect(items.map(({ pk }) => pk)).toEqual(['TENANT#acme2', 'TENANT#acme2', 'TENANT#acme2#ORDERS']);
  });

  it('works in bounded runs', async () => {
    items = Array.from({ length: 6000 }, (_, n) => ({ pk: 'TENANT#acme', sk: `${n}` }));

    expect(await run()).toMatchObject({ gone: false, removed: 5000 });
    expect(await run()).toMatchObject({ gone: true, removed: 1000 });

    expect(await ledger()).toMatchObject({ removed: 6000 });
    expect(writes().every(({ args }) => (args[0].input.RequestItems?.[DATA_TABLE]?.length ?? 0) <= 25)).toBe(true);
  });

  it('sends unprocessed deletions again', async () => {
    dynamodb.on(BatchWriteCommand).callsFake(({ RequestItems }) => {
      const [first, ...rest] = RequestItems[DATA_TABLE];
      remove([first]);
      return { UnprocessedItems: rest.length > 0 ? { [DATA_TABLE]: rest } : {} };
    });

    expect(await run()).toMatchObject({ gone: true, removed: 3 });

    expect(items).toHaveLength(1);
    expect(writes()[1]?.args[0].input.RequestItems?.[DATA_TABLE]).toHaveLength(2);
  });

  it('gives up on a table that goes on refusing them', async () => {
    dynamodb.on(BatchWriteCommand).callsFake(({ RequestItems }) => ({ UnprocessedItems: RequestItems }));

    await expect(run()).rejects.toMatchObject({ name: 'ThrottledError' });
    expect(await ledger()).toBeUndefined();
  });

  it('does not take a missing table for an empty one', async () => {
    dynamodb.on(QueryCommand, { TableName: DATA_TABLE }).rejects(anAwsError('ResourceNotFoundException'));

    await expect(run()).rejects.toMatchObject({ name: 'MissingDependencyError' });
  });

  it('stops between two pages when a legal hold is set', async () => {
    items = Array.from({ length: 1200 }, (_, n) => ({ pk: 'TENANT#acme', sk: `${n}` }));
    dynamodb.on(BatchWriteCommand).callsFake(async ({ RequestItems }) => {
      remove(RequestItems[DATA_TABLE]);
      if (items.length === 700)
        await tables.put(REGISTRY_TABLE, aStateItem({ ...aPurgedTenant(), legalHolds: oneLegalHold }));
      return {};
    });

    await expect(run()).rejects.toMatchObject({ name: 'LegalHoldError' });

    expect(items).toHaveLength(700);
  });
});

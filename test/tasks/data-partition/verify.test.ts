import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { verifyDataPartition } from '../../../tasks/data-partition/verify';
import { aVerification, DATA_TABLE, messagesOf } from '../../support/builders';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
let tables: Tables;

const anItem = (sk: string, changes: object = {}) => ({
  pk: 'TENANT#acme',
  sk,
  tenantId: 'acme',
  tenantKey: 'TENANT#acme',
  ...changes,
});

describe('verifyDataPartition', () => {
  beforeEach(async () => {
    dynamodb.reset();
    tables = await serveTables(dynamodb, DATA_TABLE);
  });

  it('finds nothing wrong with the tenant’s first items', async () => {
    await tables.put(DATA_TABLE, anItem('META'), anItem('SETTINGS'));

    expect(messagesOf(await verifyDataPartition(aVerification()))).toEqual([]);
  });

  it('reports items that are missing or another tenant’s', async () => {
    await tables.put(DATA_TABLE, anItem('META', { tenantId: 'acme2' }));

    const problems = await verifyDataPartition(aVerification());

    expect(messagesOf(problems)).toEqual([
      "item TENANT#acme / META is not the tenant's",
      'item TENANT#acme / SETTINGS does not exist',
    ]);
  });
});

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { isNamed } from '../shared/aws-errors';
import { REPEATABLE } from '../shared/clients';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { ResourceConflictError } from '../shared/errors';
import { partitionKey } from '../shared/names';
import { CONDITION_FAILED } from '../shared/registry';
import { provisionDataPartition as contract, FIRST_ITEMS } from './contract';

const dynamodb = DynamoDBDocumentClient.from(new DynamoDBClient(REPEATABLE));

/**
 * Puts the first items of the tenant's partition in the data table. `tenantKey` is the partition key of the index that
 * lists all keys of one tenant; every item an application writes carries it too.
 */
export async function provisionDataPartition(
  { tenantId }: TaskInput,
  { env, state, ledger, now }: FencedScope<(typeof contract.environment)[number]>,
) {
  const pk = partitionKey(tenantId);
  for (const sk of FIRST_ITEMS) {
    const Item = { pk, sk, tenantKey: pk, tenantId, tier: state.tier, createdAt: now().toISOString() };
    try {
      await dynamodb.send(
        new PutCommand({ TableName: env.DATA_TABLE, Item, ConditionExpression: 'attribute_not_exists(pk)' }),
      );
    } catch (error) {
      if (!isNamed(error, CONDITION_FAILED)) throw error;
      await assertOurs(env.DATA_TABLE, { pk, sk }, tenantId);
    }
  }
  await ledger.complete(pk);
  return { physicalId: pk, ready: true as const };
}

async function assertOurs(TableName: string, Key: { pk: string; sk: string }, tenantId: string): Promise<void> {
  const { Item } = await dynamodb.send(new GetCommand({ TableName, Key, ConsistentRead: true }));
  if (Item?.['tenantId'] === tenantId && Item['tenantKey'] === Key.pk) return;
  throw new ResourceConflictError(
    `tenant ${tenantId}: item ${Key.pk} / ${Key.sk} in table ${TableName} is not the tenant's`,
  );
}

export const handler = defineStep(contract, provisionDataPartition);

import { setTimeout as pause } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { BatchWriteCommand, DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { REPEATABLE } from './clients';
import { ThrottledError } from './errors';
import { BY_TENANT_INDEX, partitionKey } from './names';

const dynamodb = DynamoDBDocumentClient.from(new DynamoDBClient(REPEATABLE));

export interface ItemKey {
  readonly pk: string;
  readonly sk: string;
}

/** Most keys asked for at once; an item may be large, its keys are not. */
const PAGE = 500;

/**
 * Keys of the tenant's items in a table with an index by tenant, a page from the start: first those that the index knows,
 * which may lie in further partitions, then the tenant's own partition, read consistently. Empty only when both are.
 * @param belongs whether an item that the index names is the tenant's. What the index says comes from an attribute of the
 * item: where others than our tasks write, only the key tells whose an item is.
 */
export async function firstItems(
  table: string,
  tenantId: string,
  belongs: (key: ItemKey) => boolean,
): Promise<readonly ItemKey[]> {
  const pk = partitionKey(tenantId);
  // The index lags behind: it may still name items that are gone, so it alone never says "more".
  const indexed = await query(table, { IndexName: BY_TENANT_INDEX }, 'tenantKey', pk, belongs);
  const own = await query(table, { ConsistentRead: true }, 'pk', pk);
  const known = new Set(indexed.map((key) => `${key.pk}\n${key.sk}`));
  return [...indexed, ...own.filter((key) => !known.has(`${key.pk}\n${key.sk}`))];
}

async function query(
  TableName: string,
  source: { IndexName: string } | { ConsistentRead: true },
  attribute: string,
  value: string,
  belongs: (key: ItemKey) => boolean = () => true,
): Promise<ItemKey[]> {
  const items: ItemKey[] = [];
  let from: Record<string, unknown> | undefined;
  do {
    const page = await dynamodb.send(
      new QueryCommand({
        TableName,
        ...source,
        Limit: PAGE,
        KeyConditionExpression: '#key = :value',
        ProjectionExpression: 'pk, sk',
        ExpressionAttributeNames: { '#key': attribute },
        ExpressionAttributeValues: { ':value': value },
        ...(from && { ExclusiveStartKey: from }),
      }),
    );
    items.push(...((page.Items ?? []) as ItemKey[]).filter(belongs));
    // A page may be empty and still not be the last.
    from = items.length === 0 ? page.LastEvaluatedKey : undefined;
  } while (from !== undefined);
  return items;
}

/** BatchWriteItem takes 25 requests. */
const BATCH = 25;
/** BatchWriteItem hands back what it did not do instead of failing. */
const UNPROCESSED_ATTEMPTS = 6;
const FIRST_PAUSE_MS = 50;

/** Deletes the items; one that is gone already counts as deleted. */
export async function deleteItems(tenantId: string, table: string, keys: readonly ItemKey[]): Promise<void> {
  for (let start = 0; start < keys.length; start += BATCH)
    await deleteBatch(tenantId, table, keys.slice(start, start + BATCH));
}

async function deleteBatch(tenantId: string, table: string, keys: readonly ItemKey[]): Promise<void> {
  let requests = keys.map(({ pk, sk }) => ({ DeleteRequest: { Key: { pk, sk } as Record<string, unknown> } }));
  for (let attempt = 0; attempt < UNPROCESSED_ATTEMPTS; attempt += 1) {
    if (attempt > 0) await pause(FIRST_PAUSE_MS * 2 ** attempt);
    const { UnprocessedItems } = await dynamodb.send(new BatchWriteCommand({ RequestItems: { [table]: requests } }));
    requests = (UnprocessedItems?.[table] ?? []) as typeof requests;
    if (requests.length === 0) return;
  }
  throw new ThrottledError(`tenant ${tenantId}: table ${table} left ${requests.length} deletions undone`);
}

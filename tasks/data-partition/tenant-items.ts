import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { REPEATABLE } from '../shared/clients';
import { partitionKey, partitionPrefix } from '../shared/names';
import { BY_TENANT_INDEX } from './contract';

export const dynamodb = DynamoDBDocumentClient.from(new DynamoDBClient(REPEATABLE));

export interface ItemKey {
  readonly pk: string;
  readonly sk: string;
}

/** Most keys asked for at once; an item may be large, its keys are not. */
const PAGE = 500;

/**
 * Keys of the tenant's items, a page from the start: first those that the index knows, which may lie in further
 * `TENANT#<id>#…` partitions, then the tenant's own partition, read consistently. Empty only when both are.
 */
export async function firstItems(table: string, tenantId: string): Promise<readonly ItemKey[]> {
  const pk = partitionKey(tenantId);
  // The index lags behind: it may still name items that are gone, so it alone never says "more".
  // What it says comes from an attribute that anybody who writes an item may set: only the key tells whose an item is.
  const ours = (key: ItemKey) => key.pk === pk || key.pk.startsWith(partitionPrefix(tenantId));
  const indexed = await query(table, { IndexName: BY_TENANT_INDEX }, 'tenantKey', pk, ours);
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

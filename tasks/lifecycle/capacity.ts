import { GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { isNamed } from '../shared/aws-errors';
import { CONDITION_FAILED, type Registry } from '../shared/registry';

/** The counter item of all quotas: places taken per resource type. */
export const CAPACITY = { pk: 'ESTATE', sk: 'CAPACITY' } as const;

/** Places taken, by resource type. */
export async function placesTaken({ client, table }: Registry): Promise<Readonly<Record<string, number>>> {
  const { Item = {} } = await client.send(new GetCommand({ TableName: table, Key: CAPACITY, ConsistentRead: true }));
  const counters = Object.entries(Item).filter(([, value]) => typeof value === 'number');
  return Object.fromEntries(counters) as Record<string, number>;
}

export interface Capacity {
  /** Places taken, by resource type. */
  readonly taken: Readonly<Record<string, number>>;
  /** Tenants whose places are being taken or given back. */
  readonly pending: readonly string[];
}

export async function readCapacity({ client, table }: Registry): Promise<Capacity> {
  const { Item = {} } = await client.send(new GetCommand({ TableName: table, Key: CAPACITY, ConsistentRead: true }));
  const { pk: _pk, sk: _sk, pending, releasing, ...taken } = Item;
  const ids = (set: unknown) => [...((set as Set<string> | undefined) ?? [])];
  return { taken: taken as Record<string, number>, pending: [...ids(pending), ...ids(releasing)].sort() };
}

/** Whether the tenant's places were counted, but its onboarding died before its own record said so. */
export async function isPending({ client, table }: Registry, tenantId: string): Promise<boolean> {
  const { Item } = await client.send(new GetCommand({ TableName: table, Key: CAPACITY, ConsistentRead: true }));
  return (Item?.['pending'] as Set<string> | undefined)?.has(tenantId) === true;
}

/**
 * Gives the tenant's places back, once: its id stands in the `releasing` set from the count until its own record says that
 * nothing is reserved any more, as `pending` does for the taking.
 */
export async function releasePlaces(
  { client, table }: Registry,
  tenantId: string,
  types: readonly string[],
): Promise<void> {
  try {
    await client.send(
      new UpdateCommand({
        TableName: table,
        Key: CAPACITY,
        UpdateExpression: `ADD ${types.map((_, position) => `#n${position} :less`).join(', ')}, releasing :tenant`,
        ConditionExpression: 'attribute_not_exists(releasing) OR NOT contains(releasing, :id)',
        ExpressionAttributeNames: Object.fromEntries(types.map((type, position) => [`#n${position}`, type])),
        ExpressionAttributeValues: { ':less': -1, ':tenant': new Set([tenantId]), ':id': tenantId },
      }),
    );
  } catch (error) {
    if (!isNamed(error, CONDITION_FAILED)) throw error;
  }
}

/** After the tenant's own record was written; a repeat deletes nothing. */
export async function settleRelease({ client, table }: Registry, tenantId: string): Promise<void> {
  await client.send(
    new UpdateCommand({
      TableName: table,
      Key: CAPACITY,
      UpdateExpression: 'DELETE pending :tenant, releasing :tenant',
      ExpressionAttributeValues: { ':tenant': new Set([tenantId]) },
    }),
  );
}

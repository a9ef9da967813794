import { GetCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import type { TenantState } from '../../tasks/shared/registry';
import { aTenantState } from './builders';

type Item = Record<string, unknown>;
/** Whatever has a key. */
type Keyed = { readonly pk: string; readonly sk: string };

/** So many tenants, their ids in order. */
export const manyTenants = (count: number, changes: Partial<TenantState> = {}, prefix = 'tenant'): TenantState[] =>
  Array.from({ length: count }, (_, at) =>
    aTenantState({ tenantId: `${prefix}-${String(at).padStart(5, '0')}`, ...changes }),
  );

/**
 * Serves the registry's index by status, in pages as DynamoDB makes them, and single items, through a mocked document client.
 * @param items beside the tenants' STATE: ledger entries, the capacity counter
 */
export function serveIndex(
  // biome-ignore lint/suspicious/noExplicitAny: a stub of any commands.
  dynamodb: any,
  tenants: readonly TenantState[],
  { pageSize = 1000, items = [] }: { readonly pageSize?: number; readonly items?: readonly Keyed[] } = {},
): void {
  const all: readonly Keyed[] = [
    ...tenants.map((state) => ({ ...state, pk: `TENANT#${state.tenantId}`, sk: 'STATE' })),
    ...items,
  ];
  dynamodb.on(QueryCommand).callsFake(({ ExpressionAttributeValues, ExclusiveStartKey, Limit = pageSize }: Item) => {
    const { ':status': status, ':after': after = '' } = ExpressionAttributeValues as Record<string, string>;
    const from = String((ExclusiveStartKey as Item | undefined)?.['tenantId'] ?? after);
    const found = tenants
      .filter((state) => state.status === status && state.tenantId > from)
      .sort((a, b) => (a.tenantId < b.tenantId ? -1 : 1));
    const Items = found.slice(0, Math.min(Number(Limit), pageSize));
    const more = Items.length < found.length;
    return { Items, ...(more && { LastEvaluatedKey: { tenantId: Items.at(-1)?.tenantId } }) };
  });
  dynamodb.on(GetCommand).callsFake(({ Key }: { Key: Item }) => {
    const Item = all.find(({ pk, sk }) => pk === Key['pk'] && sk === Key['sk']);
    return { ...(Item && { Item }) };
  });
}

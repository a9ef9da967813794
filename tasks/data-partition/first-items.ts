import { partitionKey, partitionPrefix } from '../shared/names';
import { firstItems, type ItemKey } from '../shared/tenant-items';

/** Keys of the tenant's data, a page from the start. Anybody who writes data may set `tenantKey`, so the key decides. */
export function firstDataItems(table: string, tenantId: string): Promise<readonly ItemKey[]> {
  const pk = partitionKey(tenantId);
  return firstItems(table, tenantId, (key) => key.pk === pk || key.pk.startsWith(partitionPrefix(tenantId)));
}

import { partitionKey, userKey } from '../shared/names';
import { firstItems, type ItemKey } from '../shared/tenant-items';

/** Keys of all that the membership table holds of a tenant, a page from the start. */
export const firstMembershipItems = (table: string, tenantId: string): Promise<readonly ItemKey[]> =>
  firstItems(table, tenantId, ({ pk }) => pk === partitionKey(tenantId) || pk.startsWith(userKey('')));

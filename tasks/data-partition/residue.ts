import { partitionKey } from '../shared/names';
import type { FindResidue } from '../shared/residue';
import { firstItems } from './tenant-items';

export const dataPartitionResidue: FindResidue<'DATA_TABLE'> = async ({ tenantId, env }) => {
  const items = await firstItems(env.DATA_TABLE, tenantId);
  return items.length > 0 ? [`${items.length} or more items of ${partitionKey(tenantId)}`] : [];
};

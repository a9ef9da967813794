import { partitionKey } from '../shared/names';
import type { FindResidue } from '../shared/residue';
import { firstDataItems } from './first-items';

export const dataPartitionResidue: FindResidue<'DATA_TABLE'> = async ({ tenantId, env }) => {
  const items = await firstDataItems(env.DATA_TABLE, tenantId);
  return items.length > 0 ? [`${items.length} or more items of ${partitionKey(tenantId)}`] : [];
};

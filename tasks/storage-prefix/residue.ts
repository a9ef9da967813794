import { storagePrefix } from '../shared/names';
import type { FindResidue } from '../shared/residue';
import { firstUploads, firstVersions } from './object-versions';

export const storagePrefixResidue: FindResidue<'DATA_BUCKET'> = async ({ tenantId, env }) => {
  const prefix = storagePrefix(tenantId);
  const [versions, uploads] = await Promise.all([
    firstVersions(env.DATA_BUCKET, prefix),
    firstUploads(env.DATA_BUCKET, prefix),
  ]);
  return [
    ...(versions.length > 0 ? [`${versions.length} or more object versions below ${prefix}`] : []),
    ...(uploads.length > 0 ? [`${uploads.length} or more unfinished uploads below ${prefix}`] : []),
  ];
};

import { paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { after, type ListHoldings } from '../shared/holdings';
import { STORAGE_ROOT } from '../shared/names';
import { s3 } from './object-versions';

/** Prefixes with at least one current object. */
export const storagePrefixHoldings: ListHoldings<'DATA_BUCKET'> = async function* ({ env }) {
  const pages = paginateListObjectsV2(
    { client: s3 },
    { Bucket: env.DATA_BUCKET, Prefix: STORAGE_ROOT, Delimiter: '/' },
  );
  for await (const page of pages) {
    for (const { Prefix = '' } of page.CommonPrefixes ?? []) {
      const tenantId = after(STORAGE_ROOT, Prefix)?.replace(/\/$/, '');
      if (tenantId !== undefined) yield { tenantId, physicalId: `${env.DATA_BUCKET}/${Prefix}` };
    }
  }
};

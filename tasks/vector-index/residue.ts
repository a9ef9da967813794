import { vectorIndexName } from '../shared/names';
import type { FindResidue } from '../shared/residue';
import { indexExists } from './index-calls';

export const vectorIndexResidue: FindResidue<'VECTOR_DOMAIN_NAME'> = async ({ tenantId, env }) => {
  const index = vectorIndexName(tenantId);
  return (await indexExists(env.VECTOR_DOMAIN_NAME, index)) ? [`index ${index} exists`] : [];
};

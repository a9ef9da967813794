import { vectorIndexName } from '../shared/names';
import { BY_HAND, missing, type Verify } from '../shared/verification';
import { indexProblems } from './index-calls';

/** The index exists with the settings that cannot be changed later. */
export const verifyVectorIndex: Verify<'VECTOR_DOMAIN_NAME' | 'VECTOR_DIMENSION' | 'VECTOR_REPLICAS'> = async ({
  tenantId,
  env,
}) => {
  const index = vectorIndexName(tenantId);
  const problems = await indexProblems(env.VECTOR_DOMAIN_NAME, index, {
    dimension: env.VECTOR_DIMENSION,
    replicas: env.VECTOR_REPLICAS,
  });
  if (problems === undefined) return [missing(`index ${index}: does not exist`)];
  return problems.map((problem) => ({ ...BY_HAND, message: `index ${index}: ${problem}` }));
};

import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { NotReadyError, ResourceConflictError } from '../shared/errors';
import { vectorIndexName } from '../shared/names';
import { provisionVectorIndex as contract } from './contract';
import { createIndex, indexProblems } from './index-calls';

/** Ensures the tenant's k-NN index on the shared domain. */
export async function provisionVectorIndex(
  { tenantId }: TaskInput,
  { env, ledger, logger }: FencedScope<(typeof contract.environment)[number]>,
) {
  const index = vectorIndexName(tenantId);
  const shape = { dimension: env.VECTOR_DIMENSION, replicas: env.VECTOR_REPLICAS };
  if (!(await createIndex(env.VECTOR_DOMAIN_NAME, index, shape))) {
    const problems = await indexProblems(env.VECTOR_DOMAIN_NAME, index, shape);
    if (problems === undefined)
      throw new NotReadyError(`tenant ${tenantId}: index ${index} exists but cannot be read yet`);
    if (problems.length > 0) {
      throw new ResourceConflictError(
        `tenant ${tenantId}: index ${index} exists with other settings: ${problems.join('; ')}`,
      );
    }
    logger.info('index made by an earlier attempt is adopted');
  }
  await ledger.complete(index);
  return { physicalId: index, ready: true as const };
}

export const handler = defineStep(contract, provisionVectorIndex);

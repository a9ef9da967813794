import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { executionNameOf, vectorIndexName } from '../shared/names';
import { destroyVectorIndex as contract } from './contract';
import { deleteIndex } from './index-calls';

type Scope = FencedScope<(typeof contract.environment)[number]>;

/** Deletes the tenant's index, after its knowledge base is gone. */
export async function destroyVectorIndex(
  { tenantId, executionArn }: TaskInput,
  { env, ledger, assertStillAllowed }: Scope,
) {
  const physicalId = vectorIndexName(tenantId);
  const entry = await ledger.read();
  await assertStillAllowed();
  const removed = (await deleteIndex(env.VECTOR_DOMAIN_NAME, physicalId)) ? 1 : 0;
  await ledger.destroyed(entry, {
    physicalId,
    destroyedBy: executionNameOf(executionArn),
    removed: (entry?.removed ?? 0) + removed,
  });
  return { physicalId, gone: true, removed };
}

export const handler = defineStep(contract, destroyVectorIndex);

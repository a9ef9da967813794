import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { executionNameOf, partitionKey } from '../shared/names';
import { deleteItems } from '../shared/tenant-items';
import { destroyDataPartition as contract } from './contract';
import { firstDataItems } from './first-items';

type Scope = FencedScope<(typeof contract.environment)[number]>;

/** Pages of up to 1,000 keys per run; one partition takes about 1,000 writes a second [bp-partition-key-design]. */
const PAGES_PER_RUN = 10;

/** Deletes every item of the tenant, some pages per run. */
export async function destroyDataPartition(
  { tenantId, executionArn }: TaskInput,
  { env, ledger, assertStillAllowed }: Scope,
) {
  const physicalId = partitionKey(tenantId);
  const entry = await ledger.read();
  let removed = 0;
  for (let page = 0; page < PAGES_PER_RUN; page += 1) {
    const keys = await firstDataItems(env.DATA_TABLE, tenantId);
    if (keys.length === 0) {
      await ledger.destroyed(entry, {
        physicalId,
        destroyedBy: executionNameOf(executionArn),
        removed: (entry?.removed ?? 0) + removed,
      });
      return { physicalId, gone: true, removed };
    }
    await assertStillAllowed();
    await deleteItems(tenantId, env.DATA_TABLE, keys);
    removed += keys.length;
  }
  await ledger.progress(entry, removed);
  return { physicalId, gone: false, removed };
}

export const handler = defineStep(contract, destroyDataPartition);

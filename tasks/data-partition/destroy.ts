import { setTimeout as pause } from 'node:timers/promises';
import { BatchWriteCommand } from '@aws-sdk/lib-dynamodb';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { ThrottledError } from '../shared/errors';
import { executionNameOf, partitionKey } from '../shared/names';
import { destroyDataPartition as contract } from './contract';
import { dynamodb, firstItems, type ItemKey } from './tenant-items';

type Scope = FencedScope<(typeof contract.environment)[number]>;

/** Pages of up to 1,000 keys per run; one partition takes about 1,000 writes a second [bp-partition-key-design]. */
const PAGES_PER_RUN = 10;
/** BatchWriteItem takes 25 requests. */
const BATCH = 25;

/** Deletes every item of the tenant, some pages per run. */
export async function destroyDataPartition(
  { tenantId, executionArn }: TaskInput,
  { env, ledger, assertStillAllowed }: Scope,
) {
  const physicalId = partitionKey(tenantId);
  const entry = await ledger.read();
  let removed = 0;
  for (let page = 0; page < PAGES_PER_RUN; page += 1) {
    const keys = await firstItems(env.DATA_TABLE, tenantId);
    if (keys.length === 0) {
      await ledger.destroyed(entry, {
        physicalId,
        destroyedBy: executionNameOf(executionArn),
        removed: (entry?.removed ?? 0) + removed,
      });
      return { physicalId, gone: true, removed };
    }
    await assertStillAllowed();
    for (let start = 0; start < keys.length; start += BATCH)
      await deleteBatch(tenantId, env.DATA_TABLE, keys.slice(start, start + BATCH));
    removed += keys.length;
  }
  await ledger.progress(entry, removed);
  return { physicalId, gone: false, removed };
}

/** BatchWriteItem hands back what it did not do instead of failing. */
const UNPROCESSED_ATTEMPTS = 6;
const FIRST_PAUSE_MS = 50;

async function deleteBatch(tenantId: string, table: string, keys: readonly ItemKey[]): Promise<void> {
  let requests = keys.map(({ pk, sk }) => ({ DeleteRequest: { Key: { pk, sk } as Record<string, unknown> } }));
  for (let attempt = 0; attempt < UNPROCESSED_ATTEMPTS; attempt += 1) {
    if (attempt > 0) await pause(FIRST_PAUSE_MS * 2 ** attempt);
    const { UnprocessedItems } = await dynamodb.send(new BatchWriteCommand({ RequestItems: { [table]: requests } }));
    requests = (UnprocessedItems?.[table] ?? []) as typeof requests;
    if (requests.length === 0) return;
  }
  throw new ThrottledError(`tenant ${tenantId}: table ${table} left ${requests.length} deletions undone`);
}

export const handler = defineStep(contract, destroyDataPartition);

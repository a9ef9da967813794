import {
  DeleteAliasCommand,
  DisableKeyCommand,
  type KeyMetadata,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms';
import { isNamed } from '../shared/aws-errors';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { executionNameOf, keyAlias } from '../shared/names';
import { destroyEncryptionKey as contract } from './contract';
import { describeKey, keysOfTenant, kms } from './find-key';

type Scope = FencedScope<(typeof contract.environment)[number]>;

/**
 * Disables the tenant's keys, deletes the alias and schedules their deletion. The alias goes first: left behind, it would
 * stand on a dead key for the whole window. Keys are found by the ledger, because a repeat has no alias to find them by.
 */
export async function destroyEncryptionKey({ tenantId, executionArn }: TaskInput, scope: Scope) {
  const { app, env, ledger, now, assertStillAllowed } = scope;
  const entry = await ledger.read();
  const keys = await keysOfTenant(tenantId, app, entry, now());
  await assertStillAllowed();
  await deleteAlias(keyAlias(app, tenantId));
  const dates: Date[] = [];
  for (const key of keys) dates.push(await scheduleDeletion(key, env.KEY_DELETION_DAYS));
  const physicalId = keys[0]?.Arn ?? entry?.physicalId;
  // KMS has destroyed a key that it no longer knows: by now, if nobody has noted when.
  const gone = physicalId === undefined ? undefined : now();
  const latest = dates.sort((a, b) => b.getTime() - a.getTime())[0];
  const deletionDate = latest?.toISOString() ?? entry?.deletionDate ?? gone?.toISOString();
  await ledger.destroyed(entry, {
    destroyedBy: executionNameOf(executionArn),
    removed: keys.length,
    ...(physicalId && { physicalId }),
    ...(deletionDate && { deletionDate }),
  });
  return { physicalId: physicalId ?? 'never made', gone: true, removed: keys.length };
}

async function deleteAlias(AliasName: string): Promise<void> {
  try {
    await kms.send(new DeleteAliasCommand({ AliasName }));
  } catch (error) {
    if (!isNamed(error, 'NotFoundException')) throw error;
  }
}

/** The day on which KMS destroys the key. */
async function scheduleDeletion(key: KeyMetadata, PendingWindowInDays: number): Promise<Date> {
  const KeyId = key.Arn;
  if (key.DeletionDate !== undefined) return key.DeletionDate;
  try {
    if (key.KeyState === 'Enabled') await kms.send(new DisableKeyCommand({ KeyId }));
    const { DeletionDate } = await kms.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays }));
    if (DeletionDate !== undefined) return DeletionDate;
  } catch (error) {
    // Scheduled already, by an earlier attempt whose answer was lost.
    if (!isNamed(error, 'KMSInvalidStateException')) throw error;
  }
  const { DeletionDate } = (await describeKey(KeyId ?? '')) ?? {};
  if (DeletionDate === undefined) throw new Error(`KMS gives no deletion date for ${KeyId}`);
  return DeletionDate;
}

export const handler = defineStep(contract, destroyEncryptionKey);

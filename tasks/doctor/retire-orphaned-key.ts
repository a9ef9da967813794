import { DisableKeyCommand, EnableKeyCommand, ScheduleKeyDeletionCommand } from '@aws-sdk/client-kms';
import type { z } from 'zod/mini';
import { describeKey, kms } from '../encryption-key/find-key';
import { examineKey } from '../encryption-key/orphans';
import { writeAuditRecord } from '../shared/audit';
import { isNamed } from '../shared/aws-errors';
import { defineTask, type TaskScope } from '../shared/define-task';
import { ResourceConflictError } from '../shared/errors';
import { retiredKeyRecordKey } from '../shared/names';
import { retireOrphanedKey as contract } from './contract';

/** The longest window that KMS has: until its end the deletion can be cancelled [API_ScheduleKeyDeletion]. */
const WINDOW_DAYS = 30;

/**
 * Disables an orphaned key and schedules its deletion, with the longest window. Whoever asks: the key is examined here once more,
 * and left alone unless it is proved to be ours, old, unused, without an alias, in no ledger, and of nobody under a legal hold.
 */
export async function retireOrphanedKey(
  { keyArn, requestId, requestedBy }: z.output<typeof contract.input>,
  scope: TaskScope<never>,
) {
  const { now } = scope;
  const tenantId = await assertOrphan(keyArn, scope);
  const deletionDate = (await describeKey(keyArn))?.DeletionDate ?? (await retire(keyArn, scope));
  const keyId = keyArn.slice(keyArn.lastIndexOf('/') + 1);
  await writeAuditRecord(scope, retiredKeyRecordKey(tenantId, keyId), {
    tenantId,
    action: contract.name,
    requestedBy,
    requestId,
    resource: { type: 'encryption-key', physicalId: keyArn },
    outcome: 'SUCCEEDED',
    until: deletionDate.toISOString(),
    at: now().toISOString(),
  });
  return { keyArn, tenantId, deletionDate: deletionDate.toISOString() };
}

/** Whom the key was made for. */
async function assertOrphan(keyArn: string, scope: TaskScope<never>): Promise<string> {
  const orphan = await examineKey(keyArn, scope, { scheduled: true });
  if (orphan?.tenantId !== undefined && orphan.kept === undefined) return orphan.tenantId;
  throw new ResourceConflictError(`key ${keyArn} is not retired: ${orphan?.kept ?? 'it is not an orphan of this app'}`);
}

/**
 * Disables first: a disabled key is adopted by no onboarding. One that began between the first look and that shows at the second
 * look, and the key is given back to it.
 */
async function retire(KeyId: string, scope: TaskScope<never>): Promise<Date> {
  try {
    await kms.send(new DisableKeyCommand({ KeyId }));
    try {
      await assertOrphan(KeyId, scope);
    } catch (error) {
      if (error instanceof ResourceConflictError) await kms.send(new EnableKeyCommand({ KeyId }));
      throw error;
    }
    const { DeletionDate } = await kms.send(
      new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: WINDOW_DAYS }),
    );
    if (DeletionDate !== undefined) return DeletionDate;
  } catch (error) {
    // Scheduled already, by an earlier attempt whose answer was lost.
    if (!isNamed(error, 'KMSInvalidStateException')) throw error;
  }
  const DeletionDate = (await describeKey(KeyId))?.DeletionDate;
  if (DeletionDate === undefined) throw new Error(`KMS gives no deletion date for ${KeyId}`);
  return DeletionDate;
}

export const handler = defineTask(contract, retireOrphanedKey);

import { EnableKeyCommand } from '@aws-sdk/client-kms';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { restoreEncryptionKey as contract } from './contract';
import { kms, ledgersKey, whenVisible } from './find-key';

/**
 * Makes the ledger's key usable during the purge, because deleting the knowledge base needs it. Also a key that KMS shows as
 * enabled: what it shows may be minutes old.
 */
export async function restoreEncryptionKey({ tenantId }: TaskInput, scope: FencedScope<never>) {
  const { ledger, now, assertStillAllowed } = scope;
  const entry = await ledger.read();
  const key = await ledgersKey(tenantId, entry, now());
  if (key !== undefined && key.KeyState !== 'PendingDeletion') {
    await assertStillAllowed();
    await whenVisible(tenantId, () => kms.send(new EnableKeyCommand({ KeyId: key.Arn })));
  }
  return { physicalId: entry?.physicalId ?? 'never made', ready: true };
}

export const handler = defineStep(contract, restoreEncryptionKey);

import { DisableKeyCommand } from '@aws-sdk/client-kms';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { suspendEncryptionKey as contract } from './contract';
import { keysOfTenant, kms, whenVisible } from './find-key';

/**
 * Disables every key of the tenant: from here on nothing encrypted with it can be read, and nothing is lost. Also a key that
 * KMS shows as disabled: what it shows may be minutes old.
 */
export async function suspendEncryptionKey({ tenantId }: TaskInput, scope: FencedScope<never>) {
  const { app, ledger, now, assertStillAllowed } = scope;
  const keys = await keysOfTenant(tenantId, app, await ledger.read(), now());
  await assertStillAllowed();
  for (const { Arn: KeyId, KeyState } of keys) {
    if (KeyState === 'PendingDeletion') continue;
    await whenVisible(tenantId, () => kms.send(new DisableKeyCommand({ KeyId })));
  }
  return { physicalId: keys[0]?.Arn ?? 'never made', ready: true };
}

export const handler = defineStep(contract, suspendEncryptionKey);

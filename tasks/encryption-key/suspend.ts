import { DisableKeyCommand } from '@aws-sdk/client-kms';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { suspendEncryptionKey as contract } from './contract';
import { keysOfTenant, kms } from './find-key';

/** Disables every key of the tenant: from here on nothing encrypted with it can be read, and nothing is lost. */
export async function suspendEncryptionKey({ tenantId }: TaskInput, { app, ledger }: FencedScope<never>) {
  const keys = await keysOfTenant(tenantId, app, await ledger.read());
  for (const { Arn: KeyId, KeyState } of keys) {
    if (KeyState === 'Enabled') await kms.send(new DisableKeyCommand({ KeyId }));
  }
  return { physicalId: keys[0]?.Arn ?? 'never made', ready: true };
}

export const handler = defineStep(contract, suspendEncryptionKey);

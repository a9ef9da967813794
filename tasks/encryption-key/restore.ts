import { EnableKeyCommand } from '@aws-sdk/client-kms';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { restoreEncryptionKey as contract } from './contract';
import { describeKey, kms } from './find-key';

/** Makes the ledger's key usable again: for a tenant that comes back, or because deleting its knowledge base needs it. */
export async function restoreEncryptionKey(_input: TaskInput, { ledger }: FencedScope<never>) {
  const physicalId = (await ledger.read())?.physicalId;
  const key = physicalId === undefined ? undefined : await describeKey(physicalId);
  if (key?.KeyState === 'Disabled') await kms.send(new EnableKeyCommand({ KeyId: key.Arn }));
  return { physicalId: physicalId ?? 'never made', ready: true };
}

export const handler = defineStep(contract, restoreEncryptionKey);

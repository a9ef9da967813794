import { keyAlias } from '../shared/names';
import type { FindResidue } from '../shared/residue';
import { ENCRYPTION_KEY } from './contract';
import { describeKey } from './find-key';

/** Of a closed tenant: the alias, and its key unless KMS is about to destroy it (or has). */
export const encryptionKeyResidue: FindResidue<never> = async ({ tenantId, app, ledger }) => {
  const alias = keyAlias(app, tenantId);
  const keyArn = ledger(ENCRYPTION_KEY)?.physicalId;
  const [aliased, key] = await Promise.all([
    describeKey(alias),
    keyArn === undefined ? undefined : describeKey(keyArn),
  ]);
  return [
    ...(aliased === undefined ? [] : [`${alias} exists`]),
    ...(key === undefined || key.KeyState === 'PendingDeletion' ? [] : [`key ${keyArn} is ${key.KeyState}`]),
  ];
};

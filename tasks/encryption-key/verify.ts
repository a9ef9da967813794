import { GetKeyPolicyCommand, GetKeyRotationStatusCommand, type KeyMetadata } from '@aws-sdk/client-kms';
import { appId, keyAlias, MANAGED_BY_TAG, TENANT_TAG } from '../shared/names';
import { BY_HAND, missing, type Problem, problemsOf, type Verify } from '../shared/verification';
import { ENCRYPTION_KEY } from './contract';
import { describeKey, kms, tagsOfKey } from './find-key';
import { isSamePolicy, type KEY_POLICY_ENVIRONMENT, tenantKeyPolicy } from './key-policy';

/** The alias leads to the ledger's key, and that key is enabled (or, of a blocked tenant, disabled), rotating, tagged and under its policy. */
export const verifyEncryptionKey: Verify<(typeof KEY_POLICY_ENVIRONMENT)[number]> = async ({
  tenantId,
  app,
  env,
  blocked,
  ledger,
}) => {
  const alias = keyAlias(app, tenantId);
  const ledgered = ledger(ENCRYPTION_KEY)?.physicalId;
  const aliased = await describeKey(alias);
  const key = aliased ?? (ledgered === undefined ? undefined : await describeKey(ledgered));
  const noAlias = aliased === undefined ? [missing(`${alias} does not exist`)] : [];
  if (key?.Arn === undefined)
    return [
      ...noAlias,
      ...(ledgered === undefined ? [] : [{ ...missing(`key ${ledgered} does not exist`), byHand: true }]),
    ];
  const KeyId = key.Arn;
  const name = aliased === undefined ? KeyId : alias;
  const [{ KeyRotationEnabled }, { Policy }, tags] = await Promise.all([
    kms.send(new GetKeyRotationStatusCommand({ KeyId })),
    kms.send(new GetKeyPolicyCommand({ KeyId })),
    tagsOfKey(KeyId),
  ]);
  return [
    ...noAlias,
    ...problemsOf({ [`${name} does not lead to the key in the ledger`]: KeyId === ledgered }, BY_HAND),
    ...stateProblems(name, key, blocked),
    ...problemsOf({
      [`${name} does not rotate`]: KeyRotationEnabled === true,
      [`${name} has another key policy`]: isSamePolicy(Policy, tenantKeyPolicy(tenantId, env)),
    }),
    ...problemsOf(
      {
        [`${name} is not tagged ${TENANT_TAG}=${tenantId}`]: tags.get(TENANT_TAG) === tenantId,
        [`${name} is not tagged ${MANAGED_BY_TAG}=${appId(app)}`]: tags.get(MANAGED_BY_TAG) === appId(app),
      },
      { kind: 'mis-tagged' },
    ),
  ];
};

function stateProblems(name: string, { KeyState }: KeyMetadata, blocked: boolean): readonly Problem[] {
  const must = blocked ? 'Disabled' : 'Enabled';
  // A deletion that somebody has scheduled is not cancelled behind their back.
  const byHand = KeyState !== 'Enabled' && KeyState !== 'Disabled';
  return problemsOf({ [`${name} is ${KeyState}, not ${must}`]: KeyState === must }, { kind: 'wrong-status', byHand });
}

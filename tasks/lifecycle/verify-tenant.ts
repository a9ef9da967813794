import { verifyAuditLog } from '../audit-log/verify';
import { verifyDataPartition } from '../data-partition/verify';
import { verifyEncryptionKey } from '../encryption-key/verify';
import { verifyKnowledgeBase } from '../knowledge-base/verify';
import { resourcesOf, type VerifiedType } from '../resources';
import type { EnvironmentName, TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { VerificationFailedError } from '../shared/errors';
import type { Verify } from '../shared/verification';
import { verifyStoragePrefix } from '../storage-prefix/verify';
import { verifyUserGroup } from '../user-group/verify';
import { verifyVectorIndex } from '../vector-index/verify';
import { verifyTenant as contract } from './contract';

/** The compiler asks for one of each type in the list. */
const VERIFY: Readonly<Record<VerifiedType, Verify<EnvironmentName>>> = {
  'encryption-key': verifyEncryptionKey,
  'data-partition': verifyDataPartition,
  'storage-prefix': verifyStoragePrefix,
  'vector-index': verifyVectorIndex,
  'knowledge-base': verifyKnowledgeBase,
  'user-group': verifyUserGroup,
  'audit-log': verifyAuditLog,
};

/** Looks at every resource once more, as AWS shows it now, before the tenant becomes ACTIVE. */
export async function verifyTenant(
  { tenantId }: TaskInput,
  { env, app, registry, state }: FencedScope<EnvironmentName>,
) {
  const { resources } = await registry.getTenant(tenantId);
  const verification = {
    tenantId,
    tier: state.tier,
    env,
    app,
    ledger: (type: string) => resources.find((entry) => entry.type === type && entry.phase === 'DONE'),
  };
  const types = resourcesOf(state.tier).map(({ type }) => type);
  const unproved = types
    .filter((type) => verification.ledger(type) === undefined)
    .map((type) => `the ledger holds no ${type}`);
  const verified = types.filter((type): type is VerifiedType => type in VERIFY);
  const problems = (await Promise.all(verified.map((type) => VERIFY[type](verification)))).flat();
  if (unproved.length + problems.length > 0) {
    throw new VerificationFailedError(`tenant ${tenantId}: ${[...unproved, ...problems].join('; ')}`);
  }
  return { verified };
}

export const handler = defineStep(contract, verifyTenant);

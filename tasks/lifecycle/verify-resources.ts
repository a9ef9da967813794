import { verifyAuditLog } from '../audit-log/verify';
import { verifyDataPartition } from '../data-partition/verify';
import { verifyEncryptionKey } from '../encryption-key/verify';
import { verifyKnowledgeBase } from '../knowledge-base/verify';
import { resourcesOf, type VerifiedType } from '../resources';
import type { EnvironmentName } from '../shared/contract';
import { missing, type Problem, type Verification, type Verify } from '../shared/verification';
import { verifyStoragePrefix } from '../storage-prefix/verify';
import { verifyUserGroup } from '../user-group/verify';
import { verifyVectorIndex } from '../vector-index/verify';

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

export interface Verified {
  readonly types: readonly string[];
  readonly problems: readonly (Problem & { readonly resource: string })[];
}

/** Looks at every resource of the tenant's tier, as AWS shows it now, and compares it with the ledger. Reads only. */
export async function verifyResources(verification: Verification<EnvironmentName>): Promise<Verified> {
  const types = resourcesOf(verification.tier).map(({ type }) => type);
  const unproved = types
    .filter((type) => verification.ledger(type) === undefined)
    .map((type) => ({ ...missing(`the ledger holds no ${type}`), resource: type }));
  const verified = types.filter((type): type is VerifiedType => type in VERIFY);
  const problems = await Promise.all(
    verified.map(async (type) => (await VERIFY[type](verification)).map((problem) => ({ ...problem, resource: type }))),
  );
  return { types: verified, problems: [...unproved, ...problems.flat()] };
}

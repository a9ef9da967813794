import { ENCRYPTION_KEY } from '../encryption-key/contract';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { sha256Hex } from '../shared/digest';
import { PurgeNotAllowedError, StaleExecutionError } from '../shared/errors';
import { canonicalJson, evidenceKey as evidenceKeyOf, executionNameOf } from '../shared/names';
import { whatIsWritten } from '../shared/write-once';
import { AUDIT_LOG, sealAuditLog as contract } from './contract';

/**
 * Writes the evidence of deletion, once, and only over a proof that this execution's generation has brought: what existed, what was destroyed when and by which execution, the zero hits of
 * the proof, the day on which KMS destroys the key, and hashes over each part. The audit log itself is kept for its
 * retention; it never was under the tenant's key.
 */
export async function sealAuditLog(
  { tenantId, requestId, executionArn, generation }: TaskInput,
  scope: FencedScope<never>,
) {
  const { env, registry, state } = scope;
  const proof = state.proofOfDeletion;
  if (proof?.generation !== generation || proof.hits !== 0) {
    throw new PurgeNotAllowedError(
      `tenant ${tenantId}: generation ${generation} has no proof of deletion without hits, so there is nothing to seal`,
    );
  }
  const { resources, operations } = await registry.getTenant(tenantId);
  const key = resources.find(({ type }) => type === ENCRYPTION_KEY);
  if (key?.physicalId !== undefined && key.deletionDate === undefined)
    throw new PurgeNotAllowedError(
      `tenant ${tenantId}: no day is known on which KMS destroys ${key.physicalId}, so there is nothing to seal`,
    );
  const parts = {
    resources: resources.map(({ type, phase, physicalId, since, destroyedAt, destroyedBy, removed, deletionDate }) => ({
      type,
      phase,
      physicalId,
      since,
      destroyedAt,
      destroyedBy,
      removed,
      deletionDate,
    })),
    proof,
    offboarding: {
      ...state.offboarding,
      holdUntil: state.holdUntil,
      purgeApproval: state.purgeApproval,
      purgeStartedAt: state.purgeStartedAt,
    },
    operations: operations.map(({ requestId: id, operation, requestedBy, requestedAt, executionArn: arn }) => ({
      requestId: id,
      operation,
      requestedBy,
      requestedAt,
      executionArn: arn,
    })),
    kept: resources.filter(({ type }) => type === AUDIT_LOG).map(({ physicalId }) => physicalId),
  };
  const hashes = Object.fromEntries(
    Object.entries(parts).map(([part, content]) => [part, sha256Hex(canonicalJson(content ?? null))]),
  );
  const manifest = canonicalJson({
    schemaVersion: 1,
    tenantId,
    requestId,
    execution: executionNameOf(executionArn),
    ...parts,
    hashes,
  });
  const evidenceKey = evidenceKeyOf(tenantId, requestId);
  // Of what an earlier attempt wrote, if one did: that is the evidence.
  const evidenceSha256 = sha256Hex(
    await whatIsWritten({
      Bucket: env.AUDIT_BUCKET,
      Key: evidenceKey,
      Body: manifest,
      ContentType: 'application/json',
      Metadata: { sha256: sha256Hex(manifest) },
    }),
  );
  const noted = await registry.update(
    { tenantId, item: 'STATE' },
    { evidence: { key: evidenceKey, sha256: evidenceSha256 } },
    { expression: '#generation = :generation', names: ['generation'], values: { ':generation': generation } },
  );
  if (!noted)
    throw new StaleExecutionError(`tenant ${tenantId}: a newer execution took over while the evidence was written`);
  return { physicalId: `${env.AUDIT_BUCKET}/${evidenceKey}`, sha256: evidenceSha256 };
}

export const handler = defineStep(contract, sealAuditLog);

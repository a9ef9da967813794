import { ENCRYPTION_KEY } from '../encryption-key/contract';
import { resourcesOf } from '../resources';
import type { TaskInput } from '../shared/contract';
import { assertNoLegalHold, defineStep, type FencedScope } from '../shared/define-task';
import { PurgeNotAllowedError, StaleExecutionError } from '../shared/errors';
import { isPending, releasePlaces, settleRelease } from './capacity';
import { closeTenant as contract } from './offboarding-contract';

/**
 * Leaves a tombstone: the id stays taken for ever, what is personal goes. Everything is repeated harmlessly; the status
 * is written last, so that a crash before it leaves a tenant that is still being purged.
 */
export async function closeTenant(input: TaskInput, scope: FencedScope<never>) {
  const { tenantId, generation } = input;
  const { registry, state, now } = scope;
  const { evidence } = state;
  if (evidence === undefined)
    throw new PurgeNotAllowedError(`tenant ${tenantId}: its evidence of deletion is not written, so it is not closed`);
  const generationIsOurs = {
    expression: '#generation = :generation',
    names: ['generation'],
    values: { ':generation': generation },
  };
  if (state.status === 'OFFBOARDED') {
    // Closed by an earlier attempt, which then failed: what was recorded of that is over with this one.
    if (state.lastFailure !== undefined)
      await registry.update({ tenantId, item: 'STATE' }, { lastFailure: undefined }, generationIsOurs);
    return { tenantId, status: 'OFFBOARDED' as const };
  }
  if (state.capacityReserved === true || (await isPending(registry, tenantId))) {
    const types = resourcesOf(state.tier).flatMap(({ type, quota }) => (quota === undefined ? [] : [type]));
    await releasePlaces(registry, tenantId, types);
    assertOurs(
      await registry.update({ tenantId, item: 'STATE' }, { capacityReserved: undefined }, generationIsOurs),
      tenantId,
    );
  }
  await settleRelease(registry, tenantId);
  await registry.erasePersonalData(tenantId);

  const key = await registry.getResource(tenantId, ENCRYPTION_KEY);
  const at = now().toISOString();
  const closed = await registry.update(
    { tenantId, item: 'STATE' },
    {
      status: 'OFFBOARDED',
      tombstone: {
        closedAt: at,
        ...(key?.physicalId && { encryptionKeyArn: key.physicalId }),
        ...(key?.deletionDate && { encryptionKeyDeletionDate: key.deletionDate }),
        evidenceKey: evidence.key,
        evidenceSha256: evidence.sha256,
      },
      leaseOwner: undefined,
      lastFailure: undefined,
      updatedAt: at,
    },
    // A legal hold that was set meanwhile stands on a tenant that can be released, not on a tombstone.
    {
      expression: `${generationIsOurs.expression} AND attribute_not_exists(#legalHolds)`,
      names: [...generationIsOurs.names, 'legalHolds'],
      values: generationIsOurs.values,
    },
  );
  if (!closed) await assertNoLegalHold(contract, input, (await registry.getState(tenantId)) ?? state, scope);
  assertOurs(closed, tenantId);
  return { tenantId, status: 'OFFBOARDED' as const };
}

function assertOurs(accepted: boolean, tenantId: string): void {
  if (!accepted) throw new StaleExecutionError(`tenant ${tenantId}: a newer execution took over before it was closed`);
}

export const handler = defineStep(contract, closeTenant);

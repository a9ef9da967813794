import type { TaskInput } from '../shared/contract';
import { assertNoLegalHold, defineStep, type FencedScope } from '../shared/define-task';
import { PurgeNotAllowedError } from '../shared/errors';
import { claimPurge as contract } from './offboarding-contract';

/**
 * The point of no return, in one conditional write: hold over, no legal hold, approved where the stage asks for it, and
 * this generation still the tenant's. A cancellation is a write to the same item, so one of the two comes first.
 */
export async function claimPurge(input: TaskInput, scope: FencedScope<(typeof contract.environment)[number]>) {
  const { env, registry, state, now } = scope;
  const { tenantId, generation } = input;
  const at = now().toISOString();
  const started = await registry.update(
    { tenantId, item: 'STATE' },
    { status: 'PURGING', purgeStartedAt: state.purgeStartedAt ?? at, updatedAt: at },
    {
      expression: [
        '#generation = :generation AND attribute_not_exists(#legalHolds) AND #holdUntil <= :now',
        ...(env.PURGE_NEEDS_APPROVAL ? ['attribute_exists(#purgeApproval)'] : []),
      ].join(' AND '),
      names: ['generation', 'legalHolds', 'holdUntil', ...(env.PURGE_NEEDS_APPROVAL ? ['purgeApproval'] : [])],
      values: { ':generation': generation, ':now': at },
    },
  );
  if (started) return { purgeStartedAt: state.purgeStartedAt ?? at };
  const current = (await registry.getState(tenantId)) ?? state;
  await assertNoLegalHold(contract, input, current, scope);
  throw new PurgeNotAllowedError(
    `tenant ${tenantId}: hold until ${current.holdUntil ?? '(none)'}, approval ${current.purgeApproval?.at ?? 'missing'}, generation ${current.generation}`,
  );
}

export const handler = defineStep(contract, claimPurge);

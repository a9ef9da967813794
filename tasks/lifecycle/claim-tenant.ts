import type { z } from 'zod/mini';
import { recordStep } from '../shared/audit';
import { defineTask, type TaskScope } from '../shared/define-task';
import { TenantNotRequestedError, TenantRetiredError } from '../shared/errors';
import { RETIRED_STATUSES } from '../shared/tenant';
import { claimTenant as contract } from './contract';
import { assertLeaseFree, takeLease } from './lease';

/**
 * Takes the tenant's lease for this onboarding. An ACTIVE tenant may be claimed again: its onboarding then converges every
 * resource, which is how drift is repaired.
 */
export async function claimTenant(
  { request: { tenantId, requestId }, executionArn, step }: z.output<typeof contract.input>,
  scope: TaskScope<never>,
) {
  const { registry, now } = scope;
  const state = await registry.getState(tenantId);
  const operation = state && (await registry.getOperation(tenantId, requestId));
  if (state === undefined || operation?.operation !== 'onboard') {
    throw new TenantNotRequestedError(`tenant ${tenantId}: request ${requestId} is not recorded as an onboarding`);
  }
  if (RETIRED_STATUSES.includes(state.status)) throw new TenantRetiredError(`tenant ${tenantId} is ${state.status}`);
  await assertLeaseFree(state, executionArn);
  const claimed = {
    status: state.status === 'ACTIVE' ? ('ACTIVE' as const) : ('PROVISIONING' as const),
    requestId,
    operation: operation.operation,
    requestedBy: operation.requestedBy,
  };
  const generation = await takeLease(registry, state, executionArn, claimed, now());
  await recordStep(scope, contract, { tenantId, requestId, executionArn, step }, operation);
  return { tenantId, requestId, generation, tier: state.tier };
}

export const handler = defineTask(contract, claimTenant);

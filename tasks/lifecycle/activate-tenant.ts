import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { StaleExecutionError } from '../shared/errors';
import { PROVISION_STATUSES } from '../shared/tenant';
import { activateTenant as contract } from './contract';

/** Makes the tenant ACTIVE and gives the lease back. */
export async function activateTenant(
  { tenantId, requestId, generation }: TaskInput,
  { registry, state, now }: FencedScope<never>,
) {
  const at = now().toISOString();
  const statuses = Object.fromEntries(PROVISION_STATUSES.map((status, position) => [`:s${position}`, status]));
  const activated = await registry.update(
    { tenantId, item: 'STATE' },
    {
      status: 'ACTIVE',
      activatedAt: state.activatedAt ?? at,
      updatedAt: at,
      leaseOwner: undefined,
      lastFailure: undefined,
    },
    {
      expression: `#generation = :generation AND #status IN (${Object.keys(statuses).join(', ')})`,
      names: ['generation'],
      values: { ':generation': generation, ...statuses },
    },
  );
  if (!activated)
    throw new StaleExecutionError(
      `tenant ${tenantId}: a newer execution took over before generation ${generation} could activate it`,
    );
  return { tenantId, requestId, status: 'ACTIVE' as const };
}

export const handler = defineStep(contract, activateTenant);

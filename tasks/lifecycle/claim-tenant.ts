import type { z } from 'zod';
import { defineTask, type TaskScope } from '../shared/define-task';
import {
  OperationInProgressError,
  TenantNotRequestedError,
  TenantRetiredError,
  TransientError,
} from '../shared/errors';
import { describeExecution } from '../shared/executions';
import type { TenantState } from '../shared/registry';
import { RETIRED_STATUSES } from '../shared/tenant';
import { claimTenant as contract } from './contract';

/**
 * Takes the tenant's lease for this execution and gives it a new generation; from here on older executions are stale.
 * The lease has no expiry: whether its owner still runs is asked of Step Functions. An ACTIVE tenant may be claimed
 * again: its onboarding then converges every resource, which is how drift is repaired.
 */
export async function claimTenant(
  { request: { tenantId, requestId }, executionArn }: z.output<typeof contract.input>,
  { registry, now }: TaskScope<never>,
) {
  const state = await registry.getState(tenantId);
  const operation = state && (await registry.getOperation(tenantId, requestId));
  if (state === undefined || operation === undefined) {
    throw new TenantNotRequestedError(`tenant ${tenantId}: request ${requestId} is not recorded`);
  }
  if (RETIRED_STATUSES.includes(state.status)) throw new TenantRetiredError(`tenant ${tenantId} is ${state.status}`);
  const claimed = (generation: number) => ({ tenantId, requestId, generation, tier: state.tier });
  if (state.leaseOwner === executionArn) return claimed(state.generation);
  await assertLeaseFree(state);

  const generation = state.generation + 1;
  const taken = await registry.update(
    { tenantId, item: 'STATE' },
    {
      leaseOwner: executionArn,
      generation,
      status: state.status === 'ACTIVE' ? 'ACTIVE' : 'PROVISIONING',
      requestId,
      operation: operation.operation,
      requestedBy: operation.requestedBy,
      updatedAt: now().toISOString(),
    },
    {
      expression: '#generation = :known AND #status = :status',
      values: { ':known': state.generation, ':status': state.status },
    },
  );
  if (taken) return claimed(generation);
  // Lost to a competitor, or to this task's own earlier attempt whose answer was lost.
  const current = await registry.getState(tenantId);
  if (current?.leaseOwner === executionArn) return claimed(current.generation);
  if (current?.generation === state.generation) {
    throw new TransientError(`tenant ${tenantId}: its status changed to ${current.status} while it was claimed`);
  }
  throw new OperationInProgressError(
    `tenant ${tenantId}: execution ${current?.leaseOwner ?? '(unknown)'} took the lease a moment ago`,
  );
}

async function assertLeaseFree({ tenantId, leaseOwner }: TenantState): Promise<void> {
  if (leaseOwner === undefined) return;
  const execution = await describeExecution(leaseOwner);
  if (execution?.status !== 'RUNNING') return;
  throw new OperationInProgressError(`tenant ${tenantId}: execution ${leaseOwner} is running`);
}

export const handler = defineTask(contract, claimTenant);

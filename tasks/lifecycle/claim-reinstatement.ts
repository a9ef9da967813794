import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import type { z } from 'zod/mini';
import { recordStep } from '../shared/audit';
import { isNamed } from '../shared/aws-errors';
import { defineTask, type TaskScope } from '../shared/define-task';
import { TenantNotRequestedError } from '../shared/errors';
import { sfn } from '../shared/executions';
import { operationOf, STOPPED_BY_APP } from '../shared/names';
import type { TenantState } from '../shared/registry';
import { assertCancellable } from './cancellable';
import { assertLeaseFree, takeLease } from './lease';
import { claimReinstatement as contract } from './offboarding-contract';

/**
 * Takes the lease from the offboarding that sleeps in its hold, and then stops it. In this order, because the new
 * generation is what makes the offboarding harmless: stopped or not, redriven or not, it is stale.
 */
export async function claimReinstatement(
  { request: { tenantId, requestId }, executionArn, step }: z.output<typeof contract.input>,
  scope: TaskScope<never>,
) {
  const { registry, now } = scope;
  const state = await registry.getState(tenantId);
  const operation = state && (await registry.getOperation(tenantId, requestId));
  if (state === undefined || operation?.operation !== 'reinstate') {
    throw new TenantNotRequestedError(`tenant ${tenantId}: request ${requestId} is not recorded as a reinstatement`);
  }
  const offboarding = offboardingOf(state);
  // A reinstatement that failed may have noted one and not come to stopping it.
  const superseded = offboarding ?? state.supersededExecution;
  if (state.leaseOwner !== executionArn) {
    assertCancellable(state);
    if (offboarding === undefined) await assertLeaseFree(state, executionArn);
  }
  const claimed = {
    status: 'REINSTATING' as const,
    supersededExecution: superseded,
    offboarding: undefined,
    heldSince: undefined,
    holdUntil: undefined,
    purgeApproval: undefined,
    lastFailure: undefined,
    requestId,
    operation: operation.operation,
    requestedBy: operation.requestedBy,
  };
  const generation = await takeLease(registry, state, executionArn, claimed, now());
  if (superseded !== undefined) await stop(superseded, tenantId);
  await recordStep(scope, contract, { tenantId, requestId, executionArn, step }, operation);
  return { tenantId, requestId, generation, tier: state.tier };
}

/** The lease's owner, if it is an offboarding. */
const offboardingOf = ({ leaseOwner }: TenantState): string | undefined =>
  leaseOwner !== undefined && operationOf(leaseOwner) === 'offboard' ? leaseOwner : undefined;

async function stop(executionArn: string, tenantId: string): Promise<void> {
  try {
    await sfn.send(
      new StopExecutionCommand({
        executionArn,
        error: STOPPED_BY_APP.cancelled,
        cause: `tenant ${tenantId} is reinstated`,
      }),
    );
  } catch (error) {
    if (!isNamed(error, 'ExecutionDoesNotExist')) throw error;
  }
}

export const handler = defineTask(contract, claimReinstatement);

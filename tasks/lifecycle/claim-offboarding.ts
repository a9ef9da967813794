import type { z } from 'zod/mini';
import { recordStep } from '../shared/audit';
import { defineTask, type TaskScope } from '../shared/define-task';
import { PurgeNotAllowedError, TenantNotRequestedError, TenantRetiredError } from '../shared/errors';
import { executionName, executionNameOf, successorName } from '../shared/names';
import { assertLeaseFree, takeLease } from './lease';
import { claimOffboarding as contract, HAND_OVER_AFTER_MS } from './offboarding-contract';

/**
 * Takes the lease for this offboarding and starts the hold. Only the request that STATE names as the current offboarding
 * may do so: an execution of one that was cancelled, started again by hand, is refused. The hold ends at an absolute time
 * that later claims (a redrive, a successor) keep. It protects from the time of the block on: a tenant that was ever ACTIVE
 * has the stage's shortest hold from here, however long ago and in whatever status its offboarding was asked for.
 */
export async function claimOffboarding(
  { request: { tenantId, requestId }, executionArn, step }: z.output<typeof contract.input>,
  scope: TaskScope<(typeof contract.environment)[number]>,
) {
  const { env, registry, now } = scope;
  const state = await registry.getState(tenantId);
  const operation = state && (await registry.getOperation(tenantId, requestId));
  if (state === undefined || operation?.operation !== 'offboard') {
    throw new TenantNotRequestedError(`tenant ${tenantId}: request ${requestId} is not recorded as an offboarding`);
  }
  if (state.status === 'OFFBOARDED') throw new TenantRetiredError(`tenant ${tenantId} is OFFBOARDED already`);
  if (state.offboarding?.requestId !== requestId) {
    throw new PurgeNotAllowedError(
      `tenant ${tenantId}: request ${requestId} was cancelled; the tenant is ${state.status}`,
    );
  }
  const successor = successorName(executionName('offboard', tenantId, requestId), state.generation + 1);
  await assertLeaseFree(state, executionArn, executionNameOf(executionArn) === successor);
  const at = now();
  const holdSeconds = operation.holdSeconds ?? env.HOLD_DEFAULT_SECONDS;
  const asked = Date.parse(operation.requestedAt) + holdSeconds * 1000;
  const shortest = state.activatedAt === undefined ? asked : at.getTime() + env.HOLD_MINIMUM_SECONDS * 1000;
  const claimed = {
    status: state.purgeStartedAt === undefined ? ('OFFBOARDING' as const) : ('PURGING' as const),
    // One that stands is left alone: a change of the hold may come between.
    ...(state.holdUntil === undefined && {
      heldSince: at.toISOString(),
      holdUntil: new Date(Math.max(asked, shortest)).toISOString(),
    }),
    requestId,
    operation: operation.operation,
    requestedBy: operation.requestedBy,
    lastFailure: undefined,
  };
  const generation = await takeLease(registry, state, executionArn, claimed, at);
  await recordStep(scope, contract, { tenantId, requestId, executionArn, step }, operation);
  const { holdUntil = at.toISOString() } = (await registry.getState(tenantId)) ?? state;
  const lastLook = at.getTime() + HAND_OVER_AFTER_MS;
  const sleepUntil = new Date(Math.min(Date.parse(holdUntil), lastLook)).toISOString();
  return { tenantId, requestId, generation, tier: state.tier, holdUntil: sleepUntil };
}

export const handler = defineTask(contract, claimOffboarding);

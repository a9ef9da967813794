import { recordStep } from '../shared/audit';
import type { TaskInput } from '../shared/contract';
import { defineTask, type TaskScope } from '../shared/define-task';
import { StaleExecutionError, TenantNotRequestedError } from '../shared/errors';
import type { TenantState } from '../shared/registry';
import { handOver as contract } from './offboarding-contract';
import { startSuccessor } from './successor';

/** Gives the lease back and starts the successor, before this execution reaches the age at which AWS ends it. */
export async function handOver(input: TaskInput, scope: TaskScope<(typeof contract.environment)[number]>) {
  const { env, registry } = scope;
  const { tenantId, requestId, generation } = input;
  const state = await registry.getState(tenantId);
  if (state === undefined) throw new TenantNotRequestedError(`tenant ${tenantId}: no request is recorded for it`);
  if (!isClaimedBySuccessor(state, input)) {
    const released = await registry.update(
      { tenantId, item: 'STATE' },
      { leaseOwner: undefined },
      { expression: '#generation = :generation', names: ['generation'], values: { ':generation': generation } },
    );
    if (released) await startSuccessor(env.OFFBOARD_STATE_MACHINE_ARN, { tenantId, requestId, generation });
    // The successor of an earlier attempt may have claimed the tenant since it was read.
    else if (!isClaimedBySuccessor(await registry.getState(tenantId), input))
      throw new StaleExecutionError(`tenant ${tenantId}: generation ${generation} is no longer the tenant's`);
  }
  await recordStep(scope, contract, input, state);
  return { handedOver: true as const };
}

/** Then this is a repeat, and only the record may be missing. */
const isClaimedBySuccessor = (state: TenantState | undefined, { requestId, generation }: TaskInput): boolean =>
  state !== undefined && state.generation > generation && state.offboarding?.requestId === requestId;

export const handler = defineTask(contract, handOver);

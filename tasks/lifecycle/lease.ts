import { NotReadyError, OperationInProgressError, TransientError } from '../shared/errors';
import { describeExecution } from '../shared/executions';
import type { Registry, TenantState } from '../shared/registry';
import type { TenantStatus } from '../shared/tenant';

/** What a claim writes beside the lease; undefined removes an attribute. */
export type Claimed = { readonly status: TenantStatus } & Readonly<Record<string, unknown>>;

/**
 * Takes the tenant's lease for an execution and returns its new generation; from here on older executions are stale. A
 * repeat by the same execution changes nothing and returns the same generation.
 * @throws OperationInProgressError when a competitor came first
 */
export async function takeLease(
  registry: Registry,
  state: TenantState,
  executionArn: string,
  claimed: Claimed,
  now: Date,
): Promise<number> {
  const { tenantId } = state;
  if (state.leaseOwner === executionArn) return state.generation;
  const generation = state.generation + 1;
  const at = now.toISOString();
  const taken = await registry.update(
    { tenantId, item: 'STATE' },
    { ...claimed, leaseOwner: executionArn, leasedAt: at, generation, updatedAt: at },
    {
      // The status may be the same again while a purge has come and failed in between.
      expression: `#generation = :known AND #status = :status${state.purgeStartedAt === undefined ? ' AND attribute_not_exists(#purgeStartedAt)' : ''}`,
      names: state.purgeStartedAt === undefined ? ['purgeStartedAt'] : [],
      values: { ':known': state.generation, ':status': state.status },
    },
  );
  if (taken) return generation;
  // Lost to a competitor, or to this task's own earlier attempt whose answer was lost.
  const current = await registry.getState(tenantId);
  if (current?.leaseOwner === executionArn) return current.generation;
  if (current?.generation === state.generation) {
    throw new TransientError(`tenant ${tenantId}: its status changed to ${current.status} while it was claimed`);
  }
  throw new OperationInProgressError(
    `tenant ${tenantId}: execution ${current?.leaseOwner ?? '(unknown)'} took the lease a moment ago`,
  );
}

/**
 * The lease has no expiry: whether its owner still runs is asked of Step Functions.
 * @param successor true: the owner was stopped for this execution's sake, and DescribeExecution, which is eventually
 * consistent [API_DescribeExecution], may not know yet
 */
export async function assertLeaseFree(
  { tenantId, leaseOwner }: TenantState,
  executionArn: string,
  successor = false,
): Promise<void> {
  if (leaseOwner === undefined || leaseOwner === executionArn) return;
  const execution = await describeExecution(leaseOwner);
  if (execution?.status !== 'RUNNING') return;
  const running = `tenant ${tenantId}: execution ${leaseOwner} is running`;
  throw successor ? new NotReadyError(running) : new OperationInProgressError(running);
}

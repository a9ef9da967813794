import { InvalidInputError, OperationInProgressError, TenantNotRequestedError } from '../../shared/errors';
import type { OperationRecord, TenantRecord, TenantState } from '../../shared/registry';
import type { RequestFor, Scope } from './request';
import { assertNothingRuns, recordOperation } from './start';

/**
 * Accepts a new offboarding request, of a tenant in any state in which nothing runs for it; undefined when the tenant is
 * gone already. STATE then names this request as the offboarding, and only its executions may go on.
 */
export async function acceptOffboarding(
  request: RequestFor<'offboard'>,
  hash: string,
  { state, operations }: TenantRecord,
  scope: Scope,
): Promise<OperationRecord | undefined> {
  const { env, registry, now } = scope;
  const { tenantId, requestId, operation, reason, requestedBy } = request;
  if (state === undefined) throw new TenantNotRequestedError(`tenant ${tenantId}: no request is recorded for it`);
  if (state.status === 'OFFBOARDED') return undefined;
  const holdSeconds = request.holdSeconds ?? env.HOLD_DEFAULT_SECONDS;
  assertLongEnough(holdSeconds, state, env.HOLD_MINIMUM_SECONDS);
  const at = now().toISOString();
  // A repeat after a crash between the two writes below finds its own name here.
  if (state.offboarding?.requestId !== requestId) {
    if (state.offboarding !== undefined) {
      throw new OperationInProgressError(
        `tenant ${tenantId}: it is being offboarded by request ${state.offboarding.requestId}; redrive its execution, or cancel it first`,
      );
    }
    await assertNothingRuns(state, operations, scope);
    const accepted = await registry.update(
      { tenantId, item: 'STATE' },
      { offboarding: { requestId, requestedBy, requestedAt: at, reason }, updatedAt: at },
      {
        expression: '#generation = :generation AND #status = :status AND attribute_not_exists(#offboarding)',
        names: ['generation', 'status'],
        values: { ':generation': state.generation, ':status': state.status },
      },
    );
    // The SDK repeats a write whose answer is lost; then it is our own write that is in the way.
    if (!accepted && (await registry.getState(tenantId))?.offboarding?.requestId !== requestId)
      throw new OperationInProgressError(`tenant ${tenantId}: another request was accepted a moment ago`);
  }
  const record = { requestId, operation, payloadHash: hash, requestedBy, requestedAt: at, holdSeconds, reason };
  return recordOperation(request, record, scope);
}

/** A tenant that never was active has nothing that a hold would protect. */
function assertLongEnough(holdSeconds: number, { tenantId, activatedAt }: TenantState, minimum: number): void {
  if (activatedAt === undefined || holdSeconds >= minimum) return;
  throw new InvalidInputError(
    `request-operation, tenant ${tenantId}: holdSeconds: must be at least ${minimum}, this stage's shortest hold of a tenant that was active`,
  );
}

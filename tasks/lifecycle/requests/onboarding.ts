import { OperationInProgressError, TenantRetiredError } from '../../shared/errors';
import { describeExecution } from '../../shared/executions';
import type { OperationRecord, TenantRecord, TenantState } from '../../shared/registry';
import { RETIRED_STATUSES } from '../../shared/tenant';
import { assertSamePayload, type RequestFor, type Scope } from './request';
import { executionOf, recordOperation } from './start';

const OTHER_PROFILE = 'it was requested before with another name, e-mail address or tier';

/** Accepts a new onboarding request; undefined when the tenant is active already and there is nothing to do. */
export async function acceptOnboarding(
  request: RequestFor<'onboard'>,
  hash: string,
  { profile, state, operations }: TenantRecord,
  scope: Scope,
): Promise<OperationRecord | undefined> {
  const { tenantId } = request;
  if (state !== undefined) {
    if (RETIRED_STATUSES.includes(state.status)) throw new TenantRetiredError(`tenant ${tenantId} is ${state.status}`);
    assertSamePayload(profile?.payloadHash, hash, tenantId, OTHER_PROFILE);
    if (state.status === 'ACTIVE') return undefined;
    await assertNothingRuns(state, operations, scope);
  }
  return record(request, hash, state, scope);
}

/** The lease may be held by another execution of the request, started by hand; the latest one may not hold it yet. */
export async function assertNothingRuns(
  state: TenantState,
  operations: readonly OperationRecord[],
  scope: Scope,
): Promise<void> {
  const first = executionOf(state, scope).executionArn;
  const latest = operations.find(({ requestId }) => requestId === state.requestId)?.executionArn;
  for (const current of new Set([first, latest, state.leaseOwner])) {
    if (current === undefined || (await describeExecution(current))?.status !== 'RUNNING') continue;
    throw new OperationInProgressError(`tenant ${state.tenantId}: request ${state.requestId} is running as ${current}`);
  }
}

/** PROFILE, STATE, OPERATION, each only if it is not there: whoever comes second finds the first one's. */
async function record(
  request: RequestFor<'onboard'>,
  hash: string,
  known: TenantState | undefined,
  scope: Scope,
): Promise<OperationRecord> {
  const { registry, now } = scope;
  const { tenantId, requestId, operation, displayName, adminEmail, tier, requestedBy } = request;
  const at = now().toISOString();
  if (!(await registry.putNewProfile(tenantId, { displayName, adminEmail, tier, payloadHash: hash }))) {
    const profile = await registry.getProfile(tenantId);
    assertSamePayload(profile?.payloadHash, hash, tenantId, OTHER_PROFILE);
  }
  const ours = { requestId, operation, requestedBy, updatedAt: at };
  const accepted =
    known === undefined
      ? await registry.putNewState(tenantId, {
          ...ours,
          tenantId,
          status: 'REQUESTED',
          generation: 0,
          tier,
          requestedAt: at,
        })
      : await registry.update({ tenantId, item: 'STATE' }, ours, {
          expression: '#requestId = :known AND #status IN (:requested, :provisioning, :failed)',
          names: ['status'],
          values: {
            ':known': known.requestId,
            ':requested': 'REQUESTED',
            ':provisioning': 'PROVISIONING',
            ':failed': 'ONBOARDING_FAILED',
          },
        });
  if (!accepted && (await registry.getState(tenantId))?.requestId !== requestId) {
    throw new OperationInProgressError(`tenant ${tenantId}: another request was accepted a moment ago`);
  }
  return recordOperation(request, { requestId, operation, payloadHash: hash, requestedBy, requestedAt: at }, scope);
}

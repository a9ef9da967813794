import { OperationInProgressError, TenantRetiredError } from '../../shared/errors';
import type { OperationRecord, TenantRecord, TenantState } from '../../shared/registry';
import { RETIRED_STATUSES } from '../../shared/tenant';
import { correctAdminEmail, isCorrection } from './correction';
import { assertSamePayload, type RequestFor, type Scope } from './request';
import { assertNothingRuns, recordOperation } from './start';

const OTHER_PROFILE = 'it was requested before with another name, e-mail address or tier';

/** Accepts a new onboarding request; undefined when the tenant is active already and there is nothing to do. */
export async function acceptOnboarding(
  request: RequestFor<'onboard'>,
  hash: string,
  tenant: TenantRecord,
  scope: Scope,
): Promise<OperationRecord | undefined> {
  const { profile, state, operations } = tenant;
  const { tenantId } = request;
  if (state !== undefined) {
    if (RETIRED_STATUSES.includes(state.status)) throw new TenantRetiredError(`tenant ${tenantId} is ${state.status}`);
    if (profile !== undefined && profile.payloadHash !== hash && isCorrection(request, profile, state)) {
      await correctAdminEmail(request, hash, { ...tenant, profile, state }, scope);
    } else assertSamePayload(profile?.payloadHash, hash, tenantId, OTHER_PROFILE);
    if (state.status === 'ACTIVE') return undefined;
    await assertNothingRuns(state, operations, scope);
  }
  return record(request, hash, state, scope);
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

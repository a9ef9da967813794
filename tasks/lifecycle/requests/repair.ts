import { OperationInProgressError, TenantNotRequestedError, TenantRetiredError } from '../../shared/errors';
import type { OperationRecord, TenantRecord } from '../../shared/registry';
import { ONBOARDING_STATUSES } from '../../shared/tenant';

import type { RequestFor, Scope } from './request';
import { assertNothingRuns, recordOperation } from './start';

/**
 * Accepts another onboarding of a tenant that was onboarded before. Nothing about it is new but the request: what the tenant is
 * stands in the registry, and its onboarding converges every resource to that.
 */
export async function acceptRepair(
  { tenantId, requestId, requestedBy }: RequestFor<'repair'>,
  hash: string,
  { state, operations }: TenantRecord,
  scope: Scope,
): Promise<OperationRecord> {
  if (state === undefined) throw new TenantNotRequestedError(`tenant ${tenantId}: no request is recorded for it`);
  if (!ONBOARDING_STATUSES.includes(state.status))
    throw new TenantRetiredError(`tenant ${tenantId} is ${state.status}: an onboarding cannot repair it`);
  if (state.offboarding !== undefined)
    throw new OperationInProgressError(
      `tenant ${tenantId}: request ${state.offboarding.requestId} to offboard it was accepted`,
    );
  await assertNothingRuns(state, operations, scope);
  const requestedAt = scope.now().toISOString();
  return recordOperation(
    { tenantId, requestId },
    { requestId, operation: 'onboard', payloadHash: hash, requestedBy, requestedAt, reason: 'repair' },
    scope,
  );
}

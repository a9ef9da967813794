import { TenantNotRequestedError } from '../../shared/errors';
import type { OperationRecord, TenantRecord } from '../../shared/registry';
import { HOLD_STATUSES } from '../../shared/tenant';
import { assertCancellable } from '../cancellable';
import type { RequestFor, Scope } from './request';
import { assertNothingRuns, recordOperation } from './start';

/**
 * Accepts the cancellation of an offboarding during its hold; undefined when the tenant is active. Whether it comes in
 * time is decided by Claim reinstatement, in a conditional write that the purge's own claim competes with.
 */
export async function acceptReinstatement(
  request: RequestFor<'reinstate'>,
  hash: string,
  { state, operations }: TenantRecord,
  scope: Scope,
): Promise<OperationRecord | undefined> {
  const { tenantId, requestId, operation, reason, requestedBy } = request;
  if (state === undefined) throw new TenantNotRequestedError(`tenant ${tenantId}: no request is recorded for it`);
  if (state.status === 'ACTIVE' && state.offboarding === undefined) return undefined;
  assertCancellable(state);
  // The hold's own execution sleeps, and is what is cancelled; another one must come to its end first.
  if (!HOLD_STATUSES.includes(state.status)) await assertNothingRuns(state, operations, scope);
  const requestedAt = scope.now().toISOString();
  return recordOperation(request, { requestId, operation, payloadHash: hash, requestedBy, requestedAt, reason }, scope);
}

import { writeAuditRecord } from '../../shared/audit';
import { OperationInProgressError, RequestConflictError } from '../../shared/errors';
import { requestRecordKey } from '../../shared/names';
import type { Profile, TenantRecord, TenantState } from '../../shared/registry';
import { FIRST_ADMIN } from '../../user-group/contract';
import type { RequestFor, Scope } from './request';
import { assertNothingRuns } from './start';

/** The same tenant in everything but the address of its first admin, and never ACTIVE, so that nobody has worked with it. */
export const isCorrection = (
  { displayName, tier }: RequestFor<'onboard'>,
  profile: Profile,
  { activatedAt, offboarding }: TenantState,
): boolean =>
  displayName === profile.displayName &&
  tier === profile.tier &&
  activatedAt === undefined &&
  offboarding === undefined;

/**
 * Replaces the admin's address of a tenant whose onboarding has failed before anybody was invited. In this order: nothing
 * runs; a new generation makes what did run stale, also when it is redriven; nobody was invited up to then; the address is
 * replaced, on the condition that it still is the one that was read.
 */
export async function correctAdminEmail(
  request: RequestFor<'onboard'>,
  hash: string,
  { profile, state, resources, operations }: TenantRecord & { readonly profile: Profile; readonly state: TenantState },
  scope: Scope,
): Promise<void> {
  const { registry, now } = scope;
  const { tenantId, requestId, requestedBy, displayName, adminEmail, tier } = request;
  assertNobodyInvited(
    resources.some(({ type }) => type === FIRST_ADMIN),
    tenantId,
  );
  await assertNothingRuns(state, operations, scope);
  const at = now().toISOString();
  const fenced = await registry.update(
    { tenantId, item: 'STATE' },
    { generation: state.generation + 1, updatedAt: at },
    {
      expression: '#generation = :generation AND #status = :status AND #requestId = :requestId',
      names: ['status', 'requestId'],
      values: { ':generation': state.generation, ':status': state.status, ':requestId': state.requestId },
    },
  );
  // The SDK repeats a write whose answer is lost; then it is our own write that is in the way, here and below.
  if (!fenced && !isOurs(await registry.getState(tenantId), state, at))
    throw new OperationInProgressError(`tenant ${tenantId}: another request was accepted a moment ago`);
  assertNobodyInvited((await registry.getResource(tenantId, FIRST_ADMIN)) !== undefined, tenantId);
  await writeAuditRecord(scope, requestRecordKey(tenantId, `${requestId}.correction`), {
    tenantId,
    action: 'correct-admin-email',
    requestedBy,
    requestId,
    outcome: 'ACCEPTED',
    at,
  });
  const corrected = { displayName, adminEmail, tier, payloadHash: hash };
  if (
    !(await registry.replaceProfile(tenantId, corrected, profile.payloadHash)) &&
    (await registry.getProfile(tenantId))?.payloadHash !== hash
  ) {
    throw new OperationInProgressError(`tenant ${tenantId}: another correction was accepted a moment ago`);
  }
}

const isOurs = (found: TenantState | undefined, read: TenantState, at: string): boolean =>
  found?.generation === read.generation + 1 && found.requestId === read.requestId && found.updatedAt === at;

/** The first admin's ledger entry is written before the invitation is sent. */
function assertNobodyInvited(invited: boolean, tenantId: string): void {
  if (!invited) return;
  throw new RequestConflictError(
    `tenant ${tenantId}: it was requested before with another e-mail address, and an invitation to that one may have been sent; offboard it without a hold and request it under a new tenant id`,
  );
}

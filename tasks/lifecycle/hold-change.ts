import type { z } from 'zod/mini';
import { InvalidInputError, PurgeNotAllowedError, SelfApprovalError, TenantRetiredError } from '../shared/errors';
import { type LegalHold, legalHoldsOf } from '../shared/legal-holds';
import type { OperationRecord, TenantState } from '../shared/registry';
import { HOLD_STATUSES } from '../shared/tenant';
import type { changeHold } from './offboarding-contract';

/** What a change of a hold means for a tenant: whether it may be made, and what it writes. Nothing is called here. */
export type Change = z.output<typeof changeHold.input>;

/**
 * What is decided when a change is first recorded, so that a repeat means the same: the end that a relative one comes to,
 * and the offboarding it is about.
 * @param shortestSeconds the stage's shortest hold of a tenant that was ever ACTIVE
 * @throws if the change may not be made
 */
export function decide(
  change: Change,
  state: TenantState,
  earlier: OperationRecord | undefined,
  { now, shortestSeconds }: { readonly now: Date; readonly shortestSeconds: number },
): Pick<OperationRecord, 'until' | 'offboarding'> {
  const { tenantId, status } = state;
  if (status === 'OFFBOARDED')
    throw new TenantRetiredError(`tenant ${tenantId} is OFFBOARDED: there is nothing left to hold`);
  if (change.change === 'set-legal-hold') return {};
  if (change.change === 'release-legal-hold') {
    assertStands(change.legalHoldId, state);
    return {};
  }
  const offboarding = offboardingUnderHold(state);
  if (earlier?.offboarding !== undefined && earlier.offboarding !== offboarding.requestId)
    throw new PurgeNotAllowedError(
      `tenant ${tenantId}: the change was asked for during the hold of request ${earlier.offboarding}, which was cancelled`,
    );
  const about = { offboarding: offboarding.requestId };
  const at = now.toISOString();
  switch (change.change) {
    case 'suspend-again':
      return about;
    case 'approve-purge':
      if (offboarding.requestedBy !== change.requestedBy) return about;
      throw new SelfApprovalError(
        `tenant ${tenantId}: ${offboarding.requestedBy} asked for the offboarding and cannot approve its purge`,
      );
    case 'set-hold': {
      const until =
        earlier?.until ?? (change.until === undefined ? later(at, change.inSeconds ?? 0) : instant(change.until));
      const earliest = later(
        state.heldSince ?? offboarding.requestedAt,
        state.activatedAt === undefined ? 0 : shortestSeconds,
      );
      if (until >= earliest) return { ...about, until };
      throw new InvalidInputError(
        `change-hold, tenant ${tenantId}: ${change.until === undefined ? 'inSeconds' : 'until'}: must not end the hold before ${earliest}, the end of this stage's shortest hold`,
      );
    }
    case 'extend-hold':
      return { ...about, until: earlier?.until ?? later(latest(state.holdUntil ?? at, at), change.bySeconds) };
  }
}

/** Counsel of one case must not free a tenant that another case holds: a release names the hold that it releases. */
function assertStands(id: string, state: TenantState): void {
  const standing = legalHoldsOf(state).map((hold) => hold.id);
  if (standing.includes(id)) return;
  throw new InvalidInputError(
    `change-hold, tenant ${state.tenantId}: legalHoldId: no legal hold ${id} stands; ${standing.length === 0 ? 'none does' : `those that do: ${standing.join(', ')}`}`,
  );
}

/** What a change writes on the tenant. */
export function changed(
  change: Change,
  { legalHolds = {}, purgeApproval, holdUntil }: TenantState,
  { until, requestedAt, requestedBy }: OperationRecord,
): Partial<Record<keyof TenantState, unknown>> {
  switch (change.change) {
    case 'set-legal-hold': {
      const hold: LegalHold = { by: requestedBy, reason: change.reason, since: requestedAt };
      return { legalHolds: { ...legalHolds, [change.requestId]: hold } };
    }
    case 'release-legal-hold': {
      const { [change.legalHoldId]: _released, ...others } = legalHolds;
      return { legalHolds: Object.keys(others).length === 0 ? undefined : others };
    }
    case 'approve-purge':
      return { purgeApproval: purgeApproval ?? { by: requestedBy, at: requestedAt } };
    case 'set-hold':
      return { holdUntil: until };
    case 'extend-hold':
      // Whatever somebody else has set since it was recorded: an extension never shortens.
      return { holdUntil: latest(holdUntil ?? requestedAt, until ?? requestedAt) };
    case 'suspend-again':
      return {};
  }
}

/** As toISOString writes it: instants of this form compare as text. */
const instant = (text: string | number): string => new Date(text).toISOString();
const latest = (one: string, other: string): string => instant(Math.max(Date.parse(one), Date.parse(other)));
const later = (from: string, seconds: number): string => instant(Date.parse(from) + seconds * 1000);

function offboardingUnderHold({ tenantId, status, offboarding, purgeStartedAt }: TenantState) {
  if (offboarding === undefined || purgeStartedAt !== undefined || !HOLD_STATUSES.includes(status)) {
    throw new PurgeNotAllowedError(
      `tenant ${tenantId} is ${status}${purgeStartedAt === undefined ? '' : ` since ${purgeStartedAt}`}: no hold is running`,
    );
  }
  return offboarding;
}

import { PurgeNotAllowedError } from '../shared/errors';
import type { TenantState } from '../shared/registry';
import { HOLD_STATUSES } from '../shared/tenant';

/**
 * Whether the tenant's offboarding may be cancelled: during its hold, after a reinstatement that failed, or before any
 * execution has claimed it, as of a tenant that became ACTIVE while it was asked for.
 * @throws PurgeNotAllowedError when there is no way back, or never was anything to go back to
 */
export function assertCancellable({ tenantId, status, offboarding, purgeStartedAt, activatedAt }: TenantState): void {
  const leaving =
    HOLD_STATUSES.includes(status) || status === 'REINSTATING' || (status === 'ACTIVE' && offboarding !== undefined);
  if (leaving && purgeStartedAt === undefined && activatedAt !== undefined) return;
  throw new PurgeNotAllowedError(
    `tenant ${tenantId} cannot be reinstated: it is ${status}${purgeStartedAt === undefined ? '' : `, and its purge started at ${purgeStartedAt}`}${activatedAt === undefined ? ', and it never was ACTIVE' : ''}`,
  );
}

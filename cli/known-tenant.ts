import { TenantNotRequestedError } from '../tasks/shared/errors';
import type { TenantRecord, TenantState } from '../tasks/shared/registry';

/** State of a tenant that was asked for by its id: an id that the registry does not know is most often mistyped. */
export function knownState(tenantId: string, { state }: Pick<TenantRecord, 'state'>): TenantState {
  if (state === undefined) throw new TenantNotRequestedError(`tenant ${tenantId}: the registry does not know it`);
  return state;
}

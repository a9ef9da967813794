import type { Membership } from '../membership/memberships';

export interface Wish {
  /** The tenant that the client names, or that was chosen for the session. */
  readonly wanted?: string | undefined;
  /** True for new tokens of a session, false for a sign-in. */
  readonly refresh: boolean;
}

/** Tenants that the tokens may be for, the first that is open wins; or why there can be none. */
export type Candidates = { readonly tenantIds: readonly string[] } | { readonly refusal: string };

/**
 * Which tenants come into question. A tenant that is named is the only one. A refresh never changes the tenant of a session
 * by itself: a user of several tenants has two tabs, and a refresh in one must not move it to the tenant of the other; so
 * there the tenant must be named. A sign-in has nobody to ask, and takes the tenant that was chosen last.
 */
export function candidatesOf(memberships: readonly Membership[], { wanted, refresh }: Wish): Candidates {
  const active = memberships.filter(({ status }) => status === 'ACTIVE');
  if (wanted !== undefined) {
    const member = active.some(({ tenantId }) => tenantId === wanted);
    return member ? { tenantIds: [wanted] } : { refusal: 'the user is no member of the tenant that is asked for' };
  }
  if (refresh && active.length > 1) return { refusal: 'the user has several tenants: name one in ClientMetadata' };
  return { tenantIds: [...active].sort(lastChosenFirst).map(({ tenantId }) => tenantId) };
}

const lastChosenFirst = (a: Membership, b: Membership): number =>
  (b.chosenAt ?? '').localeCompare(a.chosenAt ?? '') || a.tenantId.localeCompare(b.tenantId);

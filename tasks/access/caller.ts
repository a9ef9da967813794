import { openMemberships } from '../membership/memberships';
import { type VerifiedToken, verifyAccessToken } from '../shared/access-token';
import type { TaskEnvironment } from '../shared/contract';
import { ForbiddenError } from '../shared/errors';
import type { Registry } from '../shared/registry';
import type { PermissionName } from './catalogue';
import type { CallerEnvironmentName } from './operation';
import { openRoles } from './roles';

/** A signed-in user in the tenant of their token, as the platform knows them at this moment. */
export interface Caller extends VerifiedToken {
  readonly tenantId: string;
  /** Ids. */
  readonly roles: readonly string[];
  /** What the roles permit together. */
  readonly permissions: readonly PermissionName[];
}

/** Part of a task's scope. */
export interface CallerScope {
  readonly env: TaskEnvironment<CallerEnvironmentName>;
  readonly registry: Registry;
}

/** The token's claims, once its signature, issuer, client, use and time are verified. */
export const verifiedToken = (accessToken: string, { env }: Pick<CallerScope, 'env'>): Promise<VerifiedToken> =>
  verifyAccessToken(accessToken, { userPoolId: env.USER_POOL_ID, clientId: env.USER_POOL_CLIENT_ID });

/** The tenant that a verified token is for. Nobody gets into one that is not ACTIVE. */
export async function openTenantOf({ tenantId }: VerifiedToken, { registry }: CallerScope): Promise<string> {
  if (tenantId === undefined) throw new ForbiddenError('the access token is for no tenant');
  if ((await registry.getStatus(tenantId)) === 'ACTIVE') return tenantId;
  throw new ForbiddenError(`tenant ${tenantId} is not ACTIVE`);
}

/** The member behind a verified token; undefined when the membership has ended since the token was issued. */
export async function memberOf(
  token: VerifiedToken,
  tenantId: string,
  { env, registry }: CallerScope,
): Promise<Caller | undefined> {
  const membership = await openMemberships(env.MEMBERSHIP_TABLE, registry.client).get(token.sub, tenantId);
  if (membership?.status !== 'ACTIVE') return undefined;
  const permissions = await openRoles(env.MEMBERSHIP_TABLE, registry.client).permissionsOf(tenantId, membership.roles);
  return { ...token, tenantId, roles: membership.roles, permissions };
}

/**
 * Who calls, in which tenant, with which permissions: for code that is no operation. Tenant and membership are read at this
 * moment, so that a token does not outlive them.
 * @throws UnauthenticatedError, ForbiddenError
 */
export async function verifiedCaller(accessToken: string, scope: CallerScope): Promise<Caller> {
  const token = await verifiedToken(accessToken, scope);
  const tenantId = await openTenantOf(token, scope);
  const member = await memberOf(token, tenantId, scope);
  if (member === undefined) throw new ForbiddenError(`tenant ${tenantId}: user ${token.sub} is no member`);
  return member;
}

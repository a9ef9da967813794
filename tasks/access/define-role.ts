import type * as z from 'zod/mini';
import { QuotaExceededError, RequestConflictError, VersionConflictError } from '../shared/errors';
import { PERMISSIONS } from './catalogue';
import { defineRole as contract, MAX_ROLES } from './contract';
import { defineOperation, type OperationScope } from './define-operation';
import { notHeld, openRoles, type Role } from './roles';

type Input = z.output<typeof contract.input>;
type Scope = OperationScope<(typeof contract.environment)[number]>;

/**
 * Makes a role, or gives it other permissions. Nobody puts into a role what they do not hold themselves: else they would
 * change a role of their own and hold it. Nor do they take it out of one, as they cannot take the role from its members. A
 * change holds for all members who have the role, with their next call.
 */
export async function defineRole({ roleId, requestId, permissions, version }: Input, scope: Scope) {
  const { env, registry, caller, refuse, now } = scope;
  const { tenantId, sub } = caller;
  const missing = notHeld(caller.permissions, permissions);
  if (missing.length > 0)
    return await refuse(
      'NOT_HELD',
      `role ${roleId} would permit what user ${sub} does not hold: ${missing.join(', ')}`,
    );
  const roles = openRoles(env.MEMBERSHIP_TABLE, registry.client);
  const existing = await roles.get(tenantId, roleId);
  const isOurs = (role: Role): boolean => role.requestId === requestId && role.changedBy === sub;
  if (existing !== undefined && isOurs(existing)) return repeated(existing, permissions);
  // A word that the catalogue no longer has permits nothing: it may go.
  const taken = PERMISSIONS.filter((name) => existing?.permissions.includes(name) && !permissions.includes(name));
  const lost = notHeld(caller.permissions, taken);
  if (lost.length > 0)
    return await refuse('NOT_HELD', `role ${roleId} would lose what user ${sub} does not hold: ${lost.join(', ')}`);
  const next: Role = {
    roleId,
    tenantId,
    permissions,
    version: (existing?.version ?? 0) + 1,
    requestId,
    changedBy: sub,
    changedAt: now().toISOString(),
  };
  if (version === undefined || existing === undefined) {
    if (existing !== undefined || version !== undefined) throw conflict(tenantId, roleId, existing);
    const { length } = await roles.list(tenantId);
    if (length >= MAX_ROLES)
      throw new QuotaExceededError(`tenant ${tenantId} has ${length} roles, no more are possible`);
    if (await roles.putNew(next)) return { physicalId: roleId, version: next.version };
  } else if (version === existing.version && (await roles.replace(next, existing))) {
    return { physicalId: roleId, version: next.version };
  }
  // The SDK repeats a write whose answer is lost; then it is our own write that is in the way.
  const found = await roles.get(tenantId, roleId);
  if (found !== undefined && isOurs(found)) return repeated(found, permissions);
  throw conflict(tenantId, roleId, found);
}

/** The same request again: its answer was lost. */
function repeated({ tenantId, roleId, requestId, version, removedAt, ...role }: Role, permissions: readonly string[]) {
  const same = removedAt === undefined && [...role.permissions].sort().join() === [...permissions].sort().join();
  if (same) return { physicalId: roleId, version };
  throw new RequestConflictError(`tenant ${tenantId}: request ${requestId} was for another content of role ${roleId}`);
}

function conflict(tenantId: string, roleId: string, existing: Role | undefined): VersionConflictError {
  const state =
    existing === undefined
      ? 'does not exist'
      : existing.removedAt === undefined
        ? `is at version ${existing.version}`
        : 'was removed, and its id is not used again';
  return new VersionConflictError(`tenant ${tenantId}: role ${roleId} ${state}`);
}

export const handler = defineOperation(contract, defineRole);

import type * as z from 'zod/mini';
import { RoleInUseError, VersionConflictError } from '../shared/errors';
import { removeRole as contract } from './contract';
import { defineOperation, type OperationScope } from './define-operation';
import { openRoles } from './roles';

type Input = z.output<typeof contract.input>;
type Scope = OperationScope<(typeof contract.environment)[number]>;

/**
 * Removes a role that nobody has. What stays is a mark that its id is used up: who was given the role in the same second has
 * a role that permits nothing, and would otherwise get whatever the next role of that id permits.
 */
export async function removeRole({ roleId, requestId, version }: Input, scope: Scope) {
  const { env, registry, caller, now } = scope;
  const { tenantId, sub } = caller;
  const roles = openRoles(env.MEMBERSHIP_TABLE, registry.client);
  const existing = await roles.get(tenantId, roleId);
  if (existing?.removedAt !== undefined) return { physicalId: roleId };
  if (existing?.version !== version) {
    const state = existing === undefined ? 'does not exist' : `is at version ${existing.version}`;
    throw new VersionConflictError(`tenant ${tenantId}: role ${roleId} ${state}`);
  }
  if (await roles.isInUse(tenantId, roleId))
    throw new RoleInUseError(`tenant ${tenantId}: members or invited users have the role ${roleId}`);
  const changedAt = now().toISOString();
  const removed = { ...existing, version: version + 1, requestId, changedBy: sub, changedAt, removedAt: changedAt };
  if (await roles.replace(removed, existing)) return { physicalId: roleId };
  // Somebody else has removed it, or this very request, whose write the SDK has repeated.
  if ((await roles.get(tenantId, roleId))?.removedAt !== undefined) return { physicalId: roleId };
  throw new VersionConflictError(`tenant ${tenantId}: role ${roleId} was changed meanwhile`);
}

export const handler = defineOperation(contract, removeRole);

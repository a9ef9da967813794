import type * as z from 'zod/mini';
import { defineOperation, type OperationScope } from '../access/define-operation';
import { VersionConflictError } from '../shared/errors';
import { changeMembership, finishChange } from './change';
import { changeMemberRoles as contract } from './contract';
import { assertMayGrant } from './grants';
import { openMemberships } from './memberships';
import { assertSameRequest } from './requests';

type Input = z.output<typeof contract.input>;
type Scope = OperationScope<(typeof contract.environment)[number]>;

/**
 * Gives a member, or an invited user, other roles; it holds with their next call. Nobody gives or takes what they do not
 * hold themselves, nobody but an owner makes or unmakes owners, and the last owner stays.
 */
export async function changeMemberRoles({ sub, roles, version, requestId }: Input, scope: Scope) {
  const { env, registry, caller, now } = scope;
  const { tenantId } = caller;
  const memberships = openMemberships(env.MEMBERSHIP_TABLE, registry.client);
  const payload = { sub, roles, version };
  await assertSameRequest(memberships, { operation: contract.name, tenantId, requestId, payload }, now());
  const read = await memberships.get(sub, tenantId);
  // Only whoever made the change repeats it; anybody else is asked what they hold, and told of another version.
  if (read?.requestId === requestId && read.changedBy === caller.sub) {
    const finished = await finishChange(memberships, read);
    return { physicalId: sub, version: finished.version };
  }
  if (read === undefined || read.status === 'REMOVED' || read.version !== version)
    throw new VersionConflictError(
      `tenant ${tenantId}: ${read === undefined || read.status === 'REMOVED' ? `user ${sub} is no member` : `the membership of user ${sub} is at version ${read.version}`}`,
    );
  const given = roles.filter((roleId) => !read.roles.includes(roleId));
  const taken = read.roles.filter((roleId) => !roles.includes(roleId));
  await assertMayGrant({ given, taken }, scope);
  const changed = await changeMembership(memberships, read, {
    ...read,
    roles,
    requestId,
    changedBy: caller.sub,
    changedAt: now().toISOString(),
  });
  return { physicalId: sub, version: changed.version };
}

export const handler = defineOperation(contract, changeMemberRoles);

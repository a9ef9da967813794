import {
  AdminRemoveUserFromGroupCommand,
  AdminUserGlobalSignOutCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import type * as z from 'zod/mini';
import { OWNER } from '../access/catalogue';
import { defineOperation, type OperationScope } from '../access/define-operation';
import { isNamed } from '../shared/aws-errors';
import { VersionConflictError } from '../shared/errors';
import { groupName } from '../shared/names';
import { cognito } from '../user-group/members';
import { changeMembership } from './change';
import { removeMember as contract } from './contract';
import { assertMayGrant } from './grants';
import { type Memberships, openMemberships } from './memberships';
import { assertSameRequest } from './requests';

type Input = z.output<typeof contract.input>;
type Scope = OperationScope<(typeof contract.environment)[number]>;

/**
 * Ends a membership or withdraws an invitation. The membership goes first: from then on no operation admits the user, and no
 * refresh is for this tenant. What they hold in their other tenants is none of this tenant's business: only a user without
 * any other is signed out.
 */
export async function removeMember({ sub, version, requestId }: Input, scope: Scope) {
  const { env, registry, caller, now } = scope;
  const { tenantId } = caller;
  const memberships = openMemberships(env.MEMBERSHIP_TABLE, registry.client);
  const payload = { sub, version };
  await assertSameRequest(memberships, { operation: contract.name, tenantId, requestId, payload }, now());
  let membership = await memberships.get(sub, tenantId);
  if (membership === undefined) throw new VersionConflictError(`tenant ${tenantId}: user ${sub} is no member`);
  if (membership.status !== 'REMOVED') {
    if (membership.version !== version)
      throw new VersionConflictError(
        `tenant ${tenantId}: the membership of user ${sub} is at version ${membership.version}`,
      );
    await assertMayGrant({ given: [], taken: membership.roles.filter((roleId) => roleId === OWNER) }, scope);
    membership = await changeMembership(memberships, membership, {
      ...membership,
      status: 'REMOVED',
      // A role that only former members have is in use no more.
      roles: [],
      requestId,
      changedBy: caller.sub,
      changedAt: now().toISOString(),
    });
  }
  await lockOut(env.USER_POOL_ID, tenantId, sub, memberships);
  return { physicalId: sub, version: membership.version };
}

/** Who is invited once more in this very moment may lose the group to it; accepting brings it back. */
async function lockOut(UserPoolId: string, tenantId: string, Username: string, memberships: Memberships) {
  try {
    await cognito.send(new AdminRemoveUserFromGroupCommand({ UserPoolId, Username, GroupName: groupName(tenantId) }));
    const left = await memberships.ofUser(Username);
    if (left.some(({ status }) => status === 'ACTIVE')) return;
    await cognito.send(new AdminUserGlobalSignOutCommand({ UserPoolId, Username }));
  } catch (error) {
    if (!isNamed(error, 'UserNotFoundException')) throw error;
  }
}

export const handler = defineOperation(contract, removeMember);

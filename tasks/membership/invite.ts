import { AdminAddUserToGroupCommand } from '@aws-sdk/client-cognito-identity-provider';
import type * as z from 'zod/mini';
import { defineOperation, type OperationScope } from '../access/define-operation';
import { RequestConflictError, ResourceConflictError } from '../shared/errors';
import { groupName } from '../shared/names';
import { cognito } from '../user-group/members';
import { createOrRead, inviteAgain, userOf } from '../user-group/users';
import { changeMembership } from './change';
import { inviteMember as contract } from './contract';
import { assertMayGrant } from './grants';
import { openMemberships } from './memberships';
import { assertSameRequest } from './requests';

type Input = z.output<typeof contract.input>;
type Scope = OperationScope<(typeof contract.environment)[number]>;

/**
 * Invites the user of an e-mail address. Whether they are a user already, of whichever tenant, nobody learns from the answer;
 * they belong to the tenant only when they have accepted. Who is new gets an invitation from Cognito; whoever has not yet used
 * theirs gets a new one; the others see it in the application, see list-own-memberships.
 *
 * They join the tenant's group at once, so that its suspension and destruction find them. The group gives nothing: the
 * trigger writes a token's groups from memberships.
 */
export async function inviteMember({ email, roles, requestId }: Input, scope: Scope) {
  const { env, registry, caller, now } = scope;
  const { tenantId, sub: invitedBy } = caller;
  const UserPoolId = env.USER_POOL_ID;
  await assertMayGrant({ given: roles, taken: [] }, scope);
  const memberships = openMemberships(env.MEMBERSHIP_TABLE, registry.client);
  const payload = { email: email.toLowerCase(), roles };
  await assertSameRequest(memberships, { operation: contract.name, tenantId, requestId, payload }, now());

  const known = await userOf(UserPoolId, email);
  const { sub, emailVerified } = known ?? (await createOrRead(UserPoolId, tenantId, email));
  const read = await memberships.get(sub, tenantId);
  const join = async () => {
    await cognito.send(new AdminAddUserToGroupCommand({ UserPoolId, Username: sub, GroupName: groupName(tenantId) }));
  };
  if (read?.invitedIn === requestId) {
    if (read.status === 'REMOVED')
      throw new RequestConflictError(`tenant ${tenantId}: the invitation of request ${requestId} was withdrawn`);
    await join();
    return { physicalId: sub, version: read.version };
  }
  if (read !== undefined && read.status !== 'REMOVED')
    throw new RequestConflictError(`tenant ${tenantId}: user ${sub} is a member or invited already`);
  if (!emailVerified)
    throw new ResourceConflictError(`tenant ${tenantId}: it is not known whether the address is that of user ${sub}`);
  if (known?.pending === true) await inviteAgain(UserPoolId, email);
  const at = now().toISOString();
  const { version } = await changeMembership(memberships, read, {
    sub,
    tenantId,
    status: 'INVITED',
    roles,
    invitedBy,
    invitedAt: at,
    invitedIn: requestId,
    requestId,
    changedBy: invitedBy,
    changedAt: at,
  });
  await join();
  return { physicalId: sub, version };
}

export const handler = defineOperation(contract, inviteMember);

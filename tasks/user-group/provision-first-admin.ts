import {
  AdminAddUserToGroupCommand,
  AdminGetUserCommand,
  ListUsersInGroupCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { OWNER } from '../access/catalogue';
import { openMemberships } from '../membership/memberships';
import { isNamed } from '../shared/aws-errors';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { MissingDependencyError, ResourceConflictError } from '../shared/errors';
import { executionNameOf, groupName, TENANT_ATTRIBUTE } from '../shared/names';
import { provisionFirstAdmin as contract } from './contract';
import { cognito } from './members';
import { createOrRead, userOf } from './users';

/**
 * Invites the first admin, joins them to the tenant's group and makes them its owner. "User exists" does not mean "ours": the
 * user's tenant attribute decides, otherwise onboarding with somebody else's address would move a user of another tenant in
 * here.
 * Only the user's `sub` leaves the task, never the address.
 */
export async function provisionFirstAdmin(
  { tenantId, requestId, executionArn }: TaskInput,
  { env, registry, ledger, state, now }: FencedScope<(typeof contract.environment)[number]>,
) {
  const UserPoolId = env.USER_POOL_ID;
  const entry = await ledger.read();
  if (state.activatedAt !== undefined && entry?.physicalId !== undefined) {
    await rejoin(UserPoolId, tenantId, entry.physicalId);
    return { physicalId: entry.physicalId, ready: true as const };
  }
  const profile = await registry.getProfile(tenantId);
  if (profile === undefined)
    throw new MissingDependencyError(`tenant ${tenantId}: its PROFILE item is missing from the registry`);
  const known = await userOf(UserPoolId, profile.adminEmail);
  // Before anybody is invited: an address is corrected only while nothing stands here.
  const intent =
    known === undefined ? await ledger.intend(`${executionNameOf(executionArn)}.${now().getTime()}`, entry) : entry;
  const { sub, madeFor } = known ?? (await createOrRead(UserPoolId, tenantId, profile.adminEmail));
  if (madeFor !== tenantId) {
    throw new ResourceConflictError(
      `tenant ${tenantId}: the requested admin e-mail address belongs to a user of another tenant`,
    );
  }
  await cognito.send(new AdminAddUserToGroupCommand({ UserPoolId, Username: sub, GroupName: groupName(tenantId) }));
  await ledger.complete(sub, intent);
  const memberships = openMemberships(env.MEMBERSHIP_TABLE, registry.client);
  const at = now().toISOString();
  await memberships.putNew({
    sub,
    tenantId,
    status: 'ACTIVE',
    roles: [OWNER],
    version: 1,
    invitedBy: requestId,
    invitedAt: at,
    acceptedAt: at,
  });
  // Counted last: who is counted as owner must be one.
  await memberships.addOwner(tenantId, sub);
  return { physicalId: sub, ready: true as const };
}

/**
 * A tenant that was ACTIVE keeps the members it has: an admin who was removed since is not brought back by a repair. Only a
 * group without any member, as after it was deleted and made again, gets its first admin back, if they are still there.
 */
async function rejoin(UserPoolId: string, tenantId: string, Username: string): Promise<void> {
  const GroupName = groupName(tenantId);
  const { Users = [] } = await cognito.send(new ListUsersInGroupCommand({ UserPoolId, GroupName, Limit: 1 }));
  if (Users.length > 0) return;
  try {
    const { UserAttributes = [] } = await cognito.send(new AdminGetUserCommand({ UserPoolId, Username }));
    if (!UserAttributes.some(({ Name, Value }) => Name === TENANT_ATTRIBUTE && Value === tenantId)) return;
    await cognito.send(new AdminAddUserToGroupCommand({ UserPoolId, Username, GroupName }));
  } catch (error) {
    if (!isNamed(error, 'UserNotFoundException')) throw error;
  }
}

export const handler = defineStep(contract, provisionFirstAdmin);

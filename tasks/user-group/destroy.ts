import {
  AdminDeleteUserCommand,
  AdminGetUserCommand,
  AdminRemoveUserFromGroupCommand,
  DeleteGroupCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { firstMembershipItems } from '../membership/first-items';
import { isNamed } from '../shared/aws-errors';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { executionNameOf, groupName, membershipKey, TENANT_ATTRIBUTE, userKey } from '../shared/names';
import {
  deleteSuspension,
  disables,
  firstSuspensions,
  readSuspension,
  suspendedIn,
  writeSuspension,
} from '../shared/suspensions';
import { deleteItems, type ItemKey } from '../shared/tenant-items';
import { destroyUserGroup as contract, FIRST_ADMIN } from './contract';
import {
  belongsElsewhere,
  cognito,
  type Directory,
  membersOf,
  ofGroup,
  otherTenantsOf,
  USERS_PER_PAGE,
} from './members';

type Scope = FencedScope<(typeof contract.environment)[number]>;

/** Pages of members, or of memberships, per run, at the 25 user updates a second that Cognito allows. */
const PAGES_PER_RUN = 4;

/**
 * Deletes the users who belong to this tenant alone, takes the others out of the group, then deletes all memberships in the
 * tenant, and the group. No membership gives a token by then: the tenant is not ACTIVE.
 */
export async function destroyUserGroup({ tenantId, executionArn, generation }: TaskInput, scope: Scope) {
  const { env, ledger, registry, now, assertStillAllowed } = scope;
  const UserPoolId = env.USER_POOL_ID;
  const physicalId = groupName(tenantId);
  const entry = await ledger.read();
  let removed = 0;
  for (let page = 0; page < PAGES_PER_RUN; page += 1) {
    // From the start each time: deleting while paging would skip members.
    const users = await firstMembers(UserPoolId, tenantId);
    await assertStillAllowed();
    if (users.length === 0) {
      const items = await firstMembershipItems(env.MEMBERSHIP_TABLE, tenantId);
      if (items.length > 0) {
        removed += await deleteMemberships(env, tenantId, items, registry);
        continue;
      }
      removed += await deleteUnjoinedAdmin(tenantId, scope);
      await ofGroup(UserPoolId, cognito.send(new DeleteGroupCommand({ UserPoolId, GroupName: physicalId })));
      await forgetSuspensions(tenantId, registry);
      const destroyedBy = executionNameOf(executionArn);
      const adminLedger = registry.ledger(tenantId, FIRST_ADMIN, generation, now);
      const admin = await adminLedger.read();
      if (admin !== undefined) await adminLedger.destroyed(admin, { destroyedBy });
      await ledger.destroyed(entry, {
        physicalId,
        destroyedBy,
        removed: (entry?.removed ?? 0) + removed,
      });
      return { physicalId, gone: true, removed };
    }
    for (const { Username = '' } of users) await removeUser(env, tenantId, Username, registry);
    removed += users.length;
  }
  await ledger.progress(entry, removed);
  return { physicalId, gone: false, removed };
}

/**
 * With each membership its user, who may have left the group before, or lost it. The membership goes after the user, so that
 * a repeat finds both; and right after, so that another tenant of theirs which is purged at the same time does not count it.
 * As many as users on a page; what else the table holds goes at once.
 */
async function deleteMemberships(
  env: Directory,
  tenantId: string,
  items: readonly ItemKey[],
  registry: Scope['registry'],
): Promise<number> {
  const isMembership = ({ pk, sk }: ItemKey) => sk === membershipKey(tenantId) && pk.startsWith(userKey(''));
  const memberships = items.filter(isMembership).slice(0, USERS_PER_PAGE);
  const others = items.filter((item) => !isMembership(item));
  for (const membership of memberships) {
    await removeUser(env, tenantId, membership.pk.slice(userKey('').length), registry);
    await deleteItems(tenantId, env.MEMBERSHIP_TABLE, [membership]);
  }
  await deleteItems(tenantId, env.MEMBERSHIP_TABLE, others);
  return memberships.length + others.length;
}

/** Members, from the start; a page may be empty and still not be the last. */
async function firstMembers(UserPoolId: string, tenantId: string) {
  let page = await membersOf(UserPoolId, tenantId);
  while (page.users.length === 0 && page.next !== undefined) page = await membersOf(UserPoolId, tenantId, page.next);
  return page.users;
}

async function forgetSuspensions(tenantId: string, registry: Scope['registry']): Promise<void> {
  for (;;) {
    const suspensions = await firstSuspensions(registry, tenantId, 1000);
    if (suspensions.length === 0) return;
    for (const { sub } of suspensions) await deleteSuspension(registry, tenantId, sub);
  }
}

async function removeUser(
  env: Directory,
  tenantId: string,
  Username: string,
  registry: Scope['registry'],
): Promise<void> {
  const others = await otherTenantsOf(env, tenantId, Username);
  if (others === undefined) return;
  if (disables(await readSuspension(registry, tenantId, Username))) {
    // Who of the others comes back has to enable the user, and this tenant's note of having disabled them is about to go.
    const waiting = await suspendedIn(registry, others, Username, (phase) => !disables(phase));
    for (const other of waiting) await writeSuspension(registry, other, Username, 'DONE');
  }
  const UserPoolId = env.USER_POOL_ID;
  const leave = new AdminRemoveUserFromGroupCommand({ UserPoolId, Username, GroupName: groupName(tenantId) });
  try {
    if (others.length > 0) await ofGroup(UserPoolId, cognito.send(leave));
    else await cognito.send(new AdminDeleteUserCommand({ UserPoolId, Username }));
  } catch (error) {
    if (!isNamed(error, 'UserNotFoundException')) throw error;
  }
}

/** A first admin who was created but, the onboarding having failed there, never joined the group. */
async function deleteUnjoinedAdmin(tenantId: string, { env, registry }: Scope): Promise<number> {
  const UserPoolId = env.USER_POOL_ID;
  const profile = await registry.getProfile(tenantId);
  if (profile === undefined) return 0;
  try {
    const { Username = '', UserAttributes = [] } = await cognito.send(
      new AdminGetUserCommand({ UserPoolId, Username: profile.adminEmail }),
    );
    const ours = UserAttributes.some(({ Name, Value }) => Name === TENANT_ATTRIBUTE && Value === tenantId);
    if (!ours || (await belongsElsewhere(env, tenantId, Username)) !== false) return 0;
    await cognito.send(new AdminDeleteUserCommand({ UserPoolId, Username }));
    return 1;
  } catch (error) {
    if (isNamed(error, 'UserNotFoundException')) return 0;
    throw error;
  }
}

export const handler = defineStep(contract, destroyUserGroup);

import { AdminAddUserToGroupCommand } from '@aws-sdk/client-cognito-identity-provider';
import { OWNER } from '../access/catalogue';
import { type Memberships, openMemberships } from '../membership/memberships';
import { isNamed } from '../shared/aws-errors';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { MissingDependencyError, ResourceConflictError } from '../shared/errors';
import { executionNameOf, groupName } from '../shared/names';
import { provisionFirstAdmin as contract } from './contract';
import { cognito, membersOf } from './members';
import { createOrRead, userOf } from './users';

/** Memberships read at once while a group is filled again. */
const MEMBERS_PER_PAGE = 500;

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
  const memberships = openMemberships(env.MEMBERSHIP_TABLE, registry.client);
  const entry = await ledger.read();
  if (state.activatedAt !== undefined && entry?.physicalId !== undefined) {
    await rejoin(UserPoolId, tenantId, memberships);
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
 * A tenant that was ACTIVE keeps the members it has: an admin who was removed since is not brought back by a repair. Members
 * and invited users whom the group lacks, as after it was deleted and made again, join it: the tenant's suspension goes by the
 * group. A run that is cut short leaves the rest to its repeat.
 */
async function rejoin(UserPoolId: string, tenantId: string, memberships: Memberships): Promise<void> {
  const joined = await subsInGroup(UserPoolId, tenantId);
  let after: string | undefined;
  do {
    const page = await memberships.ofTenant(tenantId, MEMBERS_PER_PAGE, after);
    for (const { sub } of page.members) if (!joined.has(sub)) await joinAgain(UserPoolId, tenantId, sub);
    after = page.next;
  } while (after !== undefined);
}

async function subsInGroup(UserPoolId: string, tenantId: string): Promise<ReadonlySet<string>> {
  const subs = new Set<string>();
  let from: string | undefined;
  do {
    const page = await membersOf(UserPoolId, tenantId, from);
    for (const { Username = '' } of page.users) subs.add(Username);
    from = page.next;
  } while (from !== undefined);
  return subs;
}

async function joinAgain(UserPoolId: string, tenantId: string, Username: string): Promise<void> {
  try {
    await cognito.send(new AdminAddUserToGroupCommand({ UserPoolId, Username, GroupName: groupName(tenantId) }));
  } catch (error) {
    // A member whose account somebody has deleted.
    if (!isNamed(error, 'UserNotFoundException')) throw error;
  }
}

export const handler = defineStep(contract, provisionFirstAdmin);

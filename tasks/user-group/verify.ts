import {
  AdminGetUserCommand,
  AdminListGroupsForUserCommand,
  GetGroupCommand,
  type UserType,
} from '@aws-sdk/client-cognito-identity-provider';
import { isOwner, openMemberships } from '../membership/memberships';
import { isNamed } from '../shared/aws-errors';
import { groupName, TENANT_ATTRIBUTE } from '../shared/names';
import { BY_HAND, missing, type Problem, problemsOf, type Verify } from '../shared/verification';
import { FIRST_ADMIN, groupDescription } from './contract';
import { belongsElsewhere, cognito, type Directory, membersBesides, membersOf } from './members';

/**
 * The group exists, was made for this tenant and has no role. Before the tenant is first ACTIVE, the first admin is an enabled
 * member and the owner; later they may have left, but somebody is owner. Of a blocked tenant no member is enabled who belongs
 * to it alone.
 */
export const verifyUserGroup: Verify<'USER_POOL_ID' | 'MEMBERSHIP_TABLE'> = async (verification) => {
  const { tenantId, env, activated, blocked, ledger } = verification;
  const UserPoolId = env.USER_POOL_ID;
  const GroupName = groupName(tenantId);
  const admin = ledger(FIRST_ADMIN)?.physicalId;
  if (admin === undefined && !activated) return [missing('the ledger holds no first admin')];
  try {
    const { Group } = await cognito.send(new GetGroupCommand({ UserPoolId, GroupName }));
    const group = problemsOf(
      {
        [`group ${GroupName} was not made for this tenant`]: Group?.Description === groupDescription(tenantId),
        [`group ${GroupName} has a role, which a token could choose`]: Group?.RoleArn === undefined,
      },
      BY_HAND,
    );
    if (blocked) return [...group, ...(await enabledUsers(env, tenantId))];
    const owned = await ownerProblems(env.MEMBERSHIP_TABLE, tenantId);
    if (activated || admin === undefined) return [...group, ...owned];
    return [...group, ...owned, ...(await adminProblems(env, tenantId, admin))];
  } catch (error) {
    if (!isNamed(error, 'ResourceNotFoundException')) throw error;
    return [missing(`group ${GroupName} does not exist`), ...(blocked ? await enabledUsers(env, tenantId) : [])];
  }
};

/** Somebody is owner, and nobody counts as one who is none: else the last real one could be removed. */
async function ownerProblems(table: string, tenantId: string): Promise<readonly Problem[]> {
  const memberships = openMemberships(table);
  const { subs } = await memberships.owners(tenantId);
  const found = await Promise.all(subs.map((sub) => memberships.get(sub, tenantId)));
  const real = subs.filter((_, position) => {
    const membership = found[position];
    return membership !== undefined && isOwner(membership);
  });
  const { subs: stillCounted } = real.length < subs.length ? await memberships.owners(tenantId) : { subs };
  const ghosts = subs.filter((sub) => !real.includes(sub) && stillCounted.includes(sub));
  return problemsOf(
    {
      'the tenant has no owner': real.length > 0,
      ...Object.fromEntries(ghosts.map((sub) => [`user ${sub} is counted as owner and is none`, false])),
    },
    { kind: 'missing', byHand: true },
  );
}

async function adminProblems(env: Directory, tenantId: string, Username: string): Promise<readonly Problem[]> {
  const UserPoolId = env.USER_POOL_ID;
  try {
    const [user, { Groups = [] }, membership] = await Promise.all([
      cognito.send(new AdminGetUserCommand({ UserPoolId, Username })),
      cognito.send(new AdminListGroupsForUserCommand({ UserPoolId, Username })),
      openMemberships(env.MEMBERSHIP_TABLE).get(Username, tenantId),
    ]);
    return problemsOf({
      [`first admin ${Username} is disabled`]: user.Enabled === true,
      [`first admin ${Username} is not marked as this tenant's`]:
        user.UserAttributes?.find(({ Name }) => Name === TENANT_ATTRIBUTE)?.Value === tenantId,
      [`first admin ${Username} is not in group ${groupName(tenantId)}`]: Groups.some(
        ({ GroupName }) => GroupName === groupName(tenantId),
      ),
      [`first admin ${Username} is not an owner`]: membership !== undefined && isOwner(membership),
    });
  } catch (error) {
    if (isNamed(error, 'UserNotFoundException')) return [missing(`first admin ${Username} does not exist`)];
    throw error;
  }
}

/** One suspension sees to all of them, so the first one is enough to find. */
async function enabledUsers(env: Directory, tenantId: string): Promise<readonly Problem[]> {
  for await (const { Username = '', Enabled } of usersOf(env, tenantId)) {
    if (Enabled !== true || (await belongsElsewhere(env, tenantId, Username)) !== false) continue;
    return [{ kind: 'wrong-status', message: `user ${Username} of tenant ${tenantId} is enabled` }];
  }
  return [];
}

/** The users of the group, then those whom memberships name and the group does not. */
async function* usersOf(directory: Directory, tenantId: string): AsyncGenerator<UserType> {
  const seen = new Set<string>();
  let from: string | undefined;
  do {
    const page = await membersOf(directory.USER_POOL_ID, tenantId, from);
    for (const user of page.users) seen.add(user.Username ?? '');
    yield* page.users;
    from = page.next;
  } while (from !== undefined);
  do {
    const page = await membersBesides(seen, directory, tenantId, from);
    yield* page.users;
    from = page.next;
  } while (from !== undefined);
}

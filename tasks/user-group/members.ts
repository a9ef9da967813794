import {
  AdminGetUserCommand,
  AdminListGroupsForUserCommand,
  CognitoIdentityProviderClient,
  DescribeUserPoolCommand,
  ListUsersInGroupCommand,
  type UserType,
} from '@aws-sdk/client-cognito-identity-provider';
import { openMemberships } from '../membership/memberships';
import { isNamed } from '../shared/aws-errors';
import { REPEATABLE } from '../shared/clients';
import type { Environment } from '../shared/contract';
import { groupName } from '../shared/names';

export const cognito = new CognitoIdentityProviderClient(REPEATABLE);

/** Cognito lists at most so many users at once [API_ListUsersInGroup]. */
export const USERS_PER_PAGE = 60;

export interface MemberPage {
  readonly users: readonly UserType[];
  readonly next?: string;
}

/** A page of the group's users; an empty one when there is no such group. */
export async function membersOf(UserPoolId: string, tenantId: string, from?: string): Promise<MemberPage> {
  const page = new ListUsersInGroupCommand({
    UserPoolId,
    GroupName: groupName(tenantId),
    Limit: USERS_PER_PAGE,
    ...(from && { NextToken: from }),
  });
  const { Users = [], NextToken } = (await ofGroup(UserPoolId, cognito.send(page))) ?? {};
  return { users: Users, ...(NextToken && { next: NextToken }) };
}

/**
 * What a call about a group answers; undefined when there is no such group. A missing pool says the same, so it is asked: a
 * wrong variable must not pass for "nobody".
 */
export async function ofGroup<Answer>(UserPoolId: string, call: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await call;
  } catch (error) {
    if (!isNamed(error, 'ResourceNotFoundException')) throw error;
    await cognito.send(new DescribeUserPoolCommand({ UserPoolId }));
    return undefined;
  }
}

/** A user of the pool, by their sub. Undefined when the user is gone. */
async function userBySub(UserPoolId: string, sub: string): Promise<UserType | undefined> {
  try {
    const { Username = sub, Enabled } = await cognito.send(new AdminGetUserCommand({ UserPoolId, Username: sub }));
    return { Username, ...(Enabled !== undefined && { Enabled }) };
  } catch (error) {
    if (isNamed(error, 'UserNotFoundException')) return undefined;
    throw error;
  }
}

/** Where it stands who belongs to which tenant. */
export type Directory = Pick<Environment, 'USER_POOL_ID' | 'MEMBERSHIP_TABLE'>;

/**
 * A page of those whom memberships name and nobody has looked at yet, as the pool has them: the group may be lost.
 * @param seen subs of those who were looked at; the page's are added
 * @param after where the page before ended
 */
export async function membersBesides(
  seen: Set<string>,
  { USER_POOL_ID, MEMBERSHIP_TABLE }: Directory,
  tenantId: string,
  after: string | undefined,
): Promise<MemberPage> {
  const { members, next } = await openMemberships(MEMBERSHIP_TABLE).ofTenant(tenantId, USERS_PER_PAGE, after);
  const users: UserType[] = [];
  for (const { sub } of members.filter((member) => !seen.has(member.sub))) {
    seen.add(sub);
    const user = await userBySub(USER_POOL_ID, sub);
    if (user !== undefined) users.push(user);
  }
  return { users, ...(next !== undefined && { next }) };
}

/** Whether the user belongs to any other tenant. Undefined when the user is gone. */
export const belongsElsewhere = async (directory: Directory, tenantId: string, Username: string) => {
  const others = await otherTenantsOf(directory, tenantId, Username);
  return others && others.length > 0;
};

/**
 * The tenants beside this one that the user belongs to, or is invited to. A group or a membership is enough: whoever is taken
 * for nobody else's is disabled and deleted, and a group may be lost, or not yet joined. Undefined when the user is gone.
 */
export async function otherTenantsOf(
  { USER_POOL_ID, MEMBERSHIP_TABLE }: Directory,
  tenantId: string,
  Username: string,
): Promise<readonly string[] | undefined> {
  const groups = await groupsOf(USER_POOL_ID, Username);
  if (groups === undefined) return undefined;
  // The pool signs in by e-mail address: then the name that Cognito gives a user is their sub.
  const memberships = await openMemberships(MEMBERSHIP_TABLE).ofUser(Username);
  const tenants = memberships.flatMap((one) => (one.status === 'REMOVED' ? [] : [one.tenantId]));
  return [...new Set([...groups, ...tenants])].filter((other) => other !== groupName(tenantId));
}

/** The user's groups, named after their tenants. Undefined when the user is gone. */
async function groupsOf(UserPoolId: string, Username: string): Promise<readonly string[] | undefined> {
  const groups: string[] = [];
  try {
    let NextToken: string | undefined;
    do {
      const page = await cognito.send(
        new AdminListGroupsForUserCommand({ UserPoolId, Username, ...(NextToken && { NextToken }) }),
      );
      groups.push(...(page.Groups ?? []).flatMap(({ GroupName }) => GroupName ?? []));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    return groups;
  } catch (error) {
    if (isNamed(error, 'UserNotFoundException')) return undefined;
    throw error;
  }
}

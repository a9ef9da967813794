import {
  AdminListGroupsForUserCommand,
  CognitoIdentityProviderClient,
  DescribeUserPoolCommand,
  ListUsersInGroupCommand,
  type UserType,
} from '@aws-sdk/client-cognito-identity-provider';
import { isNamed } from '../shared/aws-errors';
import { REPEATABLE } from '../shared/clients';
import { groupName } from '../shared/names';

export const cognito = new CognitoIdentityProviderClient(REPEATABLE);

export interface MemberPage {
  readonly users: readonly UserType[];
  readonly next?: string;
}

/**
 * A page of the group's members; an empty one when there is no such group. A missing pool says the same, so it is asked: a
 * wrong variable must not pass for "nobody".
 */
export async function membersOf(UserPoolId: string, tenantId: string, from?: string): Promise<MemberPage> {
  try {
    const { Users = [], NextToken } = await cognito.send(
      new ListUsersInGroupCommand({
        UserPoolId,
        GroupName: groupName(tenantId),
        Limit: 60,
        ...(from && { NextToken: from }),
      }),
    );
    return { users: Users, ...(NextToken && { next: NextToken }) };
  } catch (error) {
    if (!isNamed(error, 'ResourceNotFoundException')) throw error;
    await cognito.send(new DescribeUserPoolCommand({ UserPoolId }));
    return { users: [] };
  }
}

/** Whether the user belongs to any other tenant. Undefined when the user is gone. */
export const belongsElsewhere = async (UserPoolId: string, tenantId: string, Username: string) => {
  const others = await otherGroupsOf(UserPoolId, tenantId, Username);
  return others && others.length > 0;
};

/** The user's groups beside this tenant's; named after their tenants. Undefined when the user is gone. */
export async function otherGroupsOf(
  UserPoolId: string,
  tenantId: string,
  Username: string,
): Promise<readonly string[] | undefined> {
  const others: string[] = [];
  try {
    let NextToken: string | undefined;
    do {
      const page = await cognito.send(
        new AdminListGroupsForUserCommand({ UserPoolId, Username, ...(NextToken && { NextToken }) }),
      );
      others.push(
        ...(page.Groups ?? []).flatMap(({ GroupName = groupName(tenantId) }) =>
          GroupName === groupName(tenantId) ? [] : [GroupName],
        ),
      );
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    return others;
  } catch (error) {
    if (isNamed(error, 'UserNotFoundException')) return undefined;
    throw error;
  }
}

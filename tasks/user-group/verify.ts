import {
  AdminGetUserCommand,
  AdminListGroupsForUserCommand,
  CognitoIdentityProviderClient,
  GetGroupCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { isNamed } from '../shared/aws-errors';
import { REPEATABLE } from '../shared/clients';
import { groupName, TENANT_ATTRIBUTE } from '../shared/names';
import { problemsOf, type Verify } from '../shared/verification';
import { FIRST_ADMIN } from './contract';

const cognito = new CognitoIdentityProviderClient(REPEATABLE);

/** The group exists without a role, and the first admin is an enabled member who belongs to this tenant. */
export const verifyUserGroup: Verify<'USER_POOL_ID'> = async ({ tenantId, env, ledger }) => {
  const UserPoolId = env.USER_POOL_ID;
  const GroupName = groupName(tenantId);
  const Username = ledger(FIRST_ADMIN)?.physicalId;
  if (Username === undefined) return ['the ledger holds no first admin'];
  try {
    const [{ Group }, user, { Groups = [] }] = await Promise.all([
      cognito.send(new GetGroupCommand({ UserPoolId, GroupName })),
      cognito.send(new AdminGetUserCommand({ UserPoolId, Username })),
      cognito.send(new AdminListGroupsForUserCommand({ UserPoolId, Username })),
    ]);
    return problemsOf({
      [`group ${GroupName} has a role, which a token could choose`]: Group?.RoleArn === undefined,
      [`first admin ${Username} is disabled`]: user.Enabled === true,
      [`first admin ${Username} is not marked as this tenant's`]:
        user.UserAttributes?.find(({ Name }) => Name === TENANT_ATTRIBUTE)?.Value === tenantId,
      [`first admin ${Username} is not in group ${GroupName}`]: Groups.some((group) => group.GroupName === GroupName),
    });
  } catch (error) {
    if (isNamed(error, 'ResourceNotFoundException')) return [`group ${GroupName} does not exist`];
    if (isNamed(error, 'UserNotFoundException')) return [`first admin ${Username} does not exist`];
    throw error;
  }
};

import { GetGroupCommand } from '@aws-sdk/client-cognito-identity-provider';
import { firstMembershipItems } from '../membership/first-items';
import { groupName } from '../shared/names';
import type { FindResidue } from '../shared/residue';
import { FIRST_ADMIN } from './contract';
import { belongsElsewhere, cognito, ofGroup } from './members';

/** The group, its first admin unless they belong to another tenant by now, and what the membership table holds. */
export const userGroupResidue: FindResidue<'USER_POOL_ID' | 'MEMBERSHIP_TABLE'> = async ({ tenantId, env, ledger }) => {
  const UserPoolId = env.USER_POOL_ID;
  const admin = ledger(FIRST_ADMIN)?.physicalId;
  const alone = admin !== undefined && (await belongsElsewhere(env, tenantId, admin)) === false;
  const memberships = await firstMembershipItems(env.MEMBERSHIP_TABLE, tenantId);
  return [
    ...(memberships.length > 0 ? [`${memberships.length} or more memberships, roles and requests`] : []),
    ...((await groupExists(UserPoolId, groupName(tenantId))) ? [`group ${groupName(tenantId)} exists`] : []),
    ...(alone ? [`user ${admin} exists`] : []),
  ];
};

const groupExists = async (UserPoolId: string, GroupName: string): Promise<boolean> =>
  (await ofGroup(UserPoolId, cognito.send(new GetGroupCommand({ UserPoolId, GroupName })))) !== undefined;

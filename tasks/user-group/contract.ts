import { defineContract, type Permission, type Platform, Provisioned, TaskInput } from '../shared/contract';
import { ONBOARDING_STATUSES } from '../shared/tenant';

export const USER_GROUP = 'user-group';
export const FIRST_ADMIN = 'first-admin';

const pool = ({ userPoolArn }: Platform, actions: readonly string[]): Permission => ({
  actions,
  resources: [userPoolArn],
});

export const provisionUserGroup = defineContract({
  name: 'provision-user-group',
  stateName: 'Provision user group',
  repeatable: 'The group name is unique in the pool; a group already there is compared and kept.',
  entry: 'user-group/provision',
  input: TaskInput,
  output: Provisioned,
  resource: USER_GROUP,
  fence: ONBOARDING_STATUSES,
  environment: ['USER_POOL_ID'],
  permissions: (platform) => [pool(platform, ['cognito-idp:CreateGroup', 'cognito-idp:GetGroup'])],
});

export const provisionFirstAdmin = defineContract({
  name: 'provision-first-admin',
  stateName: 'Provision first admin',
  repeatable:
    'A user of that e-mail address is joined only if it is already this tenant’s; joining twice changes nothing, and no second invitation is sent.',
  entry: 'user-group/provision-first-admin',
  input: TaskInput,
  output: Provisioned,
  resource: FIRST_ADMIN,
  fence: ONBOARDING_STATUSES,
  environment: ['USER_POOL_ID'],
  permissions: (platform) => [
    pool(platform, ['cognito-idp:AdminCreateUser', 'cognito-idp:AdminGetUser', 'cognito-idp:AdminAddUserToGroup']),
  ],
});

export const verifyUserGroupPermissions = (platform: Platform): readonly Permission[] => [
  pool(platform, ['cognito-idp:GetGroup', 'cognito-idp:AdminGetUser', 'cognito-idp:AdminListGroupsForUser']),
];

import * as z from 'zod/mini';
import {
  Destroyed,
  defineContract,
  type Permission,
  type Platform,
  Provisioned,
  Switched,
  TaskInput,
  Text,
} from '../shared/contract';
import { membershipItems, membershipsByTenant, registryItems, userPool } from '../shared/permissions';
import { HOLD_STATUSES, PROVISION_STATUSES, PURGE_STATUSES } from '../shared/tenant';

export const USER_GROUP = 'user-group';
export const FIRST_ADMIN = 'first-admin';

/** Says whose a group is: groups have no tags. */
export const groupDescription = (tenantId: string): string => `Members of tenant ${tenantId}`;

export const provisionUserGroup = defineContract({
  name: 'provision-user-group',
  stateName: 'Provision user group',
  repeatable: 'The group name is unique in the pool; a group already there is compared and kept.',
  entry: 'user-group/provision',
  input: TaskInput,
  output: Provisioned,
  resource: USER_GROUP,
  fence: PROVISION_STATUSES,
  environment: ['USER_POOL_ID'],
  permissions: (platform) => [userPool(platform, ['cognito-idp:CreateGroup', 'cognito-idp:GetGroup'])],
});

export const provisionFirstAdmin = defineContract({
  name: 'provision-first-admin',
  stateName: 'Provision first admin',
  repeatable:
    'A user of that e-mail address is joined only if it is already this tenant’s; joining twice changes nothing, no second invitation is sent, and a membership that exists is kept.',
  entry: 'user-group/provision-first-admin',
  input: TaskInput,
  output: Provisioned,
  resource: FIRST_ADMIN,
  fence: PROVISION_STATUSES,
  // A group that was made again is filled again, at the 25 user updates a second that Cognito allows.
  timeoutSeconds: 900,
  environment: ['USER_POOL_ID', 'MEMBERSHIP_TABLE'],
  permissions: (platform) => [
    membershipItems(platform, ['dynamodb:PutItem'], ['USER#*']),
    membershipItems(platform, ['dynamodb:UpdateItem'], ['TENANT#*']),
    membershipsByTenant(platform),
    userPool(platform, [
      'cognito-idp:DescribeUserPool',
      'cognito-idp:AdminCreateUser',
      'cognito-idp:AdminGetUser',
      'cognito-idp:AdminAddUserToGroup',
      'cognito-idp:ListUsersInGroup',
    ]),
  ],
});

export const verifyUserGroupPermissions = (platform: Platform): readonly Permission[] => [
  userPool(platform, ['cognito-idp:GetGroup', 'cognito-idp:AdminGetUser', 'cognito-idp:AdminListGroupsForUser']),
  membershipItems(platform, ['dynamodb:GetItem']),
];

/** Which further tenants a user belongs to, see members.ts. */
const otherTenants = (platform: Platform): readonly Permission[] => [
  userPool(platform, ['cognito-idp:AdminListGroupsForUser']),
  membershipItems(platform, ['dynamodb:Query'], ['USER#*']),
];

/** What verify.ts calls on top of that for a blocked tenant. */
export const verifyBlockedUsersPermissions = (platform: Platform): readonly Permission[] => [
  userPool(platform, ['cognito-idp:ListUsersInGroup', 'cognito-idp:DescribeUserPool']),
  membershipsByTenant(platform),
  ...otherTenants(platform),
];

/** Listing the pool's groups. */
export const listGroupsPermissions = (platform: Platform): readonly Permission[] => [
  userPool(platform, ['cognito-idp:ListGroups']),
];

/** How far a suspension has come over the users of the group, then over those whom memberships alone name. */
const SuspensionProgress = z.strictObject({
  /** Cognito's token of the page that is next. @default the first page */
  from: z.optional(Text),
  /** Whether they are gone over for the second time. */
  again: z.optional(z.boolean()),
  /** When the group is done: sub of the last member looked at whom memberships name. @default none yet */
  after: z.optional(Text),
});

export const SuspendUsersInput = z.extend(TaskInput, { progress: z.optional(SuspensionProgress) });
export type SuspendUsersInput = z.output<typeof SuspendUsersInput>;

export const suspendUsers = defineContract({
  name: 'suspend-users',
  stateName: 'Suspend users',
  repeatable: 'What it did to a user is noted per user; a run goes on at the page that it is given, or from the start.',
  entry: 'user-group/suspend',
  input: SuspendUsersInput,
  output: z.extend(Switched, { progress: z.optional(SuspensionProgress) }),
  resource: USER_GROUP,
  readsLedger: true,
  fence: [...HOLD_STATUSES, ...PURGE_STATUSES],
  timeoutSeconds: 120,
  environment: ['USER_POOL_ID', 'MEMBERSHIP_TABLE'],
  permissions: (platform) => [
    registryItems(platform, ['dynamodb:GetItem', 'dynamodb:PutItem']),
    membershipsByTenant(platform),
    ...otherTenants(platform),
    userPool(platform, [
      'cognito-idp:DescribeUserPool',
      'cognito-idp:ListUsersInGroup',
      'cognito-idp:AdminGetUser',
      'cognito-idp:AdminDisableUser',
      'cognito-idp:AdminUserGlobalSignOut',
    ]),
  ],
});

export const restoreUsers = defineContract({
  name: 'restore-users',
  stateName: 'Restore users',
  repeatable:
    'Only users that a suspension disabled are enabled; enabling twice changes nothing, and the note of it goes last.',
  entry: 'user-group/restore',
  input: TaskInput,
  output: Switched,
  resource: USER_GROUP,
  readsLedger: true,
  fence: ['REINSTATING'],
  timeoutSeconds: 120,
  environment: ['USER_POOL_ID', 'MEMBERSHIP_TABLE'],
  permissions: (platform) => [
    registryItems(platform, ['dynamodb:Query', 'dynamodb:PutItem', 'dynamodb:DeleteItem']),
    ...otherTenants(platform),
    userPool(platform, ['cognito-idp:AdminEnableUser']),
  ],
});

export const destroyUserGroup = defineContract({
  name: 'destroy-user-group',
  stateName: 'Destroy user group',
  repeatable:
    'Each run lists from the start who is still a member; a user, membership or group that is gone counts as destroyed.',
  entry: 'user-group/destroy',
  input: TaskInput,
  output: Destroyed,
  resource: USER_GROUP,
  fence: PURGE_STATUSES,
  destructive: true,
  timeoutSeconds: 120,
  environment: ['USER_POOL_ID', 'MEMBERSHIP_TABLE'],
  permissions: (platform) => [
    registryItems(platform, ['dynamodb:Query', 'dynamodb:DeleteItem']),
    membershipsByTenant(platform),
    membershipItems(platform, ['dynamodb:BatchWriteItem']),
    ...otherTenants(platform),
    userPool(platform, [
      'cognito-idp:DescribeUserPool',
      'cognito-idp:ListUsersInGroup',
      'cognito-idp:AdminGetUser',
      'cognito-idp:AdminDeleteUser',
      'cognito-idp:AdminRemoveUserFromGroup',
      'cognito-idp:DeleteGroup',
    ]),
  ],
});

export const userResiduePermissions = (platform: Platform): readonly Permission[] => [
  userPool(platform, ['cognito-idp:GetGroup', 'cognito-idp:DescribeUserPool']),
  ...otherTenants(platform),
  membershipsByTenant(platform),
];

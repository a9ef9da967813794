import * as z from 'zod/mini';
import { MAX_ROLES_OF_MEMBER } from '../access/catalogue';
import {
  CALLER_ENVIRONMENT,
  changingInput,
  defineOperationContract,
  ownInput,
  readingInput,
} from '../access/operation';

import { defineContract, EmailAddress, Text } from '../shared/contract';
import { callRecords } from '../shared/names';
import { membershipItems, membershipsByTenant, tenantStatus, userPool } from '../shared/permissions';
import { RequestId, TenantId } from '../shared/tenant';

export const MEMBERSHIP_RESOURCE = 'membership';

/** Subject of a user, as Cognito generates it. */
const Sub = z.string().check(z.regex(/^[\w-]{1,64}$/, 'must be the sub of a user'));
const Version = z.int().check(z.positive());
/** Ids of roles, built-in ones or the tenant's own. */
const RoleIds = z.array(Text.check(z.maxLength(40))).check(
  z.minLength(1, 'must name a role'),
  z.maxLength(MAX_ROLES_OF_MEMBER, `must name at most ${MAX_ROLES_OF_MEMBER} roles`),
  z.refine((ids) => new Set(ids).size === ids.length, 'must not repeat a role'),
);
/** The member's sub, and the version of the membership. */
const Changed = z.strictObject({ physicalId: Text, version: Version });

/** Membership of whoever; the request notes below the tenant. */
const writeMemberships = (platform: Parameters<typeof membershipItems>[0]) =>
  membershipItems(platform, ['dynamodb:PutItem']);
/** Who counts as owner. */
const writeOwners = (platform: Parameters<typeof membershipItems>[0]) =>
  membershipItems(platform, ['dynamodb:UpdateItem'], ['TENANT#*']);

export const inviteMember = defineOperationContract({
  name: 'invite-member',
  stateName: 'Invite member',
  repeatable:
    'A user of that address is looked for before one is made, and the membership keeps the request that invited: a repeat finds both.',
  entry: 'membership/invite',
  requires: 'members:invite',
  changes: MEMBERSHIP_RESOURCE,
  personalData: ['email'],
  input: changingInput({ email: EmailAddress, roles: RoleIds }),
  output: Changed,
  permissions: (platform) => [
    writeMemberships(platform),
    userPool(platform, ['cognito-idp:AdminGetUser', 'cognito-idp:AdminCreateUser', 'cognito-idp:AdminAddUserToGroup']),
  ],
});

export const changeMemberRoles = defineOperationContract({
  name: 'change-member-roles',
  stateName: 'Change member roles',
  repeatable:
    'The version that the caller has read is the condition of the write; a repeat finds its own requestId in it.',
  entry: 'membership/change-roles',
  requires: 'members:change',
  changes: MEMBERSHIP_RESOURCE,
  input: changingInput({ sub: Sub, roles: RoleIds, version: Version }),
  output: Changed,
  permissions: (platform) => [writeMemberships(platform), writeOwners(platform)],
});

export const removeMember = defineOperationContract({
  name: 'remove-member',
  stateName: 'Remove member',
  repeatable: 'The membership is ended first; who is removed already is taken out of the group and signed out again.',
  entry: 'membership/remove',
  requires: 'members:remove',
  changes: MEMBERSHIP_RESOURCE,
  input: changingInput({ sub: Sub, version: Version }),
  output: Changed,
  permissions: (platform) => [
    writeMemberships(platform),
    writeOwners(platform),
    membershipItems(platform, ['dynamodb:Query'], ['USER#*']),
    userPool(platform, ['cognito-idp:AdminRemoveUserFromGroup', 'cognito-idp:AdminUserGlobalSignOut']),
  ],
});

export const listMembers = defineOperationContract({
  name: 'list-members',
  stateName: 'List members',
  repeatable: 'It only reads.',
  entry: 'membership/list',
  requires: 'members:list',
  input: readingInput({
    /** `next` of the page before. */
    after: z.optional(Sub),
  }),
  output: z.strictObject({
    members: z.array(
      z.strictObject({
        sub: Text,
        status: z.enum(['INVITED', 'ACTIVE']),
        roles: z.array(Text),
        version: Version,
        invitedAt: Text,
        acceptedAt: z.optional(Text),
      }),
    ),
    next: z.optional(Text),
  }),
  permissions: (platform) => [membershipsByTenant(platform)],
});

/** Called with a token that may be for no tenant, or for another one: the user's own membership decides. */
export const acceptInvitation = defineContract({
  name: 'accept-invitation',
  stateName: 'Accept invitation',
  repeatable: 'A membership that is accepted stays as it is; joining the group twice changes nothing.',
  entry: 'membership/accept',
  input: ownInput({ requestId: RequestId, tenantId: TenantId }),
  output: Changed,
  environment: CALLER_ENVIRONMENT,
  records: [callRecords('accept-invitation')],
  permissions: (platform) => [
    membershipItems(platform, ['dynamodb:GetItem']),
    membershipItems(platform, ['dynamodb:PutItem'], ['USER#*']),
    writeOwners(platform),
    tenantStatus(platform),
    userPool(platform, ['cognito-idp:AdminAddUserToGroup']),
  ],
});

export const listOwnMemberships = defineContract({
  name: 'list-own-memberships',
  stateName: 'List own memberships',
  repeatable: 'It only reads.',
  entry: 'membership/list-own',
  input: ownInput({}),
  output: z.strictObject({
    memberships: z.array(
      z.strictObject({
        tenantId: TenantId,
        status: z.enum(['INVITED', 'ACTIVE']),
        roles: z.array(Text),
        version: Version,
        /** Whether the token is for this one. */
        current: z.boolean(),
      }),
    ),
  }),
  environment: CALLER_ENVIRONMENT,
  permissions: (platform) => [membershipItems(platform, ['dynamodb:Query'], ['USER#*'])],
});

export const MEMBERSHIP_CONTRACTS = [
  inviteMember,
  changeMemberRoles,
  removeMember,
  listMembers,
  acceptInvitation,
  listOwnMemberships,
] as const;

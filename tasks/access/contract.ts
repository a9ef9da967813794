import * as z from 'zod/mini';
import { Text } from '../shared/contract';
import { membershipItems, membershipsByTenant } from '../shared/permissions';
import { isBuiltIn, PERMISSIONS } from './catalogue';
import { changingInput, defineOperationContract, readingInput } from './operation';

export const ROLE = 'role';
const PermissionName = z.enum(PERMISSIONS, { error: 'must be a permission of the catalogue' });
const Version = z.int().check(z.positive());

/** Id of a role that a tenant defines; no name of a person belongs in it. */
const OwnRoleId = z.string().check(
  z.regex(/^[a-z][a-z0-9-]{1,39}$/, 'must be 2 to 40 lower-case letters, digits or hyphens'),
  z.refine((roleId) => !isBuiltIn(roleId), 'is a role that every tenant has; it cannot be changed'),
);

/** Roles that one tenant may have beside the built-in ones. */
export const MAX_ROLES = 100;

export const defineRole = defineOperationContract({
  name: 'define-role',
  stateName: 'Define role',
  repeatable:
    'The version that the caller has read is the condition of the write; a repeat finds its own requestId in it.',
  entry: 'access/define-role',
  requires: 'roles:define',
  changes: ROLE,
  input: changingInput({
    roleId: OwnRoleId,
    permissions: z.array(PermissionName).check(
      z.minLength(1),
      z.refine((names) => new Set(names).size === names.length, 'must not repeat a permission'),
    ),
    /** Of the role as it was read; absent for a new one. */
    version: z.optional(Version),
  }),
  output: z.strictObject({ physicalId: Text, version: Version }),
  permissions: (platform) => [membershipItems(platform, ['dynamodb:PutItem', 'dynamodb:Query'], ['TENANT#*'])],
});

export const removeRole = defineOperationContract({
  name: 'remove-role',
  stateName: 'Remove role',
  repeatable:
    'The version that the caller has read is the condition of the write; a role that is removed stays removed.',
  entry: 'access/remove-role',
  requires: 'roles:define',
  changes: ROLE,
  input: changingInput({ roleId: OwnRoleId, version: Version }),
  output: z.strictObject({ physicalId: Text }),
  permissions: (platform) => [
    membershipItems(platform, ['dynamodb:PutItem'], ['TENANT#*']),
    membershipsByTenant(platform),
  ],
});

export const listRoles = defineOperationContract({
  name: 'list-roles',
  stateName: 'List roles',
  repeatable: 'It only reads.',
  entry: 'access/list-roles',
  requires: 'roles:list',
  input: readingInput({}),
  output: z.strictObject({
    roles: z.array(
      z.strictObject({
        roleId: Text,
        permissions: z.array(PermissionName),
        /** Absent for built-in roles: they never change. */
        version: z.optional(Version),
      }),
    ),
  }),
  permissions: (platform) => [membershipItems(platform, ['dynamodb:Query'], ['TENANT#*'])],
});

export const ACCESS_CONTRACTS = [defineRole, removeRole, listRoles] as const;

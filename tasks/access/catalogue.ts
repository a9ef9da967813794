/**
 * What can be permitted in a tenant, and the roles that every tenant has. The platform fixes this list; a tenant defines
 * roles of its own as parts of it. Applications ask for these words, and a word that is not here is never granted.
 */
export const PERMISSIONS = [
  'audit:read',
  'documents:read',
  'documents:write',
  'knowledge-base:query',
  'members:change',
  'members:invite',
  'members:list',
  'members:remove',
  'roles:define',
  'roles:list',
] as const;
export type PermissionName = (typeof PERMISSIONS)[number];

/** The role that may do everything, also what later versions add. A tenant always has one member at least who has it. */
export const OWNER = 'owner';

/** Roles that every tenant has and none can change. */
export const BUILT_IN_ROLES: Readonly<Record<string, readonly PermissionName[]>> = {
  [OWNER]: PERMISSIONS,
  member: ['documents:read', 'documents:write', 'knowledge-base:query', 'members:list', 'roles:list'],
};

export const isBuiltIn = (roleId: string): boolean => Object.hasOwn(BUILT_IN_ROLES, roleId);

/** More roles in one membership are not looked at; each is a read in every call. */
export const MAX_ROLES_OF_MEMBER = 10;

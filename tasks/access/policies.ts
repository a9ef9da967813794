import { PERMISSIONS, type PermissionName } from './catalogue';

/** Of all types and actions in the policies; on Verified Permissions it would be the namespace of the policy store. */
const NAMESPACE = 'TenantLifecycle';
export const USER_TYPE = `${NAMESPACE}::User`;
export const RESOURCE_TYPE = `${NAMESPACE}::Resource`;
export const ACTION_TYPE = `${NAMESPACE}::Action`;

/** Every attribute is required: a principal or resource without a tenant is no valid request. */
export const SCHEMA = `namespace ${NAMESPACE} {
  entity User { tenant: String, permissions: Set<String> };
  entity Resource { tenant: String };
  action ${PERMISSIONS.map((name) => `"${name}"`).join(', ')} appliesTo { principal: User, resource: Resource };
}`;

/**
 * One forbid for the tenant boundary, which no permit can overrule, and one permit per permission: a user may do what is
 * among the permissions of their roles in the tenant of their token, to what belongs to that tenant.
 */
export const POLICIES: Readonly<Record<string, string>> = {
  'tenant-boundary': 'forbid (principal, action, resource) when { principal.tenant != resource.tenant };',
  ...Object.fromEntries(PERMISSIONS.map((name) => [name, permit(name)])),
};

function permit(name: PermissionName): string {
  return `permit (principal is ${USER_TYPE}, action == ${ACTION_TYPE}::"${name}", resource is ${RESOURCE_TYPE}) when { principal.permissions.contains("${name}") };`;
}

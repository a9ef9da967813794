import { BUILT_IN_ROLES, PERMISSIONS } from './catalogue';
import { listRoles as contract } from './contract';
import { defineOperation, type OperationScope } from './define-operation';
import { openRoles } from './roles';

type Scope = OperationScope<(typeof contract.environment)[number]>;

/** The roles that a member of the tenant can have: those of every tenant, then its own. */
export async function listRoles(_input: unknown, { env, registry, caller }: Scope) {
  const own = await openRoles(env.MEMBERSHIP_TABLE, registry.client).list(caller.tenantId);
  return {
    roles: [
      ...Object.entries(BUILT_IN_ROLES).map(([roleId, permissions]) => ({ roleId, permissions: [...permissions] })),
      ...own.map(({ roleId, permissions, version }) => ({
        roleId,
        permissions: PERMISSIONS.filter((name) => permissions.includes(name)),
        version,
      })),
    ],
  };
}

export const handler = defineOperation(contract, listRoles);

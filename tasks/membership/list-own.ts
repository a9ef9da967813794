import type * as z from 'zod/mini';
import { defineOwnOperation, type OwnScope } from '../access/define-own-operation';
import { listOwnMemberships as contract } from './contract';
import { openMemberships } from './memberships';

/** The caller's tenants and invitations: what they can switch to, and accept. */
export async function listOwnMemberships(
  _input: unknown,
  { env, registry, token }: OwnScope<(typeof contract.environment)[number]>,
): Promise<z.input<typeof contract.output>> {
  const all = await openMemberships(env.MEMBERSHIP_TABLE, registry.client).ofUser(token.sub);
  return {
    memberships: all.flatMap(({ tenantId, status, roles, version }) =>
      status === 'REMOVED'
        ? []
        : [{ tenantId, status, roles: [...roles], version, current: tenantId === token.tenantId }],
    ),
  };
}

export const handler = defineOwnOperation(contract, listOwnMemberships);

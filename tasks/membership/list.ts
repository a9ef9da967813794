import type * as z from 'zod/mini';
import { defineOperation, type OperationScope } from '../access/define-operation';
import { listMembers as contract } from './contract';
import { openMemberships } from './memberships';

/** Members of one answer: some 20 KB. */
const PAGE = 100;

/** Members and invited users, a page at a time. Ids only: who shows names gets them from the user pool. */
export async function listMembers(
  { after }: z.output<typeof contract.input>,
  { env, registry, caller }: OperationScope<(typeof contract.environment)[number]>,
): Promise<z.input<typeof contract.output>> {
  const memberships = openMemberships(env.MEMBERSHIP_TABLE, registry.client);
  const { members, next } = await memberships.ofTenant(caller.tenantId, PAGE, after);
  return {
    members: members.flatMap(({ sub, status, roles, version, invitedAt, acceptedAt }) =>
      status === 'REMOVED'
        ? []
        : [{ sub, status, roles: [...roles], version, invitedAt, ...(acceptedAt !== undefined && { acceptedAt }) }],
    ),
    ...(next !== undefined && { next }),
  };
}

export const handler = defineOperation(contract, listMembers);

import type * as z from 'zod/mini';
import { defineOwnOperation, type OwnScope } from '../access/define-own-operation';
import { openMemberships } from '../membership/memberships';
import { ForbiddenError } from '../shared/errors';
import { switchTenant as contract, SESSION, SESSION_SECONDS } from './contract';

type Input = z.output<typeof contract.input>;
type Scope = OwnScope<(typeof contract.environment)[number]>;

/**
 * Chooses the tenant of the caller's session: the next refresh with this ClientMetadata is for it, in this session and no
 * other. The trigger checks all of it again. The next sign-in begins in this tenant, too.
 */
export async function switchTenant({ tenantId }: Input, { env, registry, token, now, tag }: Scope) {
  const { sub, sessionId } = token;
  const memberships = openMemberships(env.MEMBERSHIP_TABLE, registry.client);
  if ((await memberships.get(sub, tenantId))?.status !== 'ACTIVE')
    throw new ForbiddenError(`user ${sub} is no member of the tenant that is asked for`);
  tag({ tenantId });
  if ((await registry.getStatus(tenantId)) !== 'ACTIVE') throw new ForbiddenError(`tenant ${tenantId} is not ACTIVE`);
  const at = now();
  // The condition decides, should the membership end in this moment.
  if (!(await memberships.markChosen(sub, tenantId, at)))
    throw new ForbiddenError(`user ${sub} is no member of tenant ${tenantId} any more`);
  await memberships.choose(sub, sessionId, tenantId, new Date(at.getTime() + SESSION_SECONDS * 1000));
  return { tenantId, clientMetadata: { [SESSION]: sessionId } };
}

export const handler = defineOwnOperation(contract, switchTenant);

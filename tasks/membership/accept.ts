import { AdminAddUserToGroupCommand } from '@aws-sdk/client-cognito-identity-provider';
import type * as z from 'zod/mini';
import { auditAccepted, auditChange } from '../access/call-records';
import { defineOwnOperation, type OwnScope } from '../access/define-own-operation';
import { ForbiddenError } from '../shared/errors';
import { groupName } from '../shared/names';
import { cognito } from '../user-group/members';
import { changeMembership, finishChange } from './change';
import { acceptInvitation as contract, MEMBERSHIP_RESOURCE } from './contract';
import { openMemberships } from './memberships';

type Input = z.output<typeof contract.input>;
type Scope = OwnScope<(typeof contract.environment)[number]>;

/**
 * Makes the caller a member of a tenant that has invited them: nobody belongs to a tenant without having said so. Their next
 * refresh can be for it.
 */
export async function acceptInvitation(input: Input, scope: Scope) {
  const { env, registry, token, now, tag } = scope;
  const { tenantId, requestId } = input;
  const { sub } = token;
  const memberships = openMemberships(env.MEMBERSHIP_TABLE, registry.client);
  const read = await memberships.get(sub, tenantId);
  if (read === undefined || read.status === 'REMOVED')
    throw new ForbiddenError(`user ${sub} has no invitation to the tenant`);
  tag({ tenantId });
  if ((await registry.getStatus(tenantId)) !== 'ACTIVE') throw new ForbiddenError(`tenant ${tenantId} is not ACTIVE`);
  if (read.status === 'ACTIVE' && read.requestId !== requestId) return { physicalId: sub, version: read.version };

  const call = { operation: contract.name, tenantId, caller: token, input };
  await auditAccepted(scope, call);
  const at = now().toISOString();
  const { version } =
    read.status === 'ACTIVE'
      ? await finishChange(memberships, read)
      : await changeMembership(memberships, read, {
          ...read,
          status: 'ACTIVE',
          acceptedAt: at,
          requestId,
          changedBy: sub,
          changedAt: at,
        });
  await cognito.send(
    new AdminAddUserToGroupCommand({
      UserPoolId: env.USER_POOL_ID,
      Username: sub,
      GroupName: groupName(tenantId),
    }),
  );
  await auditChange(scope, call, { type: MEMBERSHIP_RESOURCE, physicalId: sub });
  return { physicalId: sub, version };
}

export const handler = defineOwnOperation(contract, acceptInvitation);

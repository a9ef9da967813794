import type * as z from 'zod/mini';
import { openMemberships } from '../membership/memberships';
import { defineTask, type TaskScope } from '../shared/define-task';
import { ForbiddenError } from '../shared/errors';
import { groupName, PRINCIPAL_TAG, TENANT_ATTRIBUTE } from '../shared/names';
import { candidatesOf } from './candidates';
import { issueTenantClaim as contract, SESSION, WANTED_TENANT } from './contract';

type Event = z.output<typeof contract.input>;
type Scope = TaskScope<(typeof contract.environment)[number]>;

/**
 * Puts the tenant into ID and access token, from the membership as it is at this moment, or refuses the tokens. Whatever goes
 * wrong here goes wrong for the token request: there are no tokens without an answer.
 *
 * The attribute of the user is suppressed, so that it cannot shine through, and the groups are cut to the tenant of the
 * token. A user who has invitations and no tenant gets tokens without a tenant: they are good for accepting, and for nothing
 * else.
 */
export async function issueTenantClaim(event: Event, scope: Scope) {
  const { env, registry, logger, now } = scope;
  const memberships = openMemberships(env.MEMBERSHIP_TABLE, registry.client);
  const { sub } = event.request.userAttributes;
  logger.appendKeys({ sub });
  const metadata = event.request.clientMetadata ?? {};
  const sessionId = metadata[SESSION];
  const wanted =
    metadata[WANTED_TENANT] ?? (sessionId === undefined ? undefined : await memberships.chosen(sub, sessionId, now()));
  const all = await memberships.ofUser(sub);
  const candidates = candidatesOf(all, { wanted, refresh: event.triggerSource === 'TokenGeneration_RefreshTokens' });
  if ('refusal' in candidates) throw new ForbiddenError(candidates.refusal);
  for (const tenantId of candidates.tenantIds) {
    if ((await registry.getStatus(tenantId)) !== 'ACTIVE') continue;
    logger.appendKeys({ tenantId });
    return { ...event, response: overrides(tenantId) };
  }
  if (wanted !== undefined) throw new ForbiddenError(`tenant ${wanted} is not ACTIVE`);
  if (!all.some(({ status }) => status === 'INVITED'))
    throw new ForbiddenError('the user has no tenant that is ACTIVE');
  return { ...event, response: overrides(undefined) };
}

/** What Cognito is to change. An empty list of groups takes all of them away; suppression is stronger than override. */
function overrides(tenantId: string | undefined) {
  const claims =
    tenantId === undefined
      ? { claimsToSuppress: [TENANT_ATTRIBUTE, PRINCIPAL_TAG] }
      : { claimsToAddOrOverride: { [PRINCIPAL_TAG]: tenantId }, claimsToSuppress: [TENANT_ATTRIBUTE] };
  return {
    claimsAndScopeOverrideDetails: {
      idTokenGeneration: claims,
      accessTokenGeneration: claims,
      groupOverrideDetails: {
        groupsToOverride: tenantId === undefined ? [] : [groupName(tenantId)],
        iamRolesToOverride: [],
      },
    },
  };
}

export const handler = defineTask(contract, issueTenantClaim);

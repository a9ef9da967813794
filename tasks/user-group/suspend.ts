import {
  AdminDisableUserCommand,
  AdminUserGlobalSignOutCommand,
  type UserType,
} from '@aws-sdk/client-cognito-identity-provider';
import { isNamed } from '../shared/aws-errors';
import { defineStep, type FencedScope } from '../shared/define-task';
import { groupName } from '../shared/names';
import { disables, readSuspension, suspendedIn, writeSuspension } from '../shared/suspensions';
import { suspendUsers as contract, type SuspendUsersInput } from './contract';
import { cognito, type MemberPage, membersBesides, membersOf, otherTenantsOf } from './members';

type Scope = FencedScope<(typeof contract.environment)[number]>;

/**
 * After so many users disabled or signed out, a run ends with its page: four calls each at least, at the 25 a second that
 * Cognito gives to all user updates together.
 */
const USERS_PER_RUN = 200;
/** So does it after so many that were looked at, one read each. */
const LOOKS_PER_RUN = 2000;

/**
 * Disables and signs out every user of this tenant who has no other tenant that is active. A user of an active tenant is
 * only signed out: the next token is cut to the tenants that are left; the last of several tenants to leave disables. Tokens
 * already issued live to their end, which is why the tenant's status and its key are the other two locks.
 *
 * First those of the group; then those whom memberships name and the group does not, as when somebody has deleted the group.
 */
export async function suspendUsers({ tenantId, progress = {} }: SuspendUsersInput, scope: Scope) {
  const physicalId = groupName(tenantId);
  const seen = new Set<string>();
  let { from, again = false, after } = progress;
  let grouped = after !== undefined;
  let done = 0;
  while (done < USERS_PER_RUN && seen.size < LOOKS_PER_RUN) {
    if (!grouped) {
      const page = await pageFrom(from, tenantId, scope);
      for (const user of page.users) {
        seen.add(user.Username ?? '');
        if (await suspend(tenantId, user, scope)) done += 1;
      }
      from = page.next;
      if (from !== undefined) continue;
      if (!again && progress.from !== undefined) {
        // Nobody is invited to a blocked tenant, but a call that had begun before may have joined somebody behind a page of an
        // earlier run.
        again = true;
        continue;
      }
      grouped = true;
    }
    // The first page of these in the run that ends with the group: so a further run always knows where it is.
    const { users, next } = await membersBesides(seen, scope.env, tenantId, after);
    for (const user of users) if (await suspend(tenantId, user, scope)) done += 1;
    if (next === undefined) return { physicalId, ready: true };
    after = next;
  }
  const reached = { ...(from && { from }), ...(again && { again }), ...(after !== undefined && { after }) };
  return { physicalId, ready: false, progress: reached };
}

/** Cognito does not say how long the token of a page is good, and a redrive may come days later: then from the start. */
async function pageFrom(from: string | undefined, tenantId: string, { env, logger }: Scope): Promise<MemberPage> {
  try {
    return await membersOf(env.USER_POOL_ID, tenantId, from);
  } catch (error) {
    if (from === undefined || !isNamed(error, 'InvalidParameterException')) throw error;
    logger.warn('Cognito no longer knows the page, so the members are listed from the start');
    return await membersOf(env.USER_POOL_ID, tenantId);
  }
}

/** False when an earlier run has seen to the user. */
async function suspend(
  tenantId: string,
  { Username = '', Enabled }: UserType,
  { env, registry, assertStillAllowed }: Scope,
): Promise<boolean> {
  const phase = await readSuspension(registry, tenantId, Username);
  // Enabled again since it was done: half restored, so once more.
  if (phase === 'SIGNED_OUT' || (phase === 'DONE' && Enabled === false)) return false;
  const others = await otherTenantsOf(env, tenantId, Username);
  if (others === undefined) return true;
  // An invocation that its execution has left behind goes on: the tenant may have come back since.
  await assertStillAllowed();
  if (phase === undefined && Enabled === false) {
    // Disabled by somebody else: stays so, also when the tenant comes back. By another tenant's suspension: whichever of the
    // two comes back enables.
    if ((await suspendedIn(registry, others, Username, disables)).length === 0) return false;
    await writeSuspension(registry, tenantId, Username, 'SIGNED_OUT');
    return true;
  }
  const last = !(await isAnyActive(others, registry));
  const UserPoolId = env.USER_POOL_ID;
  try {
    if (last) {
      await writeSuspension(registry, tenantId, Username, 'INTENT');
      await cognito.send(new AdminDisableUserCommand({ UserPoolId, Username }));
    }
    await cognito.send(new AdminUserGlobalSignOutCommand({ UserPoolId, Username }));
    await writeSuspension(registry, tenantId, Username, last ? 'DONE' : 'SIGNED_OUT');
  } catch (error) {
    if (!isNamed(error, 'UserNotFoundException')) throw error;
  }
  return true;
}

/** A tenant that comes back counts: its users have been enabled, or will be. Groups that are no tenant's do not. */
async function isAnyActive(tenantIds: readonly string[], registry: Scope['registry']): Promise<boolean> {
  for (const tenantId of tenantIds) {
    const status = (await registry.getState(tenantId))?.status;
    if (status === 'ACTIVE' || status === 'REINSTATING') return true;
  }
  return false;
}

export const handler = defineStep(contract, suspendUsers);

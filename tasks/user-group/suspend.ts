import {
  AdminDisableUserCommand,
  AdminUserGlobalSignOutCommand,
  type UserType,
} from '@aws-sdk/client-cognito-identity-provider';
import { isNamed } from '../shared/aws-errors';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { groupName } from '../shared/names';
import { disables, readSuspension, suspendedIn, writeSuspension } from '../shared/suspensions';
import { suspendUsers as contract } from './contract';
import { cognito, membersOf, otherTenantsOf } from './members';

type Scope = FencedScope<(typeof contract.environment)[number]>;

/** Users disabled per run: four calls each at least, at the 25 a second that Cognito gives to all user updates together. */
const USERS_PER_RUN = 200;

/**
 * Disables and signs out every user of this tenant who has no other tenant that is active. A user of an active tenant is
 * only signed out: the next token is cut to the tenants that are left; the last of several tenants to leave disables. Tokens already issued live to their end, which is why the tenant's
 * status and its key are the other two locks.
 */
export async function suspendUsers({ tenantId }: TaskInput, scope: Scope) {
  let done = 0;
  let from: string | undefined;
  do {
    const page = await membersOf(scope.env.USER_POOL_ID, tenantId, from);
    for (const user of page.users) {
      if (done >= USERS_PER_RUN) return { physicalId: groupName(tenantId), ready: false };
      if (await suspend(tenantId, user, scope)) done += 1;
    }
    from = page.next;
  } while (from !== undefined);
  return { physicalId: groupName(tenantId), ready: true };
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

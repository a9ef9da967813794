import {
  AdminDisableUserCommand,
  AdminUserGlobalSignOutCommand,
  type UserType,
} from '@aws-sdk/client-cognito-identity-provider';
import { isNamed } from '../shared/aws-errors';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { groupName } from '../shared/names';
import { readSuspension, writeSuspension } from '../shared/suspensions';
import { suspendUsers as contract } from './contract';
import { belongsElsewhere, cognito, membersOf } from './members';

type Scope = FencedScope<(typeof contract.environment)[number]>;

/** Users disabled per run: four calls each, at the 25 a second that Cognito gives to all user updates together. */
const USERS_PER_RUN = 200;

/**
 * Disables and signs out every user who belongs to this tenant alone. A user of several tenants is only signed out: the
 * next token is cut to the tenants that are left. Tokens already issued live to their end, which is why the tenant's
 * status and its key are the other two locks.
 */
export async function suspendUsers({ tenantId }: TaskInput, { env, registry }: Scope) {
  let done = 0;
  let from: string | undefined;
  do {
    const page = await membersOf(env.USER_POOL_ID, tenantId, from);
    for (const user of page.users) {
      if (done >= USERS_PER_RUN) return { physicalId: groupName(tenantId), ready: false };
      if (await suspend(env.USER_POOL_ID, tenantId, user, registry)) done += 1;
    }
    from = page.next;
  } while (from !== undefined);
  return { physicalId: groupName(tenantId), ready: true };
}

/** False when an earlier run has seen to the user. */
async function suspend(
  UserPoolId: string,
  tenantId: string,
  { Username = '', Enabled }: UserType,
  registry: Scope['registry'],
): Promise<boolean> {
  const phase = await readSuspension(registry, tenantId, Username);
  // Disabled, and not by us: stays so, also when the tenant comes back. Enabled again since: half restored, so once more.
  if (phase === 'SIGNED_OUT' || (phase !== 'INTENT' && Enabled === false)) return false;
  const alone = (await belongsElsewhere(UserPoolId, tenantId, Username)) === false;
  try {
    if (alone) {
      await writeSuspension(registry, tenantId, Username, 'INTENT');
      await cognito.send(new AdminDisableUserCommand({ UserPoolId, Username }));
    }
    await cognito.send(new AdminUserGlobalSignOutCommand({ UserPoolId, Username }));
    await writeSuspension(registry, tenantId, Username, alone ? 'DONE' : 'SIGNED_OUT');
  } catch (error) {
    if (!isNamed(error, 'UserNotFoundException')) throw error;
  }
  return true;
}

export const handler = defineStep(contract, suspendUsers);

import { AdminEnableUserCommand } from '@aws-sdk/client-cognito-identity-provider';
import { isNamed } from '../shared/aws-errors';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { groupName } from '../shared/names';
import { deleteSuspension, disables, firstSuspensions, suspendedIn, writeSuspension } from '../shared/suspensions';
import { restoreUsers as contract } from './contract';
import { cognito, otherTenantsOf } from './members';

/** Users enabled per run, as for their suspension. */
const USERS_PER_RUN = 200;

/**
 * Enables the users that a suspension disabled, this tenant's or that of another tenant of theirs, and no others. The other
 * tenants' suspensions then count as having signed them out: whom somebody disables from here on stays disabled.
 */
export async function restoreUsers(
  { tenantId }: TaskInput,
  { env, registry, assertStillAllowed }: FencedScope<(typeof contract.environment)[number]>,
) {
  const suspended = await firstSuspensions(registry, tenantId, USERS_PER_RUN);
  for (const { sub: Username, phase } of suspended) {
    const others = (await otherTenantsOf(env, tenantId, Username)) ?? [];
    const alsoBy = await suspendedIn(registry, others, Username, disables);
    // An invocation that its execution has left behind goes on: the tenant may be blocked again.
    await assertStillAllowed();
    if (disables(phase) || alsoBy.length > 0) await enable(env.USER_POOL_ID, Username);
    for (const other of alsoBy) await writeSuspension(registry, other, Username, 'SIGNED_OUT');
    await deleteSuspension(registry, tenantId, Username);
  }
  return { physicalId: groupName(tenantId), ready: suspended.length < USERS_PER_RUN };
}

async function enable(UserPoolId: string, Username: string): Promise<void> {
  try {
    await cognito.send(new AdminEnableUserCommand({ UserPoolId, Username }));
  } catch (error) {
    if (!isNamed(error, 'UserNotFoundException')) throw error;
  }
}

export const handler = defineStep(contract, restoreUsers);

import { AdminEnableUserCommand } from '@aws-sdk/client-cognito-identity-provider';
import { isNamed } from '../shared/aws-errors';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { groupName } from '../shared/names';
import { deleteSuspension, firstSuspensions } from '../shared/suspensions';
import { restoreUsers as contract } from './contract';
import { cognito } from './members';

/** Users enabled per run, as for their suspension. */
const USERS_PER_RUN = 200;

/** Enables the users that the suspension disabled, and no others. */
export async function restoreUsers(
  { tenantId }: TaskInput,
  { env, registry }: FencedScope<(typeof contract.environment)[number]>,
) {
  const suspended = await firstSuspensions(registry, tenantId, USERS_PER_RUN);
  for (const { sub: Username, phase } of suspended) {
    try {
      if (phase !== 'SIGNED_OUT')
        await cognito.send(new AdminEnableUserCommand({ UserPoolId: env.USER_POOL_ID, Username }));
    } catch (error) {
      if (!isNamed(error, 'UserNotFoundException')) throw error;
    }
    await deleteSuspension(registry, tenantId, Username);
  }
  return { physicalId: groupName(tenantId), ready: suspended.length < USERS_PER_RUN };
}

export const handler = defineStep(contract, restoreUsers);

import {
  CognitoIdentityProviderClient,
  CreateGroupCommand,
  GetGroupCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { isNamed } from '../shared/aws-errors';
import { REPEATABLE } from '../shared/clients';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { ResourceConflictError } from '../shared/errors';
import { groupName } from '../shared/names';
import { provisionUserGroup as contract, groupDescription } from './contract';

const cognito = new CognitoIdentityProviderClient(REPEATABLE);

/** Ensures the tenant's group. It has no role of its own: a role in a token could be chosen by its holder. */
export async function provisionUserGroup(
  { tenantId }: TaskInput,
  { env, ledger }: FencedScope<(typeof contract.environment)[number]>,
) {
  const group = { UserPoolId: env.USER_POOL_ID, GroupName: groupName(tenantId) };
  const Description = groupDescription(tenantId);
  try {
    await cognito.send(new CreateGroupCommand({ ...group, Description }));
  } catch (error) {
    if (!isNamed(error, 'GroupExistsException')) throw error;
    const { Group } = await cognito.send(new GetGroupCommand(group));
    if (Group?.Description !== Description || Group.RoleArn !== undefined) {
      throw new ResourceConflictError(
        `tenant ${tenantId}: group ${group.GroupName} exists and was not made for this tenant`,
      );
    }
  }
  await ledger.complete(group.GroupName);
  return { physicalId: group.GroupName, ready: true as const };
}

export const handler = defineStep(contract, provisionUserGroup);

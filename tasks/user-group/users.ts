import {
  AdminCreateUserCommand,
  AdminGetUserCommand,
  type AttributeType,
  type UserStatusType,
} from '@aws-sdk/client-cognito-identity-provider';
import { isNamed } from '../shared/aws-errors';
import { NotReadyError } from '../shared/errors';
import { TENANT_ATTRIBUTE } from '../shared/names';
import { cognito } from './members';

/** A user of the pool, as far as inviting them needs to know. */
export interface PoolUser {
  readonly sub: string;
  /** The tenant that the user was made for. */
  readonly madeFor: string | undefined;
  /** Whether it is known that the address is theirs. */
  readonly emailVerified: boolean;
  /** True until they have chosen a password of their own. */
  readonly pending: boolean;
}

/** The user of an e-mail address. Undefined when there is none. */
export async function userOf(UserPoolId: string, email: string): Promise<PoolUser | undefined> {
  try {
    const { UserAttributes, UserStatus } = await cognito.send(new AdminGetUserCommand({ UserPoolId, Username: email }));
    return userFrom(UserAttributes, UserStatus);
  } catch (error) {
    if (isNamed(error, 'UserNotFoundException')) return undefined;
    throw error;
  }
}

/** Makes a user for a tenant, who is sent an invitation. One of that address may have come since it was looked for. */
export async function createOrRead(UserPoolId: string, tenantId: string, email: string): Promise<PoolUser> {
  try {
    const { User } = await cognito.send(
      new AdminCreateUserCommand({
        UserPoolId,
        Username: email,
        DesiredDeliveryMediums: ['EMAIL'],
        UserAttributes: [
          { Name: 'email', Value: email },
          { Name: 'email_verified', Value: 'true' },
          { Name: TENANT_ATTRIBUTE, Value: tenantId },
        ],
      }),
    );
    return userFrom(User?.Attributes, User?.UserStatus);
  } catch (error) {
    if (!isNamed(error, 'UsernameExistsException')) throw error;
    const user = await userOf(UserPoolId, email);
    if (user === undefined) throw new NotReadyError(`tenant ${tenantId}: the user exists and cannot be read`);
    return user;
  }
}

/** A new temporary password and a new invitation, for a user who has not used the one before. */
export async function inviteAgain(UserPoolId: string, email: string): Promise<void> {
  try {
    await cognito.send(
      new AdminCreateUserCommand({
        UserPoolId,
        Username: email,
        MessageAction: 'RESEND',
        DesiredDeliveryMediums: ['EMAIL'],
      }),
    );
  } catch (error) {
    // They have chosen a password meanwhile.
    if (!isNamed(error, 'UnsupportedUserStateException')) throw error;
  }
}

function userFrom(attributes: readonly AttributeType[] = [], status: UserStatusType | undefined): PoolUser {
  const value = (name: string) => attributes.find(({ Name }) => Name === name)?.Value;
  const sub = value('sub');
  if (sub === undefined) throw new NotReadyError("Cognito answered without the user's sub");
  return {
    sub,
    madeFor: value(TENANT_ATTRIBUTE),
    emailVerified: value('email_verified') === 'true',
    pending: status === 'FORCE_CHANGE_PASSWORD',
  };
}

import { randomUUID } from 'node:crypto';
import type {
  AdminCreateUserCommandInput,
  AdminCreateUserResponse,
  AdminDeleteUserCommandInput,
  AdminDisableUserCommandInput,
  AdminEnableUserCommandInput,
  AdminGetUserCommandInput,
  AdminGetUserResponse,
  AdminSetUserPasswordCommandInput,
  AdminUpdateUserAttributesCommandInput,
  AdminUserGlobalSignOutCommandInput,
  ListUsersCommandInput,
  ListUsersResponse,
} from '@aws-sdk/client-cognito-identity-provider';
import type { Clock } from '../../clock';
import { ServiceError } from '../service';
import { checkAttributes, checkRequiredAttributes, isEmail, userFilter } from './schema';
import {
  attributesAnswer,
  checked,
  findUser,
  type PoolStore,
  pageOf60,
  type User,
  type UserPool,
  userAnswer,
  userByEmail,
} from './store';

/** Users as an administrator handles them. */
export function userOperations(store: PoolStore, clock: Clock) {
  const now = () => new Date(clock.now());
  const find = (input: { UserPoolId: string | undefined; Username: string | undefined }) =>
    store.user(store.pool(input.UserPoolId), input.Username);

  return {
    AdminCreateUser(input: AdminCreateUserCommandInput): AdminCreateUserResponse {
      const pool = store.pool(input.UserPoolId);
      const username = checked(input.Username, 'username');
      if (input.MessageAction === 'RESEND')
        return { User: userAnswer(inviteAgain(store.user(pool, username), pool, now())) };

      checkPassword(input.TemporaryPassword);
      const user = newUser(pool, username, input, now());
      const temporaryPassword = input.TemporaryPassword ?? generatedPassword();
      user.password = temporaryPassword;
      pool.users.set(user.username, user);
      if (input.MessageAction !== 'SUPPRESS') {
        pool.messages.push({
          kind: 'INVITATION',
          username: user.username,
          email: user.attributes.get('email'),
          temporaryPassword,
          at: now(),
        });
      }
      return { User: userAnswer(user) };
    },

    AdminGetUser(input: AdminGetUserCommandInput): AdminGetUserResponse {
      const user = find(input);
      const { Attributes: _, ...answer } = userAnswer(user);
      return { ...answer, Username: user.username, UserAttributes: attributesAnswer(user) };
    },

    AdminUpdateUserAttributes(input: AdminUpdateUserAttributesCommandInput): Record<string, never> {
      const pool = store.pool(input.UserPoolId);
      const user = store.user(pool, input.Username);
      const attributes = input.UserAttributes ?? [];
      checkAttributes(pool, attributes, false);
      const email = attributes.find(({ Name }) => Name === 'email')?.Value;
      const owner = email !== undefined && pool.signInByEmail ? userByEmail(pool, email) : undefined;
      if (owner && owner !== user) {
        throw new ServiceError('AliasExistsException', 'An account with the given email already exists.');
      }
      for (const { Name = '', Value = '' } of attributes) user.attributes.set(Name, Value);
      user.updatedAt = now();
      return {};
    },

    AdminDisableUser(input: AdminDisableUserCommandInput): Record<string, never> {
      const user = find(input);
      user.enabled = false;
      user.updatedAt = now();
      return {};
    },

    AdminEnableUser(input: AdminEnableUserCommandInput): Record<string, never> {
      const user = find(input);
      user.enabled = true;
      user.updatedAt = now();
      return {};
    },

    AdminUserGlobalSignOut(input: AdminUserGlobalSignOutCommandInput): Record<string, never> {
      find(input).signedOutAt = now();
      return {};
    },

    AdminDeleteUser(input: AdminDeleteUserCommandInput): void {
      const pool = store.pool(input.UserPoolId);
      pool.users.delete(store.user(pool, input.Username).username);
    },

    /** Permanent: what stands for a user who has chosen a password of their own. */
    AdminSetUserPassword(input: AdminSetUserPasswordCommandInput): Record<string, never> {
      const user = find(input);
      checkPassword(checked(input.Password, 'password'));
      user.password = input.Password ?? '';
      user.status = input.Permanent === true ? 'CONFIRMED' : 'FORCE_CHANGE_PASSWORD';
      user.updatedAt = now();
      return {};
    },

    ListUsers(input: ListUsersCommandInput): ListUsersResponse {
      const pool = store.pool(input.UserPoolId);
      const matching = [...pool.users.values()].filter(userFilter(input.Filter));
      const { items, next } = pageOf60(matching, input.Limit, input.PaginationToken);
      return { Users: items.map((user) => userAnswer(user, input.AttributesToGet)), PaginationToken: next };
    },
  };
}

/** In a pool of e-mail sign-in the name given is the e-mail, and Cognito names the user by the `sub` it generates. */
function newUser(pool: UserPool, name: string, input: AdminCreateUserCommandInput, at: Date): User {
  const given = input.UserAttributes ?? [];
  if (pool.signInByEmail && !isEmail(name))
    throw new ServiceError('InvalidParameterException', 'Username should be an email.');
  checkAttributes(pool, given, true);

  const sub = randomUUID();
  const attributes = new Map<string, string>();
  if (pool.signInByEmail) attributes.set('email', name);
  for (const { Name = '', Value = '' } of given) attributes.set(Name, Value);
  // AWS leaves open what a second, different e-mail would mean here: nobody should depend on it.
  if (pool.signInByEmail && attributes.get('email')?.toLowerCase() !== name.toLowerCase()) {
    throw new ServiceError('InvalidParameterException', 'Username and the email attribute must be the same.');
  }
  attributes.set('sub', sub);
  checkRequiredAttributes(pool, new Set(attributes.keys()));

  if (findUser(pool, name)) {
    const message = pool.signInByEmail
      ? 'An account with the given email already exists.'
      : 'User account already exists';
    throw new ServiceError('UsernameExistsException', message);
  }
  return {
    username: pool.signInByEmail ? sub : name,
    attributes,
    groups: new Set(),
    createdAt: at,
    updatedAt: at,
    enabled: true,
    status: 'FORCE_CHANGE_PASSWORD',
  };
}

/** Resets the temporary password and mails it once more, which is why a retry must not ask for it. */
function inviteAgain(user: User, pool: UserPool, at: Date): User {
  if (user.status !== 'FORCE_CHANGE_PASSWORD') {
    throw new ServiceError('UnsupportedUserStateException', `Resend not possible. status: ${user.status}`);
  }
  user.updatedAt = at;
  const temporaryPassword = generatedPassword();
  user.password = temporaryPassword;
  const email = user.attributes.get('email');
  pool.messages.push({ kind: 'INVITATION_AGAIN', username: user.username, email, temporaryPassword, at });
  return user;
}

/** Cognito makes one up where the administrator names none. */
const generatedPassword = (): string => `Aa1!${randomUUID()}`;

/** Cognito's default policy. */
export function checkPassword(password: string | undefined): void {
  if (password === undefined) return;
  const [, reason] =
    [
      [password.length >= 8, 'Password not long enough'],
      [/[A-Z]/.test(password), 'Password must have uppercase characters'],
      [/[a-z]/.test(password), 'Password must have lowercase characters'],
      [/[0-9]/.test(password), 'Password must have numeric characters'],
      [/[^A-Za-z0-9]/.test(password), 'Password must have symbol characters'],
    ].find(([holds]) => !holds) ?? [];
  if (reason) throw new ServiceError('InvalidPasswordException', `Password did not conform with policy: ${reason}`);
}

import type {
  AttributeType,
  GroupType,
  SchemaAttributeType,
  UserPoolClientType,
  UserStatusType,
  UserType,
} from '@aws-sdk/client-cognito-identity-provider';
import { constraint } from '../constraint';
import { pageByPosition } from '../page-by-position';
import { ServiceError } from '../service';
import type { Signer } from './jwt';

export interface User {
  /** What Cognito calls the user; in a pool of e-mail sign-in a generated UUID, the same as `sub`. */
  readonly username: string;
  readonly attributes: Map<string, string>;
  readonly groups: Set<string>;
  readonly createdAt: Date;
  updatedAt: Date;
  enabled: boolean;
  status: UserStatusType;
  /** Refresh tokens issued up to then are void. */
  signedOutAt?: Date;
  /** Absent for a user who was made without one and never chose any. */
  password?: string;
}

/** What one sign-in started: the refresh token's family. */
export interface Session {
  readonly username: string;
  readonly clientId: string;
  /** Names the session: claim `origin_jti` of all its tokens. */
  readonly originJti: string;
  readonly scopes: readonly string[];
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly expiresAt: number;
  revoked: boolean;
}

export interface RefreshToken {
  readonly session: Session;
  readonly issuedAt: number;
  /** Epoch milliseconds: rotated out, and void from then on. */
  voidAt?: number;
}

/** An authorization code of the hosted pages; good once. */
export interface AuthorizationCode {
  readonly username: string;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly codeChallenge: string;
  readonly expiresAt: number;
}

export interface Group {
  readonly name: string;
  description: string | undefined;
  precedence: number | undefined;
  roleArn: string | undefined;
  readonly createdAt: Date;
  updatedAt: Date;
}

/** An e-mail that Cognito would have sent. */
export interface SentMessage {
  readonly kind: 'INVITATION' | 'INVITATION_AGAIN';
  readonly username: string;
  readonly email: string | undefined;
  /** The password in it; the first sign-in replaces it. */
  readonly temporaryPassword: string;
  readonly at: Date;
}

export interface UserPool {
  readonly id: string;
  readonly name: string;
  readonly arn: string;
  readonly signInByEmail: boolean;
  readonly schema: ReadonlyMap<string, SchemaAttributeType>;
  readonly clients: Map<string, UserPoolClientType>;
  readonly tags: Readonly<Record<string, string>>;
  readonly createdAt: Date;
  readonly groups: Map<string, Group>;
  readonly users: Map<string, User>;
  readonly messages: SentMessage[];
  readonly preTokenGeneration?: { readonly functionName: string; readonly version: 'V1_0' | 'V2_0' } | undefined;
  readonly selfSignUp: boolean;
  readonly mfaRequired: boolean;
  /** Signs the pool's tokens; made when first used. */
  readonly signer: () => Signer;
  /** By token. */
  readonly refreshTokens: Map<string, RefreshToken>;
  readonly codes: Map<string, AuthorizationCode>;
  /** Open challenges by session string. */
  readonly challenges: Map<string, { readonly username: string; readonly clientId: string }>;
}

export const checked = constraint('InvalidParameterException');

const NAME = /^[\p{L}\p{M}\p{S}\p{N}\p{P}]{1,128}$/u;

/** All pools of the account, with the look-ups that every operation starts from. */
export class PoolStore {
  readonly pools = new Map<string, UserPool>();

  pool(id: string | undefined): UserPool {
    const poolId = checked(id, 'userPoolId', /^[\w-]+_[0-9a-zA-Z]+$/);
    const pool = this.pools.get(poolId);
    if (!pool) throw new ServiceError('ResourceNotFoundException', `User pool ${poolId} does not exist.`);
    return pool;
  }

  group(pool: UserPool, name: string | undefined): Group {
    const group = pool.groups.get(groupName(name));
    if (!group) throw new ServiceError('ResourceNotFoundException', 'Group not found.');
    return group;
  }

  /** The pool that has the app client. */
  poolOfClient(id: string | undefined): { readonly pool: UserPool; readonly client: UserPoolClientType } {
    const clientId = checked(id, 'clientId', /^[\w+]{1,128}$/);
    for (const pool of this.pools.values()) {
      const client = pool.clients.get(clientId);
      if (client !== undefined) return { pool, client };
    }
    throw new ServiceError('ResourceNotFoundException', `User pool client ${clientId} does not exist.`);
  }

  user(pool: UserPool, username: string | undefined): User {
    const user = findUser(pool, checked(username, 'username', NAME));
    if (!user) throw new ServiceError('UserNotFoundException', 'User does not exist.');
    return user;
  }
}

export function groupName(name: string | undefined): string {
  return checked(name, 'groupName', NAME);
}

/** By the user's own name, its `sub` or, in a pool of e-mail sign-in, its e-mail in any case. */
export function findUser(pool: UserPool, username: string): User | undefined {
  const named =
    pool.users.get(username) ?? [...pool.users.values()].find(({ attributes }) => attributes.get('sub') === username);
  return named ?? (pool.signInByEmail ? userByEmail(pool, username) : undefined);
}

export function userByEmail(pool: UserPool, email: string): User | undefined {
  const wanted = email.toLowerCase();
  return [...pool.users.values()].find((user) => user.attributes.get('email')?.toLowerCase() === wanted);
}

/** Cognito lists at most 60 at a time, whatever is listed. */
export function pageOf60<T>(all: readonly T[], limit: number | undefined, token: string | undefined) {
  if (limit !== undefined && (limit < 0 || limit > 60)) {
    const bound = limit < 0 ? 'greater than or equal to 0' : 'less than or equal to 60';
    throw new ServiceError(
      'InvalidParameterException',
      `1 validation error detected: Value '${limit}' at 'limit' failed to satisfy constraint: Member must have value ${bound}`,
    );
  }
  const badToken = () => new ServiceError('InvalidParameterException', 'Invalid pagination token.');
  return pageByPosition(all, { limit: limit || 60, token }, badToken);
}

export function groupAnswer(pool: UserPool, group: Group): GroupType {
  return {
    GroupName: group.name,
    UserPoolId: pool.id,
    Description: group.description,
    RoleArn: group.roleArn,
    Precedence: group.precedence,
    CreationDate: group.createdAt,
    LastModifiedDate: group.updatedAt,
  };
}

export function userAnswer(user: User, only?: readonly string[]): UserType {
  return {
    Username: user.username,
    Attributes: attributesAnswer(user).filter(({ Name }) => only === undefined || only.includes(Name)),
    Enabled: user.enabled,
    UserStatus: user.status,
    UserCreateDate: user.createdAt,
    UserLastModifiedDate: user.updatedAt,
  };
}

export function attributesAnswer(user: User): (AttributeType & { Name: string })[] {
  return [...user.attributes].map(([Name, Value]) => ({ Name, Value }));
}

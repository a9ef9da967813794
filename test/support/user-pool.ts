import {
  AdminAddUserToGroupCommand,
  AdminCreateUserCommand,
  AdminDeleteUserCommand,
  AdminDisableUserCommand,
  AdminEnableUserCommand,
  AdminGetUserCommand,
  AdminListGroupsForUserCommand,
  AdminRemoveUserFromGroupCommand,
  AdminUserGlobalSignOutCommand,
  DeleteGroupCommand,
  DescribeUserPoolCommand,
  GetGroupCommand,
  ListUsersInGroupCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import type { AwsStub } from 'aws-sdk-client-mock';
import { anAwsError } from './aws-errors';

export interface PoolUser {
  enabled: boolean;
  groups: string[];
  tenantId?: string;
  email?: string;
  /** @default true */
  emailVerified?: boolean;
  /** True while the invitation is not used. */
  pending?: boolean;
}

export interface UserPool {
  readonly users: Map<string, PoolUser>;
  readonly groups: Set<string>;
  /** @default true */
  exists: boolean;
  /** Addresses that were sent an invitation, in this order. */
  readonly invited: string[];
  /** The next call of that name fails without effect, or its answer is lost. */
  fail(command: string, when: 'before' | 'after', error: Error): void;
}

/** Cognito as far as the functions see it; two members on a page. Users are in group acme unless they say otherwise. */
export function serveUserPool(mock: unknown, users: Readonly<Record<string, Partial<PoolUser>>>): UserPool {
  const stub = mock as AwsStub<never, never, never>;
  const faults: { command: string; when: 'before' | 'after'; error: Error }[] = [];
  const pool: UserPool = {
    users: new Map(),
    groups: new Set(['acme', 'acme2']),
    exists: true,
    invited: [],
    fail: (command, when, error) => faults.push({ command, when, error }),
  };
  const interrupt = (command: string, when: 'before' | 'after') => {
    const position = faults.findIndex((fault) => fault.command === command && fault.when === when);
    const [fault] = position < 0 ? [] : faults.splice(position, 1);
    if (fault !== undefined) throw fault.error;
  };
  for (const [sub, user] of Object.entries(users)) pool.users.set(sub, { enabled: true, groups: ['acme'], ...user });
  const on = (command: { readonly name: string }, answer: (input: Record<string, string>) => object) =>
    stub.on(command as never).callsFake((input: Record<string, string>) => {
      interrupt(command.name, 'before');
      if (!pool.exists) throw anAwsError('ResourceNotFoundException', 'User pool does not exist');
      const answered = answer(input);
      interrupt(command.name, 'after');
      return answered;
    });
  const user = (name = '') => {
    const found = pool.users.get(name) ?? [...pool.users.values()].find(({ email }) => email === name);
    if (found === undefined) throw anAwsError('UserNotFoundException', 'User does not exist');
    return found;
  };
  const group = (name = '') => {
    if (!pool.groups.has(name)) throw anAwsError('ResourceNotFoundException', 'Group not found');
  };
  on(DescribeUserPoolCommand, () => ({ UserPool: {} }));
  on(GetGroupCommand, ({ GroupName }) => {
    group(GroupName);
    return { Group: { GroupName } };
  });
  on(DeleteGroupCommand, ({ GroupName }) => {
    group(GroupName);
    pool.groups.delete(GroupName ?? '');
    return {};
  });
  on(ListUsersInGroupCommand, ({ GroupName, NextToken }) => {
    group(GroupName);
    const members = [...pool.users].filter(([, { groups }]) => groups.includes(GroupName ?? ''));
    const start = Number(NextToken ?? 0);
    return {
      Users: members.slice(start, start + 2).map(([Username, { enabled }]) => ({ Username, Enabled: enabled })),
      ...(start + 2 < members.length && { NextToken: String(start + 2) }),
    };
  });
  // One group a page: whoever reads the first page only takes a user of two tenants for one of a single tenant.
  on(AdminListGroupsForUserCommand, ({ Username, NextToken }) => {
    const { groups } = user(Username);
    const at = Number(NextToken ?? 0);
    return {
      Groups: groups.slice(at, at + 1).map((GroupName) => ({ GroupName })),
      ...(at + 1 < groups.length && { NextToken: String(at + 1) }),
    };
  });
  const attributes = (sub: string, { email, tenantId, emailVerified = true }: PoolUser) =>
    Object.entries({ sub, email, 'custom:tenant_id': tenantId, email_verified: String(emailVerified) })
      .filter(([, Value]) => Value !== undefined)
      .map(([Name, Value]) => ({ Name, Value }));
  const status = ({ pending }: PoolUser) => (pending === true ? 'FORCE_CHANGE_PASSWORD' : 'CONFIRMED');
  on(AdminGetUserCommand, ({ Username }) => {
    const found = user(Username);
    const [sub = ''] = [...pool.users].find(([, one]) => one === found) ?? [];
    return {
      Username: sub,
      Enabled: found.enabled,
      UserAttributes: attributes(sub, found),
      UserStatus: status(found),
    };
  });
  on(AdminCreateUserCommand, ({ Username: email = '', MessageAction, ...input }) => {
    const known = [...pool.users].find(([, one]) => one.email === email);
    if (MessageAction === 'RESEND') {
      if (known?.[1].pending !== true) throw anAwsError('UnsupportedUserStateException', 'Resend not possible');
      pool.invited.push(email);
      return {};
    }
    if (known !== undefined) throw anAwsError('UsernameExistsException', 'An account with the given email exists');
    const given = input['UserAttributes'] as unknown as { Name: string; Value: string }[];
    const tenantId = given.find(({ Name }) => Name === 'custom:tenant_id')?.Value;
    const made: PoolUser = { enabled: true, groups: [], email, pending: true, ...(tenantId && { tenantId }) };
    const sub = `new-${pool.users.size}`;
    pool.users.set(sub, made);
    pool.invited.push(email);
    return { User: { Username: sub, Attributes: attributes(sub, made), UserStatus: status(made) } };
  });
  on(AdminAddUserToGroupCommand, ({ Username, GroupName = '' }) => {
    const found = user(Username);
    group(GroupName);
    if (!found.groups.includes(GroupName)) found.groups.push(GroupName);
    return {};
  });
  on(AdminDisableUserCommand, ({ Username }) => {
    user(Username).enabled = false;
    return {};
  });
  on(AdminEnableUserCommand, ({ Username }) => {
    user(Username).enabled = true;
    return {};
  });
  on(AdminUserGlobalSignOutCommand, ({ Username }) => {
    user(Username);
    return {};
  });
  on(AdminRemoveUserFromGroupCommand, ({ Username, GroupName }) => {
    const found = user(Username);
    group(GroupName);
    found.groups = found.groups.filter((name) => name !== GroupName);
    return {};
  });
  on(AdminDeleteUserCommand, ({ Username }) => {
    user(Username);
    pool.users.delete(Username ?? '');
    return {};
  });
  return pool;
}

import {
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
}

export interface UserPool {
  readonly users: Map<string, PoolUser>;
  readonly groups: Set<string>;
  /** @default true */
  exists: boolean;
}

/** Cognito as far as suspending, restoring and destroying see it; two members on a page. */
export function serveUserPool(mock: unknown, users: Readonly<Record<string, Partial<PoolUser>>>): UserPool {
  const stub = mock as AwsStub<never, never, never>;
  const pool: UserPool = { users: new Map(), groups: new Set(['acme', 'acme2']), exists: true };
  for (const [sub, user] of Object.entries(users)) pool.users.set(sub, { enabled: true, groups: ['acme'], ...user });
  const on = (command: unknown, answer: (input: Record<string, string>) => object) =>
    stub.on(command as never).callsFake((input: Record<string, string>) => {
      if (!pool.exists) throw anAwsError('ResourceNotFoundException', 'User pool does not exist');
      return answer(input);
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
  on(AdminGetUserCommand, ({ Username }) => {
    const found = user(Username);
    const sub = [...pool.users].find(([, one]) => one === found)?.[0];
    return { Username: sub, UserAttributes: [{ Name: 'custom:tenant_id', Value: found.tenantId }] };
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

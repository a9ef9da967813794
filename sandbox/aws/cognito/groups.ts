import type {
  AdminAddUserToGroupCommandInput,
  AdminListGroupsForUserCommandInput,
  AdminListGroupsForUserResponse,
  AdminRemoveUserFromGroupCommandInput,
  CreateGroupCommandInput,
  CreateGroupResponse,
  DeleteGroupCommandInput,
  GetGroupCommandInput,
  GetGroupResponse,
  ListGroupsCommandInput,
  ListGroupsResponse,
  ListUsersInGroupCommandInput,
  ListUsersInGroupResponse,
  UpdateGroupCommandInput,
  UpdateGroupResponse,
} from '@aws-sdk/client-cognito-identity-provider';
import type { Clock } from '../../clock';
import { ServiceError } from '../service';
import { groupAnswer, groupName, type PoolStore, pageOf60, userAnswer } from './store';

/** Groups and who is in them. */
export function groupOperations(store: PoolStore, clock: Clock, groupsPerPool: number) {
  const now = () => new Date(clock.now());

  return {
    CreateGroup(input: CreateGroupCommandInput): CreateGroupResponse {
      const pool = store.pool(input.UserPoolId);
      const name = groupName(input.GroupName);
      if (pool.groups.has(name)) {
        throw new ServiceError('GroupExistsException', 'A group with the name already exists.');
      }
      if (pool.groups.size >= groupsPerPool) {
        throw new ServiceError('LimitExceededException', 'Maximum number of groups reached for this user pool.');
      }
      const group = {
        name,
        description: input.Description,
        precedence: input.Precedence,
        roleArn: input.RoleArn,
        createdAt: now(),
        updatedAt: now(),
      };
      pool.groups.set(name, group);
      return { Group: groupAnswer(pool, group) };
    },

    GetGroup(input: GetGroupCommandInput): GetGroupResponse {
      const pool = store.pool(input.UserPoolId);
      return { Group: groupAnswer(pool, store.group(pool, input.GroupName)) };
    },

    UpdateGroup(input: UpdateGroupCommandInput): UpdateGroupResponse {
      const pool = store.pool(input.UserPoolId);
      const group = store.group(pool, input.GroupName);
      if (input.Description !== undefined) group.description = input.Description;
      if (input.Precedence !== undefined) group.precedence = input.Precedence;
      if (input.RoleArn !== undefined) group.roleArn = input.RoleArn;
      group.updatedAt = now();
      return { Group: groupAnswer(pool, group) };
    },

    /** Members stay users of the pool. */
    DeleteGroup(input: DeleteGroupCommandInput): void {
      const pool = store.pool(input.UserPoolId);
      const { name } = store.group(pool, input.GroupName);
      pool.groups.delete(name);
      for (const user of pool.users.values()) user.groups.delete(name);
    },

    ListGroups(input: ListGroupsCommandInput): ListGroupsResponse {
      const pool = store.pool(input.UserPoolId);
      const { items, next } = pageOf60([...pool.groups.values()], input.Limit, input.NextToken);
      return { Groups: items.map((group) => groupAnswer(pool, group)), NextToken: next };
    },

    ListUsersInGroup(input: ListUsersInGroupCommandInput): ListUsersInGroupResponse {
      const pool = store.pool(input.UserPoolId);
      const { name } = store.group(pool, input.GroupName);
      const members = [...pool.users.values()].filter((user) => user.groups.has(name));
      const { items, next } = pageOf60(members, input.Limit, input.NextToken);
      return { Users: items.map((user) => userAnswer(user)), NextToken: next };
    },

    AdminListGroupsForUser(input: AdminListGroupsForUserCommandInput): AdminListGroupsForUserResponse {
      const pool = store.pool(input.UserPoolId);
      const user = store.user(pool, input.Username);
      const groups = [...user.groups].map((name) => store.group(pool, name));
      const { items, next } = pageOf60(groups, input.Limit, input.NextToken);
      return { Groups: items.map((group) => groupAnswer(pool, group)), NextToken: next };
    },

    /** A user who is already in the group stays in it: no error. */
    AdminAddUserToGroup(input: AdminAddUserToGroupCommandInput): void {
      const pool = store.pool(input.UserPoolId);
      const { name } = store.group(pool, input.GroupName);
      store.user(pool, input.Username).groups.add(name);
    },

    AdminRemoveUserFromGroup(input: AdminRemoveUserFromGroupCommandInput): void {
      const pool = store.pool(input.UserPoolId);
      const { name } = store.group(pool, input.GroupName);
      store.user(pool, input.Username).groups.delete(name);
    },
  };
}

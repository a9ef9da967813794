import { type DynamoDBDocumentClient, GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { BY_TENANT_INDEX, partitionKey, roleKey, userKey } from '../shared/names';
import { whether } from '../shared/registry';
import { BUILT_IN_ROLES, isBuiltIn, MAX_ROLES_OF_MEMBER, OWNER, PERMISSIONS, type PermissionName } from './catalogue';

/** A role that a tenant has defined: an item below the tenant in the membership table. */
export interface Role {
  readonly roleId: string;
  readonly tenantId: string;
  /** Part of the catalogue. What a later version of it no longer has is not granted. */
  readonly permissions: readonly string[];
  /** Grows with every change: who writes says which version it read. */
  readonly version: number;
  /** The request that made this version, and whose it was: a repeat of it changes nothing. */
  readonly requestId: string;
  readonly changedBy: string;
  /** ISO 8601. */
  readonly changedAt: string;
  /** ISO 8601. A removed role stays as a mark that its id is used up: a membership may still name it. */
  readonly removedAt?: string;
}

/** Permissions that one does not hold and so can neither put into a role nor give to anybody. */
export const notHeld = (held: readonly string[], wanted: readonly string[]): readonly string[] =>
  wanted.filter((name) => !held.includes(name));

/** Who gives or takes a role. */
interface Grantor {
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
}

/**
 * Why somebody may not give a role to others, or take it from them; undefined when they may. The owner's role is more than
 * its permissions of today, so only owners give it, also if somebody else holds all of these.
 * @param granted permissions of the role
 */
export function whyNotGrantable({ roles, permissions }: Grantor, roleId: string, granted: readonly string[]) {
  if (roleId === OWNER) return roles.includes(OWNER) ? undefined : 'only an owner makes owners';
  const missing = notHeld(permissions, granted);
  return missing.length === 0 ? undefined : `it permits what they do not hold: ${missing.join(', ')}`;
}

export type Roles = ReturnType<typeof openRoles>;

/** @param table name of the membership table */
export function openRoles(table: string, client: DynamoDBDocumentClient) {
  const keyOf = (tenantId: string, roleId: string) => ({ pk: partitionKey(tenantId), sk: roleKey(roleId) });

  async function* pages(query: Omit<ConstructorParameters<typeof QueryCommand>[0], 'TableName'>) {
    let from: Record<string, unknown> | undefined;
    do {
      const page = await client.send(
        new QueryCommand({ TableName: table, ...query, ...(from && { ExclusiveStartKey: from }) }),
      );
      yield page.Items ?? [];
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
  }

  /** False when the condition did not hold. */
  const put = (role: Role, ConditionExpression: string, values?: Readonly<Record<string, unknown>>) =>
    whether(
      client.send(
        new PutCommand({
          TableName: table,
          Item: { ...role, ...keyOf(role.tenantId, role.roleId), tenantKey: partitionKey(role.tenantId) },
          ConditionExpression,
          ...(values && { ExpressionAttributeValues: values }),
        }),
      ),
    );

  /** As it is now; also one that was removed. */
  const get = async (tenantId: string, roleId: string): Promise<Role | undefined> => {
    const { Item } = await client.send(
      new GetCommand({ TableName: table, Key: keyOf(tenantId, roleId), ConsistentRead: true }),
    );
    return Item as Role | undefined;
  };

  return {
    get,

    /** What a role permits in a tenant; undefined when the tenant has no such role. */
    async permissionsOfRole(tenantId: string, roleId: string): Promise<readonly PermissionName[] | undefined> {
      if (isBuiltIn(roleId)) return BUILT_IN_ROLES[roleId];
      const role = await get(tenantId, roleId);
      if (role === undefined || role.removedAt !== undefined) return undefined;
      return PERMISSIONS.filter((name) => role.permissions.includes(name));
    },

    /** What these roles permit together. A role that does not exist permits nothing. */
    async permissionsOf(tenantId: string, roleIds: readonly string[]): Promise<readonly PermissionName[]> {
      const distinct = [...new Set(roleIds)].slice(0, MAX_ROLES_OF_MEMBER);
      const granted = await Promise.all(distinct.map((roleId) => this.permissionsOfRole(tenantId, roleId)));
      return PERMISSIONS.filter((name) => granted.some((permissions) => permissions?.includes(name)));
    },

    /** The tenant's own roles, as they are now, without removed ones. */
    async list(tenantId: string): Promise<readonly Role[]> {
      const found: Role[] = [];
      for await (const items of pages({
        KeyConditionExpression: 'pk = :pk AND begins_with(sk, :prefix)',
        ExpressionAttributeValues: { ':pk': partitionKey(tenantId), ':prefix': roleKey('') },
        ConsistentRead: true,
      }))
        found.push(...(items as Role[]).filter(({ removedAt }) => removedAt === undefined));
      return found;
    },

    /** False when the tenant has, or had, a role of that id. */
    putNew: (role: Role): Promise<boolean> => put(role, 'attribute_not_exists(pk)'),

    /** False when the role is no longer as it was read. */
    replace: (role: Role, read: Role): Promise<boolean> =>
      put(role, 'version = :read AND attribute_not_exists(removedAt)', { ':read': read.version }),

    /** Whether a member or an invited user has the role. From an index: a change of the last second may be missing. */
    async isInUse(tenantId: string, roleId: string): Promise<boolean> {
      for await (const items of pages({
        IndexName: BY_TENANT_INDEX,
        KeyConditionExpression: 'tenantKey = :tenant AND begins_with(pk, :users)',
        FilterExpression: 'contains(#roles, :role)',
        ExpressionAttributeNames: { '#roles': 'roles' },
        ExpressionAttributeValues: { ':tenant': partitionKey(tenantId), ':users': userKey(''), ':role': roleId },
      }))
        if (items.length > 0) return true;
      return false;
    },
  };
}

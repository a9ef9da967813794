import {
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { OWNER } from '../access/catalogue';
import { BY_TENANT_INDEX, membershipKey, partitionKey, sessionKey, userKey } from '../shared/names';
import { connectRegistry, whether } from '../shared/registry';

/**
 * Who belongs to which tenant: the record that tokens are issued by. A table of its own, which only tasks of this folder
 * and of the tenant's onboarding and offboarding write. Below a user (`pk = USER#<sub>`): memberships `TENANT#<id>` and the
 * tenants chosen for sessions, `SESSION#<origin_jti>`. Below a tenant (`pk = TENANT#<id>`): OWNERS, its own roles, and
 * `REQUEST#<requestId>`. Every item names its tenant in `tenantKey`, the partition key of the index by tenant.
 */
export interface Membership {
  readonly sub: string;
  readonly tenantId: string;
  /**
   * INVITED: not yet accepted by the user. Only ACTIVE counts for tokens. REMOVED stays until the tenant is purged, which
   * deletes the account of a former member who has no other tenant.
   */
  readonly status: 'INVITED' | 'ACTIVE' | 'REMOVED';
  /** Ids of roles, built-in ones or the tenant's own. */
  readonly roles: readonly string[];
  /** Grows with every change: who writes says which version it read. */
  readonly version: number;
  /** Who invited them: a sub, or the request that onboarded the tenant. */
  readonly invitedBy: string;
  /** ISO 8601. */
  readonly invitedAt: string;
  /** The request that they were invited by; a repeat of it invites nobody again. */
  readonly invitedIn?: string;
  readonly acceptedAt?: string;
  /** The request that made this version, the sub of whose it was, and when (ISO 8601). Absent from a first owner's first one. */
  readonly requestId?: string;
  readonly changedBy?: string;
  readonly changedAt?: string;
  /** ISO 8601, when the user last switched to this tenant. */
  readonly chosenAt?: string;
}

/** The members who are counted as owners. The version grows with every change of it, also with one that changes nothing. */
export interface Owners {
  readonly subs: readonly string[];
  readonly version: number;
}

/** One page of a tenant's members. */
export interface MembersPage {
  readonly members: readonly Membership[];
  /** Sub of the last one, when there are more. */
  readonly next?: string;
}

/** The tenant that a user chose for one session. */
interface Choice {
  readonly tenantId: string;
  /** Epoch seconds; DynamoDB deletes the item some time later. */
  readonly expiresAt: number;
}

const ownClient = connectRegistry();
const ownersKey = (tenantId: string) => ({ pk: partitionKey(tenantId), sk: 'OWNERS' });
const keyOf = (sub: string, tenantId: string) => ({ pk: userKey(sub), sk: membershipKey(tenantId) });

export type Memberships = ReturnType<typeof openMemberships>;

/** @param table name of the membership table */
export function openMemberships(table: string, client: DynamoDBDocumentClient = ownClient) {
  const get = async (Key: { pk: string; sk: string }) =>
    (await client.send(new GetCommand({ TableName: table, Key, ConsistentRead: true }))).Item;

  /** False when the condition did not hold. */
  const put = (membership: Membership, ConditionExpression: string, values?: Readonly<Record<string, unknown>>) =>
    whether(
      client.send(
        new PutCommand({
          TableName: table,
          Item: {
            ...membership,
            ...keyOf(membership.sub, membership.tenantId),
            tenantKey: partitionKey(membership.tenantId),
          },
          ConditionExpression,
          ...(values && { ExpressionAttributeValues: values }),
        }),
      ),
    );

  return {
    table,
    client,

    async get(sub: string, tenantId: string): Promise<Membership | undefined> {
      return (await get(keyOf(sub, tenantId))) as Membership | undefined;
    },

    /** All memberships of a user, as they are now. */
    async ofUser(sub: string): Promise<readonly Membership[]> {
      const found: Membership[] = [];
      let from: Record<string, unknown> | undefined;
      do {
        const page = await client.send(
          new QueryCommand({
            TableName: table,
            KeyConditionExpression: 'pk = :pk AND begins_with(sk, :prefix)',
            ExpressionAttributeValues: { ':pk': userKey(sub), ':prefix': membershipKey('') },
            ConsistentRead: true,
            ...(from && { ExclusiveStartKey: from }),
          }),
        );
        found.push(...((page.Items ?? []) as Membership[]));
        from = page.LastEvaluatedKey;
      } while (from !== undefined);
      return found;
    },

    /** The tenant chosen for a session, if that choice still counts. */
    async chosen(sub: string, sessionId: string, now: Date): Promise<string | undefined> {
      const choice = (await get({ pk: userKey(sub), sk: sessionKey(sessionId) })) as Choice | undefined;
      return choice !== undefined && choice.expiresAt * 1000 > now.getTime() ? choice.tenantId : undefined;
    },

    /** False when the user has a membership in that tenant already, or had one. */
    putNew: (membership: Membership): Promise<boolean> => put(membership, 'attribute_not_exists(pk)'),

    /** False when the membership is no longer at the version that was read. */
    replace: (membership: Membership, read: number): Promise<boolean> =>
      put(membership, 'version = :read', { ':read': read }),

    /** Notes that the user has switched to the tenant at that time. False when they are no member any more. */
    markChosen: (sub: string, tenantId: string, at: Date): Promise<boolean> =>
      whether(
        client.send(
          new UpdateCommand({
            TableName: table,
            Key: keyOf(sub, tenantId),
            UpdateExpression: 'SET chosenAt = :at',
            ConditionExpression: '#status = :active',
            ExpressionAttributeNames: { '#status': 'status' },
            ExpressionAttributeValues: { ':at': at.toISOString(), ':active': 'ACTIVE' },
          }),
        ),
      ),

    /** The tenant of a session from now on. */
    async choose(sub: string, sessionId: string, tenantId: string, expiresAt: Date): Promise<void> {
      const choice: Choice = { tenantId, expiresAt: Math.ceil(expiresAt.getTime() / 1000) };
      const key = { pk: userKey(sub), sk: sessionKey(sessionId) };
      const Item = { ...choice, ...key, tenantKey: partitionKey(tenantId) };
      await client.send(new PutCommand({ TableName: table, Item }));
    },

    /**
     * Members and invited users of a tenant, by sub. From an index: a change of the last second may be missing.
     * @param after sub of the last one of the page before
     */
    async ofTenant(tenantId: string, limit: number, after?: string): Promise<MembersPage> {
      const tenant = partitionKey(tenantId);
      const found: Membership[] = [];
      let from: Record<string, unknown> | undefined =
        after === undefined ? undefined : { ...keyOf(after, tenantId), tenantKey: tenant };
      do {
        const page = await client.send(
          new QueryCommand({
            TableName: table,
            IndexName: BY_TENANT_INDEX,
            KeyConditionExpression: 'tenantKey = :tenant AND begins_with(pk, :users)',
            // Sessions lie there, too, and have no status.
            FilterExpression: '#status IN (:invited, :active)',
            ExpressionAttributeNames: { '#status': 'status' },
            ExpressionAttributeValues: {
              ':tenant': tenant,
              ':users': userKey(''),
              ':invited': 'INVITED',
              ':active': 'ACTIVE',
            },
            ...(from && { ExclusiveStartKey: from }),
          }),
        );
        found.push(...((page.Items ?? []) as Membership[]));
        from = page.LastEvaluatedKey;
      } while (from !== undefined && found.length <= limit);
      const members = found.slice(0, limit);
      const next = found.length > limit ? members.at(-1)?.sub : undefined;
      return { members, ...(next !== undefined && { next }) };
    },

    /** Who has the role owner. A member may have it and not be counted yet, never the other way round. */
    async owners(tenantId: string): Promise<Owners> {
      const item = await get(ownersKey(tenantId));
      return {
        subs: [...((item?.['owners'] as Set<string> | undefined) ?? [])],
        version: (item?.['version'] as number | undefined) ?? 0,
      };
    },

    /** Counts the first owner, of a tenant that is being onboarded; again changes nothing. */
    async addOwner(tenantId: string, sub: string): Promise<void> {
      await client.send(
        new UpdateCommand({
          TableName: table,
          Key: ownersKey(tenantId),
          UpdateExpression: 'SET tenantKey = :tenant ADD owners :sub',
          ExpressionAttributeValues: { ':tenant': partitionKey(tenantId), ':sub': new Set([sub]) },
        }),
      );
    },

    /** Counts a member as owner. False when the owners have changed since that version was read. */
    countOwner: (tenantId: string, sub: string, read: number): Promise<boolean> =>
      whether(
        client.send(
          new UpdateCommand({
            TableName: table,
            Key: ownersKey(tenantId),
            UpdateExpression: 'SET tenantKey = :tenant ADD owners :sub, version :one',
            ConditionExpression: read === 0 ? 'attribute_not_exists(version)' : 'version = :read',
            ExpressionAttributeValues: {
              ':tenant': partitionKey(tenantId),
              ':sub': new Set([sub]),
              ':one': 1,
              ...(read > 0 && { ':read': read }),
            },
          }),
        ),
      ),

    /** Counts a member no longer as owner. False when they are the only one. */
    uncountOwner: (tenantId: string, sub: string): Promise<boolean> =>
      whether(
        client.send(
          new UpdateCommand({
            TableName: table,
            Key: ownersKey(tenantId),
            UpdateExpression: 'SET tenantKey = :tenant ADD version :one DELETE owners :subs',
            ConditionExpression: 'NOT contains(owners, :sub) OR size(owners) > :one',
            ExpressionAttributeValues: {
              ':tenant': partitionKey(tenantId),
              ':sub': sub,
              ':subs': new Set([sub]),
              ':one': 1,
            },
          }),
        ),
      ),

    /**
     * Notes what a requestId was used for. False when it was used for something else.
     * @param expiresAt until when that counts
     */
    async noteRequest(tenantId: string, requestId: string, payloadHash: string, expiresAt: Date): Promise<boolean> {
      const key = { pk: partitionKey(tenantId), sk: `REQUEST#${requestId}` };
      const Item = {
        ...key,
        tenantKey: partitionKey(tenantId),
        payloadHash,
        expiresAt: Math.ceil(expiresAt.getTime() / 1000),
      };
      const condition = { ConditionExpression: 'attribute_not_exists(pk) OR payloadHash = :hash' };
      return await whether(
        client.send(
          new PutCommand({
            TableName: table,
            Item,
            ...condition,
            ExpressionAttributeValues: { ':hash': payloadHash },
          }),
        ),
      );
    },
  };
}

export const isOwner = ({ roles, status }: Membership): boolean => status === 'ACTIVE' && roles.includes(OWNER);

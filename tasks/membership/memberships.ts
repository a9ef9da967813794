import {
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { OWNER } from '../access/catalogue';
import { isNamed } from '../shared/aws-errors';
import { membershipKey, partitionKey, sessionKey, userKey } from '../shared/names';
import { CONDITION_FAILED, connectRegistry } from '../shared/registry';

/**
 * Who belongs to which tenant: the record that tokens are issued by. A table of its own, which only tasks of this folder
 * and of the tenant's onboarding and offboarding write. Below a user (`pk = USER#<sub>`): memberships `TENANT#<id>` and the
 * tenants chosen for sessions, `SESSION#<origin_jti>`. Below a tenant (`pk = TENANT#<id>`): OWNERS. Every item names its
 * tenant in `tenantKey`, the partition key of the index by tenant.
 */
export interface Membership {
  readonly sub: string;
  readonly tenantId: string;
  /** INVITED: not yet accepted by the user. Only ACTIVE counts for tokens. */
  readonly status: 'INVITED' | 'ACTIVE';
  /** Ids of roles, built-in ones or the tenant's own. */
  readonly roles: readonly string[];
  /** Grows with every change: who writes says which version it read. */
  readonly version: number;
  /** Who invited them: a sub, or the request that onboarded the tenant. */
  readonly invitedBy: string;
  /** ISO 8601. */
  readonly invitedAt: string;
  readonly acceptedAt?: string;
  /** ISO 8601, when the user last switched to this tenant. */
  readonly chosenAt?: string;
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
  const whether = async (write: Promise<unknown>): Promise<boolean> => {
    try {
      await write;
      return true;
    } catch (error) {
      if (isNamed(error, CONDITION_FAILED)) return false;
      throw error;
    }
  };

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

    /** False when the user has a membership in that tenant already. */
    putNew: (membership: Membership): Promise<boolean> =>
      whether(
        client.send(
          new PutCommand({
            TableName: table,
            Item: {
              ...membership,
              ...keyOf(membership.sub, membership.tenantId),
              tenantKey: partitionKey(membership.tenantId),
            },
            ConditionExpression: 'attribute_not_exists(pk)',
          }),
        ),
      ),

    /** Subs of the members who have the role owner. A member may have it and not be counted yet, never the other way round. */
    async owners(tenantId: string): Promise<readonly string[]> {
      return [...(((await get(ownersKey(tenantId)))?.['owners'] as Set<string> | undefined) ?? [])];
    },

    /** Counts a member as owner; again changes nothing. */
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
  };
}

export const isOwner = ({ roles, status }: Membership): boolean => status === 'ACTIVE' && roles.includes(OWNER);

import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import {
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  type QueryCommandInput,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { isNamed } from './aws-errors';
import { REPEATABLE } from './clients';
import { StaleExecutionError } from './errors';
import type { LegalHold } from './legal-holds';
import { BY_STATUS, partitionKey } from './names';
import type { HoldChangeName, OperationName, TenantStatus, Tier } from './tenant';

/**
 * The registry: the record of truth about tenants. One item collection per tenant (`pk = TENANT#<id>`), sort keys
 * PROFILE, STATE, RESOURCE#<type>, OPERATION#<requestId>, ARCHIVE. Every write is conditional on what it accepts.
 */

/** What was asked for. The only item with personal data. */
export interface Profile {
  readonly displayName: string;
  readonly adminEmail: string;
  readonly tier: Tier;
  /** SHA-256 over the canonical payload: tells "the same again" from "something else". */
  readonly payloadHash: string;
}

export interface Failure {
  /** State that failed. */
  readonly step: string;
  /** Error name as in the execution's history. */
  readonly error: string;
  readonly errorClass: string;
  readonly message: string;
  /** How often the step was tried in this execution, since its last redrive. */
  readonly attempt: number;
  readonly executionArn: string;
  readonly redriveCount: number;
  readonly nextAction: string;
  /** ISO 8601. */
  readonly failedAt: string;
}

export interface TenantState {
  readonly tenantId: string;
  readonly status: TenantStatus;
  /** Fencing number: grows with every lease. */
  readonly generation: number;
  /** Request that the current operation belongs to. */
  readonly requestId: string;
  readonly operation: OperationName;
  readonly requestedBy: string;
  readonly tier: Tier;
  /** ARN of the execution that acts for the tenant; absent when none does. */
  readonly leaseOwner?: string;
  readonly lastFailure?: Failure;
  readonly requestedAt: string;
  readonly updatedAt: string;
  readonly activatedAt?: string;
  /** True once the tenant's places in the quotas are taken. */
  readonly capacityReserved?: boolean;
  /** Who asked for the offboarding under way, and why. */
  readonly offboarding?: {
    readonly requestId: string;
    readonly requestedBy: string;
    readonly requestedAt: string;
    readonly reason: string;
  };
  /** ISO 8601, when the offboarding was first claimed: the stage's shortest hold counts from here. */
  readonly heldSince?: string;
  /** ISO 8601: nothing is destroyed before. */
  readonly holdUntil?: string;
  /** Legal holds that stand, by the requestId that set each; absent when none does. */
  readonly legalHolds?: Readonly<Record<string, LegalHold>>;
  /** requestIds of all changes of holds that were made, oldest first. Its length tells one state of the holds from another. */
  readonly holdChanges?: readonly string[];
  readonly purgeApproval?: { readonly by: string; readonly at: string };
  /** ISO 8601 of the point of no return. */
  readonly purgeStartedAt?: string;
  /** ISO 8601, when the lease was taken. */
  readonly leasedAt?: string;
  /** Offboarding execution that a reinstatement took the lease from. */
  readonly supersededExecution?: string;
  /** What the proof of deletion found, when and where it looked. */
  readonly proofOfDeletion?: {
    readonly at: string;
    readonly stores: readonly string[];
    readonly hits: number;
    /** Fencing number of the execution that looked. */
    readonly generation: number;
  };
  readonly evidence?: { readonly key: string; readonly sha256: string };
  readonly tombstone?: Tombstone;
}

const SURVEYED = [
  'tenantId',
  'status',
  'leaseOwner',
  'lastFailure',
  'updatedAt',
  'holdUntil',
  'legalHolds',
  'purgeApproval',
  'purgeStartedAt',
] as const satisfies readonly (keyof TenantState)[];

/** What a survey of all tenants reads of each. */
export type SurveyedTenant = Pick<TenantState, (typeof SURVEYED)[number]>;

/** Any of them makes a tenant worth reading whatever its status. */
const UNSETTLED = ['leaseOwner', 'lastFailure', 'legalHolds'] as const satisfies readonly (typeof SURVEYED)[number][];

/** What stays of a tenant that is gone. */
export interface Tombstone {
  readonly closedAt: string;
  readonly encryptionKeyArn?: string;
  /** ISO 8601: until then KMS could still cancel the deletion. */
  readonly encryptionKeyDeletionDate?: string;
  /** Object key of the evidence of deletion in the audit bucket. */
  readonly evidenceKey: string;
  /** SHA-256 of that object, hex. */
  readonly evidenceSha256: string;
}

/** Last known record of the tenant's audit chain: a chain that is cut off before it is noticed. */
export interface ArchiveHead {
  /** From 1. */
  readonly sequence: number;
  /** SHA-256 of that record's bytes, hex. */
  readonly sha256: string;
  /** ISO 8601, when it was noted. */
  readonly notedAt: string;
}

export interface LedgerEntry {
  readonly type: string;
  /** INTENT: a create call may have been sent. DONE: the resource is known. DESTROYED: it was, and is gone. */
  readonly phase: 'INTENT' | 'DONE' | 'DESTROYED';
  /** Names the attempt whose create call it is; tags what that call makes. */
  readonly attemptId?: string;
  /** ISO 8601, when that call was about to be sent. */
  readonly attemptedAt?: string;
  readonly physicalId?: string;
  /** ISO 8601, when the entry was first written. */
  readonly since: string;
  readonly generation: number;
  /** ISO 8601 and execution of the destruction. */
  readonly destroyedAt?: string;
  readonly destroyedBy?: string;
  /** How many things were removed (objects, items, users), over all pages. */
  readonly removed?: number;
  /** ISO 8601, when AWS was last asked for a step of an asynchronous deletion. */
  readonly deletingSince?: string | undefined;
  /** ISO 8601, when KMS destroys the key; of one that KMS no longer knew, when that was found. */
  readonly deletionDate?: string;
}

export interface OperationRecord {
  readonly requestId: string;
  readonly operation: OperationName | HoldChangeName;
  readonly payloadHash: string;
  readonly requestedBy: string;
  readonly requestedAt: string;
  /** Of an offboarding: the length of its hold, and why it was asked for. */
  readonly holdSeconds?: number;
  readonly reason?: string;
  /** ISO 8601, of a change of the hold: the end that was worked out when the change was recorded. */
  readonly until?: string;
  /** Of a change that belongs to one offboarding: that offboarding's requestId. */
  readonly offboarding?: string;
  /** The latest execution that was started for it. */
  readonly executionArn?: string;
  readonly outcome?: string;
  readonly endedAt?: string;
  /** Executions that were started anew for it, oldest first. */
  readonly replays?: readonly Replay[];
}

/** A new execution of an earlier request. */
export interface Replay {
  readonly executionArn: string;
  /** ARN of the failed execution in whose place it is: one that was replayed once is not replayed again. */
  readonly inPlaceOf: string;
  readonly requestedBy: string;
  /** ISO 8601. */
  readonly requestedAt: string;
}

export interface TenantRecord {
  readonly profile?: Profile;
  readonly state?: TenantState;
  readonly operations: readonly OperationRecord[];
  readonly resources: readonly LedgerEntry[];
}

/** @param settings of the client; tasks take endpoint, Region and credentials from their environment */
export const connectRegistry = (settings: DynamoDBClientConfig = {}): DynamoDBDocumentClient =>
  DynamoDBDocumentClient.from(new DynamoDBClient({ ...REPEATABLE, ...settings }), {
    marshallOptions: { removeUndefinedValues: true },
  });

const ownClient = connectRegistry();

const resourceKey = (type: string): string => `RESOURCE#${type}`;
const operationKey = (requestId: string): string => `OPERATION#${requestId}`;

/** A conditional write that the registry did not accept. */
export const CONDITION_FAILED = 'ConditionalCheckFailedException';

/** False when the condition of a write did not hold. */
export async function whether(write: Promise<unknown>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    if (isNamed(error, CONDITION_FAILED)) return false;
    throw error;
  }
}

export type Registry = ReturnType<typeof openRegistry>;

/** @param table name of the registry table */
export function openRegistry(table: string, client: DynamoDBDocumentClient = ownClient) {
  const get = async <T>(tenantId: string, sk: string): Promise<T | undefined> => {
    const { Item } = await client.send(
      new GetCommand({ TableName: table, Key: { pk: partitionKey(tenantId), sk }, ConsistentRead: true }),
    );
    return Item as T | undefined;
  };

  /** Pages of the tenants in one status. @param more of the query; names of its own replace the one that is needed */
  async function* pagesByStatus(status: TenantStatus, more: Partial<QueryCommandInput> = {}) {
    let from: Record<string, unknown> | undefined;
    do {
      const page = await client.send(
        new QueryCommand({
          TableName: table,
          IndexName: BY_STATUS,
          KeyConditionExpression: '#status = :status',
          ExpressionAttributeNames: { '#status': 'status' },
          ExpressionAttributeValues: { ':status': status },
          ...more,
          ...(from && { ExclusiveStartKey: from }),
        }),
      );
      yield page;
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
  }

  /** False when an item of that key exists already. */
  const putNew = async (tenantId: string, sk: string, item: object): Promise<boolean> => {
    return await whether(
      client.send(
        new PutCommand({
          TableName: table,
          Item: { ...item, pk: partitionKey(tenantId), sk },
          ConditionExpression: 'attribute_not_exists(pk)',
        }),
      ),
    );
  };

  return {
    table,
    client,

    getState: (tenantId: string) => get<TenantState>(tenantId, 'STATE'),
    getArchiveHead: (tenantId: string) => get<ArchiveHead>(tenantId, 'ARCHIVE'),
    /** The status alone, for those who may read nothing else of a tenant. */
    async getStatus(tenantId: string): Promise<TenantStatus | undefined> {
      const { Item } = await client.send(
        new GetCommand({
          TableName: table,
          Key: { pk: partitionKey(tenantId), sk: 'STATE' },
          ProjectionExpression: '#status',
          ExpressionAttributeNames: { '#status': 'status' },
          ConsistentRead: true,
        }),
      );
      return Item?.['status'] as TenantStatus | undefined;
    },
    getProfile: (tenantId: string) => get<Profile>(tenantId, 'PROFILE'),
    getOperation: (tenantId: string, requestId: string) => get<OperationRecord>(tenantId, operationKey(requestId)),
    getResource: (tenantId: string, type: string) => get<LedgerEntry>(tenantId, resourceKey(type)),

    /** Everything known about one tenant. */
    async getTenant(tenantId: string): Promise<TenantRecord> {
      const items: Record<string, unknown>[] = [];
      let from: Record<string, unknown> | undefined;
      do {
        const page = await client.send(
          new QueryCommand({
            TableName: table,
            KeyConditionExpression: 'pk = :pk',
            ExpressionAttributeValues: { ':pk': partitionKey(tenantId) },
            ConsistentRead: true,
            ...(from && { ExclusiveStartKey: from }),
          }),
        );
        items.push(...(page.Items ?? []));
        from = page.LastEvaluatedKey;
      } while (from !== undefined);
      const of = <T>(prefix: string) => items.filter((item) => String(item['sk']).startsWith(prefix)) as T[];
      const [profile] = of<Profile>('PROFILE');
      const [state] = of<TenantState>('STATE');
      return {
        ...(profile && { profile }),
        ...(state && { state }),
        operations: of<OperationRecord>('OPERATION#'),
        resources: of<LedgerEntry>('RESOURCE#'),
      };
    },

    /** STATE of all tenants in one status, by tenant id. From an index: a change of the last second may be missing. */
    async listTenants(status: TenantStatus): Promise<readonly TenantState[]> {
      const states: TenantState[] = [];
      for await (const { Items = [] } of pagesByStatus(status)) states.push(...(Items as TenantState[]));
      return states;
    },

    /**
     * How many tenants are in a status, and those of them that something is under way or the matter with.
     * @param settled true: only those with a lease, a failure or a legal hold; the others are counted, not sent
     */
    async survey(
      status: TenantStatus,
      settled: boolean,
    ): Promise<{ readonly total: number; readonly tenants: readonly SurveyedTenant[] }> {
      const tenants: SurveyedTenant[] = [];
      let total = 0;
      const shown = {
        ...(settled && { FilterExpression: UNSETTLED.map((name) => `attribute_exists(#${name})`).join(' OR ') }),
        ProjectionExpression: SURVEYED.map((name) => `#${name}`).join(', '),
        ExpressionAttributeNames: Object.fromEntries(SURVEYED.map((name) => [`#${name}`, name])),
      };
      for await (const { Items = [], ScannedCount = 0 } of pagesByStatus(status, shown)) {
        tenants.push(...(Items as SurveyedTenant[]));
        total += ScannedCount;
      }
      return { total, tenants };
    },

    /** False when the profile is no longer the one with that payload hash. */
    async replaceProfile(tenantId: string, profile: Profile, known: string): Promise<boolean> {
      return await whether(
        client.send(
          new PutCommand({
            TableName: table,
            Item: { ...profile, pk: partitionKey(tenantId), sk: 'PROFILE' },
            ConditionExpression: 'payloadHash = :known',
            ExpressionAttributeValues: { ':known': known },
          }),
        ),
      );
    },

    /** One page of the same list, after a tenant. @param limit most tenants on it */
    async listTenantsAfter(
      status: TenantStatus,
      after: string | undefined,
      limit: number,
    ): Promise<{ readonly tenants: readonly TenantState[]; readonly more: boolean }> {
      const { Items = [], LastEvaluatedKey } = await client.send(
        new QueryCommand({
          TableName: table,
          IndexName: BY_STATUS,
          KeyConditionExpression: `#status = :status${after === undefined ? '' : ' AND tenantId > :after'}`,
          ExpressionAttributeNames: { '#status': 'status' },
          ExpressionAttributeValues: { ':status': status, ...(after !== undefined && { ':after': after }) },
          Limit: limit,
        }),
      );
      return { tenants: Items as TenantState[], more: LastEvaluatedKey !== undefined };
    },

    putNewProfile: (tenantId: string, profile: Profile) => putNew(tenantId, 'PROFILE', profile),
    putNewState: (tenantId: string, state: TenantState) => putNew(tenantId, 'STATE', state),
    putNewOperation: (tenantId: string, operation: OperationRecord) =>
      putNew(tenantId, operationKey(operation.requestId), operation),

    /**
     * Conditional update of one item. False when the condition did not hold.
     * @param set attributes to set; undefined removes the attribute
     * @param condition DynamoDB condition over `#name` (any attribute) and the given `:values`
     */
    async update(
      key: { tenantId: string; item: 'STATE' | 'ARCHIVE' | { operation: string } },
      set: Readonly<Record<string, unknown>>,
      condition: { expression: string; names?: readonly string[]; values?: Readonly<Record<string, unknown>> },
    ): Promise<boolean> {
      const names = Object.fromEntries(
        [...Object.keys(set), ...(condition.names ?? [])].map((name) => [`#${name}`, name]),
      );
      const present = Object.entries(set).filter(([, value]) => value !== undefined);
      const absent = Object.keys(set).filter((name) => set[name] === undefined);
      const expression = [
        present.length > 0 ? `SET ${present.map(([name]) => `#${name} = :set_${name}`).join(', ')}` : '',
        absent.length > 0 ? `REMOVE ${absent.map((name) => `#${name}`).join(', ')}` : '',
      ].join(' ');
      const values = {
        ...Object.fromEntries(present.map(([name, value]) => [`:set_${name}`, value])),
        ...condition.values,
      };
      return await whether(
        client.send(
          new UpdateCommand({
            TableName: table,
            Key: {
              pk: partitionKey(key.tenantId),
              sk: typeof key.item === 'string' ? key.item : operationKey(key.item.operation),
            },
            UpdateExpression: expression.trim(),
            ConditionExpression: condition.expression,
            ExpressionAttributeNames: names,
            // DynamoDB refuses an empty map.
            ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
          }),
        ),
      );
    },

    /** Deletes the PROFILE and the payload hashes, which were made from it. What was asked for, by whom and when stays. */
    async erasePersonalData(tenantId: string): Promise<void> {
      await client.send(new DeleteCommand({ TableName: table, Key: { pk: partitionKey(tenantId), sk: 'PROFILE' } }));
      const { operations } = await this.getTenant(tenantId);
      for (const { requestId } of operations) {
        await this.update(
          { tenantId, item: { operation: requestId } },
          { payloadHash: undefined },
          { expression: 'attribute_exists(pk)' },
        );
      }
    },

    /** The ledger of one resource, as one execution may write it. */
    ledger: (tenantId: string, type: string, generation: number, now: () => Date) => {
      const write = async (entry: LedgerEntry): Promise<void> => {
        try {
          await client.send(
            new PutCommand({
              TableName: table,
              Item: { ...entry, pk: partitionKey(tenantId), sk: resourceKey(type) },
              ConditionExpression: 'attribute_not_exists(pk) OR generation <= :generation',
              ExpressionAttributeValues: { ':generation': generation },
            }),
          );
        } catch (error) {
          if (!isNamed(error, CONDITION_FAILED)) throw error;
          throw new StaleExecutionError(`tenant ${tenantId}: a newer execution has written the ledger of ${type}`, {
            cause: error,
          });
        }
      };
      return {
        read: () => get<LedgerEntry>(tenantId, resourceKey(type)),
        /** Before a create call whose answer could be lost. */
        async intend(attemptId: string, earlier?: LedgerEntry): Promise<LedgerEntry> {
          const attemptedAt = now().toISOString();
          const since = earlier?.since ?? attemptedAt;
          const entry: LedgerEntry = { type, phase: 'INTENT', attemptId, attemptedAt, since, generation };
          await write(entry);
          return entry;
        },
        /**
         * The resource is gone; what was known of it stays for the evidence. When, and by which execution, are those of the
         * last run that found something to remove: a repeat that finds nothing has destroyed nothing.
         */
        async destroyed(
          earlier: LedgerEntry | undefined,
          facts: Pick<LedgerEntry, 'destroyedBy' | 'removed' | 'deletionDate' | 'physicalId'>,
        ): Promise<void> {
          const at = now().toISOString();
          const again = earlier?.phase === 'DESTROYED' && (facts.removed ?? 0) <= (earlier.removed ?? 0);
          await write({
            type,
            since: at,
            ...earlier,
            ...facts,
            phase: 'DESTROYED',
            ...(again
              ? {
                  ...(earlier.destroyedBy && { destroyedBy: earlier.destroyedBy }),
                  destroyedAt: earlier.destroyedAt ?? at,
                }
              : { destroyedAt: at }),
            generation,
          });
        },
        /** Adds to the count of removed things while a destruction goes on. */
        async progress(earlier: LedgerEntry | undefined, removed: number): Promise<void> {
          await write({
            type,
            phase: 'DONE',
            since: now().toISOString(),
            ...earlier,
            removed: (earlier?.removed ?? 0) + removed,
            generation,
          });
        },
        /** After it, as soon as the physical id is known. */
        async complete(physicalId: string, earlier?: LedgerEntry): Promise<void> {
          const since = earlier?.since ?? now().toISOString();
          await write({
            type,
            phase: 'DONE',
            physicalId,
            ...(earlier?.attemptId && { attemptId: earlier.attemptId }),
            ...(earlier?.attemptedAt && { attemptedAt: earlier.attemptedAt }),
            since,
            generation,
          });
        },
      };
    },
  };
}

export type Ledger = ReturnType<Registry['ledger']>;

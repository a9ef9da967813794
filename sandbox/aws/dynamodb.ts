import type {
  AttributeValue,
  BatchWriteItemCommandInput,
  CreateTableCommandInput,
  DescribeContinuousBackupsCommandInput,
  DescribeContinuousBackupsOutput,
  DescribeTimeToLiveCommandInput,
  DescribeTimeToLiveOutput,
} from '@aws-sdk/client-dynamodb';
import { splitBatch } from './dynamodb/batch-write';
import { DynaliteServer, type DynamoDbAnswer } from './dynamodb/dynalite-server';
import { type PlainItem, plainItem } from './dynamodb/plain-item';
import { type Estate, type JsonService, type Operation, ServiceError } from './service';

/** A table as CloudFormation and CreateTable both write it. */
export type TableDefinition = Required<
  Pick<CreateTableCommandInput, 'TableName' | 'AttributeDefinitions' | 'KeySchema'>
> &
  Pick<CreateTableCommandInput, 'GlobalSecondaryIndexes' | 'LocalSecondaryIndexes'> & {
    /** What DescribeContinuousBackups says. @default false */
    readonly pointInTimeRecovery?: boolean;
    /** What DescribeTimeToLive says; nothing is ever expired. */
    readonly timeToLiveAttribute?: string;
    /** Customer managed key of the table. @default the service's own */
    readonly encryptionKeyArn?: string;
  };

/** What IAM has to know of a table. */
export interface TableKeys {
  /** Attribute that is the partition key of the table, or of one of its indexes. */
  partitionKeyOf(indexName?: string): string | undefined;
  readonly encryptionKeyArn: string | undefined;
}

export interface DynamoDb {
  readonly service: JsonService;
  start(): Promise<void>;
  stop(): Promise<void>;
  createTable(definition: TableDefinition): Promise<{ arn: string }>;
  /** Undefined when there is no such table. */
  table(tableName: string): TableKeys | undefined;
  /** All items of a table, for assertions. */
  dump(tableName: string): Promise<PlainItem[]>;
  /** The next `calls` BatchWriteItem calls write half of what they are given and hand back the rest as unprocessed. */
  leaveUnprocessed(calls: number): void;
}

const PASSED_ON = ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem', 'Query', 'Scan', 'BatchGetItem', 'ListTables'];

interface TableFacts {
  readonly createdAt: Date;
  readonly pointInTimeRecovery: boolean;
  readonly timeToLiveAttribute: string | undefined;
  readonly encryptionKeyArn: string | undefined;
  /** By index name, the table's own under ''. */
  readonly partitionKeys: ReadonlyMap<string, string | undefined>;
}

/** Amazon DynamoDB by dynalite. Transactions are not served, because dynalite has none. */
export function createDynamoDb(estate: Estate): DynamoDb {
  const server = new DynaliteServer();
  const tables = new Map<string, TableFacts>();
  const arnOf = (tableName: string) => `arn:aws:dynamodb:${estate.region}:${estate.accountId}:table/${tableName}`;
  let batchesToSplit = 0;

  /** dynalite takes account, Region and time from the process; ours come from the estate. */
  const described = (table: unknown) => {
    const { TableName, GlobalSecondaryIndexes, LocalSecondaryIndexes, ...rest } = table as DynamoDbAnswer;
    const TableArn = arnOf(String(TableName));
    const withArns = (indices: unknown) =>
      (indices as DynamoDbAnswer[] | undefined)?.map((index) => ({
        ...index,
        IndexArn: `${TableArn}/index/${index['IndexName']}`,
      }));
    return {
      ...rest,
      TableName,
      TableArn,
      CreationDateTime: tables.get(String(TableName))?.createdAt,
      GlobalSecondaryIndexes: withArns(GlobalSecondaryIndexes),
      LocalSecondaryIndexes: withArns(LocalSecondaryIndexes),
    };
  };

  const create = async (input: CreateTableCommandInput, facts: Omit<TableFacts, 'createdAt' | 'partitionKeys'>) => {
    const { TableDescription } = await server.call('CreateTable', input);
    tables.set(input.TableName ?? '', {
      createdAt: new Date(estate.clock.now()),
      partitionKeys: partitionKeysOf(input),
      ...facts,
    });
    return { TableDescription: described(TableDescription) };
  };

  const factsOf = (tableName: string | undefined): TableFacts => {
    const facts = tables.get(tableName ?? '');
    if (!facts)
      throw new ServiceError(
        'ResourceNotFoundException',
        `Requested resource not found: Table: ${tableName} not found`,
      );
    return facts;
  };

  const operations: Record<string, Operation> = {
    ...Object.fromEntries(PASSED_ON.map((name) => [name, (input: unknown) => server.call(name, input)])),

    async BatchWriteItem(input: BatchWriteItemCommandInput) {
      if (batchesToSplit === 0) return await server.call('BatchWriteItem', input);
      batchesToSplit -= 1;
      const { accepted, unprocessed } = splitBatch(input.RequestItems ?? {});
      const answer = await server.call('BatchWriteItem', { ...input, RequestItems: accepted });
      return { ...answer, UnprocessedItems: unprocessed };
    },

    CreateTable: (input: CreateTableCommandInput) =>
      create(input, {
        pointInTimeRecovery: false,
        timeToLiveAttribute: undefined,
        encryptionKeyArn: input.SSESpecification?.KMSMasterKeyId,
      }),

    async DescribeTable(input: unknown) {
      const { Table } = await server.call('DescribeTable', input);
      return { Table: described(Table) };
    },

    async DeleteTable(input: unknown) {
      const { TableDescription } = await server.call('DeleteTable', input);
      return { TableDescription: described(TableDescription) };
    },

    DescribeContinuousBackups(input: DescribeContinuousBackupsCommandInput): DescribeContinuousBackupsOutput {
      const { pointInTimeRecovery } = factsOf(input.TableName);
      const PointInTimeRecoveryStatus = pointInTimeRecovery ? 'ENABLED' : 'DISABLED';
      return {
        ContinuousBackupsDescription: {
          ContinuousBackupsStatus: 'ENABLED',
          PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus },
        },
      };
    },

    DescribeTimeToLive(input: DescribeTimeToLiveCommandInput): DescribeTimeToLiveOutput {
      const { timeToLiveAttribute: AttributeName } = factsOf(input.TableName);
      return {
        TimeToLiveDescription: AttributeName
          ? { TimeToLiveStatus: 'ENABLED', AttributeName }
          : { TimeToLiveStatus: 'DISABLED' },
      };
    },
  };

  return {
    service: { protocol: 'json', name: 'dynamodb', targetPrefix: 'DynamoDB_20120810', version: '1.0', operations },
    start: () => server.start(),
    stop: () => server.stop(),
    async createTable({ pointInTimeRecovery = false, timeToLiveAttribute, encryptionKeyArn, ...definition }) {
      const { TableName, AttributeDefinitions, KeySchema, GlobalSecondaryIndexes, LocalSecondaryIndexes } = definition;
      const table = { TableName, AttributeDefinitions, KeySchema, GlobalSecondaryIndexes, LocalSecondaryIndexes };
      await create(
        { ...table, BillingMode: 'PAY_PER_REQUEST' },
        { pointInTimeRecovery, timeToLiveAttribute, encryptionKeyArn },
      );
      return { arn: arnOf(TableName ?? '') };
    },
    table(tableName) {
      const facts = tables.get(tableName);
      return (
        facts && {
          encryptionKeyArn: facts.encryptionKeyArn,
          partitionKeyOf: (indexName = '') => facts.partitionKeys.get(indexName),
        }
      );
    },
    async dump(tableName) {
      const items: PlainItem[] = [];
      let ExclusiveStartKey: unknown;
      do {
        const page = await server.call('Scan', { TableName: tableName, ConsistentRead: true, ExclusiveStartKey });
        items.push(...(page['Items'] as Record<string, AttributeValue>[]).map(plainItem));
        ExclusiveStartKey = page['LastEvaluatedKey'];
      } while (ExclusiveStartKey !== undefined);
      return items;
    },
    leaveUnprocessed(calls) {
      batchesToSplit = calls;
    },
  };
}

function partitionKeysOf({
  KeySchema,
  GlobalSecondaryIndexes = [],
  LocalSecondaryIndexes = [],
}: CreateTableCommandInput): ReadonlyMap<string, string | undefined> {
  const hashOf = (schema: CreateTableCommandInput['KeySchema']) =>
    schema?.find(({ KeyType }) => KeyType === 'HASH')?.AttributeName;
  return new Map([
    ['', hashOf(KeySchema)],
    ...[...GlobalSecondaryIndexes, ...LocalSecondaryIndexes].map(
      (index) => [index.IndexName ?? '', hashOf(index.KeySchema)] as const,
    ),
  ]);
}

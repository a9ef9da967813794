import {
  BatchWriteCommand,
  DeleteCommand,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import type { AwsStub } from 'aws-sdk-client-mock';
import batchWriteItem from 'dynalite/actions/batchWriteItem';
import deleteItem from 'dynalite/actions/deleteItem';
import getItem from 'dynalite/actions/getItem';
import putItem from 'dynalite/actions/putItem';
import query from 'dynalite/actions/query';
import updateItem from 'dynalite/actions/updateItem';
import { create, type Store } from 'dynalite/db';
import { checkTypes, checkValidations } from 'dynalite/validations';
import * as batchWriteItemRules from 'dynalite/validations/batchWriteItem';
import * as deleteItemRules from 'dynalite/validations/deleteItem';
import * as getItemRules from 'dynalite/validations/getItem';
import * as putItemRules from 'dynalite/validations/putItem';
import * as queryRules from 'dynalite/validations/query';
import * as updateItemRules from 'dynalite/validations/updateItem';
import { BY_TENANT_INDEX } from '../../tasks/shared/names';
import { aLostAnswer, anAwsError } from './aws-errors';

type Item = Record<string, unknown>;
type Input = Record<string, unknown>;
type Action = typeof putItem;
interface Rules {
  readonly types: object;
  readonly custom: unknown;
}

const ACTIONS = {
  BatchWrite: [batchWriteItem, batchWriteItemRules],
  Delete: [deleteItem, deleteItemRules],
  Get: [getItem, getItemRules],
  Put: [putItem, putItemRules],
  Query: [query, queryRules],
  Update: [updateItem, updateItemRules],
} as const;
export type Operation = keyof typeof ACTIONS;

/**
 * DynamoDB tables with `pk`, `sk` and an index by tenant behind a mocked document client, in memory, without a socket. dynalite checks every
 * request as DynamoDB does (unused names and values, reserved words) and evaluates conditions and updates.
 */
export interface Tables {
  put(table: string, ...items: readonly object[]): Promise<void>;
  get(table: string, pk: string, sk: string): Promise<Item | undefined>;
  /** How many items a page of a query holds. @default as many as there are */
  pageSize?: number;
  /** The next call that matches does its work, but its answer is lost. */
  loseAnswer(matches: Matcher): void;
  /** The next call that matches is sent twice, as the SDK does when the first answer is lost; the second answer counts. */
  sendTwice(matches: Matcher): void;
  /** Runs something between the decision to make a call and its effect: a competitor, for example. */
  before(matches: Matcher, act: () => Promise<unknown>): void;
  /** The next call that matches fails without effect. */
  fail(matches: Matcher, error: Error): void;
}
type Matcher = (operation: Operation, input: Input) => boolean;
type Stub = AwsStub<never, never, never>;

/** Serves the tables through the mock; call it after the mock's reset. */
export async function serveTables(mock: unknown, ...names: readonly string[]): Promise<Tables> {
  const store = create({ createTableMs: 0 });
  for (const name of names) {
    await new Promise((resolve) => store.tableDb.put(name, definition(name), resolve));
  }
  const interruptions: {
    matches: Matcher;
    when: 'before' | 'after';
    act: (operation: Operation, input: Input) => Promise<unknown>;
  }[] = [];

  const interrupt = async (when: 'before' | 'after', operation: Operation, input: Input) => {
    const position = interruptions.findIndex((one) => one.when === when && one.matches(operation, input));
    const [interruption] = position < 0 ? [] : interruptions.splice(position, 1);
    await interruption?.act(operation, input);
  };
  const serve = (operation: Operation) => async (input: Input) => {
    await interrupt('before', operation, input);
    const [action, rules] = ACTIONS[operation];
    const limit = operation === 'Query' && tables.pageSize !== undefined ? { Limit: tables.pageSize } : {};
    const answer = await call(store, action, rules, wire({ ...input, ...limit }));
    await interrupt('after', operation, input);
    return plain(answer);
  };
  const stub = mock as Stub;
  stub.on(BatchWriteCommand as never).callsFake(serve('BatchWrite'));
  stub.on(DeleteCommand as never).callsFake(serve('Delete'));
  stub.on(GetCommand as never).callsFake(serve('Get'));
  stub.on(PutCommand as never).callsFake(serve('Put'));
  stub.on(QueryCommand as never).callsFake(serve('Query'));
  stub.on(UpdateCommand as never).callsFake(serve('Update'));

  const tables: Tables = {
    async put(table, ...items) {
      for (const Item of items) await call(store, putItem, putItemRules, wire({ TableName: table, Item }));
    },
    async get(table, pk, sk) {
      const answer = await call(store, getItem, getItemRules, wire({ TableName: table, Key: { pk, sk } }));
      return plain(answer)['Item'] as Item | undefined;
    },
    loseAnswer: (matches) => interruptions.push({ matches, when: 'after', act: () => Promise.reject(aLostAnswer()) }),
    sendTwice: (matches) =>
      interruptions.push({ matches, when: 'before', act: (operation, input) => serve(operation)(input) }),
    before: (matches, act) => interruptions.push({ matches, when: 'before', act }),
    fail: (matches, error) => interruptions.push({ matches, when: 'before', act: () => Promise.reject(error) }),
  };
  return tables;
}

const definition = (TableName: string) => ({
  TableName,
  AttributeDefinitions: [
    { AttributeName: 'pk', AttributeType: 'S' },
    { AttributeName: 'sk', AttributeType: 'S' },
    { AttributeName: 'tenantKey', AttributeType: 'S' },
  ],
  KeySchema: [
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ],
  GlobalSecondaryIndexes: [
    {
      IndexName: BY_TENANT_INDEX,
      KeySchema: [
        { AttributeName: 'tenantKey', KeyType: 'HASH' },
        { AttributeName: 'pk', KeyType: 'RANGE' },
      ],
      Projection: { ProjectionType: 'ALL' },
    },
  ],
  TableStatus: 'ACTIVE',
});

function call(store: Store, action: Action, { types, custom }: Rules, input: object): Promise<Input> {
  return new Promise((resolve, reject) => {
    try {
      const data = checkTypes(input, types);
      checkValidations(data, types, custom, store);
      action(store, data, (error, answer) => (error ? reject(asAwsError(error)) : resolve(answer)));
    } catch (error) {
      reject(asAwsError(error));
    }
  });
}

function asAwsError(error: unknown): unknown {
  const { statusCode, body } = error as { statusCode?: number; body?: { __type: string; message?: string } };
  if (statusCode === undefined || body === undefined) return error;
  return anAwsError(body.__type.split('#')[1] ?? body.__type, body.message ?? '', statusCode);
}

const MEMBERS_WITH_ATTRIBUTES = ['Item', 'Key', 'ExpressionAttributeValues', 'ExclusiveStartKey'];

/** As the document client sends it: through JSON, values typed. */
function wire(input: Input): object {
  const members = Object.entries(input).map(([name, value]) => [
    name,
    MEMBERS_WITH_ATTRIBUTES.includes(name) ? typed(value as Item) : name === 'RequestItems' ? batch(value) : value,
  ]);
  return JSON.parse(JSON.stringify(Object.fromEntries(members))) as object;
}

/** The deletions of a BatchWriteItem. */
const batch = (requests: unknown): object =>
  Object.fromEntries(
    Object.entries(requests as Record<string, { DeleteRequest: { Key: Item } }[]>).map(([table, deletions]) => [
      table,
      deletions.map(({ DeleteRequest: { Key } }) => ({ DeleteRequest: { Key: typed(Key) } })),
    ]),
  );

/** Sets are arrays in JSON. */
const typed = (item: Item): object =>
  Object.fromEntries(
    Object.entries(marshall(item, { removeUndefinedValues: true })).map(([name, value]) => [
      name,
      value.SS === undefined ? value : { SS: [...value.SS] },
    ]),
  );

function plain({ Item, Items, LastEvaluatedKey, ...rest }: Input): Input {
  const read = (item: unknown) => unmarshall(item as Parameters<typeof unmarshall>[0]);
  return {
    ...rest,
    ...(Item !== undefined && { Item: read(Item) }),
    ...(Items !== undefined && { Items: (Items as unknown[]).map(read) }),
    ...(LastEvaluatedKey !== undefined && { LastEvaluatedKey: read(LastEvaluatedKey) }),
  };
}

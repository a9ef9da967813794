import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Call } from '../../aws/service';
import { type AccessRequest, type AccessTable, arn, EVERYTHING, named, type Surroundings } from '../access';
import type { ContextRecord } from '../context';
import { keyUse } from './kms';

type Item = Readonly<Record<string, AttributeValue>>;

/** One access to a table or an index within a call. */
interface TableAccess {
  readonly action: string;
  readonly table: string;
  readonly index?: string | undefined;
  /** Items or keys that the call names. */
  readonly items?: readonly (Item | undefined)[];
  /** Values of the partition key that a query asks for. */
  readonly queried?: readonly string[];
  /** Operation input, for what else it says. */
  readonly input: Readonly<Record<string, unknown>>;
}

const ITEM = ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem'] as const;
const TABLE = ['DescribeTable', 'DeleteTable', 'CreateTable', 'DescribeContinuousBackups', 'DescribeTimeToLive'];

/**
 * DynamoDB: condition keys for fine-grained access control [specifying-conditions]. A Scan names no leading key. Every
 * access to items also decrypts the table's key in the caller's name [KMS guide, services-dynamodb: the plaintext table key
 * is cached per principal, and KMS is asked again after five idle minutes].
 */
export const dynamodb: AccessTable = {
  ...Object.fromEntries(
    ITEM.map((operation) => [
      operation,
      (call: Call, around: Surroundings) =>
        itemAccess(around, {
          action: `dynamodb:${operation}`,
          table: tableName(call.input['TableName']),
          items: [(call.input['Key'] ?? call.input['Item']) as Item | undefined],
          input: call.input,
        }),
    ]),
  ),
  Query: (call, around) => {
    const table = tableName(call.input['TableName']);
    const index = call.input['IndexName'] as string | undefined;
    const partitionKey = around.services.dynamodb.table(table)?.partitionKeyOf(index);
    const queried = partitionKey === undefined ? [] : queriedKeys(call.input, partitionKey);
    return itemAccess(around, { action: 'dynamodb:Query', table, index, queried, input: call.input });
  },
  Scan: (call, around) =>
    itemAccess(around, {
      action: 'dynamodb:Scan',
      table: tableName(call.input['TableName']),
      index: call.input['IndexName'] as string | undefined,
      input: call.input,
    }),
  BatchGetItem: (call, around) =>
    Object.entries(requestItems(call)).flatMap(([table, request]) => {
      const { Keys: items = [], ...input } = request as { Keys?: Item[] };
      return itemAccess(around, { action: 'dynamodb:BatchGetItem', table: tableName(table), items, input });
    }),
  BatchWriteItem: (call, around) =>
    Object.entries(requestItems(call)).flatMap(([table, requests]) => {
      const writes = requests as { PutRequest?: { Item?: Item }; DeleteRequest?: { Key?: Item } }[];
      const items = writes.map(({ PutRequest, DeleteRequest }) => PutRequest?.Item ?? DeleteRequest?.Key);
      return itemAccess(around, { action: 'dynamodb:BatchWriteItem', table: tableName(table), items, input: {} });
    }),
  ...named('dynamodb', TABLE, (call, { estate }) => tableArn(estate, tableName(call.input['TableName']))),
  ...named('dynamodb', ['ListTables'], EVERYTHING),
};

function itemAccess(around: Surroundings, access: TableAccess): AccessRequest[] {
  const { estate, services } = around;
  const table = services.dynamodb.table(access.table);
  const resource = tableArn(estate, access.table) + (access.index === undefined ? '' : `/index/${access.index}`);
  const partitionKey = table?.partitionKeyOf(access.index);
  const leading =
    access.queried ??
    access.items?.flatMap((item) => (partitionKey && item?.[partitionKey] ? [scalar(item[partitionKey])] : []));
  const key = table?.encryptionKeyArn;
  return [
    { action: access.action, resource, context: { 'dynamodb:LeadingKeys': leading, ...described(access) } },
    ...(key === undefined
      ? []
      : keyUse(around, key, 'kms:Decrypt', {
          via: 'dynamodb',
          encryptionContext: { 'aws:dynamodb:tableName': access.table, 'aws:dynamodb:subscriberId': estate.accountId },
        })),
  ];
}

function described({ items = [], input }: TableAccess): ContextRecord {
  return {
    'dynamodb:Attributes': [
      ...new Set([...items.flatMap((item) => Object.keys(item ?? {})), ...mentionedAttributes(input)]),
    ],
    'dynamodb:Select': input['Select'] as string | undefined,
    'dynamodb:ReturnValues': input['ReturnValues'] as string | undefined,
    'dynamodb:ReturnConsumedCapacity': input['ReturnConsumedCapacity'] as string | undefined,
  };
}

const EXPRESSIONS = [
  'ConditionExpression',
  'FilterExpression',
  'KeyConditionExpression',
  'ProjectionExpression',
  'UpdateExpression',
];
/** Words and functions of expressions; attributes of such names are only ever written as #placeholders. */
const WORDS =
  /^(SET|REMOVE|ADD|DELETE|AND|OR|NOT|BETWEEN|IN|attribute_exists|attribute_not_exists|attribute_type|begins_with|contains|size|if_not_exists|list_append)$/i;

/** Top-level attributes that the expressions of a request name. */
function mentionedAttributes(input: Readonly<Record<string, unknown>>): string[] {
  const names = (input['ExpressionAttributeNames'] ?? {}) as Readonly<Record<string, string>>;
  return EXPRESSIONS.flatMap((member) =>
    [...String(input[member] ?? '').matchAll(/(?<![\w.:#])#?[A-Za-z_]\w*/g)].flatMap(([name]) =>
      WORDS.test(name) ? [] : [names[name] ?? name],
    ),
  );
}

/** Values for which a query asks the partition key to be equal. */
function queriedKeys(input: Readonly<Record<string, unknown>>, partitionKey: string): string[] {
  const names = (input['ExpressionAttributeNames'] ?? {}) as Readonly<Record<string, string>>;
  const values = (input['ExpressionAttributeValues'] ?? {}) as Item;
  const expression = String(input['KeyConditionExpression'] ?? '');
  return [...expression.matchAll(/(#?\w+)\s*=\s*(:\w+)/g)].flatMap(([, name = '', placeholder = '']) => {
    const value = values[placeholder];
    return (names[name] ?? name) === partitionKey && value !== undefined ? [scalar(value)] : [];
  });
}

const scalar = ({ S, N, B }: AttributeValue): string => String(S ?? N ?? B);

const requestItems = (call: Call) => (call.input['RequestItems'] ?? {}) as Readonly<Record<string, unknown>>;

/** Tables may be named by their ARN. */
const tableName = (given: unknown): string => String(given ?? '').replace(/^arn:.*:table\//, '');

const tableArn = (estate: Surroundings['estate'], table: string): string => arn(estate, 'dynamodb', `table/${table}`);

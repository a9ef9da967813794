import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { REPEATABLE } from '../shared/clients';
import { partitionKey } from '../shared/names';
import { BY_HAND, missing, problemsOf, type Verify } from '../shared/verification';
import { FIRST_ITEMS } from './contract';

const dynamodb = DynamoDBDocumentClient.from(new DynamoDBClient(REPEATABLE));

/** The partition's first items exist and name the tenant. */
export const verifyDataPartition: Verify<'DATA_TABLE'> = async ({ tenantId, env }) => {
  const pk = partitionKey(tenantId);
  const problems = await Promise.all(
    FIRST_ITEMS.map(async (sk) => {
      const { Item } = await dynamodb.send(
        new GetCommand({ TableName: env.DATA_TABLE, Key: { pk, sk }, ConsistentRead: true }),
      );
      if (Item === undefined) return [missing(`item ${pk} / ${sk} does not exist`)];
      const ours = Item['tenantId'] === tenantId && Item['tenantKey'] === pk;
      return problemsOf({ [`item ${pk} / ${sk} is not the tenant's`]: ours }, BY_HAND);
    }),
  );
  return problems.flat();
};

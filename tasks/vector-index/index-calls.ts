import {
  CreateIndexCommand,
  DeleteIndexCommand,
  DescribeDomainCommand,
  GetIndexCommand,
  OpenSearchClient,
} from '@aws-sdk/client-opensearch';
import { isNamed } from '../shared/aws-errors';
import { REPEATABLE } from '../shared/clients';
import { FIELDS } from './contract';

/**
 * The only module that talks to the index API, so that a data-plane adapter (SigV4 PUT /<index>) can stand in where the
 * control plane does not offer it.
 */
const opensearch = new OpenSearchClient(REPEATABLE);

export interface IndexShape {
  readonly dimension: number;
  readonly replicas: number;
}

/**
 * One primary shard: the service's default of five would use up a node's shards at a fifth of the tenants
 * [bp-sharding]. faiss, hnsw and the field names are what a knowledge base needs.
 */
export const indexSchema = ({ dimension, replicas }: IndexShape) => ({
  settings: { index: { knn: true, number_of_shards: 1, number_of_replicas: replicas } },
  mappings: {
    properties: {
      [FIELDS.vector]: {
        type: 'knn_vector',
        dimension,
        method: { name: 'hnsw', engine: 'faiss', space_type: 'l2' },
      },
      [FIELDS.text]: { type: 'text' },
      [FIELDS.metadata]: { type: 'text', index: false },
    },
  },
});

/** False when an index of that name exists already. */
export async function createIndex(DomainName: string, IndexName: string, shape: IndexShape): Promise<boolean> {
  try {
    await opensearch.send(new CreateIndexCommand({ DomainName, IndexName, IndexSchema: indexSchema(shape) }));
    return true;
  } catch (error) {
    if (isNamed(error, 'ResourceAlreadyExistsException')) return false;
    throw error;
  }
}

/** What of an existing index cannot be changed and differs; undefined when there is no such index. */
export async function indexProblems(
  DomainName: string,
  IndexName: string,
  shape: IndexShape,
): Promise<readonly string[] | undefined> {
  let answer: unknown;
  try {
    ({ IndexSchema: answer } = await opensearch.send(new GetIndexCommand({ DomainName, IndexName })));
  } catch (error) {
    if (isNamed(error, 'ResourceNotFoundException')) return undefined;
    throw error;
  }
  // "The JSON schema of the index" [API_GetIndex] says no more of its form; OpenSearch itself answers under the index's name.
  const schema = read(answer, IndexName) ?? answer;
  // OpenSearch reports settings as strings ("true", "1"), the request has them typed: compare as text.
  return EXPECTED.filter(([path, expected]) => String(read(schema, path)) !== String(expected(shape))).map(
    ([path, expected]) => `${path} is ${String(read(schema, path))}, must be ${String(expected(shape))}`,
  );
}

const EXPECTED: readonly (readonly [path: string, value: (shape: IndexShape) => unknown])[] = [
  ['settings.index.knn', () => true],
  ['settings.index.number_of_shards', () => 1],
  [`mappings.properties.${FIELDS.vector}.type`, () => 'knn_vector'],
  [`mappings.properties.${FIELDS.vector}.dimension`, ({ dimension }) => dimension],
  [`mappings.properties.${FIELDS.vector}.method.engine`, () => 'faiss'],
  [`mappings.properties.${FIELDS.text}.type`, () => 'text'],
  [`mappings.properties.${FIELDS.metadata}.type`, () => 'text'],
];

const read = (value: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], value);

/**
 * Deletes an index; false when there was none. "Not found" is also what a missing domain says, so the domain is asked: a
 * wrong variable must not pass for a finished teardown.
 */
export async function deleteIndex(DomainName: string, IndexName: string): Promise<boolean> {
  try {
    await opensearch.send(new DeleteIndexCommand({ DomainName, IndexName }));
    return true;
  } catch (error) {
    if (!isNamed(error, 'ResourceNotFoundException')) throw error;
    await opensearch.send(new DescribeDomainCommand({ DomainName }));
    return false;
  }
}

/** Whether there is an index of that name, with whatever settings; as for deleteIndex, its domain must be there. */
export async function indexExists(DomainName: string, IndexName: string): Promise<boolean> {
  try {
    await opensearch.send(new GetIndexCommand({ DomainName, IndexName }));
    return true;
  } catch (error) {
    if (!isNamed(error, 'ResourceNotFoundException')) throw error;
    await opensearch.send(new DescribeDomainCommand({ DomainName }));
    return false;
  }
}

import type {
  ListTagsForResourceCommandInput,
  ListTagsForResourceResponse,
  TagResourceCommandInput,
} from '@aws-sdk/client-bedrock-agent';
import { dataSourceOperations } from './bedrock-agent/data-sources';
import { ingestionOperations } from './bedrock-agent/ingestion';
import { knowledgeBaseOperations, type PlannedFailures } from './bedrock-agent/knowledge-bases';
import { KnowledgeBaseStore, notFound } from './bedrock-agent/store';
import type { Estate, Operation, RestJsonService, RestRoute } from './service';

export interface BedrockAgentSettings {
  /** Virtual milliseconds a knowledge base stays in CREATING. @default 50000 */
  readonly creatingFor: number;
  /** Virtual milliseconds a knowledge base or a data source stays in DELETING. @default 20000 */
  readonly deletingFor: number;
  /** Virtual milliseconds from the start of an ingestion job to its completion. @default 60000 */
  readonly ingestingFor: number;
  /** Virtual milliseconds an ingestion job stays in STOPPING. @default 5000 */
  readonly stoppingFor: number;
  /** Per account and Region, not adjustable on AWS. @default 100 */
  readonly knowledgeBases: number;
  /** @default 5 */
  readonly dataSourcesPerKnowledgeBase: number;
  /** Whether the vector store has the index. @default always */
  readonly indexExists: (domainArn: string, indexName: string) => boolean;
  /** False while a role is missing or not yet visible to Bedrock. @default always */
  readonly canAssumeRole: (roleArn: string) => boolean;
}

export interface BedrockAgent {
  readonly service: RestJsonService;
  /** The knowledge base of this name becomes FAILED instead of ACTIVE, once. */
  failNextCreation(name: string, reasons: readonly string[]): void;
  /** The knowledge base of this name becomes DELETE_UNSUCCESSFUL instead of being gone, once. */
  failNextDeletion(name: string, reasons: readonly string[]): void;
  /** State for assertions, as of now. */
  knowledgeBases(): readonly { id: string; name: string; status: string; tags: Readonly<Record<string, string>> }[];
}

const KNOWLEDGE_BASE = '/knowledgebases/{knowledgeBaseId}';
const DATA_SOURCE = `${KNOWLEDGE_BASE}/datasources/{dataSourceId}`;
const INGESTION_JOB = `${DATA_SOURCE}/ingestionjobs/{ingestionJobId}`;

const ROUTES: readonly RestRoute[] = [
  { operation: 'CreateKnowledgeBase', method: 'PUT', path: '/knowledgebases/', status: 202 },
  { operation: 'ListKnowledgeBases', method: 'POST', path: '/knowledgebases/' },
  { operation: 'GetKnowledgeBase', method: 'GET', path: KNOWLEDGE_BASE },
  { operation: 'UpdateKnowledgeBase', method: 'PUT', path: KNOWLEDGE_BASE, status: 202 },
  { operation: 'DeleteKnowledgeBase', method: 'DELETE', path: KNOWLEDGE_BASE, status: 202 },
  { operation: 'CreateDataSource', method: 'PUT', path: `${KNOWLEDGE_BASE}/datasources/` },
  { operation: 'ListDataSources', method: 'POST', path: `${KNOWLEDGE_BASE}/datasources/` },
  { operation: 'GetDataSource', method: 'GET', path: DATA_SOURCE },
  { operation: 'UpdateDataSource', method: 'PUT', path: DATA_SOURCE },
  { operation: 'DeleteDataSource', method: 'DELETE', path: DATA_SOURCE, status: 202 },
  { operation: 'StartIngestionJob', method: 'PUT', path: `${DATA_SOURCE}/ingestionjobs/`, status: 202 },
  { operation: 'ListIngestionJobs', method: 'POST', path: `${DATA_SOURCE}/ingestionjobs/` },
  { operation: 'GetIngestionJob', method: 'GET', path: INGESTION_JOB },
  { operation: 'StopIngestionJob', method: 'POST', path: `${INGESTION_JOB}/stop`, status: 202 },
  { operation: 'ListTagsForResource', method: 'GET', path: '/tags/{resourceArn}' },
  { operation: 'TagResource', method: 'POST', path: '/tags/{resourceArn}' },
  { operation: 'UntagResource', method: 'DELETE', path: '/tags/{resourceArn}' },
];

/** Amazon Bedrock knowledge bases: their asynchronous life, not the retrieval of documents. */
export function createBedrockAgent(estate: Estate, options: Partial<BedrockAgentSettings> = {}): BedrockAgent {
  const settings: BedrockAgentSettings = {
    creatingFor: 50_000,
    deletingFor: 20_000,
    ingestingFor: 60_000,
    stoppingFor: 5_000,
    knowledgeBases: 100,
    dataSourcesPerKnowledgeBase: 5,
    indexExists: () => true,
    canAssumeRole: () => true,
    ...options,
  };
  const store = new KnowledgeBaseStore(estate);
  const failures: PlannedFailures = { creation: new Map(), deletion: new Map() };
  const operations: Record<string, Operation> = {
    ...knowledgeBaseOperations(store, settings, failures),
    ...dataSourceOperations(store, settings),
    ...ingestionOperations(store, settings),
    ...tagOperations(store),
  };

  return {
    service: {
      protocol: 'rest-json',
      name: 'bedrock-agent',
      signingNames: ['bedrock'],
      timestampFormat: 'iso8601',
      routes: ROUTES,
      operations: Object.fromEntries(
        Object.entries(operations).map(([name, operation]): [string, Operation] => [
          name,
          (input, call) => {
            store.settle();
            return operation(input, call);
          },
        ]),
      ),
    },
    failNextCreation: (name, reasons) => void failures.creation.set(name, reasons),
    failNextDeletion: (name, reasons) => void failures.deletion.set(name, reasons),
    knowledgeBases() {
      store.settle();
      return [...store.knowledgeBases.values()].map(({ answer: { knowledgeBaseId: id, name, status }, tags }) => ({
        id,
        name,
        status,
        tags,
      }));
    },
  };
}

/** Of the resources here only knowledge bases have tags. */
function tagOperations(store: KnowledgeBaseStore) {
  const tagged = (arn: string | undefined) => {
    const found = [...store.knowledgeBases.values()].find(({ answer }) => answer.knowledgeBaseArn === arn);
    if (!found) throw notFound(`The resource ${arn} is not found.`);
    return found;
  };

  return {
    ListTagsForResource(input: ListTagsForResourceCommandInput): ListTagsForResourceResponse {
      return { tags: { ...tagged(input.resourceArn).tags } };
    },

    TagResource(input: TagResourceCommandInput): Record<string, never> {
      const record = tagged(input.resourceArn);
      record.tags = { ...record.tags, ...input.tags };
      return {};
    },

    /** A single key arrives from the query as a string. */
    UntagResource(input: {
      readonly resourceArn?: string;
      readonly tagKeys?: string | readonly string[];
    }): Record<string, never> {
      const record = tagged(input.resourceArn);
      const keys = [input.tagKeys ?? []].flat();
      record.tags = Object.fromEntries(Object.entries(record.tags).filter(([key]) => !keys.includes(key)));
      return {};
    },
  };
}

import { isDeepStrictEqual } from 'node:util';
import type {
  CreateKnowledgeBaseCommandInput,
  CreateKnowledgeBaseResponse,
  DeleteKnowledgeBaseCommandInput,
  DeleteKnowledgeBaseResponse,
  GetKnowledgeBaseCommandInput,
  GetKnowledgeBaseResponse,
  ListKnowledgeBasesCommandInput,
  ListKnowledgeBasesResponse,
  UpdateKnowledgeBaseCommandInput,
  UpdateKnowledgeBaseResponse,
} from '@aws-sdk/client-bedrock-agent';
import type { BedrockAgentSettings } from '../bedrock-agent';
import {
  bedrockPage,
  checkClientToken,
  checked,
  checkName,
  conflict,
  type KnowledgeBaseRecord,
  type KnowledgeBaseStore,
  newId,
  quotaExceeded,
  refuse,
} from './store';

/** What tests plan to go wrong, by name of the knowledge base. */
export interface PlannedFailures {
  readonly creation: Map<string, readonly string[]>;
  readonly deletion: Map<string, readonly string[]>;
}

const ROLE = /^arn:aws(-[^:]+)?:iam::([0-9]{12})?:role\/.+$/;

export function knowledgeBaseOperations(
  store: KnowledgeBaseStore,
  settings: BedrockAgentSettings,
  failures: PlannedFailures,
) {
  /** The name stays taken until the deletion is through, also in DELETE_UNSUCCESSFUL. */
  const checkNameIsFree = (name: string, self?: KnowledgeBaseRecord) => {
    for (const record of store.knowledgeBases.values()) {
      if (record !== self && record.answer.name === name)
        throw conflict(`KnowledgeBase with name ${name} already exists`);
    }
  };

  return {
    CreateKnowledgeBase(input: CreateKnowledgeBaseCommandInput): CreateKnowledgeBaseResponse {
      const name = checkName(input.name);
      const clientToken = checkClientToken(input.clientToken);
      const roleArn = checked(input.roleArn, 'roleArn', ROLE);
      const replayed = [...store.knowledgeBases.values()].find(
        (record) => clientToken && record.clientToken === clientToken,
      );
      if (replayed) return { knowledgeBase: replayed.firstAnswer };

      const knowledgeBaseConfiguration = checkConfiguration(input.knowledgeBaseConfiguration);
      checkNameIsFree(name);
      if (store.knowledgeBases.size >= settings.knowledgeBases) {
        throw quotaExceeded('knowledge bases per account and Region', settings.knowledgeBases);
      }
      if (!settings.canAssumeRole(roleArn)) {
        refuse(
          `Bedrock Knowledge Base was unable to assume the given role. Provide the proper permissions and retry the request.`,
        );
      }
      checkStorage(input.storageConfiguration, settings);

      const knowledgeBaseId = newId();
      const answer = {
        knowledgeBaseId,
        name,
        knowledgeBaseArn: store.arnOf(knowledgeBaseId),
        description: input.description,
        roleArn,
        knowledgeBaseConfiguration,
        storageConfiguration: input.storageConfiguration,
        status: 'CREATING' as const,
        createdAt: store.now(),
        updatedAt: store.now(),
      };
      const record: KnowledgeBaseRecord = {
        answer,
        clientToken,
        firstAnswer: answer,
        tags: input.tags ?? {},
        dataSources: new Map(),
        transition: undefined,
      };
      record.transition = store.after(settings.creatingFor, (updatedAt) => {
        const failureReasons = failures.creation.get(name);
        failures.creation.delete(name);
        record.answer = failureReasons
          ? { ...record.answer, status: 'FAILED', failureReasons: [...failureReasons], updatedAt }
          : { ...record.answer, status: 'ACTIVE', updatedAt };
      });
      store.knowledgeBases.set(knowledgeBaseId, record);
      return { knowledgeBase: answer };
    },

    GetKnowledgeBase(input: GetKnowledgeBaseCommandInput): GetKnowledgeBaseResponse {
      return { knowledgeBase: store.knowledgeBase(input.knowledgeBaseId).answer };
    },

    ListKnowledgeBases(input: ListKnowledgeBasesCommandInput): ListKnowledgeBasesResponse {
      const { items, next } = bedrockPage([...store.knowledgeBases.values()], input.maxResults, input.nextToken);
      const summaries = items.map(({ answer: { knowledgeBaseId, name, description, status, updatedAt } }) => ({
        knowledgeBaseId,
        name,
        description,
        status,
        updatedAt,
      }));
      return { knowledgeBaseSummaries: summaries, nextToken: next };
    },

    UpdateKnowledgeBase(input: UpdateKnowledgeBaseCommandInput): UpdateKnowledgeBaseResponse {
      const record = store.knowledgeBase(input.knowledgeBaseId);
      const name = checkName(input.name);
      checkSettled(record);
      checkNameIsFree(name, record);
      if (
        !isDeepStrictEqual(
          checkConfiguration(input.knowledgeBaseConfiguration),
          record.answer.knowledgeBaseConfiguration,
        )
      ) {
        refuse('knowledgeBaseConfiguration cannot be updated once created');
      }
      if (
        input.storageConfiguration &&
        !isDeepStrictEqual(input.storageConfiguration, record.answer.storageConfiguration)
      ) {
        refuse('storageConfiguration cannot be updated once created');
      }
      const { description } = input;
      const roleArn = checked(input.roleArn, 'roleArn', ROLE);
      record.answer = { ...record.answer, name, description, roleArn, updatedAt: store.now() };
      return { knowledgeBase: record.answer };
    },

    DeleteKnowledgeBase(input: DeleteKnowledgeBaseCommandInput): DeleteKnowledgeBaseResponse {
      const record = store.knowledgeBase(input.knowledgeBaseId);
      const { knowledgeBaseId, name } = record.answer;
      checkSettled(record);
      if (record.dataSources.size > 0) {
        throw conflict(
          `KnowledgeBase ${knowledgeBaseId} still has ${record.dataSources.size} data source(s). Delete them first.`,
        );
      }
      record.answer = { ...record.answer, status: 'DELETING', failureReasons: undefined, updatedAt: store.now() };
      record.transition = store.after(settings.deletingFor, (updatedAt) => {
        const failureReasons = failures.deletion.get(name);
        failures.deletion.delete(name);
        if (!failureReasons) store.knowledgeBases.delete(knowledgeBaseId);
        else
          record.answer = {
            ...record.answer,
            status: 'DELETE_UNSUCCESSFUL',
            failureReasons: [...failureReasons],
            updatedAt,
          };
      });
      return { knowledgeBaseId, status: 'DELETING' };
    },
  };
}

/** While something is under way, everything else has to wait. */
function checkSettled({ answer }: KnowledgeBaseRecord): void {
  if (answer.status === 'CREATING' || answer.status === 'DELETING') {
    throw conflict(`KnowledgeBase ${answer.knowledgeBaseId} is in ${answer.status} state. Retry when it has settled.`);
  }
}

function checkConfiguration(configuration: CreateKnowledgeBaseCommandInput['knowledgeBaseConfiguration']) {
  checked(configuration?.type, 'knowledgeBaseConfiguration.type', /^VECTOR$/);
  checked(
    configuration?.vectorKnowledgeBaseConfiguration?.embeddingModelArn,
    'knowledgeBaseConfiguration.vectorKnowledgeBaseConfiguration.embeddingModelArn',
  );
  return configuration;
}

function checkStorage(
  storage: CreateKnowledgeBaseCommandInput['storageConfiguration'],
  { indexExists }: BedrockAgentSettings,
): void {
  const at = 'storageConfiguration.opensearchManagedClusterConfiguration';
  // The only kind of vector store that the sandbox has.
  checked(storage?.type, 'storageConfiguration.type', /^OPENSEARCH_MANAGED_CLUSTER$/);
  const cluster = storage?.opensearchManagedClusterConfiguration;
  const domainArn = checked(cluster?.domainArn, `${at}.domainArn`, /^arn:aws(-[^:]+)?:es:[^:]+:\d{12}:domain\/.+$/);
  checked(cluster?.domainEndpoint, `${at}.domainEndpoint`, /^https:\/\/.+$/);
  const indexName = checked(cluster?.vectorIndexName, `${at}.vectorIndexName`);
  for (const field of ['vectorField', 'textField', 'metadataField'] as const) {
    checked(cluster?.fieldMapping?.[field], `${at}.fieldMapping.${field}`);
  }
  if (!indexExists(domainArn, indexName)) {
    refuse(
      `The knowledge base storage configuration provided is invalid... Dependency error document status code: 404, ` +
        `error message: no such index [${indexName}]`,
    );
  }
}

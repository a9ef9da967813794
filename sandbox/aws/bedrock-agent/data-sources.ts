import { isDeepStrictEqual } from 'node:util';
import type {
  CreateDataSourceCommandInput,
  CreateDataSourceResponse,
  DeleteDataSourceCommandInput,
  DeleteDataSourceResponse,
  GetDataSourceCommandInput,
  GetDataSourceResponse,
  ListDataSourcesCommandInput,
  ListDataSourcesResponse,
  UpdateDataSourceCommandInput,
  UpdateDataSourceResponse,
  VectorIngestionConfiguration,
} from '@aws-sdk/client-bedrock-agent';
import type { BedrockAgentSettings } from '../bedrock-agent';
import { isUnderWay } from './ingestion';
import {
  bedrockPage,
  checkClientToken,
  checked,
  checkName,
  conflict,
  type DataSourceRecord,
  type KnowledgeBaseRecord,
  type KnowledgeBaseStore,
  newId,
  quotaExceeded,
  refuse,
} from './store';

/** Data sources of knowledge bases. Nothing says that their names are unique, so the sandbox lets two share one. */
export function dataSourceOperations(store: KnowledgeBaseStore, settings: BedrockAgentSettings) {
  return {
    CreateDataSource(input: CreateDataSourceCommandInput): CreateDataSourceResponse {
      const { answer: parent, dataSources } = activeKnowledgeBase(store, input.knowledgeBaseId);
      const definition = definitionOf(input);
      const clientToken = checkClientToken(input.clientToken);
      const replayed = [...dataSources.values()].find((record) => clientToken && record.clientToken === clientToken);
      if (replayed) return { dataSource: replayed.firstAnswer };
      if (dataSources.size >= settings.dataSourcesPerKnowledgeBase) {
        throw quotaExceeded('data sources per knowledge base', settings.dataSourcesPerKnowledgeBase);
      }

      const dataSourceId = newId();
      const answer = {
        knowledgeBaseId: parent.knowledgeBaseId,
        dataSourceId,
        ...definition,
        status: 'AVAILABLE' as const,
        createdAt: store.now(),
        updatedAt: store.now(),
      };
      dataSources.set(dataSourceId, {
        answer,
        clientToken,
        firstAnswer: answer,
        jobs: new Map(),
        transition: undefined,
      });
      return { dataSource: answer };
    },

    GetDataSource(input: GetDataSourceCommandInput): GetDataSourceResponse {
      return { dataSource: store.dataSource(store.knowledgeBase(input.knowledgeBaseId), input.dataSourceId).answer };
    },

    ListDataSources(input: ListDataSourcesCommandInput): ListDataSourcesResponse {
      const { dataSources } = store.knowledgeBase(input.knowledgeBaseId);
      const { items, next } = bedrockPage([...dataSources.values()], input.maxResults, input.nextToken);
      const summaries = items.map(
        ({ answer: { knowledgeBaseId, dataSourceId, name, status, description, updatedAt } }) => ({
          knowledgeBaseId,
          dataSourceId,
          name,
          status,
          description,
          updatedAt,
        }),
      );
      return { dataSourceSummaries: summaries, nextToken: next };
    },

    /** Replaces the whole definition: what the caller leaves out goes back to its default. */
    UpdateDataSource(input: UpdateDataSourceCommandInput): UpdateDataSourceResponse {
      const record = store.dataSource(store.knowledgeBase(input.knowledgeBaseId), input.dataSourceId);
      if (record.answer.status === 'DELETING') throw conflict(`DataSource ${input.dataSourceId} is in DELETING state.`);
      const definition = definitionOf(input);
      checkUnchanged(record.answer.vectorIngestionConfiguration, input.vectorIngestionConfiguration);
      const { knowledgeBaseId, dataSourceId, createdAt } = record.answer;
      const status = 'AVAILABLE' as const;
      record.answer = { knowledgeBaseId, dataSourceId, ...definition, status, createdAt, updatedAt: store.now() };
      return { dataSource: record.answer };
    },

    DeleteDataSource(input: DeleteDataSourceCommandInput): DeleteDataSourceResponse {
      const knowledgeBase = store.knowledgeBase(input.knowledgeBaseId);
      const record = store.dataSource(knowledgeBase, input.dataSourceId);
      const { dataSourceId } = record.answer;
      if (record.answer.status === 'DELETING') throw conflict(`DataSource ${dataSourceId} is in DELETING state.`);
      if ([...record.jobs.values()].some(isUnderWay)) {
        throw conflict(
          `DataSource ${dataSourceId} has an ongoing ingestion job. Stop it or wait until it is complete.`,
        );
      }
      record.answer = { ...record.answer, status: 'DELETING', failureReasons: undefined, updatedAt: store.now() };
      record.transition = store.after(settings.deletingFor, (at) =>
        finishDeletion(knowledgeBase, record, settings, at),
      );
      return { knowledgeBaseId: knowledgeBase.answer.knowledgeBaseId, dataSourceId, status: 'DELETING' };
    },
  };
}

/** With the policy DELETE, Bedrock deletes the vectors itself; that fails when their index is already gone. */
function finishDeletion(
  knowledgeBase: KnowledgeBaseRecord,
  record: DataSourceRecord,
  settings: BedrockAgentSettings,
  updatedAt: Date,
): void {
  const { dataSourceId, dataDeletionPolicy } = record.answer;
  const cluster = knowledgeBase.answer.storageConfiguration?.opensearchManagedClusterConfiguration;
  const canDelete = settings.indexExists(cluster?.domainArn ?? '', cluster?.vectorIndexName ?? '');
  if (dataDeletionPolicy === 'RETAIN' || canDelete) {
    knowledgeBase.dataSources.delete(dataSourceId);
    return;
  }
  const reason =
    `Unable to delete data from vector store for data source with ID ${dataSourceId}. Check your vector store configurations ` +
    `and permissions and retry your request. If the issue persists, consider updating the dataDeletionPolicy of the data source ` +
    `to RETAIN and retry your request.`;
  record.answer = { ...record.answer, status: 'DELETE_UNSUCCESSFUL', failureReasons: [reason], updatedAt };
}

function activeKnowledgeBase(store: KnowledgeBaseStore, id: string | undefined): KnowledgeBaseRecord {
  const record = store.knowledgeBase(id);
  const { status, knowledgeBaseId } = record.answer;
  if (status !== 'ACTIVE') throw conflict(`KnowledgeBase ${knowledgeBaseId} is in ${status} state; it must be ACTIVE.`);
  return record;
}

function definitionOf(input: CreateDataSourceCommandInput | UpdateDataSourceCommandInput) {
  const name = checkName(input.name);
  const configuration = input.dataSourceConfiguration;
  checked(configuration?.type, 'dataSourceConfiguration.type', /^S3$/);
  const s3 = configuration?.s3Configuration;
  checked(s3?.bucketArn, 'dataSourceConfiguration.s3Configuration.bucketArn', /^arn:aws(-[^:]+)?:s3:::.+$/);
  if (s3?.inclusionPrefixes !== undefined && s3.inclusionPrefixes.length !== 1) {
    refuse(
      `1 validation error detected: Value at 'dataSourceConfiguration.s3Configuration.inclusionPrefixes' failed to satisfy ` +
        `constraint: Member must have length equal to 1`,
    );
  }
  return {
    name,
    description: input.description,
    dataSourceConfiguration: configuration,
    serverSideEncryptionConfiguration: input.serverSideEncryptionConfiguration,
    vectorIngestionConfiguration: input.vectorIngestionConfiguration,
    dataDeletionPolicy: input.dataDeletionPolicy ?? 'DELETE',
  };
}

function checkUnchanged(before: VectorIngestionConfiguration = {}, after: VectorIngestionConfiguration = {}): void {
  for (const part of ['chunkingConfiguration', 'parsingConfiguration'] as const) {
    if (!isDeepStrictEqual(before[part], after[part])) refuse(`${part} cannot be updated once created`);
  }
}

import type {
  GetIngestionJobCommandInput,
  GetIngestionJobResponse,
  IngestionJobStatus,
  ListIngestionJobsCommandInput,
  ListIngestionJobsResponse,
  StartIngestionJobCommandInput,
  StartIngestionJobResponse,
  StopIngestionJobCommandInput,
  StopIngestionJobResponse,
} from '@aws-sdk/client-bedrock-agent';
import type { BedrockAgentSettings } from '../bedrock-agent';
import {
  bedrockPage,
  checkClientToken,
  conflict,
  type DataSourceRecord,
  type IngestionJobRecord,
  type KnowledgeBaseStore,
  newId,
  refuse,
} from './store';

/** Ingestion jobs run through their statuses but read no documents: their statistics stay at zero. */
export function ingestionOperations(store: KnowledgeBaseStore, settings: BedrockAgentSettings) {
  const dataSourceOf = (input: { knowledgeBaseId: string | undefined; dataSourceId: string | undefined }) =>
    store.dataSource(store.knowledgeBase(input.knowledgeBaseId), input.dataSourceId);
  const enter = (record: IngestionJobRecord, status: IngestionJobStatus, updatedAt: Date) => {
    record.answer = { ...record.answer, status, updatedAt };
  };

  return {
    /** One job at a time for a knowledge base, whatever its data source. */
    StartIngestionJob(input: StartIngestionJobCommandInput): StartIngestionJobResponse {
      const knowledgeBase = store.knowledgeBase(input.knowledgeBaseId);
      const dataSource = store.dataSource(knowledgeBase, input.dataSourceId);
      const clientToken = checkClientToken(input.clientToken);
      const replayed = [...dataSource.jobs.values()].find((job) => clientToken && job.clientToken === clientToken);
      if (replayed) return { ingestionJob: replayed.answer };
      checkAvailable(dataSource);
      const jobs = [...knowledgeBase.dataSources.values()].flatMap((source) => [...source.jobs.values()]);
      const other = jobs.find(isUnderWay);
      if (other)
        throw conflict(`There is an ongoing ingestion job for the knowledge base: ${other.answer.ingestionJobId}.`);

      const job: IngestionJobRecord = {
        answer: {
          knowledgeBaseId: knowledgeBase.answer.knowledgeBaseId,
          dataSourceId: dataSource.answer.dataSourceId,
          ingestionJobId: newId(),
          description: input.description,
          status: 'STARTING',
          statistics: { numberOfDocumentsScanned: 0, numberOfDocumentsFailed: 0, numberOfNewDocumentsIndexed: 0 },
          startedAt: store.now(),
          updatedAt: store.now(),
        },
        clientToken,
        transition: undefined,
      };
      const half = settings.ingestingFor / 2;
      job.transition = store.after(half, (halfway) => {
        enter(job, 'IN_PROGRESS', halfway);
        job.transition = store.after(half, (end) => enter(job, 'COMPLETE', end), halfway);
      });
      dataSource.jobs.set(job.answer.ingestionJobId, job);
      return { ingestionJob: job.answer };
    },

    StopIngestionJob(input: StopIngestionJobCommandInput): StopIngestionJobResponse {
      const job = store.job(dataSourceOf(input), input.ingestionJobId);
      if (job.answer.status !== 'STARTING' && job.answer.status !== 'IN_PROGRESS') {
        throw conflict(`IngestionJob ${input.ingestionJobId} is in ${job.answer.status} state and cannot be stopped.`);
      }
      enter(job, 'STOPPING', store.now());
      job.transition = store.after(settings.stoppingFor, (at) => enter(job, 'STOPPED', at));
      return { ingestionJob: job.answer };
    },

    GetIngestionJob(input: GetIngestionJobCommandInput): GetIngestionJobResponse {
      return { ingestionJob: store.job(dataSourceOf(input), input.ingestionJobId).answer };
    },

    ListIngestionJobs(input: ListIngestionJobsCommandInput): ListIngestionJobsResponse {
      const wanted = statusFilter(input);
      const jobs = [...dataSourceOf(input).jobs.values()]
        .map(({ answer }) => answer)
        .filter(({ status }) => wanted(status));
      const { items, next } = bedrockPage(jobs, input.maxResults, input.nextToken);
      return { ingestionJobSummaries: [...items], nextToken: next };
    },
  };
}

export function isUnderWay({ answer }: IngestionJobRecord): boolean {
  return answer.status === 'STARTING' || answer.status === 'IN_PROGRESS' || answer.status === 'STOPPING';
}

function checkAvailable({ answer }: DataSourceRecord): void {
  if (answer.status !== 'AVAILABLE') throw conflict(`DataSource ${answer.dataSourceId} is in ${answer.status} state.`);
}

function statusFilter({ filters }: ListIngestionJobsCommandInput): (status: string) => boolean {
  const [filter] = filters ?? [];
  if (!filter) return () => true;
  if (filter.attribute !== 'STATUS' || filter.operator !== 'EQ')
    refuse('Filters take the attribute STATUS and the operator EQ.');
  return (status) => filter.values?.includes(status) ?? false;
}

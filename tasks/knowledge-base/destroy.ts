import {
  type DataSource,
  DeleteDataSourceCommand,
  DeleteKnowledgeBaseCommand,
  type KnowledgeBase,
  ListIngestionJobsCommand,
  StopIngestionJobCommand,
  UpdateDataSourceCommand,
} from '@aws-sdk/client-bedrock-agent';
import { isNamed } from '../shared/aws-errors';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { ResourceTimedOutError } from '../shared/errors';
import { executionNameOf, knowledgeBaseName } from '../shared/names';
import type { Ledger, LedgerEntry } from '../shared/registry';
import { destroyKnowledgeBase as contract, KNOWLEDGE_BASE } from './contract';
import { bedrock, dataSourcesOf, getKnowledgeBase, knowledgeBasesOfAccount } from './knowledge-base-calls';

/** Deletions that Bedrock may fail before a person has to look. */
const DELETIONS = 5;

/**
 * Takes the knowledge base apart, one look and one step per run: ingestion stopped, data sources to RETAIN and deleted,
 * then the knowledge base. With RETAIN Bedrock leaves the vectors to us; otherwise it empties the index itself and is
 * stuck when anything is missing. The role, the index and the key must still be there [kb-delete].
 */
export async function destroyKnowledgeBase({ tenantId, executionArn }: TaskInput, scope: FencedScope<never>) {
  const { app, ledger, assertStillAllowed } = scope;
  const entry = await ledger.read();
  const known = entry?.physicalId === undefined ? undefined : await getKnowledgeBase(entry.physicalId);
  const knowledgeBase = known ?? (await knowledgeBaseByName(knowledgeBaseName(app, tenantId)));
  const id = knowledgeBase?.knowledgeBaseId ?? entry?.physicalId;
  if (id === undefined || knowledgeBase === undefined) {
    const removed = id === undefined ? 0 : 1;
    await ledger.destroyed(entry, {
      destroyedBy: executionNameOf(executionArn),
      ...(id && { physicalId: id, removed }),
    });
    return { physicalId: id ?? 'never made', gone: true, removed };
  }
  if (!BUSY.has(knowledgeBase.status ?? '')) {
    await assertStillAllowed();
    const sources = await unlessBusy(() => dataSourcesOf(id));
    if (sources === undefined) return { physicalId: id, gone: false, removed: 0 };
    const attempts = await failedAttempts(tenantId, knowledgeBase, sources, entry, ledger);
    const noted = { ...(entry ?? { type: KNOWLEDGE_BASE, since: scope.now().toISOString(), generation: 0 }) };
    // Noted before, because afterwards only the ledger knows it once Bedrock has forgotten it.
    await ledger.progress({ ...noted, phase: 'DONE', physicalId: id, removed: attempts }, 0);
    await unlessBusy(() => takeNextStep(id, sources));
  }
  return { physicalId: id, gone: false, removed: 0 };
}

/** Only the list gives the name; the list may be behind. */
async function knowledgeBaseByName(name: string): Promise<KnowledgeBase | undefined> {
  const found = (await knowledgeBasesOfAccount()).find((one) => one.name === name);
  return found === undefined ? undefined : getKnowledgeBase(found.id);
}

const BUSY = new Set(['CREATING', 'UPDATING', 'DELETING']);

async function takeNextStep(knowledgeBaseId: string, sources: readonly DataSource[]): Promise<void> {
  for (const source of sources) await deleteDataSource(knowledgeBaseId, source);
  if (sources.length === 0) await bedrock.send(new DeleteKnowledgeBaseCommand({ knowledgeBaseId }));
}

async function deleteDataSource(knowledgeBaseId: string, source: DataSource): Promise<void> {
  const { dataSourceId, status } = source;
  if (status === 'DELETING') return;
  const { ingestionJobSummaries = [] } = await bedrock.send(
    new ListIngestionJobsCommand({ knowledgeBaseId, dataSourceId }),
  );
  const running = ingestionJobSummaries.filter((job) =>
    ['STARTING', 'IN_PROGRESS', 'STOPPING'].includes(job.status ?? ''),
  );
  for (const { ingestionJobId, status: jobStatus } of running) {
    if (jobStatus !== 'STOPPING')
      await bedrock.send(new StopIngestionJobCommand({ knowledgeBaseId, dataSourceId, ingestionJobId }));
  }
  if (running.length > 0) return;
  if (source.dataDeletionPolicy !== 'RETAIN') await retainVectors(source);
  await bedrock.send(new DeleteDataSourceCommand({ knowledgeBaseId, dataSourceId }));
}

/** UpdateDataSource replaces everything: what is left out is reset, or refused as a change. */
async function retainVectors({
  knowledgeBaseId,
  dataSourceId,
  name,
  description,
  dataSourceConfiguration,
  serverSideEncryptionConfiguration,
  vectorIngestionConfiguration,
}: DataSource): Promise<void> {
  await bedrock.send(
    new UpdateDataSourceCommand({
      knowledgeBaseId,
      dataSourceId,
      name,
      description,
      dataSourceConfiguration,
      serverSideEncryptionConfiguration,
      vectorIngestionConfiguration,
      dataDeletionPolicy: 'RETAIN',
    }),
  );
}

/** Bedrock refuses a step while another one is under way: the next run looks again. */
async function unlessBusy<T>(step: () => Promise<T>): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    if (isNamed(error, 'ConflictException', 'ResourceNotFoundException')) return undefined;
    throw error;
  }
}

/**
 * Failed deletions in a row so far, with this one. At the limit a person has to look, and the count starts anew, so that a
 * redrive after the repair tries again.
 */
async function failedAttempts(
  tenantId: string,
  { knowledgeBaseId, status, failureReasons = [] }: KnowledgeBase,
  sources: readonly DataSource[],
  entry: LedgerEntry | undefined,
  ledger: Ledger,
): Promise<number> {
  const stuck = sources.filter((source) => source.status === 'DELETE_UNSUCCESSFUL');
  if (status !== 'DELETE_UNSUCCESSFUL' && stuck.length === 0) return entry?.removed ?? 0;
  const failed = (entry?.removed ?? 0) + 1;
  if (failed <= DELETIONS) return failed;
  await ledger.progress(entry && { ...entry, removed: 0 }, 0);
  const reasons = [...failureReasons, ...stuck.flatMap((source) => source.failureReasons ?? [])];
  throw new ResourceTimedOutError(
    `tenant ${tenantId}: knowledge base ${knowledgeBaseId} could not be deleted in ${DELETIONS} attempts: ${reasons.join('; ')}`,
  );
}

export const handler = defineStep(contract, destroyKnowledgeBase);

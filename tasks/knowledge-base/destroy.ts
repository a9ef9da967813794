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
import { destroyKnowledgeBase as contract, KNOWLEDGE_BASE, STEP_WITHIN_MINUTES } from './contract';
import { bedrock, dataSourcesOf, getKnowledgeBase, knowledgeBasesOfAccount } from './knowledge-base-calls';

/** Deletions that Bedrock may fail before a person has to look. */
const DELETIONS = 5;

/**
 * Takes the knowledge base apart, one look and one step per run: ingestion stopped, data sources to RETAIN and deleted,
 * then the knowledge base. With RETAIN Bedrock leaves the vectors to us; otherwise it empties the index itself and is
 * stuck when anything is missing. The role, the index and the key must still be there [kb-delete].
 */
export async function destroyKnowledgeBase({ tenantId, executionArn }: TaskInput, scope: FencedScope<never>) {
  const { app, ledger } = scope;
  const entry = await ledger.read();
  const known = entry?.physicalId === undefined ? undefined : await getKnowledgeBase(entry.physicalId);
  const knowledgeBase = known ?? (await knowledgeBaseByName(knowledgeBaseName(app, tenantId)));
  const id = knowledgeBase?.knowledgeBaseId ?? entry?.physicalId;
  if (id === undefined || knowledgeBase === undefined) {
    const removed = id === undefined ? 0 : 1;
    await ledger.destroyed(entry && { ...entry, deletingSince: undefined }, {
      destroyedBy: executionNameOf(executionArn),
      ...(id && { physicalId: id, removed }),
    });
    return { physicalId: id ?? 'never made', gone: true, removed };
  }
  const since = scope.now().toISOString();
  const noted: Noted = { type: KNOWLEDGE_BASE, since, generation: 0, ...entry, phase: 'DONE', physicalId: id };
  const busy = BUSY.has(knowledgeBase.status ?? '');
  if (busy || !(await takeNextStep(tenantId, knowledgeBase, noted, scope))) {
    await assertNotStuck(tenantId, knowledgeBase, (await ledger.read()) ?? noted, scope);
  }
  return { physicalId: id, gone: false, removed: 0 };
}

/** The ledger's entry once the id is known. */
type Noted = LedgerEntry & { readonly physicalId: string };

async function knowledgeBaseByName(name: string): Promise<KnowledgeBase | undefined> {
  const found = (await knowledgeBasesOfAccount()).find((one) => one.name === name);
  return found === undefined ? undefined : getKnowledgeBase(found.id);
}

const BUSY = new Set(['CREATING', 'UPDATING', 'DELETING']);

/** False when nothing was to be done: Bedrock has to finish an earlier step first. */
async function takeNextStep(
  tenantId: string,
  knowledgeBase: KnowledgeBase,
  noted: Noted,
  { ledger, now, assertStillAllowed }: FencedScope<never>,
): Promise<boolean> {
  const id = noted.physicalId;
  await assertStillAllowed();
  const sources = await unlessBusy(() => dataSourcesOf(id));
  if (sources === undefined) return false;
  const removed = await failedAttempts(tenantId, knowledgeBase, sources, noted, ledger);
  // Noted before, because afterwards only the ledger knows it once Bedrock has forgotten it.
  await ledger.progress({ ...noted, removed }, 0);
  if ((await unlessBusy(() => deleteNext(id, sources))) !== true) return false;
  await ledger.progress({ ...noted, removed, deletingSince: now().toISOString() }, 0);
  return true;
}

/**
 * Bounds the time that Bedrock may take for one step. At the limit a person has to look, and the time starts anew, so that
 * a redrive after the repair waits again.
 */
async function assertNotStuck(
  tenantId: string,
  { knowledgeBaseId, status }: KnowledgeBase,
  entry: LedgerEntry,
  { ledger, now }: FencedScope<never>,
): Promise<void> {
  const { deletingSince } = entry;
  const at = now();
  const stuck = deletingSince !== undefined && at.getTime() - Date.parse(deletingSince) > STEP_WITHIN_MINUTES * 60_000;
  if (stuck) await ledger.progress({ ...entry, deletingSince: undefined }, 0);
  else if (deletingSince === undefined) await ledger.progress({ ...entry, deletingSince: at.toISOString() }, 0);
  if (!stuck) return;
  throw new ResourceTimedOutError(
    `tenant ${tenantId}: knowledge base ${knowledgeBaseId} has been ${status} since ${deletingSince}, longer than the ${STEP_WITHIN_MINUTES} minutes that a step of its deletion may take`,
  );
}

/** False when only steps taken before have to end. */
async function deleteNext(knowledgeBaseId: string, sources: readonly DataSource[]): Promise<boolean> {
  if (sources.length === 0) await bedrock.send(new DeleteKnowledgeBaseCommand({ knowledgeBaseId }));
  let acted = sources.length === 0;
  for (const source of sources) acted = (await deleteDataSource(knowledgeBaseId, source)) || acted;
  return acted;
}

async function deleteDataSource(knowledgeBaseId: string, source: DataSource): Promise<boolean> {
  const { dataSourceId, status } = source;
  if (status === 'DELETING') return false;
  const { ingestionJobSummaries = [] } = await bedrock.send(
    new ListIngestionJobsCommand({ knowledgeBaseId, dataSourceId }),
  );
  const running = ingestionJobSummaries.filter((job) =>
    ['STARTING', 'IN_PROGRESS', 'STOPPING'].includes(job.status ?? ''),
  );
  const toStop = running.filter((job) => job.status !== 'STOPPING');
  for (const { ingestionJobId } of toStop) {
    await bedrock.send(new StopIngestionJobCommand({ knowledgeBaseId, dataSourceId, ingestionJobId }));
  }
  if (running.length > 0) return toStop.length > 0;
  if (source.dataDeletionPolicy !== 'RETAIN') await retainVectors(source);
  await bedrock.send(new DeleteDataSourceCommand({ knowledgeBaseId, dataSourceId }));
  return true;
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
  entry: LedgerEntry,
  ledger: Ledger,
): Promise<number> {
  const stuck = sources.filter((source) => source.status === 'DELETE_UNSUCCESSFUL');
  if (status !== 'DELETE_UNSUCCESSFUL' && stuck.length === 0) return entry.removed ?? 0;
  const failed = (entry.removed ?? 0) + 1;
  if (failed <= DELETIONS) return failed;
  await ledger.progress({ ...entry, removed: 0 }, 0);
  const reasons = [...failureReasons, ...stuck.flatMap((source) => source.failureReasons ?? [])];
  throw new ResourceTimedOutError(
    `tenant ${tenantId}: knowledge base ${knowledgeBaseId} could not be deleted in ${DELETIONS} attempts: ${reasons.join('; ')}`,
  );
}

export const handler = defineStep(contract, destroyKnowledgeBase);

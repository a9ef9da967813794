import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import {
  type DescribeExecutionOutput,
  DescribeStateMachineForExecutionCommand,
  GetExecutionHistoryCommand,
  type HistoryEvent,
} from '@aws-sdk/client-sfn';
import type { TaskScope } from '../shared/define-task';
import { sha256Hex } from '../shared/digest';
import { NotReadyError, ResourceConflictError } from '../shared/errors';
import { describeExecution, idsOf, sfn } from '../shared/executions';
import { executionNameOf, historyKey } from '../shared/names';
import { writeOnce } from '../shared/write-once';
import { extendChain } from './chain';
import { openAuditObjects } from './objects';

type Scope = Pick<TaskScope<never>, 'env' | 'registry' | 'now' | 'logger'>;

export type ArchiveOutcome =
  | 'archived'
  | 'archived before'
  /** It was redriven meanwhile: its next end is what will be archived. */
  | 'running again'
  /** Step Functions does not know it any more: nothing is left to archive. */
  | 'forgotten';

/**
 * Keeps what Step Functions forgets after 90 days: the execution and its whole history, as they stand at the end of this
 * attempt, and extends the tenant's chain by them. Each step looks at what is there, so that a repeat after a crash at any
 * point goes on where the first one stopped.
 */
export async function archiveExecution(executionArn: string, scope: Scope): Promise<ArchiveOutcome> {
  const { env, logger } = scope;
  const execution = await describeExecution(executionArn);
  if (execution === undefined) return 'forgotten';
  const redriveCount = execution.redriveCount ?? 0;
  if (!hasEnded(execution)) {
    // Its end is what called us, so an execution that never was redriven has ended, and the answer is an old one.
    if (redriveCount === 0) throw new NotReadyError(`execution ${executionArn} is ${execution.status} still`);
    return 'running again';
  }
  const ids = idsOf(execution.input);
  const key = historyKey(ids?.tenantId, executionArn, redriveCount);
  const present = await isPresent(key, executionArn, env.AUDIT_BUCKET);
  if (!present) {
    const archive = await compress(execution, ids);
    const after = await describeExecution(executionArn);
    // What was read may hold events of the new attempt.
    if (after === undefined || !hasEnded(after) || (after.redriveCount ?? 0) !== redriveCount) return 'running again';
    await writeOnce({
      Bucket: env.AUDIT_BUCKET,
      Key: key,
      Body: archive,
      ContentType: 'application/gzip',
      Metadata: { sha256: sha256Hex(archive), 'execution-arn': executionArn },
    });
    logger.info('history archived', { key, bytes: archive.length });
  }
  if (ids !== undefined) {
    const status = execution.status ?? '';
    await extendChain(
      ids.tenantId,
      { arn: executionArn, name: executionNameOf(executionArn), redriveCount, status },
      scope,
    );
  }
  return present ? 'archived before' : 'archived';
}

const hasEnded = ({ status }: DescribeExecutionOutput): boolean => status !== 'RUNNING' && status !== 'PENDING_REDRIVE';

/** Names are unique per state machine only: what stands there may be another execution's, started by hand under the same name. */
async function isPresent(key: string, executionArn: string, bucket: string): Promise<boolean> {
  const objects = openAuditObjects(bucket);
  // Asked by listing: S3 would answer 403, not 404, to a HeadObject of what is not there.
  const current = (await objects.list(key)).find((version) => version.key === key && version.isLatest);
  if (current === undefined || current.isDeleteMarker) return false;
  const owner = (await objects.metadataOf(current))['execution-arn'];
  if (owner === executionArn) return true;
  throw new ResourceConflictError(
    `execution ${executionArn} cannot be archived: ${key} is that of ${owner ?? 'an unknown execution'}`,
  );
}

const ENDS: ReadonlySet<string | undefined> = new Set([
  'ExecutionSucceeded',
  'ExecutionFailed',
  'ExecutionAborted',
  'ExecutionTimedOut',
]);

/**
 * The archived document, compressed page by page: a history has up to 25,000 events, and only their compressed bytes are
 * held in memory. The same execution gives the same bytes.
 */
async function compress(
  execution: DescribeExecutionOutput,
  ids: { readonly tenantId: string; readonly requestId: string } | undefined,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await pipeline(documentOf(execution, ids), createGzip({ level: 9 }), async (compressed) => {
    for await (const chunk of compressed) chunks.push(chunk as Buffer);
  });
  return Buffer.concat(chunks);
}

async function* documentOf(
  { $metadata: _, ...execution }: DescribeExecutionOutput & { $metadata?: unknown },
  ids: { readonly tenantId: string; readonly requestId: string } | undefined,
): AsyncGenerator<string> {
  const { tenantId = null, requestId = null } = ids ?? {};
  const stateMachine = await stateMachineOf(execution.executionArn ?? '');
  const head = JSON.stringify({ schemaVersion: 1, tenantId, requestId, execution, stateMachine });
  yield `${head.slice(0, -1)},"events":[`;
  let last: HistoryEvent | undefined;
  let redrives = 0;
  for await (const event of eventsOf(execution.executionArn ?? '')) {
    yield `${last === undefined ? '' : ','}${JSON.stringify(event)}`;
    if (event.type === 'ExecutionRedriven') redrives += 1;
    last = event;
  }
  // Reads may lag behind. What is archived is whole, or not archived yet.
  if (!ENDS.has(last?.type) || redrives !== (execution.redriveCount ?? 0))
    throw new NotReadyError(`the history of execution ${execution.executionArn} does not show its end yet`);
  yield ']}';
}

/** The definition that the execution ran, which a later deployment replaces. */
async function stateMachineOf(executionArn: string) {
  const { stateMachineArn, revisionId, definition } = await sfn.send(
    new DescribeStateMachineForExecutionCommand({ executionArn }),
  );
  return { stateMachineArn, revisionId, definition };
}

async function* eventsOf(executionArn: string): AsyncGenerator<HistoryEvent> {
  let nextToken: string | undefined;
  do {
    const page = await sfn.send(
      new GetExecutionHistoryCommand({
        executionArn,
        maxResults: 1000,
        includeExecutionData: true,
        ...(nextToken && { nextToken }),
      }),
    );
    yield* page.events ?? [];
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
}

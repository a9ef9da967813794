import { paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import { type ExecutionListItem, type ExecutionStatus, paginateListExecutions } from '@aws-sdk/client-sfn';
import { mapAwsError, redact } from '../shared/aws-errors';
import { REPEATABLE } from '../shared/clients';
import { defineTask, type TaskScope } from '../shared/define-task';
import { AuditChainBrokenError, errorName } from '../shared/errors';
import { sfn } from '../shared/executions';
import { inParallel } from '../shared/in-parallel';
import { METRICS } from '../shared/metrics';
import { AUDIT_ROOT, auditPrefix, historyKey, idsInName } from '../shared/names';
import { extendChain } from './chain';
import { reconcileArchive as contract } from './contract';
import { archiveExecution } from './history';
import { openAuditObjects } from './objects';

type Scope = TaskScope<(typeof contract.environment)[number]>;

const s3 = new S3Client(REPEATABLE);

const TERMINAL: readonly ExecutionStatus[] = ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'];
const DAY_MS = 86_400_000;
/** Listings and chains under way at the same time. */
const AT_ONCE = 10;
/** Real time for the work, well below the function's timeout: what one call more may take is left over. */
const BUDGET_MS = 12 * 60_000;

/**
 * Finds ended executions that are not archived (status events are delivered best effort) and archives them, the oldest
 * first: Step Functions forgets them 90 days after their end. Then extends the chains of tenants by what has waited for a
 * day, such as hold changes of a tenant for which nothing runs.
 */
export async function reconcileArchive(_event: unknown, scope: Scope, budgetMs = BUDGET_MS) {
  const { logger, measure, now } = scope;
  const started = performance.now();
  const hasTime = () => performance.now() - started < budgetMs;

  const executions = await endedExecutions(scope);
  const missing = await missingOf(executions, scope, hasTime);
  let archived = 0;
  const unarchived: ExecutionListItem[] = [];
  for (const execution of missing) {
    const done =
      hasTime() && (await attempt(() => archiveExecution(execution.executionArn ?? '', scope), execution, scope));
    if (done === 'archived') archived += 1;
    if (done === undefined || done === false || done === 'forgotten') unarchived.push(execution);
  }
  const today = now().getTime();
  // They are sorted by their ends.
  const oldest = unarchived[0]?.stopDate?.getTime() ?? today;
  measure({
    [METRICS.unarchivedExecutions]: unarchived.length,
    [METRICS.oldestUnarchived]: (today - oldest) / DAY_MS,
  });

  const { extended, left, broken } = await extendChains(scope, hasTime);
  const result = { executions: executions.length, archived, unarchived: unarchived.length, extended, left };
  logger.info('reconciled', result);
  if (broken.length > 0)
    throw new AuditChainBrokenError(
      `${broken.length} audit chains are broken: tenants ${broken.slice(0, 10).join(', ')}${broken.length > 10 ? ', …' : ''}`,
    );
  return result;
}

/** Of all machines, as far back as Step Functions remembers; the earliest end first. */
async function endedExecutions({ env }: Scope): Promise<readonly ExecutionListItem[]> {
  const executions: ExecutionListItem[] = [];
  for (const stateMachineArn of [
    env.ONBOARD_STATE_MACHINE_ARN,
    env.OFFBOARD_STATE_MACHINE_ARN,
    env.REINSTATE_STATE_MACHINE_ARN,
  ]) {
    for (const statusFilter of TERMINAL) {
      const pages = paginateListExecutions({ client: sfn, pageSize: 1000 }, { stateMachineArn, statusFilter });
      for await (const page of pages) executions.push(...(page.executions ?? []));
    }
  }
  return executions.sort((a, b) => (a.stopDate?.getTime() ?? 0) - (b.stopDate?.getTime() ?? 0));
}

/**
 * Those without a history object of their current attempt, in the same order. The tenant is taken from the name; where
 * that names none, or another than the input does, archiving looks again. What could not be looked at counts as missing.
 */
async function missingOf(
  executions: readonly ExecutionListItem[],
  { env }: Scope,
  hasTime: () => boolean,
): Promise<readonly ExecutionListItem[]> {
  const objects = openAuditObjects(env.AUDIT_BUCKET);
  const tenants = [...new Set(executions.flatMap(({ executionArn = '' }) => idsInName(executionArn)?.tenantId ?? []))];
  const present = new Set<string>();
  await inParallel(tenants, AT_ONCE, async (tenantId) => {
    if (!hasTime()) return;
    for (const { key, isLatest, isDeleteMarker } of await objects.list(auditPrefix(tenantId)))
      if (isLatest && !isDeleteMarker) present.add(key);
  });
  return executions.filter(
    ({ executionArn = '', redriveCount = 0 }) =>
      !present.has(historyKey(idsInName(executionArn)?.tenantId, executionArn, redriveCount)),
  );
}

/** Chains of all tenants, another one first each day, so that none is always last. */
async function extendChains(scope: Scope, hasTime: () => boolean) {
  const tenants = await tenantsInArchive(scope.env.AUDIT_BUCKET);
  const now = scope.now().getTime();
  const first = tenants.length === 0 ? 0 : Math.floor(now / DAY_MS) % tenants.length;
  const whenOlderThan = new Date(now - DAY_MS).toISOString();
  let extended = 0;
  let left = 0;
  const broken: string[] = [];
  await inParallel([...tenants.slice(first), ...tenants.slice(0, first)], AT_ONCE, async (tenantId) => {
    if (!hasTime()) {
      left += 1;
      return;
    }
    const extension = await attempt(
      () => extendChain(tenantId, null, scope, { whenOlderThan }),
      { tenantId },
      scope,
      (error) => {
        if (error instanceof AuditChainBrokenError) broken.push(tenantId);
        else left += 1;
      },
    );
    if ((extension?.written ?? 0) > 0) extended += 1;
  });
  return { extended, left, broken };
}

async function tenantsInArchive(Bucket: string): Promise<readonly string[]> {
  const tenants: string[] = [];
  for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket, Prefix: AUDIT_ROOT, Delimiter: '/' }))
    for (const { Prefix = '' } of page.CommonPrefixes ?? []) tenants.push(Prefix.slice(AUDIT_ROOT.length, -1));
  return tenants;
}

/** One failure must not keep the rest from being looked at. */
async function attempt<Result>(
  run: () => Promise<Result>,
  about: object,
  { logger }: Scope,
  failed: (error: unknown) => void = () => {},
): Promise<Result | undefined> {
  try {
    return await run();
  } catch (error) {
    const mapped = mapAwsError(error, undefined);
    const errorMessage = mapped instanceof Error ? redact(mapped.message) : '';
    logger.error('not reconciled', { ...about, errorName: errorName(mapped), errorMessage });
    failed(error);
    return undefined;
  }
}

export const handler = defineTask(contract, (event, scope) => reconcileArchive(event, scope));

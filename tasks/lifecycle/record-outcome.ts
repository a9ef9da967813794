import { type DescribeExecutionOutput, GetExecutionHistoryCommand, type HistoryEvent } from '@aws-sdk/client-sfn';
import type { z } from 'zod/mini';
import { writeAuditRecord } from '../shared/audit';
import { redact } from '../shared/aws-errors';
import { defineTask, type TaskScope } from '../shared/define-task';
import { adviceOn } from '../shared/errors';
import { describeExecution, idsOf, sfn } from '../shared/executions';
import { auditRecordKey, STOPPED_BY_APP } from '../shared/names';
import type { TenantState } from '../shared/registry';
import type { TenantStatus } from '../shared/tenant';
import { claimTenant, recordOutcome as contract } from './contract';
import { type ExecutionFailure, failureOf } from './failure';
import { claimOffboarding, claimReinstatement } from './offboarding-contract';

/**
 * Records how an execution ended: on its request always, and on the tenant if it failed while it held (or could not
 * even take) the lease that nobody else uses. Events come late, twice or out of order, so the execution itself is asked:
 * one that was redriven meanwhile is running again and nothing is recorded.
 */
export async function recordOutcome({ detail }: z.output<typeof contract.input>, scope: TaskScope<never>) {
  const { registry, logger, now } = scope;
  const execution = await describeExecution(detail.executionArn);
  const ids = idsOf(execution?.input);
  if (execution === undefined || ids === undefined || execution.status === 'RUNNING') {
    logger.info('nothing to record', { executionStatus: execution?.status ?? 'forgotten' });
    return { recorded: false };
  }
  const { tenantId, requestId } = ids;
  const endedAt = (execution.stopDate ?? now()).toISOString();
  const known = await registry.update(
    { tenantId, item: { operation: requestId } },
    { outcome: execution.status, endedAt },
    // Another execution of the same request may have ended later.
    {
      expression: 'attribute_exists(pk) AND (attribute_not_exists(#endedAt) OR #endedAt <= :ended)',
      values: { ':ended': endedAt },
    },
  );
  if (!known || execution.status === 'SUCCEEDED') return { recorded: known };
  const state = await registry.getState(tenantId);
  if (state === undefined || !mayConcern(detail.executionArn, requestId, state)) return { recorded: false };
  const failure = failureOf(await history(detail.executionArn), {
    status: execution.status ?? 'FAILED',
    error: execution.error,
    cause: execution.cause,
  });
  if (!(await concerns(detail.executionArn, failure, state))) return { recorded: false };
  const recorded = await registry.update(
    { tenantId, item: 'STATE' },
    {
      status: FAILED[state.status],
      lastFailure: describeFailure(failure, execution, endedAt),
      updatedAt: now().toISOString(),
    },
    {
      // Events of two executions of one request may come in the wrong order.
      expression:
        '#generation = :generation AND #status = :status AND (attribute_not_exists(#lastFailure) OR #lastFailure.#failedAt <= :ended)',
      names: ['generation', 'failedAt'],
      values: { ':generation': state.generation, ':status': state.status, ':ended': endedAt },
    },
  );
  if (recorded && !STOPS.has(failure.error)) {
    const operation = await registry.getOperation(tenantId, requestId);
    await writeAuditRecord(
      scope,
      auditRecordKey(tenantId, detail.executionArn, `failure redrive ${execution.redriveCount ?? 0}`),
      {
        tenantId,
        action: contract.name,
        requestedBy: operation?.requestedBy ?? state.requestedBy,
        requestId,
        executionArn: detail.executionArn,
        step: failure.step,
        outcome: 'FAILED',
        error: NAME.test(failure.error) ? failure.error : 'Unknown',
        at: endedAt,
      },
    );
  }
  return { recorded };
}

/** Executions that the app stops are no failures. */
const STOPS: ReadonlySet<string> = new Set(Object.values(STOPPED_BY_APP));
/** Whoever stops an execution by hand may type anything as its error. */
const NAME = /^[\w.:-]{1,256}$/;

/** The execution holds the lease, or is one of the request that the tenant waits for. */
const mayConcern = (
  executionArn: string,
  requestId: string,
  { leaseOwner, requestId: current, offboarding, status }: TenantState,
): boolean =>
  leaseOwner === executionArn || offboarding?.requestId === requestId || (status !== 'ACTIVE' && current === requestId);

const CLAIMS: ReadonlySet<string> = new Set(
  [claimTenant, claimOffboarding, claimReinstatement].map(({ stateName }) => stateName),
);

/**
 * An execution without the lease concerns the tenant when nobody has it; or when it came to take it over, from an owner
 * that has ended (a successor, a second execution of the request), and could not. What comes too late for a tenant that is
 * closed concerns nobody: there is nothing left to claim, and nobody would ever clear it.
 */
async function concerns(
  executionArn: string,
  { step }: ExecutionFailure,
  { leaseOwner, status }: TenantState,
): Promise<boolean> {
  if (status === 'OFFBOARDED' && CLAIMS.has(step)) return false;
  if (leaseOwner === undefined || leaseOwner === executionArn) return true;
  return CLAIMS.has(step) && (await describeExecution(leaseOwner))?.status !== 'RUNNING';
}

/** What a failure makes of each status. An active tenant stays active: what failed is a repair, or an operation's start. */
const FAILED: Readonly<Record<TenantStatus, TenantStatus>> = {
  REQUESTED: 'ONBOARDING_FAILED',
  PROVISIONING: 'ONBOARDING_FAILED',
  ONBOARDING_FAILED: 'ONBOARDING_FAILED',
  ACTIVE: 'ACTIVE',
  OFFBOARDING: 'OFFBOARDING_FAILED',
  PURGING: 'OFFBOARDING_FAILED',
  OFFBOARDING_FAILED: 'OFFBOARDING_FAILED',
  OFFBOARDED: 'OFFBOARDED',
  REINSTATING: 'REINSTATING',
};

function describeFailure(failure: ExecutionFailure, execution: DescribeExecutionOutput, failedAt: string) {
  return {
    ...failure,
    message: redact(failure.message).slice(0, MESSAGE_LENGTH),
    ...adviceOn(failure.error),
    executionArn: execution.executionArn,
    redriveCount: execution.redriveCount ?? 0,
    failedAt,
  };
}

/** Enough for a sentence that lists several problems; an item may hold 400 KB. */
const MESSAGE_LENGTH = 2000;

/** Newest first. */
async function history(executionArn: string): Promise<readonly HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  let nextToken: string | undefined;
  do {
    const page = await sfn.send(
      new GetExecutionHistoryCommand({
        executionArn,
        reverseOrder: true,
        maxResults: 1000,
        includeExecutionData: true,
        ...(nextToken && { nextToken }),
      }),
    );
    events.push(...(page.events ?? []));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return events;
}

export const handler = defineTask(contract, recordOutcome);

import { type DescribeExecutionOutput, GetExecutionHistoryCommand, type HistoryEvent } from '@aws-sdk/client-sfn';
import type { z } from 'zod/mini';
import { redact } from '../shared/aws-errors';
import { defineTask, type TaskScope } from '../shared/define-task';
import { adviceOn } from '../shared/errors';
import { describeExecution, sfn } from '../shared/executions';
import type { TenantState } from '../shared/registry';
import { RequestId, TenantId, type TenantStatus } from '../shared/tenant';
import { recordOutcome as contract } from './contract';
import { failureOf } from './failure';

/**
 * Records how an execution ended: on its request always, and on the tenant if it failed while it held (or could not
 * even take) the lease. Events come late, twice or out of order, so the execution itself is asked: one that was redriven
 * meanwhile is running again and nothing is recorded.
 */
export async function recordOutcome(
  { detail }: z.output<typeof contract.input>,
  { registry, logger, now }: TaskScope<never>,
) {
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
  if (state === undefined || !concerns(detail.executionArn, requestId, state)) return { recorded: false };
  const recorded = await registry.update(
    { tenantId, item: 'STATE' },
    {
      status: FAILED[state.status],
      lastFailure: await describeFailure(detail.executionArn, execution, endedAt),
      updatedAt: now().toISOString(),
    },
    {
      expression: '#generation = :generation AND #status = :status',
      names: ['generation'],
      values: { ':generation': state.generation, ':status': state.status },
    },
  );
  return { recorded };
}

/** The execution holds the lease, or failed before it could take the one that its request waits for. */
const concerns = (
  executionArn: string,
  requestId: string,
  { leaseOwner, requestId: current, offboarding, status }: TenantState,
): boolean =>
  leaseOwner === executionArn ||
  (leaseOwner === undefined &&
    (offboarding?.requestId === requestId || (status !== 'ACTIVE' && current === requestId)));

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

async function describeFailure(executionArn: string, execution: DescribeExecutionOutput, failedAt: string) {
  const failure = failureOf(await history(executionArn), {
    status: execution.status ?? 'FAILED',
    error: execution.error,
    cause: execution.cause,
  });
  return {
    ...failure,
    message: redact(failure.message).slice(0, MESSAGE_LENGTH),
    ...adviceOn(failure.error),
    executionArn,
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

/** The ids in an execution's input; undefined when it was started by hand with something else. */
function idsOf(input: string | undefined): { tenantId: string; requestId: string } | undefined {
  try {
    const { tenantId, requestId } = JSON.parse(input ?? '') as Record<string, unknown>;
    const ids = { tenantId: TenantId.safeParse(tenantId), requestId: RequestId.safeParse(requestId) };
    return ids.tenantId.success && ids.requestId.success
      ? { tenantId: ids.tenantId.data, requestId: ids.requestId.data }
      : undefined;
  } catch {
    return undefined;
  }
}

export const handler = defineTask(contract, recordOutcome);

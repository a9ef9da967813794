import type { DescribeExecutionOutput } from '@aws-sdk/client-sfn';
import { executionName, operationOf, successorName } from '../shared/names';
import type { OperationRecord, TenantRecord, TenantState } from '../shared/registry';
import { OPERATIONS, type OperationName } from '../shared/tenant';

/** The request that the tenant's operation, under way or last, belongs to. */
export interface CurrentOperation {
  readonly operation: OperationName;
  readonly record: OperationRecord;
}

/** Undefined while a request is half recorded. */
export function currentOperation(
  { operations }: Pick<TenantRecord, 'operations'>,
  { offboarding, requestId }: TenantState,
): CurrentOperation | undefined {
  const current = offboarding?.requestId ?? requestId;
  const record = operations.find((each) => each.requestId === current);
  const operation = OPERATIONS.find((name) => name === record?.operation);
  return record && operation && { operation, record };
}

/** Nothing is under way and nothing has failed: the tenant is gone, or active and left alone. */
export const isSettled = ({ status, offboarding, leaseOwner, lastFailure }: TenantState): boolean =>
  status === 'OFFBOARDED' ||
  (status === 'ACTIVE' && offboarding === undefined && leaseOwner === undefined && lastFailure === undefined);

export interface KnownExecution {
  readonly executionArn: string;
  /** Absent when Step Functions has forgotten it. */
  readonly description?: DescribeExecutionOutput;
}

/**
 * The execution that acts for the tenant's current operation, or acted last: one that runs; else one that was started
 * after the lease was taken and did not come to take it; else the lease's owner. Names prove nothing (executions are
 * started by hand under any name), so each candidate is asked for its input.
 * @param describe answers undefined for executions that are forgotten or were never started
 */
export async function latestExecution(
  current: CurrentOperation,
  state: TenantState,
  describe: (executionArn: string) => Promise<DescribeExecutionOutput | undefined>,
): Promise<KnownExecution | undefined> {
  const { leaseOwner, leasedAt } = state;
  const all = await Promise.all(
    candidates(current, state).map(async (executionArn) => ({
      executionArn,
      description: await describe(executionArn),
    })),
  );
  const known = all
    .flatMap(({ executionArn, description }) => (description === undefined ? [] : [{ executionArn, description }]))
    .filter(({ description }) => isOf(description, state.tenantId, current.record.requestId))
    .sort((a, b) => startOf(b.description) - startOf(a.description));
  const owner = known.find(({ executionArn }) => executionArn === leaseOwner);
  const leased = Date.parse(leasedAt ?? '');
  return (
    known.find(({ description }) => description.status === 'RUNNING') ??
    known.find(({ description }) => owner !== undefined && startOf(description) > leased) ??
    owner ??
    known[0] ??
    all.map(({ executionArn }) => ({ executionArn }))[0]
  );
}

/** The lease's owner first: it is the one that counts when all of them are forgotten. */
function candidates({ operation, record }: CurrentOperation, state: TenantState): readonly string[] {
  const { tenantId, leaseOwner, lastFailure, generation } = state;
  const { executionArn, replays = [] } = record;
  const successor =
    operation === 'offboard' && executionArn !== undefined
      ? [besides(executionArn, successorName(executionName('offboard', tenantId, record.requestId), generation + 1))]
      : [];
  const named = [leaseOwner, executionArn, lastFailure?.executionArn, replays.at(-1)?.executionArn, ...successor];
  const arns = named.filter((arn): arn is string => arn !== undefined && operationOf(arn) === operation);
  return [...new Set(arns)];
}

/** ARN of another execution of the same state machine. */
const besides = (executionArn: string, name: string): string =>
  `${executionArn.slice(0, executionArn.lastIndexOf(':') + 1)}${name}`;

const startOf = ({ startDate }: DescribeExecutionOutput): number => startDate?.getTime() ?? 0;

function isOf({ input }: DescribeExecutionOutput, tenantId: string, requestId: string): boolean {
  try {
    const ids = JSON.parse(input ?? '') as Record<string, unknown>;
    return ids['tenantId'] === tenantId && ids['requestId'] === requestId;
  } catch {
    return false;
  }
}

import {
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  paginateListExecutions,
  SFNClient,
} from '@aws-sdk/client-sfn';
import { isNamed } from './aws-errors';
import { REPEATABLE } from './clients';
import { RequestId, TenantId } from './tenant';

export const sfn = new SFNClient(REPEATABLE);

/** Undefined for executions that Step Functions has forgotten (90 days after they closed). */
export async function describeExecution(executionArn: string): Promise<DescribeExecutionOutput | undefined> {
  try {
    return await sfn.send(new DescribeExecutionCommand({ executionArn }));
  } catch (error) {
    if (isNamed(error, 'ExecutionDoesNotExist')) return undefined;
    throw error;
  }
}

/** A thousand to a page; eventually consistent: an execution of the last seconds may be missing. */
export async function runningExecutions(
  stateMachineArn: string,
): Promise<readonly { executionArn: string; since: Date }[]> {
  const found: { executionArn: string; since: Date }[] = [];
  const request = { stateMachineArn, statusFilter: 'RUNNING' } as const;
  for await (const { executions = [] } of paginateListExecutions({ client: sfn, pageSize: 1000 }, request)) {
    for (const { executionArn, startDate, redriveDate } of executions) {
      const since = redriveDate ?? startDate;
      if (executionArn !== undefined && since !== undefined) found.push({ executionArn, since });
    }
  }
  return found;
}

/** The ids in an execution's input; undefined when it was started by hand with something else. */
export function idsOf(input: string | undefined): { tenantId: string; requestId: string } | undefined {
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

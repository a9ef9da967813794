import {
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  paginateListExecutions,
  SFNClient,
} from '@aws-sdk/client-sfn';
import { isNamed } from './aws-errors';
import { REPEATABLE } from './clients';

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

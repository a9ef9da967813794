import { DescribeExecutionCommand, type DescribeExecutionOutput, SFNClient } from '@aws-sdk/client-sfn';
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

import { DescribeExecutionCommand, StartExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import type { AwsStub } from 'aws-sdk-client-mock';
import { anAwsError } from './aws-errors';
import { anExecutionArnOf } from './builders';

/** Step Functions as far as hold changes and claims see it. @param executions status of each, by ARN */
export function serveExecutions(mock: unknown, executions: Map<string, string>): void {
  const sfn = mock as AwsStub<never, never, never>;
  const on = (command: unknown, answer: (input: Record<string, string>) => object) =>
    sfn.on(command as never).callsFake(answer);
  on(DescribeExecutionCommand, ({ executionArn = '' }) => {
    const status = executions.get(executionArn);
    if (status === undefined) throw anAwsError('ExecutionDoesNotExist');
    return { executionArn, status };
  });
  on(StartExecutionCommand, ({ name = '' }) => {
    // One that runs, with the same input, is answered like the first time [API_StartExecution].
    if ((executions.get(anExecutionArnOf(name)) ?? 'RUNNING') !== 'RUNNING') throw anAwsError('ExecutionAlreadyExists');
    executions.set(anExecutionArnOf(name), 'RUNNING');
    return {};
  });
  on(StopExecutionCommand, ({ executionArn = '' }) => {
    if (!executions.has(executionArn)) throw anAwsError('ExecutionDoesNotExist');
    executions.set(executionArn, 'ABORTED');
    return {};
  });
}

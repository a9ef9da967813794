import { StartExecutionCommand } from '@aws-sdk/client-sfn';
import { isNamed } from '../shared/aws-errors';
import { sfn } from '../shared/executions';
import { canonicalJson, executionName, successorName } from '../shared/names';

/**
 * Starts the execution that goes on with an offboarding where another one leaves off. Its name holds the generation it
 * will have, so that starting it twice is starting it once.
 */
export async function startSuccessor(
  stateMachineArn: string,
  { tenantId, requestId, generation }: { tenantId: string; requestId: string; generation: number },
): Promise<void> {
  const name = successorName(executionName('offboard', tenantId, requestId), generation + 1);
  try {
    await sfn.send(new StartExecutionCommand({ stateMachineArn, name, input: canonicalJson({ tenantId, requestId }) }));
  } catch (error) {
    if (!isNamed(error, 'ExecutionAlreadyExists')) throw error;
  }
}

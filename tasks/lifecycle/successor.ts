import { StartExecutionCommand } from '@aws-sdk/client-sfn';
import { isNamed } from '../shared/aws-errors';
import { NotReadyError } from '../shared/errors';
import { sfn } from '../shared/executions';
import { canonicalJson, executionName, successorName } from '../shared/names';

/**
 * Starts the execution that goes on with an offboarding where another one leaves off. Its name holds the generation it
 * will have, so that starting it twice is starting it once.
 * @throws NotReadyError when it was started before and has ended without taking over
 */
export async function startSuccessor(
  stateMachineArn: string,
  { tenantId, requestId, generation }: { tenantId: string; requestId: string; generation: number },
): Promise<void> {
  const name = successorName(executionName('offboard', tenantId, requestId), generation + 1);
  try {
    await sfn.send(new StartExecutionCommand({ stateMachineArn, name, input: canonicalJson({ tenantId, requestId }) }));
  } catch (error) {
    // Of one that runs, with the same input, Step Functions answers as to the first start.
    if (!isNamed(error, 'ExecutionAlreadyExists')) throw error;
    throw new NotReadyError(
      `tenant ${tenantId}: execution ${name}, which was to go on with request ${requestId}, has ended without taking over; redrive it, or replay the request`,
    );
  }
}

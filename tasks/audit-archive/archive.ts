import * as z from 'zod/mini';
import { mapAwsError, redact } from '../shared/aws-errors';
import { Arn } from '../shared/contract';
import { defineTask, type TaskScope, tagsOf } from '../shared/define-task';
import { errorName, InvalidInputError } from '../shared/errors';
import { archiveExecution as contract } from './contract';
import { archiveExecution } from './history';

/** EventBridge event "Step Functions Execution Status Change", the member that is used. */
const StatusChange = z.object({ detail: z.object({ executionArn: Arn }) });

/**
 * Archives executions that have ended, one message each. A message that cannot be archived is reported, so that the queue
 * delivers it again, and at last keeps it among the failed ones; the others of its batch are done.
 */
export async function archiveEnded({ Records }: z.output<typeof contract.input>, scope: TaskScope<never>) {
  const batchItemFailures: { itemIdentifier: string }[] = [];
  for (const { messageId, body } of Records) {
    // A batch is of many tenants; what is logged about one of its executions names its tenant.
    const tags = tagsOf(json(body));
    scope.logger.appendKeys(tags);
    try {
      const executionArn = executionArnOf(messageId, body);
      const outcome = await archiveExecution(executionArn, scope);
      scope.logger.info(outcome, { executionArn });
    } catch (error) {
      const mapped = mapAwsError(error, undefined);
      const errorMessage = mapped instanceof Error ? redact(mapped.message) : '';
      scope.logger.error('not archived', { messageId, errorName: errorName(mapped), errorMessage });
      batchItemFailures.push({ itemIdentifier: messageId });
    } finally {
      scope.logger.removeKeys(Object.keys(tags));
    }
  }
  return { batchItemFailures };
}

function executionArnOf(messageId: string, body: string): string {
  const parsed = StatusChange.safeParse(json(body));
  if (parsed.success) return parsed.data.detail.executionArn;
  throw new InvalidInputError(`archive-execution: message ${messageId} is no status change of an execution`);
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const handler = defineTask(contract, archiveEnded);

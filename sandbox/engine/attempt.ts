import type { Clock } from '../clock';
import { type Closure, type Execution, MAX_OPEN_MS } from './execution';
import { Interrupted, TaskError } from './failure';
import { errorMembers, NOT_TRUNCATED } from './history';
import { runSequence } from './interpreter';
import type { Random } from './retry';
import type { Invoke, Run, RunChild } from './run';

/** What attempts of all executions share. */
export interface AttemptSurroundings {
  readonly clock: Clock;
  readonly region: string;
  readonly invoke: Invoke;
  readonly random: Random;
  readonly closing: AbortSignal;
}

/** Runs an execution from where it stands to its end, and records that. Undefined when the engine closes meanwhile. */
export async function attempt(
  execution: Execution,
  surroundings: AttemptSurroundings,
  runChild: RunChild,
  signal: AbortSignal,
): Promise<Closure | undefined> {
  let closure: Closure;
  try {
    const output = await runSequence(runOf(execution, surroundings, runChild), execution.root, signal);
    closure = { status: 'SUCCEEDED', output: JSON.stringify(output) };
  } catch (thrown) {
    if (thrown instanceof Interrupted && thrown.reason === 'closed') return undefined;
    closure = unsuccessful(thrown);
  }
  appendClosing(execution, closure);
  return closure;
}

function runOf(execution: Execution, surroundings: AttemptSurroundings, runChild: RunChild): Run {
  const { arn, name, machine, input, startDate } = execution.identity;
  const { redriveCount, redriveDate } = execution;
  const timeout = (machine.definition.TimeoutSeconds ?? Number.POSITIVE_INFINITY) * 1000;
  return {
    ...surroundings,
    history: execution.history,
    runChild,
    executionArn: arn,
    stateMachineArn: machine.arn,
    context: {
      Execution: {
        Id: arn,
        Input: JSON.parse(input),
        Name: name,
        RoleArn: machine.roleArn,
        StartTime: new Date(startDate).toISOString(),
        RedriveCount: redriveCount,
        ...(redriveDate === undefined ? {} : { RedriveTime: new Date(redriveDate).toISOString() }),
      },
      StateMachine: { Id: machine.arn, Name: machine.name },
    },
    deadline: Math.min(surroundings.clock.now() + timeout, startDate + MAX_OPEN_MS),
    countTransition: () => {
      execution.transitions += 1;
    },
  };
}

function unsuccessful(thrown: unknown): Closure {
  if (thrown instanceof TaskError) return { status: 'FAILED', ...errorMembers(thrown.error, thrown.cause) };
  if (thrown instanceof Interrupted) {
    if (thrown.reason === 'timed out') return { status: 'TIMED_OUT' };
    return { status: 'ABORTED', ...thrown.members };
  }
  return { status: 'FAILED', error: 'States.Runtime', cause: `fault of the engine: ${String(thrown)}` };
}

function appendClosing({ history, root }: Execution, { status, output, error, cause }: Closure): void {
  const details = errorMembers(error, cause);
  switch (status) {
    case 'SUCCEEDED':
      history.append(root, 'ExecutionSucceeded', {
        executionSucceededEventDetails: { output, outputDetails: NOT_TRUNCATED },
      });
      break;
    case 'FAILED':
      history.append(root, 'ExecutionFailed', { executionFailedEventDetails: details });
      break;
    case 'ABORTED':
      history.append(root, 'ExecutionAborted', { executionAbortedEventDetails: details });
      break;
    case 'TIMED_OUT':
      history.append(root, 'ExecutionTimedOut', { executionTimedOutEventDetails: details });
      break;
  }
}

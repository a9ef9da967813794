import type { HistoryEventType } from '@aws-sdk/client-sfn';
import { LAMBDA_INVOKE, type TaskState } from './definition';
import { Interrupted, StateError, TaskError, toJson } from './failure';
import { type EventDetails, errorMembers, NOT_TRUNCATED } from './history';
import { readRequired } from './paths';
import { checkpoint } from './run';
import type { Step } from './step';

/** Longest delay of a Node timer; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** One attempt of a Task: invokes its function and reports what became of it. */
export async function performTask(step: Step<TaskState>): Promise<unknown> {
  const { state, run, cursor } = step;
  const input = step.effectiveInput(state.Parameters);
  const timeoutSeconds = timeoutOf(step);
  const integration = state.Resource === LAMBDA_INVOKE ? invokeIntegration(input) : directIntegration(state, input);

  step.append(integration.scheduledType, integration.scheduled(run.region, timeoutSeconds));
  step.append(integration.type('Started'), integration.started);
  let output: string;
  let result: unknown;
  try {
    const answer = await untilAnswered(step, timeoutSeconds, () =>
      run.invoke({
        functionName: integration.functionName,
        payload: integration.payload,
        executionArn: run.executionArn,
        stateName: cursor.stateName,
        ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
        signal: run.closing,
      }),
    );
    checkpoint(run, step.signal);
    result = integration.result(answer);
    output = toJson(result, cursor.stateName);
  } catch (thrown) {
    if (thrown instanceof Interrupted) throw thrown;
    const failure = TaskError.from(thrown);
    const outcome = failure.error === 'States.Timeout' ? 'TimedOut' : 'Failed';
    step.append(integration.type(outcome), integration.failed(outcome, errorMembers(failure.error, failure.cause)));
    throw failure;
  }
  step.append(integration.type('Succeeded'), integration.succeeded(output));
  return JSON.parse(output);
}

function timeoutOf({ state, data }: Step<TaskState>): number | undefined {
  if (state.TimeoutSecondsPath === undefined) return state.TimeoutSeconds;
  const seconds = readRequired(state.TimeoutSecondsPath, data, 'TimeoutSecondsPath');
  if (Number.isInteger(seconds) && Number(seconds) > 0) return Number(seconds);
  throw new StateError('States.Runtime', `TimeoutSecondsPath must select a positive integer, not ${String(seconds)}`);
}

/** Settles with the invocation, the timeout or the interruption, whichever comes first. What comes later is dropped. */
async function untilAnswered(
  step: Step,
  timeoutSeconds: number | undefined,
  invoke: () => Promise<unknown>,
): Promise<unknown> {
  const { signal } = step;
  checkpoint(step.run, signal);
  let timer: NodeJS.Timeout | undefined;
  let interrupt: (() => void) | undefined;
  try {
    return await new Promise((resolve, reject) => {
      interrupt = () => reject(signal.reason);
      signal.addEventListener('abort', interrupt);
      const milliseconds = (timeoutSeconds ?? Number.POSITIVE_INFINITY) * 1000;
      if (milliseconds <= MAX_TIMER_MS) {
        timer = setTimeout(() => reject(new TaskError('States.Timeout')), milliseconds);
      }
      Promise.resolve().then(invoke).then(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
    if (interrupt !== undefined) signal.removeEventListener('abort', interrupt);
  }
}

type Phase = 'Started' | 'Succeeded' | 'Failed' | 'TimedOut';

/** The two ways of calling a function differ in their events, and in what surrounds payload and result. */
interface Integration {
  readonly functionName: string;
  readonly payload: unknown;
  readonly scheduledType: HistoryEventType;
  readonly started: EventDetails;
  type(phase: Phase): HistoryEventType;
  scheduled(region: string, timeoutInSeconds: number | undefined): EventDetails;
  succeeded(output: string): EventDetails;
  failed(outcome: 'Failed' | 'TimedOut', error: { error?: string; cause?: string }): EventDetails;
  result(answer: unknown): unknown;
}

const LAMBDA = { resourceType: 'lambda', resource: 'invoke' } as const;

function invokeIntegration(input: unknown): Integration {
  const { FunctionName, Payload = {} } = input as { FunctionName: unknown; Payload?: unknown };
  return {
    functionName: String(FunctionName),
    payload: Payload,
    scheduledType: 'TaskScheduled',
    started: { taskStartedEventDetails: LAMBDA },
    type: (phase) => `Task${phase}`,
    scheduled: (region, timeoutInSeconds) => ({
      taskScheduledEventDetails: { ...LAMBDA, region, parameters: JSON.stringify(input), timeoutInSeconds },
    }),
    succeeded: (output) => ({ taskSucceededEventDetails: { ...LAMBDA, output, outputDetails: NOT_TRUNCATED } }),
    failed: (outcome, error) =>
      outcome === 'Failed'
        ? { taskFailedEventDetails: { ...LAMBDA, ...error } }
        : { taskTimedOutEventDetails: { ...LAMBDA, ...error } },
    result: (answer) => ({ ExecutedVersion: '$LATEST', Payload: answer ?? null, StatusCode: 200 }),
  };
}

function directIntegration(state: TaskState, payload: unknown): Integration {
  return {
    functionName: state.Resource,
    payload,
    scheduledType: 'LambdaFunctionScheduled',
    started: {},
    type: (phase) => `LambdaFunction${phase}`,
    scheduled: (_region, timeoutInSeconds) => ({
      lambdaFunctionScheduledEventDetails: {
        resource: state.Resource,
        input: JSON.stringify(payload),
        inputDetails: NOT_TRUNCATED,
        timeoutInSeconds,
      },
    }),
    succeeded: (output) => ({ lambdaFunctionSucceededEventDetails: { output, outputDetails: NOT_TRUNCATED } }),
    failed: (outcome, error) =>
      outcome === 'Failed'
        ? { lambdaFunctionFailedEventDetails: error }
        : { lambdaFunctionTimedOutEventDetails: error },
    result: (answer) => answer,
  };
}

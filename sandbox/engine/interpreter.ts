import { parseTimestamp, ruleHolds } from './choice';
import type { FailState, State, StateType, WaitState } from './definition';
import { Interrupted, StateError, TaskError, toJson } from './failure';
import { performMap, performParallel } from './fan-out';
import { NOT_TRUNCATED } from './history';
import { evaluateExpression, parseExpression } from './intrinsics';
import { placeResult, readRequired } from './paths';
import { catcherFor, Retries } from './retry';
import { type Cursor, checkpoint, pause, type Run, type Sequence } from './run';
import { Step } from './step';
import { performTask } from './task';

interface Exit {
  readonly output: unknown;
  /** Undefined ends the sequence. */
  readonly next: string | undefined;
}

/**
 * Runs a sequence of states from its cursor, or from its start, to its output. Rejects with a TaskError when it fails and
 * with Interrupted when something else ends it; either way the cursor stays at the state that has not been exited.
 */
export async function runSequence(run: Run, sequence: Sequence, signal: AbortSignal): Promise<unknown> {
  checkpoint(run, signal);
  let cursor = sequence.cursor ?? enter(run, sequence, sequence.definition.StartAt, sequence.input);
  for (;;) {
    const state = stateNamed(sequence, cursor.stateName);
    const { output, next } = await performState(new Step(run, state, sequence, cursor, signal));
    run.history.append(sequence, `${state.Type}StateExited` as `${Exclude<StateType, 'Fail'>}StateExited`, {
      stateExitedEventDetails: { name: cursor.stateName, output: JSON.stringify(output), outputDetails: NOT_TRUNCATED },
    });
    delete sequence.cursor;
    if (next === undefined) {
      sequence.outcome = { output };
      return output;
    }
    cursor = enter(run, sequence, next, output);
  }
}

function stateNamed(sequence: Sequence, name: string): State {
  const state = sequence.definition.States[name];
  if (state === undefined) throw new Error(`no state '${name}', although the definition was validated`);
  return state;
}

function enter(run: Run, sequence: Sequence, stateName: string, input: unknown): Cursor {
  const { Type } = stateNamed(sequence, stateName);
  run.countTransition();
  const { id, timestamp } = run.history.append(sequence, `${Type}StateEntered`, {
    stateEnteredEventDetails: { name: stateName, input: JSON.stringify(input), inputDetails: NOT_TRUNCATED },
  });
  const cursor: Cursor = { stateName, input, enteredEventId: id, enteredTime: timestamp.toISOString() };
  sequence.cursor = cursor;
  return cursor;
}

/** Attempts the state until it succeeds, is caught, or fails for good. */
async function performState(step: Step): Promise<Exit> {
  const { state, run, cursor, signal } = step;
  const retries = new Retries(('Retry' in state && state.Retry) || [], run.random);
  try {
    for (;;) {
      checkpoint(run, signal);
      const attempt = await outcomeOf(step);
      if (!(attempt instanceof TaskError)) return attempt;
      const delay = retries.next(attempt.error);
      if (delay === undefined) return catchFailure(step, attempt);
      await pause(run, delay, signal);
      step.retryCount += 1;
      run.countTransition();
      forgetParts(cursor);
    }
  } catch (thrown) {
    if (thrown instanceof Interrupted && thrown.reason !== 'closed' && !run.history.full) appendAborted(step);
    // A redrive keeps the branches that succeeded, unless their data was what failed.
    if (thrown instanceof TaskError && thrown.error === 'States.DataLimitExceeded') forgetParts(cursor);
    throw thrown;
  }
}

async function outcomeOf(step: Step): Promise<Exit | TaskError> {
  try {
    return await attemptState(step);
  } catch (thrown) {
    if (thrown instanceof TaskError) return step.blame(thrown);
    throw thrown;
  }
}

function forgetParts(cursor: Cursor): void {
  delete cursor.fanOut;
  delete cursor.mapRun;
}

function catchFailure(step: Step, failure: TaskError): Exit {
  const { state, cursor } = step;
  const catcher = catcherFor(('Catch' in state && state.Catch) || [], failure.error);
  if (catcher === undefined) throw failure;
  const output = placeResult(catcher.ResultPath, cursor.input, { Error: failure.error, Cause: failure.cause });
  return { output: JSON.parse(toJson(output, cursor.stateName)), next: catcher.Next };
}

function appendAborted(step: Step): void {
  const { Type } = step.state;
  if (Type === 'Task' || Type === 'Wait' || Type === 'Parallel' || Type === 'Map') step.append(`${Type}StateAborted`);
}

async function attemptState(step: Step): Promise<Exit> {
  const { state, run } = step;
  const branch = (sequence: Sequence, signal: AbortSignal) => runSequence(run, sequence, signal);
  const next = 'Next' in state ? state.Next : undefined;
  switch (state.Type) {
    case 'Task':
      return { output: step.output(await performTask(withState(step, state))), next };
    case 'Parallel':
      return { output: step.output(await performParallel(withState(step, state), branch)), next };
    case 'Map':
      return { output: step.output(await performMap(withState(step, state), branch)), next };
    case 'Wait':
      await pause(run, waitMilliseconds(withState(step, state)), step.signal);
      return { output: step.output(step.selected), next };
    case 'Pass': {
      const input = step.effectiveInput(state.Parameters);
      return { output: step.output('Result' in state ? state.Result : input), next };
    }
    case 'Choice': {
      const chosen = state.Choices.find((rule) => ruleHolds(rule, step.data))?.Next ?? state.Default;
      if (chosen === undefined) {
        throw new StateError(
          'States.NoChoiceMatched',
          `Failed to transition out of the state. No choice rule matched.`,
        );
      }
      return { output: step.output(step.selected), next: chosen };
    }
    case 'Succeed':
      return { output: step.output(step.selected), next: undefined };
    case 'Fail':
      throw failureOf(withState(step, state));
  }
}

/** The step under its state's own type. */
function withState<S extends State>(step: Step, state: S): Step<S> {
  if (step.state !== (state as State)) throw new Error('a step stays with its state');
  return step as Step<S>;
}

function failureOf({ state, data }: Step<FailState>): TaskError {
  const text = (literal: string | undefined, path: string | undefined, field: string) => {
    if (path === undefined) return literal ?? '';
    const value = evaluateExpression(parseExpression(path), data, field);
    if (typeof value === 'string') return value;
    throw new StateError('States.Runtime', `${field} must select a string, not ${JSON.stringify(value)}`);
  };
  return new TaskError(
    text(state.Error, state.ErrorPath, 'ErrorPath'),
    text(state.Cause, state.CausePath, 'CausePath'),
  );
}

function waitMilliseconds({ state, data, run }: Step<WaitState>): number {
  const { Seconds, SecondsPath, Timestamp, TimestampPath } = state;
  if (Timestamp !== undefined || TimestampPath !== undefined) {
    const at = TimestampPath === undefined ? Timestamp : readRequired(TimestampPath, data, 'TimestampPath');
    const milliseconds = parseTimestamp(at);
    if (milliseconds !== undefined) return milliseconds - run.clock.now();
    throw new StateError(
      'States.Runtime',
      `The Timestamp of a Wait must be an RFC 3339 timestamp, not ${JSON.stringify(at)}`,
    );
  }
  const seconds = SecondsPath === undefined ? Seconds : readRequired(SecondsPath, data, 'SecondsPath');
  if (typeof seconds === 'number' && Number.isInteger(seconds) && seconds >= 0 && seconds <= 99_999_999)
    return seconds * 1000;
  throw new StateError(
    'States.Runtime',
    `The Seconds of a Wait must be an integer from 0 to 99999999, not ${JSON.stringify(seconds)}`,
  );
}

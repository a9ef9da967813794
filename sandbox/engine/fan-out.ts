import type { MapState, ParallelState } from './definition';
import { Interrupted, StateError, TaskError } from './failure';
import { performMapRun } from './map-run';
import { readRequired } from './paths';
import { checkpoint, interruptibleGroup, type Sequence } from './run';
import type { Step } from './step';
import { evaluateTemplate } from './templates';

/** Runs a branch or an iteration to its output; rejects as it fails. */
export type RunSequence = (sequence: Sequence, signal: AbortSignal) => Promise<unknown>;

/** AWS runs at most so many iterations of an inline Map at once. */
const INLINE_CONCURRENCY = 40;

export async function performParallel(step: Step<ParallelState>, runSequence: RunSequence): Promise<unknown> {
  const { state, cursor } = step;
  if (cursor.fanOut === undefined) {
    const input = step.effectiveInput(state.Parameters);
    const { id } = step.append('ParallelStateStarted');
    cursor.fanOut = state.Branches.map((definition) => ({ definition, input, lastEventId: id }));
  }
  const branches = cursor.fanOut;
  return await settling(step, 'ParallelState', async () => {
    await runTogether(step, branches, branches.length, runSequence);
    return branches.map(({ outcome }) => outcome?.output);
  });
}

export async function performMap(step: Step<MapState>, runSequence: RunSequence): Promise<unknown> {
  const { state, cursor } = step;
  const { Mode } = state.ItemProcessor.ProcessorConfig ?? {};
  if (Mode === 'DISTRIBUTED') {
    const inputs = cursor.mapRun === undefined ? itemInputs(step) : undefined;
    if (inputs !== undefined) appendMapStarted(step, inputs.length);
    return await settling(step, 'MapState', () => performMapRun(step, inputs ?? []));
  }
  if (cursor.fanOut === undefined) {
    const inputs = itemInputs(step);
    const { id } = appendMapStarted(step, inputs.length);
    cursor.fanOut = inputs.map(({ item, input }) => ({
      definition: state.ItemProcessor,
      input,
      item,
      lastEventId: id,
    }));
  }
  const iterations = cursor.fanOut;
  return await settling(step, 'MapState', async () => {
    const limit = Math.min(state.MaxConcurrency || INLINE_CONCURRENCY, INLINE_CONCURRENCY);
    await runTogether(step, iterations, limit, (iteration, signal) =>
      runIteration(step, iteration, signal, runSequence),
    );
    return iterations.map(({ outcome }) => outcome?.output);
  });
}

function appendMapStarted(step: Step, length: number) {
  return step.append('MapStateStarted', { mapStateStartedEventDetails: { length } });
}

/** Records how a Parallel or Map ends; one that fails is the failure of its branch. */
async function settling(
  step: Step<ParallelState | MapState>,
  kind: 'ParallelState' | 'MapState',
  work: () => Promise<unknown>,
): Promise<unknown> {
  try {
    const result = await work();
    step.append(`${kind}Succeeded`);
    return result;
  } catch (thrown) {
    if (thrown instanceof TaskError) step.append(`${kind}Failed`);
    throw thrown;
  }
}

function itemInputs(step: Step<MapState>): { readonly item: NonNullable<Sequence['item']>; readonly input: unknown }[] {
  const { state } = step;
  const items = state.ItemsPath === undefined ? step.selected : readRequired(state.ItemsPath, step.data, 'ItemsPath');
  if (!Array.isArray(items)) {
    throw new StateError('States.Runtime', `Reference path "${state.ItemsPath ?? '$'}" must point to array.`);
  }
  const selector = state.ItemSelector ?? state.Parameters;
  return items.map((Value: unknown, Index) => {
    const item = { Index, Value };
    const context = { ...step.context, Map: { Item: item } };
    return {
      item,
      input: selector === undefined ? Value : evaluateTemplate(selector, { input: step.selected, context }),
    };
  });
}

async function runIteration(step: Step<MapState>, iteration: Sequence, signal: AbortSignal, runSequence: RunSequence) {
  const mapIteration = { name: step.cursor.stateName, index: iteration.item?.Index };
  const { history } = step.run;
  if (iteration.cursor === undefined) {
    history.append(iteration, 'MapIterationStarted', { mapIterationStartedEventDetails: mapIteration });
  }
  try {
    const output = await runSequence(iteration, signal);
    history.append(iteration, 'MapIterationSucceeded', { mapIterationSucceededEventDetails: mapIteration });
    return output;
  } catch (thrown) {
    if (thrown instanceof TaskError) {
      history.append(iteration, 'MapIterationFailed', { mapIterationFailedEventDetails: mapIteration });
    } else if (thrown instanceof Interrupted && thrown.reason !== 'closed' && !history.full) {
      history.append(iteration, 'MapIterationAborted', { mapIterationAbortedEventDetails: mapIteration });
    }
    throw thrown;
  }
}

/**
 * Runs those sequences that have not succeeded yet, at most `limit` at a time. The first failure interrupts the others: a
 * function that is already running runs on, but nothing waits for its result and no further state is entered.
 */
async function runTogether(
  step: Step,
  sequences: readonly Sequence[],
  limit: number,
  runSequence: RunSequence,
): Promise<void> {
  const queue = sequences.filter(({ outcome }) => outcome === undefined);
  const group = interruptibleGroup(step.signal);
  let failure: { readonly thrown: unknown; readonly lastEventId: number } | undefined;
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined && !group.signal.aborted; next = queue.shift()) {
      try {
        await runSequence(next, group.signal);
        step.sequence.lastEventId = next.lastEventId;
      } catch (thrown) {
        failure ??= { thrown, lastEventId: next.lastEventId };
        group.interrupt(new Interrupted('sibling failed'));
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, queue.length) }, worker));
  group.dispose();
  if (failure !== undefined) {
    step.sequence.lastEventId = failure.lastEventId;
    throw failure.thrown;
  }
  checkpoint(step.run, step.signal);
}

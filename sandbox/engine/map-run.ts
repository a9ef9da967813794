import { randomUUID } from 'node:crypto';
import type { MapState } from './definition';
import { Interrupted, StateError, TaskError } from './failure';
import { errorMembers } from './history';
import { type Child, checkpoint, interruptibleGroup, type MapRun } from './run';
import type { Step } from './step';

const MAX_MAP_RUN_REDRIVES = 1000;
/** AWS runs up to 10,000 children at once; one machine does not. */
const DEFAULT_CONCURRENCY = 1000;

/** A distributed Map: every item is an execution of its own. Its result holds the outputs of those that succeeded. */
export async function performMapRun(
  step: Step<MapState>,
  inputs: readonly { readonly input: unknown }[],
): Promise<unknown> {
  const { cursor, state } = step;
  const mapRun = resumeOrStart(step, inputs);
  const failures = await runChildren(step, mapRun);
  if (exceedsTolerance(state, failures.length, mapRun.children.length)) {
    const failure = new StateError(
      'States.ExceedToleratedFailureThreshold',
      'The specified tolerated failure threshold was exceeded',
    );
    step.append('MapRunFailed', { mapRunFailedEventDetails: errorMembers(failure.error, step.blame(failure).cause) });
    throw failure;
  }
  step.append('MapRunSucceeded');
  cursor.mapRun = mapRun;
  return mapRun.children.flatMap(({ outcome }) => (outcome === undefined ? [] : [outcome.output]));
}

function resumeOrStart(step: Step<MapState>, inputs: readonly { readonly input: unknown }[]): MapRun {
  const { cursor, run } = step;
  const known = cursor.mapRun;
  if (known === undefined) {
    const started: MapRun = {
      arn: `${run.stateMachineArn.replace(':stateMachine:', ':mapRun:')}/${labelOf(step)}:${randomUUID()}`,
      redriveCount: 0,
      children: inputs.map(({ input }) => ({ input })),
    };
    cursor.mapRun = started;
    step.append('MapRunStarted', { mapRunStartedEventDetails: { mapRunArn: started.arn } });
    return started;
  }
  if (known.redriveCount >= MAX_MAP_RUN_REDRIVES) {
    throw new StateError('States.Runtime', `A Map Run can be redriven ${MAX_MAP_RUN_REDRIVES} times`);
  }
  known.redriveCount += 1;
  step.append('MapRunRedriven', {
    mapRunRedrivenEventDetails: { mapRunArn: known.arn, redriveCount: known.redriveCount },
  });
  return known;
}

/** Stops as soon as the tolerance is exceeded: AWS aborts the children that still run. */
async function runChildren(step: Step<MapState>, mapRun: MapRun): Promise<TaskError[]> {
  const { state, run } = step;
  const spec = { arn: mapRun.arn, label: labelOf(step), definition: state.ItemProcessor };
  const queue = mapRun.children.filter(({ outcome }) => outcome === undefined);
  const group = interruptibleGroup(step.signal);
  const failures: TaskError[] = [];
  const attempt = async (child: Child) => {
    try {
      child.outcome = { output: await run.runChild(child, spec, group.signal) };
    } catch (thrown) {
      if (!(thrown instanceof TaskError)) throw thrown;
      failures.push(thrown);
      if (exceedsTolerance(state, failures.length, mapRun.children.length)) {
        group.interrupt(new Interrupted('sibling failed'));
      }
    }
  };
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined && !group.signal.aborted; next = queue.shift())
      await attempt(next);
  };
  const limit = Math.min(state.MaxConcurrency || DEFAULT_CONCURRENCY, queue.length);
  try {
    await Promise.all(Array.from({ length: limit }, worker));
  } finally {
    group.dispose();
  }
  checkpoint(run, step.signal);
  return failures;
}

function exceedsTolerance(state: MapState, failed: number, total: number): boolean {
  const { ToleratedFailureCount: count, ToleratedFailurePercentage: percentage } = state;
  if (count === undefined && percentage === undefined) return failed > 0;
  return (
    (count !== undefined && failed > count) ||
    (percentage !== undefined && total > 0 && (failed / total) * 100 > percentage)
  );
}

/** Without a Label AWS makes one from the state's name. */
function labelOf({ state, cursor }: Step<MapState>): string {
  return state.Label ?? cursor.stateName.replace(/[^A-Za-z0-9_-]/g, '').slice(0, 40);
}

import type { ArchivedEvent, ArchivedExecution } from './archive';

export type StateOutcome = 'succeeded' | 'failed' | 'timed-out' | 'cut-off';

/** What one state did in one execution, over all its visits and redrives. */
export interface StateRun {
  readonly name: string;
  readonly outcome: StateOutcome;
  /** How often the state was entered: more than once in a loop. */
  readonly visits: number;
  /** How often its task was scheduled; 0 for a state without one. */
  readonly attempts: number;
  /** Milliseconds between entering and leaving, over all visits; until the execution's end where it was not left. */
  readonly durationMs: number;
  readonly enteredAt: string;
  /** Name of the last error of the task. */
  readonly error?: string;
}

interface Visits {
  visits: number;
  attempts: number;
  durationMs: number;
  enteredAt: string;
  /** Entered and not left. */
  open?: string;
  error?: string;
  failedLast: boolean;
  timedOut: boolean;
}

/**
 * Reads the states' runs out of a history. Events of parallel branches interleave, so the events of a task are followed
 * back along previousEventId to the state that scheduled it; a redriven state is not entered again.
 * Source: Step Functions developer guide, "Redriving executions".
 */
export function stateRuns({ events, endedAt, status }: ArchivedExecution): ReadonlyMap<string, StateRun> {
  const byId = new Map(events.map((event) => [event.id, event]));
  const states = new Map<string, Visits>();
  const stateOf = (event: ArchivedEvent): Visits | undefined => {
    let at: ArchivedEvent | undefined = event;
    while (at !== undefined && at.stateEnteredEventDetails === undefined) at = byId.get(at.previousEventId);
    return at?.stateEnteredEventDetails && states.get(at.stateEnteredEventDetails.name);
  };
  for (const event of events) {
    const { timestamp, type } = event;
    if (event.stateEnteredEventDetails !== undefined) {
      const { name } = event.stateEnteredEventDetails;
      const known = states.get(name) ?? {
        visits: 0,
        attempts: 0,
        durationMs: 0,
        enteredAt: timestamp,
        failedLast: false,
        timedOut: false,
      };
      states.set(name, { ...known, visits: known.visits + 1, open: timestamp });
    } else if (event.stateExitedEventDetails !== undefined) {
      const state = states.get(event.stateExitedEventDetails.name);
      if (state?.open === undefined) continue;
      state.durationMs += elapsed(state.open, timestamp);
      delete state.open;
    } else if (type.startsWith('Task')) {
      const state = stateOf(event);
      if (state === undefined) continue;
      if (type === 'TaskScheduled') state.attempts += 1;
      const failure = event.taskFailedEventDetails ?? event.taskTimedOutEventDetails;
      if (failure?.error !== undefined) state.error = failure.error;
      state.failedLast = failure !== undefined;
      state.timedOut = event.taskTimedOutEventDetails !== undefined;
    }
  }
  const end = endedAt ?? events.at(-1)?.timestamp;
  return new Map(
    [...states].map(([name, { open, failedLast, timedOut, durationMs, ...run }]) => [
      name,
      {
        name,
        ...run,
        durationMs: durationMs + (open === undefined || end === undefined ? 0 : elapsed(open, end)),
        outcome: outcomeOf({ left: open === undefined, failedLast, timedOut, status }),
      },
    ]),
  );
}

function outcomeOf(state: { left: boolean; failedLast: boolean; timedOut: boolean; status: string }): StateOutcome {
  if (state.left) return 'succeeded';
  if (state.status === 'FAILED' && state.failedLast) return state.timedOut ? 'timed-out' : 'failed';
  return 'cut-off';
}

const elapsed = (from: string, to: string): number => Math.max(0, Date.parse(to) - Date.parse(from));

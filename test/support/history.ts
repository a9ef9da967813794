import type { HistoryEvent } from '@aws-sdk/client-sfn';

const TASK = { resourceType: 'lambda', resource: 'invoke' } as const;

/** One line of events: of the execution itself or of a branch. Each call adds the next event to it. */
export interface Line {
  entered(name: string): Line;
  exited(name: string): Line;
  scheduled(): Line;
  succeeded(): Line;
  failed(error: string): Line;
  timedOut(): Line;
  ended(): Line;
  redriven(): Line;
  /** A new line that begins where this one stands. */
  branch(): Line;
}

/** An execution's history as GetExecutionHistory tells it. */
export interface History extends Line {
  newestFirst(): readonly HistoryEvent[];
}

export function aHistory(): History {
  const events: HistoryEvent[] = [];
  const line = (start: number): Line => {
    let last = start;
    const add = (type: HistoryEvent['type'], details: Partial<HistoryEvent> = {}): Line => {
      const id = events.length + 1;
      events.push({ id, previousEventId: last, timestamp: new Date(id * 1000), type, ...details });
      last = id;
      return self;
    };
    const self: Line = {
      entered: (name) => add('TaskStateEntered', { stateEnteredEventDetails: { name } }),
      exited: (name) => add('TaskStateExited', { stateExitedEventDetails: { name } }),
      scheduled: () => add('TaskScheduled'),
      succeeded: () => add('TaskSucceeded'),
      failed: (error) => add('TaskFailed', { taskFailedEventDetails: { ...TASK, error } }),
      timedOut: () => add('TaskTimedOut', { taskTimedOutEventDetails: { ...TASK, error: 'States.Timeout' } }),
      ended: () => add('ExecutionFailed'),
      redriven: () => add('ExecutionRedriven'),
      branch: () => line(last),
    };
    return self;
  };
  const root = line(0);
  return Object.assign(root, { newestFirst: () => events.toReversed() });
}

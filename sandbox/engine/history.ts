import type { HistoryEvent, HistoryEventType } from '@aws-sdk/client-sfn';
import { TaskError } from './failure';

/** AWS closes an execution whose history is full. */
export const MAX_HISTORY_EVENTS = 25_000;

export type RecordedEvent = HistoryEvent & {
  readonly id: number;
  readonly previousEventId: number;
  readonly timestamp: Date;
  readonly type: HistoryEventType;
};

/** The `*EventDetails` member of an event. */
export type EventDetails = Omit<HistoryEvent, 'id' | 'previousEventId' | 'timestamp' | 'type'>;

/** Where a line of events stands: each branch and iteration continues its own. */
export interface Lineage {
  lastEventId: number;
}

/** Grows by whole events only; what has been recorded never changes, also not by a redrive. */
export class History {
  readonly #events: RecordedEvent[] = [];

  constructor(
    private readonly now: () => number,
    private readonly listener: (event: RecordedEvent) => void,
  ) {}

  get events(): readonly RecordedEvent[] {
    return this.#events;
  }

  /** Only the event that closes the execution still fits. */
  get full(): boolean {
    return this.#events.length >= MAX_HISTORY_EVENTS - 1;
  }

  /** Appends to the end of a lineage. Keeps room for the event that closes the execution. */
  append(lineage: Lineage, type: HistoryEventType, details: EventDetails = {}): RecordedEvent {
    if (this.full && !CLOSING.has(type)) {
      throw new TaskError(
        'States.Runtime',
        `The execution reached the maximum number of history events (${MAX_HISTORY_EVENTS}).`,
      );
    }
    const event: RecordedEvent = {
      timestamp: new Date(this.now()),
      type,
      id: this.#events.length + 1,
      previousEventId: lineage.lastEventId,
      ...details,
    };
    this.#events.push(event);
    lineage.lastEventId = event.id;
    this.listener(event);
    return event;
  }
}

const CLOSING: ReadonlySet<HistoryEventType> = new Set([
  'ExecutionSucceeded',
  'ExecutionFailed',
  'ExecutionAborted',
  'ExecutionTimedOut',
] as const);

/** Through the API, Step Functions never truncates; only logs do. */
export const NOT_TRUNCATED = { truncated: false } as const;

/** Error and Cause members; an empty one is left out, as AWS does. */
export function errorMembers(error: string | undefined, cause: string | undefined): { error?: string; cause?: string } {
  return { ...(error ? { error } : {}), ...(cause ? { cause } : {}) };
}

const DATA_MEMBERS: ReadonlySet<string> = new Set(['input', 'inputDetails', 'output', 'outputDetails', 'parameters']);

/** An event as GetExecutionHistory shows it with `includeExecutionData: false`, and logs without execution data. */
export function withoutExecutionData(event: RecordedEvent): RecordedEvent {
  const members = Object.entries(event).map(([name, value]: [string, unknown]) =>
    name.endsWith('EventDetails')
      ? [name, Object.fromEntries(Object.entries(value as object).filter(([member]) => !DATA_MEMBERS.has(member)))]
      : [name, value],
  );
  return Object.fromEntries(members) as RecordedEvent;
}

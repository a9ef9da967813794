import type { HistoryEvent } from '@aws-sdk/client-sfn';

/** What an execution's history says about its end. */
export interface ExecutionFailure {
  readonly step: string;
  readonly error: string;
  readonly message: string;
  readonly attempt: number;
}

/**
 * Finds the step that failed. Events of parallel branches interleave, so the failing event's own line of
 * previousEventId is followed back to the state that was entered; the task was scheduled once per attempt on that line.
 * @param events newest first, as GetExecutionHistory gives them with reverseOrder
 */
export function failureOf(
  events: readonly HistoryEvent[],
  end: { readonly status: string; readonly error?: string | undefined; readonly cause?: string | undefined },
): ExecutionFailure {
  const error =
    end.error ?? (end.status === 'ABORTED' ? 'Aborted' : end.status === 'TIMED_OUT' ? 'States.Timeout' : 'Unknown');
  const message = messageOf(end.cause) ?? `execution ended ${end.status}`;
  const byId = new Map(events.map((event) => [event.id, event]));
  // Only a FAILED execution ends by an event of a task; failures in the history of others were retried.
  const failed =
    events.find((event) => end.status === 'FAILED' && isTaskFailure(event) && errorOf(event) === end.error) ??
    events.find(isEntered);
  // A redriven state is not entered again, and a branch's line does not lead through the redrive.
  const redriven = events.find(({ type }) => type === 'ExecutionRedriven')?.id ?? 0;
  let attempt = 0;
  for (let event = failed; event !== undefined; event = byId.get(event.previousEventId)) {
    if (isScheduled(event) && (event.id ?? 0) > redriven) attempt += 1;
    if (isEntered(event)) return { step: event.stateEnteredEventDetails?.name ?? 'unknown', error, message, attempt };
  }
  return { step: 'unknown', error, message, attempt };
}

const isTaskFailure = ({ type }: HistoryEvent): boolean =>
  type === 'TaskFailed' ||
  type === 'TaskTimedOut' ||
  type === 'TaskStartFailed' ||
  type === 'TaskSubmitFailed' ||
  type === 'FailStateEntered';
const isScheduled = ({ type }: HistoryEvent): boolean => type === 'TaskScheduled';
const isEntered = ({ type }: HistoryEvent): boolean => type?.endsWith('StateEntered') ?? false;

const errorOf = (event: HistoryEvent): string | undefined =>
  event.taskFailedEventDetails?.error ??
  event.taskTimedOutEventDetails?.error ??
  event.taskStartFailedEventDetails?.error ??
  event.taskSubmitFailedEventDetails?.error;

/** Lambda's cause is JSON with errorMessage; others are plain text. */
function messageOf(cause: string | undefined): string | undefined {
  if (cause === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(cause);
    if (typeof parsed === 'object' && parsed !== null && 'errorMessage' in parsed) return String(parsed.errorMessage);
  } catch {
    // Plain text.
  }
  return cause;
}

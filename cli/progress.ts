import type { HistoryEvent } from '@aws-sdk/client-sfn';
import { createColors } from 'picocolors';
import { type Colors, printable, type Stream } from './output';

/** What happened to a state, or to the execution as a whole (`state` is absent then). */
export interface ProgressEntry {
  readonly kind:
    | 'started'
    | 'passed'
    | 'done'
    | 'failed'
    | 'retried'
    | 'aborted'
    | 'execution started'
    | 'execution redriven'
    | 'execution succeeded'
    | 'execution failed'
    | 'execution stopped'
    | 'execution timed out';
  readonly state?: string;
  /** Milliseconds since the execution started. */
  readonly at: number;
  /** Milliseconds since the state was entered, or (at the end) since the execution started. */
  readonly duration?: number;
  /** Of a task that is tried again: 2 is the first retry. */
  readonly attempt?: number;
  readonly error?: string;
  readonly message?: string;
}

/** One visit to a state. */
interface Visit {
  /** Id of the event that entered it. */
  readonly id: number;
  readonly state: string;
  readonly enteredAt: number;
  attempts: number;
}

/**
 * Follows one execution. Events of parallel branches interleave and most do not name their state, so each event is led
 * back, by previousEventId, to the visit it belongs to.
 */
export function trackExecution() {
  const visits = new Map<number, Visit>();
  const latest = new Map<string, Visit>();
  const running = new Map<string, Visit>();
  let startedAt: number | undefined;
  let redrivenId = 0;

  /** Undefined for events that say nothing new to a reader. */
  function take(event: HistoryEvent): ProgressEntry | undefined {
    const { id = 0, previousEventId = 0, type = '', timestamp } = event;
    const time = timestamp?.getTime() ?? 0;
    startedAt ??= time;
    const at = time - startedAt;
    const visit = visits.get(previousEventId);
    if (visit !== undefined) visits.set(id, visit);

    if (type.endsWith('StateEntered')) {
      const state = event.stateEnteredEventDetails?.name ?? 'unknown';
      const entered: Visit = { id, state, enteredAt: time, attempts: 0 };
      visits.set(id, entered);
      latest.set(state, entered);
      if (type === 'FailStateEntered') return { kind: 'failed', state, at };
      if (!LASTING.test(type)) return { kind: 'passed', state, at };
      if (AT_WORK.test(type)) running.set(state, entered);
      return { kind: 'started', state, at };
    }
    if (type.endsWith('StateExited')) {
      const state = event.stateExitedEventDetails?.name ?? visit?.state ?? 'unknown';
      running.delete(state);
      if (!LASTING.test(type)) return undefined;
      const entered = visit?.state === state ? visit : latest.get(state);
      return { kind: 'done', state, at, duration: time - (entered?.enteredAt ?? time) };
    }
    if (type.endsWith('StateAborted')) {
      if (visit === undefined || !running.delete(visit.state)) return undefined;
      return { kind: 'aborted', state: visit.state, at };
    }
    if (type === 'TaskScheduled' || type === 'LambdaFunctionScheduled') {
      return visit && scheduled(visit, at);
    }
    if (TASK_FAILURE.test(type)) {
      return { kind: 'failed', state: visit?.state ?? 'unknown', at, ...failureIn(event) };
    }
    return execution(event, type, at);
  }

  function scheduled(visit: Visit, at: number): ProgressEntry | undefined {
    const { state } = visit;
    running.set(state, visit);
    visit.attempts += 1;
    if (visit.attempts > 1) return { kind: 'retried', state, at, attempt: visit.attempts };
    // A redriven task is scheduled again without its state being entered.
    return visit.id < redrivenId ? { kind: 'started', state, at } : undefined;
  }

  function execution(event: HistoryEvent, type: string, at: number): ProgressEntry | undefined {
    switch (type) {
      case 'ExecutionStarted':
        return { kind: 'execution started', at };
      case 'ExecutionRedriven':
        redrivenId = event.id ?? 0;
        for (const visit of visits.values()) visit.attempts = 0;
        return { kind: 'execution redriven', at };
      case 'ExecutionSucceeded':
      case 'ExecutionFailed':
      case 'ExecutionAborted':
      case 'ExecutionTimedOut':
        running.clear();
        return { kind: ENDS[type], at, duration: at, ...failureIn(event) };
      default:
        return undefined;
    }
  }

  return {
    take,
    /** States at work now, in the order in which they were entered; a Parallel counts through its branches. */
    running: (): readonly string[] => [...running.keys()],
  };
}

/** States that take time; the others are passed through. */
const LASTING = /^(Task|Wait|Parallel|Map)State/;
const AT_WORK = /^(Task|Wait)State/;
const TASK_FAILURE =
  /^(Task(Failed|TimedOut|StartFailed|SubmitFailed)|LambdaFunction(Failed|TimedOut|ScheduleFailed|StartFailed))$/;
const ENDS = {
  ExecutionSucceeded: 'execution succeeded',
  ExecutionFailed: 'execution failed',
  ExecutionAborted: 'execution stopped',
  ExecutionTimedOut: 'execution timed out',
} as const;

/** Error and message of the event's details, whichever they are. */
function failureIn(event: HistoryEvent): { error?: string; message?: string } {
  for (const [member, details] of Object.entries(event)) {
    if (!member.endsWith('EventDetails') || typeof details !== 'object' || details === null) continue;
    const { error, cause } = details as { error?: string; cause?: string };
    if (error === undefined && cause === undefined) continue;
    const message = cause === undefined ? undefined : messageIn(cause);
    return { ...(error !== undefined && { error }), ...(message !== undefined && { message }) };
  }
  return event.type === 'TaskTimedOut' || event.type === 'LambdaFunctionTimedOut' ? { error: 'States.Timeout' } : {};
}

/** Lambda's cause is JSON with errorMessage; others are plain text. */
function messageIn(cause: string): string {
  try {
    const { errorMessage } = JSON.parse(cause) as { errorMessage?: unknown };
    if (typeof errorMessage === 'string') return errorMessage;
  } catch {
    // Plain text.
  }
  return cause;
}

export interface ProgressStyle {
  /** Symbols and colours instead of words. @default false */
  readonly decorated?: boolean;
  /** Begins each line, for several executions at once. */
  readonly label?: string;
  /** Also show that a state starts, which a live footer says already. @default true */
  readonly starts?: boolean;
}

/**
 * Renders the progress of one execution.
 * @returns a function that takes history events as they come and returns the lines to print
 */
export function progressLines(style: ProgressStyle = {}): (events: readonly HistoryEvent[]) => readonly string[] {
  const tracker = trackExecution();
  return (events) => events.flatMap((event) => entryLines(tracker.take(event), style));
}

export function entryLines(entry: ProgressEntry | undefined, style: ProgressStyle): readonly string[] {
  const { decorated = false, label, starts = true } = style;
  if (entry === undefined || (entry.kind === 'started' && !starts)) return [];
  const line = decorated ? decoratedLine(entry, createColors(true)) : plainLine(entry);
  return [label === undefined ? line : `${decorated ? createColors(true).dim(label) : label} ${line}`];
}

/** `      +1.2 s  done     Claim tenant (0.3 s)` */
function plainLine(entry: ProgressEntry): string {
  const { kind, state, at } = entry;
  const time = `+${seconds(at)}`.padStart(12);
  const [what, subject] =
    state === undefined ? [kind.replace('execution ', ''), 'execution'] : [kind, printable(state)];
  return `${time}  ${what.padEnd(9)}  ${subject}${detail(entry)}`;
}

function decoratedLine(entry: ProgressEntry, { bold, cyan, dim, green, red, yellow }: Colors): string {
  const subject = entry.state === undefined ? bold(capital(entry.kind)) : printable(entry.state);
  const after = detail(entry);
  switch (entry.kind) {
    case 'started':
    case 'execution started':
      return `${cyan('▸')} ${subject}`;
    case 'passed':
      return dim(`· ${subject}`);
    case 'done':
    case 'execution succeeded':
      return `${green('✓')} ${subject}${dim(after)}`;
    case 'retried':
    case 'execution redriven':
      return `${yellow('↻')} ${subject}${yellow(after)}`;
    case 'aborted':
    case 'execution stopped':
      return `${yellow('■')} ${subject}${dim(after)}`;
    case 'failed':
    case 'execution failed':
    case 'execution timed out':
      return `${red('✗')} ${subject}${red(after)}`;
  }
}

function detail({ kind, duration, attempt, error, message }: ProgressEntry): string {
  if (attempt !== undefined) return ` (attempt ${attempt})`;
  // The failed step has said why, a line or two above.
  if (kind.startsWith('execution') && error !== undefined) return ` (${seconds(duration ?? 0)}): ${printable(error)}`;
  if (error !== undefined) return `: ${printable(error)}${message === undefined ? '' : `: ${printable(message)}`}`;
  if (kind === 'aborted') return ' (not finished)';
  return duration === undefined ? '' : ` (${seconds(duration)})`;
}

/** `0.3 s`, `12 s`, `2 min 5 s`, `3 h 2 min`, `30 d 1 h` */
export function seconds(milliseconds: number): string {
  if (milliseconds < 9_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const whole = Math.round(milliseconds / 1000);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export interface ProgressView {
  /** Takes note of what happened earlier, without showing it: later events refer to it. */
  skip(events: readonly HistoryEvent[]): void;
  show(events: readonly HistoryEvent[]): void;
  /** Takes the footer away. */
  close(): void;
}

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;

/** Prints lines as events come; on a live terminal, with a footer that says what is running. */
export function openProgress(
  stream: Stream,
  { live, ...style }: ProgressStyle & { readonly live: boolean },
): ProgressView {
  const tracker = trackExecution();
  const shown = live ? { decorated: true, starts: false, ...style } : style;
  const colors = createColors(true);
  let frame = 0;
  let footer = false;

  const clear = () => {
    if (footer) stream.write('\r\u001b[2K');
    footer = false;
  };
  const draw = () => {
    clear();
    const running = tracker.running();
    if (running.length === 0) return;
    frame = (frame + 1) % SPINNER.length;
    const text = printable(running.join(', '));
    const room = Math.max((stream.columns || 80) - 4, 20);
    stream.write(`${colors.cyan(SPINNER[frame] ?? '')} ${text.length > room ? `${text.slice(0, room - 1)}…` : text}`);
    footer = true;
  };
  const timer = live ? setInterval(draw, FRAME_MS) : undefined;

  return {
    skip(events) {
      for (const event of events) tracker.take(event);
    },
    show(events) {
      const lines = events.flatMap((event) => entryLines(tracker.take(event), shown));
      if (lines.length > 0) {
        clear();
        stream.write(lines.map((line) => `${line}\n`).join(''));
      }
      if (live) draw();
    },
    close() {
      clearInterval(timer);
      clear();
    },
  };
}

/** How an execution ended (or that it sleeps), and the events that led there, newest first. */
export interface Ending {
  readonly status: 'SUCCEEDED' | 'FAILED' | 'ABORTED' | 'TIMED_OUT' | 'ASLEEP';
  readonly error?: string | undefined;
  readonly cause?: string | undefined;
  readonly events: readonly HistoryEvent[];
}

/**
 * Watches an execution to its end, or to where it goes to sleep.
 * @param read answers the events that are new since its last call
 * @param signal stops watching; the execution goes on
 * @param sleepsIn name of a Wait state that may last for days
 * @param earlier events before those that `read` answers, oldest first: of an execution that has ended and is redriven
 * @returns undefined when the signal came first
 */
export async function watchExecution(
  read: () => Promise<readonly HistoryEvent[]>,
  view: ProgressView,
  {
    intervalMs,
    signal,
    sleepsIn,
    earlier = [],
  }: {
    readonly intervalMs: number;
    readonly signal: AbortSignal;
    readonly sleepsIn?: string;
    readonly earlier?: readonly HistoryEvent[];
  },
): Promise<Ending | undefined> {
  const events: HistoryEvent[] = earlier.toReversed();
  let quiet = 0;
  view.skip(earlier);
  try {
    while (!signal.aborted) {
      const fresh = await read();
      events.unshift(...fresh.toReversed());
      view.show(fresh);
      const ending = events.length > earlier.length ? endingOf(events) : undefined;
      if (ending !== undefined) return ending;
      quiet = fresh.length === 0 ? quiet + 1 : 0;
      if (quiet >= QUIET_READS && isAsleep(events, sleepsIn)) return { status: 'ASLEEP', events };
      await pause(intervalMs, signal);
    }
    return undefined;
  } finally {
    view.close();
  }
}

/** A Wait state whose time has come already is left at once: one that is not left within so many reads is slept in. */
const QUIET_READS = 4;

/** An execution that is stopped and redriven goes on sleeping without entering the state again. */
function isAsleep(events: readonly HistoryEvent[], state: string | undefined): boolean {
  const last = events.find(
    ({ type }) => !['ExecutionRedriven', 'ExecutionAborted', 'WaitStateAborted'].includes(type ?? ''),
  );
  return last?.type === 'WaitStateEntered' && last.stateEnteredEventDetails?.name === state;
}

/** Undefined while the last event is not a closing one: after a redrive there are earlier ends in the history. */
function endingOf(events: readonly HistoryEvent[]): Ending | undefined {
  const [last] = events;
  switch (last?.type) {
    case 'ExecutionSucceeded':
      return { status: 'SUCCEEDED', events };
    case 'ExecutionFailed':
      return { status: 'FAILED', ...last.executionFailedEventDetails, events };
    case 'ExecutionAborted':
      return { status: 'ABORTED', ...last.executionAbortedEventDetails, events };
    case 'ExecutionTimedOut':
      return { status: 'TIMED_OUT', ...last.executionTimedOutEventDetails, events };
    default:
      return undefined;
  }
}

/** Resolves after that time, or at once when the signal comes. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
  });
}

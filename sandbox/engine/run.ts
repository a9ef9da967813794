import { setMaxListeners } from 'node:events';
import type { Clock } from '../clock';
import type { StateSequence } from './definition';
import { Interrupted } from './failure';
import type { History, Lineage } from './history';
import type { Random } from './retry';

export interface InvokeRequest {
  /** Name or ARN, as the definition has it. */
  readonly functionName: string;
  readonly payload: unknown;
  readonly executionArn: string;
  readonly stateName: string;
  /** TimeoutSeconds of the state. The engine itself gives up after so many real seconds; the invocation runs on. */
  readonly timeoutSeconds?: number;
  /** Fires when the engine closes, never when an execution stops: AWS doesn't stop a running function either. */
  readonly signal: AbortSignal;
}

/** Runs a Lambda function. Rejects with a TaskError, or with any Error, which counts as thrown by the function. */
export type Invoke = (request: InvokeRequest) => Promise<unknown>;

/**
 * How far a sequence of states has come. Held in memory from start to the end of the redrivable period: a redrive goes on
 * where the cursors stand.
 */
export interface Sequence extends Lineage {
  readonly definition: StateSequence;
  readonly input: unknown;
  /** The item that this iteration of a Map is about. */
  readonly item?: MapItem;
  /** The state that was entered and not exited. */
  cursor?: Cursor;
  /** Set once the sequence has succeeded. */
  outcome?: { readonly output: unknown };
}

export interface MapItem {
  readonly Index: number;
  readonly Value: unknown;
}

export interface Cursor {
  readonly stateName: string;
  /** The state's raw input. */
  readonly input: unknown;
  readonly enteredEventId: number;
  readonly enteredTime: string;
  /** Branches of a Parallel, iterations of an inline Map. */
  fanOut?: readonly Sequence[];
  /** Of a distributed Map. */
  mapRun?: MapRun;
}

export interface MapRun {
  readonly arn: string;
  redriveCount: number;
  readonly children: readonly Child[];
}

/** One item of a distributed Map and the execution that it got. */
export interface Child {
  readonly input: unknown;
  executionArn?: string;
  outcome?: { readonly output: unknown };
}

/** Runs one item of a Map Run to its end: starts it, or redrives what an earlier attempt left. Rejects as the child fails. */
export type RunChild = (
  child: Child,
  mapRun: { readonly arn: string; readonly label: string; readonly definition: StateSequence },
  signal: AbortSignal,
) => Promise<unknown>;

/** One attempt (start or redrive) of one execution, as its states see it. */
export interface Run {
  readonly clock: Clock;
  readonly random: Random;
  readonly region: string;
  readonly invoke: Invoke;
  readonly closing: AbortSignal;
  readonly history: History;
  readonly runChild: RunChild;
  readonly executionArn: string;
  readonly stateMachineArn: string;
  /** `Execution` and `StateMachine` of the context object. */
  readonly context: Readonly<Record<string, unknown>>;
  /** Virtual time at which the execution times out. */
  readonly deadline: number;
  /** Counts one state transition. */
  countTransition(): void;
}

/** Throws when the run must not go on. */
export function checkpoint(run: Run, signal: AbortSignal): void {
  if (signal.aborted) throw signal.reason;
  if (run.clock.now() >= run.deadline) throw new Interrupted('timed out');
}

/** Sleeps in virtual time, not beyond the deadline. */
export async function pause(run: Run, milliseconds: number, signal: AbortSignal): Promise<void> {
  const left = run.deadline - run.clock.now();
  try {
    if (milliseconds > 0) await run.clock.sleep(Math.min(milliseconds, left), signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  checkpoint(run, signal);
}

/** A signal that fires with its parent, or alone when a member fails. */
export function interruptibleGroup(parent: AbortSignal) {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const follow = () => controller.abort(parent.reason);
  if (parent.aborted) follow();
  parent.addEventListener('abort', follow);
  return {
    signal: controller.signal,
    interrupt: (reason: Interrupted) => controller.abort(reason),
    dispose: () => parent.removeEventListener('abort', follow),
  };
}

import type { ExecutionRedriveStatus, ExecutionStatus } from '@aws-sdk/client-sfn';
import type { StateMachineDefinition } from './definition';
import type { Interrupted } from './failure';
import { History, MAX_HISTORY_EVENTS, type RecordedEvent } from './history';
import type { Sequence } from './run';

export const DAY_MS = 86_400_000;
/** A closed execution and its history can be read for so long, and its name is taken. */
export const RETENTION_MS = 90 * DAY_MS;
const REDRIVABLE_MS = 14 * DAY_MS;
/** An execution cannot be open for longer. */
export const MAX_OPEN_MS = 365 * DAY_MS;
const TOKEN_MS = 15 * 60_000;
const TOKENS_KEPT = 10;

export interface StateMachine {
  readonly arn: string;
  readonly name: string;
  readonly roleArn: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly definitionJson: string;
  readonly definition: StateMachineDefinition;
  /** Absent for a machine that was never changed. */
  readonly revisionId?: string;
  readonly registeredAt: number;
}

const INCLUDED = { included: true } as const;

/** What DescribeExecution answers. */
export interface Description {
  readonly executionArn: string;
  readonly stateMachineArn: string;
  readonly name: string;
  readonly status: ExecutionStatus;
  readonly startDate: Date;
  readonly stopDate?: Date;
  readonly input: string;
  readonly inputDetails: { readonly included: boolean };
  readonly output?: string;
  readonly outputDetails?: { readonly included: boolean };
  readonly error?: string;
  readonly cause?: string;
  readonly mapRunArn?: string;
  readonly redriveCount: number;
  readonly redriveDate?: Date;
  readonly redriveStatus: ExecutionRedriveStatus;
  readonly redriveStatusReason?: string;
}

export interface Closure {
  readonly status: Exclude<ExecutionStatus, 'RUNNING' | 'PENDING_REDRIVE'>;
  readonly output?: string;
  readonly error?: string;
  readonly cause?: string;
}

interface Identity {
  readonly arn: string;
  readonly name: string;
  /** Bound for good: a redrive runs the definition that the execution started with. */
  readonly machine: StateMachine;
  readonly input: string;
  readonly startDate: number;
  /** Set for the executions of a distributed Map. */
  readonly mapRunArn?: string;
}

/** One execution through all its redrives: what is known about it, not what drives it. */
export class Execution {
  readonly history: History;
  readonly root: Sequence;
  /** Order of starting, for listing. */
  readonly serial: number;
  transitions = 0;
  redriveCount = 0;
  redriveDate: number | undefined;
  closure: (Closure & { readonly at: number }) | undefined;
  /** Ends the current attempt. */
  interrupt: (reason: Interrupted) => void = () => {};
  /** Settles with the current attempt; never rejects. */
  attempt: Promise<void> = Promise.resolve();
  readonly waiters: { resolve(description: Description): void; reject(error: Error): void }[] = [];
  readonly #tokens: { readonly token: string; readonly at: number; readonly redriveDate: number }[] = [];

  constructor(
    readonly identity: Identity,
    serial: number,
    private readonly now: () => number,
    onEvent: (arn: string, event: RecordedEvent) => void,
  ) {
    this.serial = serial;
    this.history = new History(now, (event) => onEvent(identity.arn, event));
    this.root = { definition: identity.machine.definition, input: JSON.parse(identity.input), lastEventId: 0 };
  }

  get status(): ExecutionStatus {
    return this.closure?.status ?? 'RUNNING';
  }

  get forgotten(): boolean {
    return this.closure !== undefined && this.now() - this.closure.at >= RETENTION_MS;
  }

  /** Why a redrive would be refused, in the words of DescribeExecution. */
  get notRedrivable(): string | undefined {
    const { status, closure } = this;
    if (closure === undefined || status === 'SUCCEEDED') return `Execution is ${status} and cannot be redriven`;
    if (this.history.events.length >= MAX_HISTORY_EVENTS - 1) return 'Execution history event limit exceeded';
    if (this.now() - this.identity.startDate >= MAX_OPEN_MS) return 'Execution has exceeded the max execution time';
    if (this.now() - closure.at > REDRIVABLE_MS) return 'Execution redrivable period exceeded';
    return undefined;
  }

  /** Date of the redrive that this client token has already caused. */
  redriveDateOf(token: string): number | undefined {
    return this.#tokens.find((each) => each.token === token && this.now() - each.at <= TOKEN_MS)?.redriveDate;
  }

  /** Reopens for another attempt. */
  reopen(token: string | undefined): number {
    const at = this.now();
    this.closure = undefined;
    this.redriveCount += 1;
    this.redriveDate = at;
    if (token !== undefined) this.#tokens.unshift({ token, at, redriveDate: at });
    this.#tokens.length = Math.min(this.#tokens.length, TOKENS_KEPT);
    return at;
  }

  describe(): Description {
    const { identity, closure, redriveDate, notRedrivable } = this;
    const { arn, name, machine, input, startDate, mapRunArn } = identity;
    return {
      executionArn: arn,
      stateMachineArn: machine.arn,
      name,
      status: this.status,
      startDate: new Date(startDate),
      ...(closure === undefined ? {} : { stopDate: new Date(closure.at) }),
      input,
      inputDetails: INCLUDED,
      ...(closure?.output === undefined ? {} : { output: closure.output, outputDetails: INCLUDED }),
      ...(closure?.error === undefined ? {} : { error: closure.error }),
      ...(closure?.cause === undefined ? {} : { cause: closure.cause }),
      ...(mapRunArn === undefined ? {} : { mapRunArn }),
      redriveCount: this.redriveCount,
      ...(redriveDate === undefined ? {} : { redriveDate: new Date(redriveDate) }),
      ...redriveStatus(notRedrivable, mapRunArn),
    };
  }
}

function redriveStatus(reason: string | undefined, mapRunArn: string | undefined) {
  if (reason !== undefined) return { redriveStatus: 'NOT_REDRIVABLE', redriveStatusReason: reason } as const;
  return { redriveStatus: mapRunArn === undefined ? 'REDRIVABLE' : 'REDRIVABLE_BY_MAP_RUN' } as const;
}

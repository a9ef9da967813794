import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { ExecutionRedriveFilter, ExecutionStatus } from '@aws-sdk/client-sfn';
import { type Estate, ServiceError } from '../aws/service';
import { attempt } from './attempt';
import { UnsupportedDefinitionError } from './definition';
import { type Description, Execution, type StateMachine } from './execution';
import { DATA_LIMIT_BYTES, Interrupted, TaskError } from './failure';
import { errorMembers, NOT_TRUNCATED, type RecordedEvent, withoutExecutionData } from './history';
import { loadDefinition } from './load';
import { checkArn, executionArn, executionName } from './names';
import { type Page, page } from './page';
import type { Random } from './retry';
import type { Invoke, RunChild } from './run';
import { type StatusChange, statusChange } from './status-change';

export type { Description, StateMachine } from './execution';
export { TaskError } from './failure';
export type { RecordedEvent } from './history';
export type { Invoke, InvokeRequest } from './run';
export type { StatusChange } from './status-change';

export interface StateMachinesProps extends Estate {
  readonly invoke: Invoke;
  /** Draws retry jitter. @default Math.random */
  readonly random?: Random;
}

export interface Registration {
  readonly arn: string;
  readonly name: string;
  /** JSON, with all CloudFormation references resolved. */
  readonly definition: string;
  readonly roleArn: string;
  readonly type: 'STANDARD' | 'EXPRESS';
  readonly tags?: Readonly<Record<string, string>>;
}

export interface ListRequest {
  readonly stateMachineArn?: string;
  readonly mapRunArn?: string;
  readonly statusFilter?: ExecutionStatus;
  readonly redriveFilter?: ExecutionRedriveFilter;
  readonly maxResults?: number;
  readonly nextToken?: string;
}

export interface HistoryRequest {
  readonly reverseOrder?: boolean;
  readonly maxResults?: number;
  readonly nextToken?: string;
  /** @default true */
  readonly includeExecutionData?: boolean;
}

/** Standard state machines and their executions, with the rules that AWS applies to them. Errors are ServiceErrors. */
export class StateMachines {
  readonly #machines = new Map<string, StateMachine>();
  readonly #executions = new Map<string, Execution>();
  readonly #statusListeners = new Set<(change: StatusChange) => void>();
  readonly #eventListeners = new Set<(executionArn: string, event: RecordedEvent) => void>();
  readonly #closing = new AbortController();
  #started = 0;

  constructor(private readonly props: StateMachinesProps) {
    setMaxListeners(0, this.#closing.signal);
  }

  /** Adds a machine, or changes it for executions that start from now on. Refuses what the engine would run otherwise. */
  register({ arn, name, definition, roleArn, type, tags = {} }: Registration): StateMachine {
    if (type !== 'STANDARD')
      throw new UnsupportedDefinitionError(undefined, 'type', `${type} machines do not run here`);
    const machine: StateMachine = {
      arn,
      name,
      roleArn,
      tags,
      definitionJson: definition,
      definition: loadDefinition(definition),
      ...(this.#machines.has(arn) && { revisionId: randomUUID() }),
      registeredAt: this.props.clock.now(),
    };
    this.#machines.set(arn, machine);
    return machine;
  }

  get machines(): readonly StateMachine[] {
    return [...this.#machines.values()];
  }

  machine(arn: string): StateMachine {
    const machine = this.#machines.get(checkArn(arn));
    if (machine === undefined)
      throw new ServiceError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
    return machine;
  }

  /** The same name and input as those of a running execution is the same request again. */
  start(request: { stateMachineArn: string; name?: string; input?: string }): {
    executionArn: string;
    startDate: Date;
  } {
    const machine = this.machine(request.stateMachineArn);
    const name = executionName(request.name);
    const input = checkInput(request.input ?? '{}');
    const arn = executionArn(machine.arn, name);
    const existing = this.#remembered(arn);
    if (existing !== undefined && (existing.status !== 'RUNNING' || existing.identity.input !== input)) {
      throw new ServiceError('ExecutionAlreadyExists', `Execution Already Exists: '${arn}'`);
    }
    const { identity } = existing ?? this.#open({ arn, name, machine, input });
    return { executionArn: arn, startDate: new Date(identity.startDate) };
  }

  /** Ends a running execution as ABORTED; one that has ended already stays as it is. */
  async stop(arn: string, error?: string, cause?: string): Promise<{ stopDate: Date }> {
    const execution = this.#execution(arn);
    if (execution.status === 'RUNNING') {
      execution.interrupt(new Interrupted('stopped', errorMembers(error, cause)));
      await execution.attempt;
    }
    return { stopDate: new Date(execution.closure?.at ?? this.props.clock.now()) };
  }

  /** Goes on at every state that was entered and not exited. */
  redrive(arn: string, clientToken?: string): { redriveDate: Date } {
    const execution = this.#execution(arn);
    const repeated = clientToken === undefined ? undefined : execution.redriveDateOf(clientToken);
    if (repeated !== undefined) return { redriveDate: new Date(repeated) };
    const reason = execution.identity.mapRunArn ? 'Execution is redriven by its Map Run' : execution.notRedrivable;
    if (reason !== undefined) throw new ServiceError('ExecutionNotRedrivable', reason);
    return { redriveDate: new Date(this.#reopen(execution, clientToken)) };
  }

  describe(arn: string): Description {
    return this.#execution(arn).describe();
  }

  /** The machine as it was when the execution started. */
  machineOf(arn: string): StateMachine {
    return this.#execution(arn).identity.machine;
  }

  /** Latest start first. */
  list({ stateMachineArn, mapRunArn, statusFilter, redriveFilter, ...paging }: ListRequest): Page<Description> {
    if ((stateMachineArn === undefined) === (mapRunArn === undefined)) {
      throw new ServiceError('ValidationException', 'Exactly one of stateMachineArn and mapRunArn must be given');
    }
    if (stateMachineArn !== undefined) this.machine(stateMachineArn);
    const found = [...this.#executions.values()].filter(
      ({ identity, status, forgotten, redriveCount }) =>
        !forgotten &&
        (mapRunArn === undefined ? identity.machine.arn === stateMachineArn : identity.mapRunArn === mapRunArn) &&
        (statusFilter === undefined || status === statusFilter) &&
        (redriveFilter === undefined || (redriveFilter === 'REDRIVEN') === redriveCount > 0),
    );
    found.sort((a, b) => b.serial - a.serial);
    const { items, ...rest } = page(found, ({ serial }) => -serial, paging);
    return { items: items.map((execution) => execution.describe()), ...rest };
  }

  history(arn: string, request: HistoryRequest = {}): Page<RecordedEvent> {
    const { reverseOrder = false, includeExecutionData = true, ...paging } = request;
    const { events } = this.#execution(arn).history;
    const ordered = reverseOrder ? events.toReversed() : events;
    const { items, ...rest } = page(ordered, ({ id }) => (reverseOrder ? -id : id), paging);
    return { items: includeExecutionData ? items : items.map(withoutExecutionData), ...rest };
  }

  /** State transitions that AWS would bill: states entered, retries and redrives. */
  transitions(arn: string): number {
    return this.#execution(arn).transitions;
  }

  /** Resolves when the execution has closed. A redrive opens it again: ask again. */
  settled(arn: string): Promise<Description> {
    const execution = this.#execution(arn);
    if (execution.closure !== undefined) return Promise.resolve(execution.describe());
    if (this.#closing.signal.aborted) return Promise.reject(engineClosed());
    return new Promise((resolve, reject) => execution.waiters.push({ resolve, reject }));
  }

  /** Listeners hear of every status, RUNNING at start and redrive included. Returns how to stop listening. */
  onStatusChange(listener: (change: StatusChange) => void): () => void {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  }

  onHistoryEvent(listener: (executionArn: string, event: RecordedEvent) => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  /** Lets go of running executions where they stand (they stay RUNNING) and waits until nothing moves any more. */
  async close(): Promise<void> {
    this.#closing.abort(new Interrupted('closed'));
    const open = [...this.#executions.values()].filter(({ status }) => status === 'RUNNING');
    for (const execution of open) execution.interrupt(new Interrupted('closed'));
    await Promise.all(open.map(({ attempt }) => attempt));
    for (const { waiters } of open) for (const { reject } of waiters.splice(0)) reject(engineClosed());
  }

  #remembered(arn: string): Execution | undefined {
    const execution = this.#executions.get(checkArn(arn));
    if (execution?.forgotten !== true) return execution;
    this.#executions.delete(arn);
    return undefined;
  }

  #execution(arn: string): Execution {
    const execution = this.#remembered(arn);
    if (execution === undefined) throw new ServiceError('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
    return execution;
  }

  #open(identity: Omit<Execution['identity'], 'startDate'>): Execution {
    if (this.#closing.signal.aborted) throw engineClosed();
    const { clock } = this.props;
    const execution = new Execution(
      { ...identity, startDate: clock.now() },
      ++this.#started,
      () => clock.now(),
      (arn, event) => this.#notify(this.#eventListeners, (listener) => listener(arn, event)),
    );
    this.#executions.set(identity.arn, execution);
    const { input, machine } = identity;
    execution.history.append({ lastEventId: 0 }, 'ExecutionStarted', {
      executionStartedEventDetails: { input, inputDetails: NOT_TRUNCATED, roleArn: machine.roleArn },
    });
    this.#begin(execution);
    return execution;
  }

  #reopen(execution: Execution, token?: string): number {
    if (this.#closing.signal.aborted) throw engineClosed();
    const at = execution.reopen(token);
    execution.transitions += 1;
    execution.history.append(execution.root, 'ExecutionRedriven', {
      executionRedrivenEventDetails: { redriveCount: execution.redriveCount },
    });
    this.#begin(execution);
    return at;
  }

  #begin(execution: Execution): void {
    const controller = new AbortController();
    setMaxListeners(0, controller.signal);
    execution.interrupt = (reason) => controller.abort(reason);
    this.#notifyStatus(execution);
    // The caller has its answer before the first state runs.
    execution.attempt = Promise.resolve().then(() => this.#attempt(execution, controller.signal));
  }

  async #attempt(execution: Execution, signal: AbortSignal): Promise<void> {
    const surroundings = { random: Math.random, ...this.props, closing: this.#closing.signal };
    const runChild = this.#childRunner(execution.identity.machine);
    const closure = await attempt(execution, surroundings, runChild, signal);
    if (closure === undefined) return;
    execution.closure = { ...closure, at: this.props.clock.now() };
    this.#notifyStatus(execution);
    for (const { resolve } of execution.waiters.splice(0)) resolve(execution.describe());
  }

  /** Executions of a Map Run belong to a machine `<name>/<label>` and redrive only with it. */
  #childRunner(parent: StateMachine): RunChild {
    return async (child, { arn: mapRunArn, label, definition }, signal) => {
      const known = child.executionArn === undefined ? undefined : this.#remembered(child.executionArn);
      if (known === undefined) {
        if (child.executionArn !== undefined) throw new TaskError('States.Runtime', 'a child execution is forgotten');
        const { TimeoutSeconds: _parentsOwn, ...rest } = parent.definition;
        const machine = {
          ...parent,
          arn: `${parent.arn}/${label}`,
          name: `${parent.name}/${label}`,
          definition: { ...rest, StartAt: definition.StartAt, States: definition.States },
        };
        const name = executionName(undefined);
        child.executionArn = executionArn(machine.arn, name);
        this.#open({ arn: child.executionArn, name, machine, input: JSON.stringify(child.input), mapRunArn });
      } else if (known.notRedrivable === undefined) {
        this.#reopen(known);
      }
      return await this.#childOutcome(this.#execution(child.executionArn ?? ''), signal);
    };
  }

  async #childOutcome(execution: Execution, signal: AbortSignal): Promise<unknown> {
    const follow = () => execution.interrupt(new Interrupted('stopped'));
    if (signal.aborted) follow();
    signal.addEventListener('abort', follow);
    await execution.attempt;
    signal.removeEventListener('abort', follow);
    const { closure } = execution;
    if (closure === undefined) throw new Interrupted('closed');
    if (closure.status === 'SUCCEEDED') return JSON.parse(closure.output ?? 'null');
    throw new TaskError(closure.error ?? 'States.TaskFailed', closure.cause);
  }

  #notifyStatus(execution: Execution): void {
    const change = statusChange(execution);
    this.#notify(this.#statusListeners, (listener) => listener(change));
  }

  /** A listener's own fault must not become the execution's. */
  #notify<L>(listeners: ReadonlySet<L>, call: (listener: L) => void): void {
    for (const listener of listeners) {
      try {
        call(listener);
      } catch (error) {
        console.error('a listener of the state machine engine failed', error);
      }
    }
  }
}

const engineClosed = () => new ServiceError('ServiceUnavailable', 'the state machine engine is closed', 503);

function checkInput(input: string): string {
  if (Buffer.byteLength(input) > DATA_LIMIT_BYTES) {
    throw new ServiceError('ValidationException', `input must not exceed ${DATA_LIMIT_BYTES} bytes`);
  }
  try {
    JSON.parse(input);
  } catch (error) {
    throw new ServiceError('InvalidExecutionInput', `Invalid State Machine Execution Input: '${String(error)}'`);
  }
  return input;
}

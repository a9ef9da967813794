import {
  type InvokeRequest,
  type Registration,
  StateMachines,
  type StatusChange,
} from '../../../sandbox/engine/executions';
import type { Random } from '../../../sandbox/engine/retry';
import { VirtualClock } from '../../../sandbox/virtual-clock';

export const START = Date.parse('2030-01-01T00:00:00Z');
export const DAY = 86_400_000;
export const MACHINE_ARN = 'arn:aws:states:eu-central-1:111122223333:stateMachine:onboard-tenant';
export const EXECUTION_ARN = 'arn:aws:states:eu-central-1:111122223333:execution:onboard-tenant';
const FUNCTION_ARN = 'arn:aws:lambda:eu-central-1:111122223333:function';

type Function = (payload: unknown, request: InvokeRequest) => unknown;

interface EngineOptions {
  /** Lambda functions by name; others echo their payload. */
  readonly functions?: Readonly<Record<string, Function>>;
  readonly random?: Random;
  /** Longest sleep that passes by itself. @default 15 minutes */
  readonly skipUpTo?: number;
}

/** An engine on a virtual clock that notes which functions it invoked and which statuses it announced. */
export function anEngine({ functions = {}, random, ...clockOptions }: EngineOptions = {}) {
  const clock = new VirtualClock({ start: START, ...clockOptions });
  const invocations: string[] = [];
  const statuses: StatusChange[] = [];
  const engine = new StateMachines({
    clock,
    accountId: '111122223333',
    region: 'eu-central-1',
    ...(random === undefined ? {} : { random }),
    invoke: async (request) => {
      const name = request.functionName.replace(`${FUNCTION_ARN}:`, '');
      invocations.push(name);
      return await (functions[name] ?? ((payload) => payload))(request.payload, request);
    },
  });
  engine.onStatusChange((change) => statuses.push(change));
  const register = (definition: object, overrides: Partial<Registration> = {}) =>
    engine.register({
      arn: MACHINE_ARN,
      name: 'onboard-tenant',
      roleArn: 'arn:aws:iam::111122223333:role/onboard-tenant',
      type: 'STANDARD',
      definition: JSON.stringify(definition),
      ...overrides,
    });
  const start = (input: unknown = {}, name = 'test') =>
    engine.start({ stateMachineArn: MACHINE_ARN, name, input: JSON.stringify(input) }).executionArn;
  const events = (arn: string) => engine.history(arn, { maxResults: 1000 }).items;
  return {
    clock,
    engine,
    invocations,
    statuses,
    register,
    start,
    events,
    /** Runs one execution of the definition to its end. */
    run: async (definition: object, input: unknown = {}) => {
      register(definition);
      return await engine.settled(start(input));
    },
    /** Redrives and waits for the end. */
    redrive: async (arn: string) => {
      engine.redrive(arn);
      return await engine.settled(arn);
    },
    /** Type and state of every event, for example `TaskStateEntered Provision`. */
    trace: (arn: string) =>
      events(arn).map(({ type, stateEnteredEventDetails: entered, stateExitedEventDetails: exited }) =>
        [type, entered?.name ?? exited?.name].filter((part) => part !== undefined).join(' '),
      ),
  };
}

/** A machine of the given states, of which the first is the start. */
export function aMachine(States: Readonly<Record<string, object>>, rest: object = {}) {
  return { StartAt: Object.keys(States)[0], States, ...rest };
}

/** Invokes a function of the state's own name, unless told otherwise. */
export function aTask(name: string, rest: object = { End: true }) {
  return { Type: 'Task', Resource: `${FUNCTION_ARN}:${name}`, ...rest };
}

/** The optimized integration, as CDK's LambdaInvoke makes it. */
export function anInvoke(name: string, rest: object = { End: true }) {
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    Parameters: { FunctionName: `${FUNCTION_ARN}:${name}`, 'Payload.$': '$' },
    ...rest,
  };
}

/** Fails the given number of times, then answers. */
export function failing(times: number, error: () => Error, answer: unknown = 'done') {
  let left = times;
  return () => {
    if (left-- > 0) throw error();
    return answer;
  };
}

export function anError(name: string, message = 'it broke') {
  return Object.assign(new Error(message), { name });
}

/** Something to await from outside: a function that is still running. */
export function aLatch() {
  let open = (_answer?: unknown) => {};
  const opened = new Promise<unknown>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

/** Lets everything happen that needs no time. */
export async function settle() {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

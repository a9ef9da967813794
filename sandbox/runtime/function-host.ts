import { randomUUID } from 'node:crypto';
import type { FunctionFailure, FunctionHost, HostedFunction, InvokeOptions, InvokeResult } from '../aws/lambda';
import type { Caller } from '../aws/service';
import type { Clock } from '../clock';
import { ExecutionEnvironment } from './execution-environment';

export interface DeployedFunction extends HostedFunction {
  readonly codeDirectory: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly logGroup: string;
}

/** What happens to asynchronous events that fail; Lambda's PutFunctionEventInvokeConfig. */
export interface EventInvokeConfig {
  /** @default 2 */
  readonly maximumRetryAttempts?: number | undefined;
  /** @default 6 hours */
  readonly maximumEventAgeInSeconds?: number | undefined;
  /** Told of events that failed for good. @default they are lost */
  readonly onFailure?: ((record: FailureRecord) => void) | undefined;
}

/** An invocation record, as Lambda sends it to an on-failure destination ["Retaining records of asynchronous invocations"]. */
export interface FailureRecord {
  readonly version: '1.0';
  readonly timestamp: string;
  readonly requestContext: {
    readonly requestId: string;
    readonly functionArn: string;
    readonly condition: 'RetriesExhausted' | 'EventAgeExceeded';
    readonly approximateInvokeCount: number;
  };
  readonly requestPayload: unknown;
  readonly responseContext: {
    readonly statusCode: 200;
    readonly executedVersion: '$LATEST';
    readonly functionError: 'Unhandled';
  };
  readonly responsePayload: FunctionFailure;
}

/** What befalls an invocation, besides what befalls its AWS calls. */
export type InvocationFault = 'crash before the handler' | 'crash after the handler' | 'timeout after the handler';

export interface FunctionHostProperties {
  readonly clock: Clock;
  readonly region: string;
  /** Known once the endpoint listens. */
  readonly endpointUrl: () => string;
  readonly log: (logGroup: string, stream: string, line: string, roleArn: string | undefined) => void;
}

/** A minute before the first retry, two before the second ["How Lambda handles errors and retries with asynchronous invocation"]. */
const ASYNCHRONOUS_RETRY_MS = 60_000;
const DEFAULT_RETRY_ATTEMPTS = 2;
const DEFAULT_EVENT_AGE_SECONDS = 6 * 60 * 60;

/** A cold start evaluates a megabyte of code, so a function has few environments, and further invocations wait for one. */
const ENVIRONMENTS_PER_FUNCTION = 3;

interface Pool {
  readonly idle: Environment[];
  readonly waiting: ((given: Environment | undefined) => void)[];
  /** Idle and busy ones. */
  alive: number;
}

interface Environment {
  readonly accessKeyId: string;
  readonly functionName: string;
  readonly code: ExecutionEnvironment;
  /** Ends the current invocation as a death of the environment. */
  die: (failure: FunctionFailure) => void;
}

/**
 * Runs deployed functions in execution environments, as many as there are concurrent invocations. Each environment signs
 * with an access key id of its own, so that every call at the endpoint is known to come from this function, and a call
 * of one that died is recognized.
 */
export class LocalFunctionHost implements FunctionHost {
  readonly #functions = new Map<string, DeployedFunction>();
  readonly #eventInvokeConfigs = new Map<string, EventInvokeConfig>();
  readonly #pools = new Map<string, Pool>();
  readonly #environments = new Map<string, { environment: Environment; deployed: DeployedFunction }>();
  readonly #dead = new Set<string>();
  readonly #faults: { functionName: string; fault: InvocationFault }[] = [];
  readonly #asynchronous = new Set<Promise<unknown>>();
  #made = 0;
  #closed = false;

  constructor(private readonly properties: FunctionHostProperties) {}

  /** Deploys, or changes what is deployed: idle environments go with what they were made from. */
  deploy(deployed: DeployedFunction): void {
    this.#functions.set(deployed.name, deployed);
    const pool = this.#poolOf(deployed.name);
    pool.alive -= pool.idle.splice(0).length;
  }

  configureEventInvoke(functionName: string, config: EventInvokeConfig): void {
    this.#eventInvokeConfigs.set(functionName, config);
  }

  functions(): readonly DeployedFunction[] {
    return [...this.#functions.values()];
  }

  /** Whose access key id this is. */
  callerOf(accessKeyId: string): Caller {
    const known = this.#environments.get(accessKeyId);
    if (known === undefined) return { accessKeyId };
    const { name, roleArn } = known.deployed;
    return { accessKeyId, functionName: name, ...(roleArn !== undefined && { roleArn }) };
  }

  isDead({ accessKeyId }: Caller): boolean {
    return this.#dead.has(accessKeyId);
  }

  /** The environment behind the access key id dies at once, in the middle of whatever it does. */
  crash({ accessKeyId }: Caller): void {
    const known = this.#environments.get(accessKeyId);
    if (known === undefined) return;
    this.#dead.add(accessKeyId);
    known.environment.die(CRASHED);
    // A call that an invocation left behind may strike between two of them: nobody is to get what is dead.
    const pool = this.#poolOf(known.environment.functionName);
    const idle = pool.idle.indexOf(known.environment);
    if (idle >= 0) pool.alive -= pool.idle.splice(idle, 1).length;
  }

  /** The function's next invocation suffers this. */
  failNext(functionName: string, fault: InvocationFault): void {
    this.#faults.push({ functionName, fault });
  }

  async invoke(functionName: string, payload: unknown, options: InvokeOptions): Promise<InvokeResult> {
    const deployed = this.#functions.get(functionName);
    if (deployed === undefined) throw new Error(`no function ${functionName} is deployed`);
    if (options.invocationType === 'RequestResponse') return await this.#run(deployed, payload, options.requestId);
    const running = this.#runAsynchronously(deployed, payload, options.requestId);
    this.#asynchronous.add(running);
    void running.finally(() => this.#asynchronous.delete(running));
    return { payload: null };
  }

  /** Resolves when no asynchronous invocation is under way. */
  async settled(): Promise<void> {
    while (this.#asynchronous.size > 0) await Promise.allSettled([...this.#asynchronous]);
  }

  async #runAsynchronously(deployed: DeployedFunction, payload: unknown, requestId: string): Promise<void> {
    const { clock } = this.properties;
    const {
      maximumRetryAttempts = DEFAULT_RETRY_ATTEMPTS,
      maximumEventAgeInSeconds = DEFAULT_EVENT_AGE_SECONDS,
      onFailure,
    } = this.#eventInvokeConfigs.get(deployed.name) ?? {};
    const expires = clock.now() + maximumEventAgeInSeconds * 1000;
    for (let attempt = 1; ; attempt += 1) {
      const result = await this.#run(deployed, payload, requestId);
      if (!('error' in result)) return;
      const pause = ASYNCHRONOUS_RETRY_MS * attempt;
      const exhausted = attempt > maximumRetryAttempts;
      if (exhausted || clock.now() + pause > expires) {
        onFailure?.({
          version: '1.0',
          timestamp: new Date(clock.now()).toISOString(),
          requestContext: {
            requestId,
            functionArn: `${deployed.arn}:$LATEST`,
            condition: exhausted ? 'RetriesExhausted' : 'EventAgeExceeded',
            approximateInvokeCount: attempt,
          },
          requestPayload: payload,
          responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
          responsePayload: result.error,
        });
        return;
      }
      await clock.sleep(pause);
      if (this.#closed) return;
    }
  }

  /** Retries no event any more. */
  close(): void {
    this.#closed = true;
  }

  async #run(deployed: DeployedFunction, payload: unknown, requestId: string): Promise<InvokeResult> {
    const fault = this.#takeFault(deployed.name);
    const environment = await this.#acquire(deployed);
    if (fault === 'crash before the handler') return this.#buried(environment, CRASHED);
    const died = new Promise<FunctionFailure>((resolve) => {
      environment.die = resolve;
    });
    // What the function receives and answers crosses the network as JSON.
    const event: unknown = JSON.parse(JSON.stringify(payload ?? null));
    const outcome = await Promise.race([
      environment.code.run(event, { awsRequestId: requestId, functionName: deployed.name }).then(
        (answer): InvokeResult => ({ payload: JSON.parse(JSON.stringify(answer ?? null)) as unknown }),
        (error: unknown): InvokeResult => ({ error: failureOf(error) }),
      ),
      died.then((error): InvokeResult => ({ error })),
    ]);
    if (fault === 'crash after the handler') return this.#buried(environment, CRASHED);
    if (fault === 'timeout after the handler') return this.#buried(environment, TIMED_OUT(deployed.timeout));
    this.#release(environment);
    return outcome;
  }

  #takeFault(functionName: string): InvocationFault | undefined {
    const position = this.#faults.findIndex((planned) => planned.functionName === functionName);
    return position === -1 ? undefined : this.#faults.splice(position, 1)[0]?.fault;
  }

  #buried(environment: Environment, error: FunctionFailure): InvokeResult {
    this.#dead.add(environment.accessKeyId);
    this.#release(environment);
    return { error };
  }

  /** A warm environment, or a cold start, or the next one that is given back. */
  async #acquire(deployed: DeployedFunction): Promise<Environment> {
    const pool = this.#poolOf(deployed.name);
    const warm = pool.idle.pop();
    if (warm !== undefined) return warm;
    if (pool.alive < ENVIRONMENTS_PER_FUNCTION) {
      pool.alive += 1;
      return this.#coldStart(deployed);
    }
    return (
      (await new Promise<Environment | undefined>((resolve) => pool.waiting.push(resolve))) ?? this.#coldStart(deployed)
    );
  }

  /** Passes a living environment on; a dead one leaves its place to a cold start. */
  #release(environment: Environment): void {
    const pool = this.#poolOf(environment.functionName);
    const living = this.#dead.has(environment.accessKeyId) ? undefined : environment;
    const waiting = pool.waiting.shift();
    if (waiting !== undefined) waiting(living);
    else if (living !== undefined) pool.idle.push(living);
    else pool.alive -= 1;
  }

  #poolOf(functionName: string): Pool {
    const pool = this.#pools.get(functionName) ?? { idle: [], waiting: [], alive: 0 };
    this.#pools.set(functionName, pool);
    return pool;
  }

  #coldStart(deployed: DeployedFunction): Environment {
    this.#made += 1;
    const accessKeyId = `SANDBOX${String(this.#made).padStart(13, '0')}`;
    const stream = `${deployed.name}/[$LATEST]${randomUUID().replaceAll('-', '')}`;
    const code = new ExecutionEnvironment({
      codeDirectory: deployed.codeDirectory,
      handler: deployed.handler,
      clock: this.properties.clock,
      log: (line) => this.properties.log(deployed.logGroup, stream, line, deployed.roleArn),
      variables: {
        ...deployed.variables,
        AWS_REGION: this.properties.region,
        AWS_ENDPOINT_URL: this.properties.endpointUrl(),
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: 'sandbox',
        // The developer's own profile must not leak into the sandbox.
        AWS_CONFIG_FILE: '/dev/null',
        AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
        AWS_EC2_METADATA_DISABLED: 'true',
        // There is no X-Ray daemon to send to.
        POWERTOOLS_TRACE_ENABLED: 'false',
      },
    });
    const environment: Environment = { accessKeyId, functionName: deployed.name, code, die: () => {} };
    this.#environments.set(accessKeyId, { environment, deployed });
    return environment;
  }
}

const CRASHED: FunctionFailure = {
  errorType: 'Runtime.ExitError',
  errorMessage: 'RequestId: unknown Error: Runtime exited without providing a reason',
};

const TIMED_OUT = (seconds: number): FunctionFailure => ({
  errorType: 'Sandbox.Timedout',
  errorMessage: `RequestId: unknown Error: Task timed out after ${seconds.toFixed(2)} seconds`,
});

/** As the Node.js runtime reports an exception. */
function failureOf(error: unknown): FunctionFailure {
  if (typeof error !== 'object' || error === null || !('message' in error))
    return { errorType: 'Error', errorMessage: String(error) };
  const { name, message, stack } = error as Error;
  return { errorType: name, errorMessage: message, trace: (stack ?? '').split('\n') };
}

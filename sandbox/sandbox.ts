import { randomUUID } from 'node:crypto';
import { createServices, type EstateQuotas, type Services } from './aws';
import { CallLog } from './aws/call-log';
import { callLogControl, faultControl } from './aws/control';
import { Endpoint } from './aws/endpoint';
import { FaultPlan } from './aws/faults';
import { createLambda } from './aws/lambda';
import type { Estate } from './aws/service';
import { createSfn } from './aws/sfn';
import { readAssembly } from './deploy/assembly';
import { deploy, type StackOutputs } from './deploy/deploy';
import type { Properties, RecordedResource } from './deploy/resource-types';
import { StateMachines, TaskError } from './engine/executions';
import { EventBus } from './events';
import { Authorizer } from './iam/authorizer';
import { Directory } from './iam/directory';
import { Sessions } from './iam/sessions';
import { LocalFunctionHost } from './runtime/function-host';
import { Schedules } from './schedules';
import { VirtualClock } from './virtual-clock';

export interface SandboxOptions {
  /** Cloud assembly to run. @default cdk.out */
  readonly assembly?: string;
  /** @default any free port */
  readonly port?: number;
  /** Names beside those of the loopback address under which clients may call it. @default none */
  readonly hostNames?: readonly string[];
  /** Draws retry jitter. @default Math.random */
  readonly random?: () => number;
  readonly quotas?: EstateQuotas;
  /** JSON lines of every AWS call. */
  readonly callLogFile?: string;
}

/** No real account: nothing that leaks from here can name one. */
const ACCOUNT = '000000000000';
const REGION = 'us-east-1';
/** In whose name Bedrock takes a role when a knowledge base is made. */
const NEW_KNOWLEDGE_BASE = `arn:aws:bedrock:${REGION}:${ACCOUNT}:knowledge-base/SANDBOX000`;

/**
 * The synthesized app, running on this machine: unmodified state machine definitions and unmodified task bundles against
 * an embedded AWS endpoint.
 */
export class Sandbox {
  readonly clock = new VirtualClock({ flows: true });
  readonly faults = new FaultPlan();
  readonly bus = new EventBus();
  readonly calls: CallLog;
  readonly schedules: Schedules;
  readonly services: Services;
  /** Roles and the policies of resources, as deployed. */
  readonly directory = new Directory();
  readonly iam: Authorizer;
  readonly functions: LocalFunctionHost;
  readonly machines: StateMachines;
  readonly endpoint: Endpoint;
  readonly #assembly: string;
  readonly #recorded: RecordedResource[] = [];
  /** Log streams that their functions may write. */
  readonly #openStreams = new Set<string>();
  #outputs: StackOutputs = {};

  private constructor({ assembly = 'cdk.out', port, hostNames, random, quotas, callLogFile }: SandboxOptions) {
    this.#assembly = assembly;
    const estate: Estate = { clock: this.clock, accountId: ACCOUNT, region: REGION };
    this.calls = new CallLog(this.clock, callLogFile === undefined ? {} : { file: callLogFile });
    this.schedules = new Schedules(estate);
    const sessions = new Sessions(estate);
    this.services = createServices(
      estate,
      quotas,
      {
        directory: this.directory,
        sessions,
        canAssumeRole: (roleArn) =>
          this.iam.trusts(roleArn, 'bedrock.amazonaws.com', { sourceArn: NEW_KNOWLEDGE_BASE }),
        trusts: (roleArn, request) => this.iam.trustsWebIdentity(roleArn, request),
      },
      (functionName, event) =>
        this.functions.invoke(functionName, event, { invocationType: 'RequestResponse', requestId: randomUUID() }),
    );
    this.iam = new Authorizer({ estate, services: this.services, directory: this.directory }, sessions);
    this.functions = new LocalFunctionHost({
      clock: this.clock,
      region: REGION,
      endpointUrl: () => this.endpoint.url,
      log: (group, stream, line, roleArn) => this.#writeLog(group, stream, line, roleArn),
    });
    this.machines = new StateMachines({
      ...estate,
      ...(random && { random }),
      invoke: ({ functionName, payload, executionArn }) => this.#invokeTask(functionName, payload, executionArn),
    });
    this.endpoint = new Endpoint({
      estate,
      ...(port !== undefined && { port }),
      ...(hostNames && { hostNames }),
      calls: this.calls,
      faults: this.faults,
      callers: (accessKeyId) => sessions.callerOf(accessKeyId) ?? this.functions.callerOf(accessKeyId),
      authorize: (call) => this.iam.authorize(call),
      isDead: (caller) => this.functions.isDead(caller),
      onCrash: ({ caller }) => this.functions.crash(caller),
      control: {
        ...faultControl(this.faults),
        ...callLogControl(this.calls),
        'clock/now': () => ({ now: new Date(this.clock.now()).toISOString() }),
        'clock/advance': async (body) => {
          await this.clock.advance(Number((body as { milliseconds?: unknown } | undefined)?.milliseconds ?? 0));
          return { now: new Date(this.clock.now()).toISOString() };
        },
        schedules: () => this.schedules.list(),
        'schedules/*': (_body, rule) => this.fireSchedule(rule),
      },
      services: [
        ...Object.values(this.services).map(({ service }) => service),
        this.services.cognito.hostedPages,
        createLambda(estate, this.functions).service,
        createSfn(this.machines),
      ],
    });
    this.machines.onStatusChange((detail) =>
      this.bus.publish({
        version: '0',
        id: randomUUID(),
        source: 'aws.states',
        'detail-type': 'Step Functions Execution Status Change',
        account: ACCOUNT,
        region: REGION,
        time: new Date(this.clock.now()).toISOString(),
        resources: [detail.executionArn],
        detail,
      }),
    );
  }

  /** Starts the endpoint and deploys the assembly. When that fails, nothing is left running. */
  static async start(options: SandboxOptions = {}): Promise<Sandbox> {
    const sandbox = new Sandbox(options);
    try {
      await sandbox.#start();
      return sandbox;
    } catch (error) {
      await sandbox.stop();
      throw error;
    }
  }

  async #start(): Promise<void> {
    await this.services.dynamodb.start();
    await this.endpoint.start();
    this.#outputs = await deploy(readAssembly(this.#assembly), {
      estate: { clock: this.clock, accountId: ACCOUNT, region: REGION },
      services: this.services,
      functions: this.functions,
      machines: this.machines,
      bus: this.bus,
      directory: this.directory,
      iam: this.iam,
      schedules: this.schedules,
      recorded: this.#recorded,
    });
  }

  /** Fires a scheduled rule now, and resolves when the functions it invokes have ended. */
  async fireSchedule(ruleName: string): Promise<void> {
    this.schedules.fire(ruleName);
    await this.settled();
  }

  /** Properties of the deployed resources of a type that does nothing here (alarms, dashboards, topics), by name. */
  recorded(type: string): ReadonlyMap<string, Properties> {
    return new Map(
      this.#recorded.filter((resource) => resource.type === type).map(({ name, properties }) => [name, properties]),
    );
  }

  /** An output of any deployed stack. */
  output(name: string): string {
    for (const outputs of Object.values(this.#outputs)) if (outputs[name] !== undefined) return outputs[name];
    throw new Error(`no deployed stack has an output ${name}`);
  }

  /** Client settings with which any SDK client talks to the sandbox. */
  get clientConfig() {
    return {
      endpoint: this.endpoint.url,
      region: REGION,
      credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' },
    };
  }

  /** Resolves when no event and no message of a queue is on its way to a function any more. */
  async settled(): Promise<void> {
    await this.functions.settled();
    await this.services.sqs.settled();
  }

  async stop(): Promise<void> {
    await this.machines.close();
    this.functions.close();
    this.services.sqs.close();
    await this.endpoint.stop();
    await this.services.dynamodb.stop();
  }

  /** Lambda writes a function's log with the function's role; what the role may not write is lost, as on AWS. */
  #writeLog(group: string, stream: string, line: string, roleArn: string | undefined): void {
    const resource = `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:${group}:log-stream:${stream}`;
    if (roleArn !== undefined && !this.#openStreams.has(resource)) {
      const role = this.iam.sessionOf(roleArn, 'sandbox');
      for (const action of ['logs:CreateLogStream', 'logs:PutLogEvents']) {
        if (this.iam.refusal('logs', role, { action, resource }) !== undefined) return;
      }
      this.#openStreams.add(resource);
    }
    this.services.logs.append(group, stream, line);
  }

  async #invokeTask(functionName: string, payload: unknown, executionArn: string): Promise<unknown> {
    const name = functionName.slice(functionName.lastIndexOf(':') + 1);
    const functionArn = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${name}`;
    const { roleArn } = this.machines.machineOf(executionArn);
    const refused = this.iam.refusal('lambda', this.iam.sessionOf(roleArn, 'sandbox'), {
      action: 'lambda:InvokeFunction',
      resource: functionArn,
      policy: this.directory.policyOf(functionArn),
    });
    if (refused !== undefined) throw new TaskError('Lambda.AWSLambdaException', refused.message);
    const result = await this.functions.invoke(name, payload, {
      invocationType: 'RequestResponse',
      requestId: randomUUID(),
    });
    if (!('error' in result)) return result.payload;
    throw new TaskError(result.error.errorType ?? 'Lambda.Unknown', JSON.stringify(result.error));
  }
}

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { AccessDenied } from '../iam/denial';
import { CallLog } from './call-log';
import type { Control } from './control';
import { FaultPlan, type FaultRule, injectedError } from './faults';
import { isLocalRequest } from './local-request';
import { type ParsedRequest, type Routed, Router } from './router';
import { type Call, type Caller, type Estate, type Service, ServiceError } from './service';
import { type Answer, restJsonFailure, signerOf, unchunk } from './wire';

export interface EndpointOptions {
  readonly estate: Estate;
  readonly services?: readonly Service[];
  /** @default 0: any free port */
  readonly port?: number;
  /** Whose access key id this is. @default nobody in particular */
  readonly callers?: (accessKeyId: string) => Caller;
  readonly faults?: FaultPlan;
  readonly calls?: CallLog;
  /** Throws a ServiceError when the caller may not do this; asked before faults and effects. Returns what it lets through. */
  readonly authorize?: (call: Call) => Call;
  /** Calls of a dead execution environment have no effect and are never answered. */
  readonly isDead?: (caller: Caller) => boolean;
  /** Told when a 'crash' fault strikes: the caller's execution environment has to die. */
  readonly onCrash?: (call: Call) => void;
  /** Names other than those of the loopback address under which clients may call it. @default none */
  readonly hostNames?: readonly string[];
  /** Routes of the sandbox itself: POST /_sandbox/<name>. */
  readonly control?: Control;
}

const CONTROL_PREFIX = '/_sandbox/';

/** How a call ended when nothing was answered. */
type Silence = 'reset' | 'crash' | 'hang';

/** One HTTP endpoint for all embedded services, speaking the wire protocols of AWS. Signatures are not verified. */
export class Endpoint {
  readonly faults: FaultPlan;
  readonly calls: CallLog;
  readonly #options: EndpointOptions;
  readonly #router = new Router();
  readonly #serving = new Set<Promise<void>>();
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor(options: EndpointOptions) {
    this.#options = options;
    this.faults = options.faults ?? new FaultPlan();
    this.calls = options.calls ?? new CallLog(options.estate.clock);
    for (const service of options.services ?? []) this.#router.add(service);
  }

  /** For services that need the endpoint's URL before they can be made. */
  register(service: Service): void {
    this.#router.add(service);
  }

  get url(): string {
    const address = this.#server?.address() as AddressInfo | null | undefined;
    if (!address) throw new Error('The endpoint is not listening: call start() first');
    return `http://127.0.0.1:${address.port}`;
  }

  async start(): Promise<this> {
    const server = createServer((request, response) => {
      const serving = this.#serve(request, response).catch((error: unknown) => {
        console.error('The embedded AWS endpoint failed', error);
        response.destroy();
      });
      this.#serving.add(serving);
      void serving.finally(() => this.#serving.delete(serving));
    });
    // An idle connection that the server closes just as a client sends would look like a lost answer.
    server.keepAliveTimeout = 0;
    server.requestTimeout = 0;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#options.port ?? 0, '127.0.0.1', resolve);
    });
    this.#server = server;
    return this;
  }

  /** Cuts all connections, also those that wait for an answer. What is being done is done to its end. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await Promise.all(this.#serving);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parsed = await parse(request);
    if (parsed === undefined) return;
    if (!isLocalRequest(parsed.headers, this.#options.hostNames)) {
      write(request, response, restJsonFailure(notLocal(parsed)));
      return;
    }
    if (parsed.rawPath.startsWith(CONTROL_PREFIX)) {
      write(request, response, await this.#control(parsed));
      return;
    }
    const requestId = randomUUID();
    const caller = this.#callerOf(parsed);
    const answer = await this.#answer(parsed, caller, requestId);
    if (answer === 'reset') request.socket.resetAndDestroy();
    else if (typeof answer !== 'string') {
      const headers = { 'x-amzn-requestid': requestId, 'x-amz-request-id': requestId, date: this.#dateFor(caller) };
      write(request, response, { ...answer, headers: { ...headers, ...answer.headers } });
    }
    // 'crash' and 'hang': the connection stays open and silent until stop().
  }

  /**
   * The time of the caller's own clock: functions live in virtual time, everybody else in real time. An SDK that sees
   * more than five minutes between the two takes its clock for wrong, and sends again what was refused for good.
   */
  #dateFor({ functionName }: Caller): string {
    return new Date(functionName === undefined ? Date.now() : this.#options.estate.clock.now()).toUTCString();
  }

  async #answer(request: ParsedRequest, caller: Caller, requestId: string): Promise<Answer | Silence> {
    let routed: Routed;
    try {
      routed = this.#router.route(request);
    } catch (error) {
      return restJsonFailure(new ServiceError('SerializationException', `Unreadable request: ${error}`));
    }
    if (routed.kind === 'unknown') {
      this.calls.begin({ ...routed.attempt, caller })('UnknownOperationException');
      return routed.fail({ ...routed.attempt, caller, requestId });
    }
    const { operation } = routed;
    const call: Call = {
      service: operation.service,
      operation: operation.name,
      input: operation.input,
      caller,
      requestId,
    };
    const finish = this.calls.begin(call);
    try {
      const { answer, outcome } = await this.#run(call, operation.run);
      finish(outcome);
      return answer;
    } catch (error) {
      const failure = asServiceError(error, call);
      finish(failure.code, failure instanceof AccessDenied ? failure.denial : undefined);
      return operation.fail(failure, call);
    }
  }

  async #run(call: Call, run: (call: Call) => Promise<Answer>): Promise<{ answer: Answer | Silence; outcome: string }> {
    if (this.#options.isDead?.(call.caller)) return { answer: 'hang', outcome: 'hang' };
    const permitted = this.#options.authorize?.(call) ?? call;

    const lostBefore = await this.#strike(call, 'before');
    if (lostBefore !== undefined) return { answer: lostBefore, outcome: lostBefore };
    // Also an error of the service itself can be lost on its way back.
    const effect = await run(permitted).then(
      (answer) => () => answer,
      (error: unknown) => () => {
        throw error;
      },
    );
    const lostAfter = await this.#strike(call, 'after');
    if (lostAfter !== undefined) return { answer: lostAfter, outcome: lostAfter };
    return { answer: effect(), outcome: 'ok' };
  }

  /** Applies the planned faults: throws an injected error, or tells how the answer is lost. */
  async #strike(call: Call, when: FaultRule['when']): Promise<Silence | undefined> {
    for (const effect of this.faults.take(call, when)) {
      switch (effect.kind) {
        case 'delay':
          await delay(effect.ms);
          break;
        case 'reset':
          return 'reset';
        case 'crash':
          this.#options.onCrash?.(call);
          return 'crash';
        case 'error':
        case 'throttle':
          throw injectedError(effect, call.service);
      }
    }
    return undefined;
  }

  #callerOf({ signer }: ParsedRequest): Caller {
    const accessKeyId = signer?.accessKeyId ?? 'anonymous';
    return this.#options.callers?.(accessKeyId) ?? { accessKeyId };
  }

  async #control({ method, rawPath, headers, body }: ParsedRequest): Promise<Answer> {
    if (method !== 'POST' || !headers['content-type']?.startsWith('application/json'))
      return json(415, { message: 'Send a POST with content-type application/json' });

    const control = this.#options.control ?? {};
    const route = rawPath.slice(CONTROL_PREFIX.length);
    const parent = route.slice(0, route.lastIndexOf('/') + 1);
    const name = [route, `${parent}*`].find((candidate) => Object.hasOwn(control, candidate));
    const handler = name === undefined ? undefined : control[name];
    if (handler === undefined) {
      return json(404, { message: `No such route. There are: ${Object.keys(control).join(', ')}` });
    }
    try {
      return json(
        200,
        (await handler(
          body.length === 0 ? undefined : JSON.parse(body.toString('utf8')),
          route.slice(parent.length),
        )) ?? {},
      );
    } catch (error) {
      return json(400, { message: error instanceof Error ? error.message : String(error) });
    }
  }
}

async function parse(request: IncomingMessage): Promise<ParsedRequest | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    return undefined; // The client went away before its request was complete.
  }
  const [rawPath = '/', search = ''] = splitOnce(request.url ?? '/', '?');
  const query = new URLSearchParams(search);
  const received = Object.entries(request.headers).map(([name, value]) => [name, String(value)] as const);
  const { headers, body } = unchunk({ headers: Object.fromEntries(received), body: Buffer.concat(chunks) });
  return { method: request.method ?? 'GET', rawPath, query, headers, body, signer: signerOf(headers, query) };
}

function splitOnce(text: string, separator: string): [string, string] | [string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}

const notLocal = ({ headers }: ParsedRequest): ServiceError =>
  new ServiceError(
    'AccessDeniedException',
    `The sandbox answers programs on this machine, not web pages, and not as ${headers['host']} unless it was started with --allow-host NAME.`,
    403,
  );

function asServiceError(error: unknown, { service, operation }: Call): ServiceError {
  if (error instanceof ServiceError) return error;
  console.error(`${service} ${operation} has a defect in the sandbox`, error);
  return new ServiceError(
    'InternalFailure',
    `The sandbox failed: ${error instanceof Error ? error.message : error}`,
    500,
  );
}

function json(status: number, value: unknown): Answer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

function write(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const length =
    request.method === 'HEAD' || answer.status === 204 ? {} : { 'content-length': Buffer.byteLength(answer.body) };
  response.writeHead(answer.status, { ...length, ...answer.headers });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

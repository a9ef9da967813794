import { restInput, routeMatcher } from './rest-routes';
import {
  type Call,
  type JsonService,
  type RawRequest,
  type RawService,
  type RestJsonService,
  type Service,
  ServiceError,
} from './service';
import { type Answer, jsonFailure, queryFailure, restJsonFailure, type Signer, toJson } from './wire';

/** A request with its framing removed, not yet understood. */
export interface ParsedRequest {
  readonly method: string;
  /** As sent, still percent-encoded, without the query. */
  readonly rawPath: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly signer: Signer | undefined;
}

type Fail = (error: ServiceError, call: Call) => Answer;

/** An operation of a registered service, ready to be run. */
export interface RoutedOperation {
  readonly service: string;
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
  run(call: Call): Promise<Answer>;
  readonly fail: Fail;
}

export type Routed =
  | { readonly kind: 'operation'; readonly operation: RoutedOperation }
  | {
      readonly kind: 'unknown';
      readonly attempt: Pick<Call, 'service' | 'operation' | 'input'>;
      fail(call: Call): Answer;
    };

/** Reads a request as one of a service's operations; undefined if it is none. */
type Recognizer = (request: ParsedRequest) => RoutedOperation | undefined;

interface Registered {
  readonly service: Service;
  readonly recognize: Recognizer;
  readonly fail: Fail;
}

/** Finds the service and the operation a request is meant for: by x-amz-target, else by the service it is signed for. */
export class Router {
  readonly #registered: Registered[] = [];

  add(service: Service): void {
    switch (service.protocol) {
      case 'json':
        this.#registered.push({
          service,
          recognize: recognizeJson(service),
          fail: (error) => jsonFailure(error, service.version),
        });
        break;
      case 'rest-json':
        this.#registered.push({ service, recognize: recognizeRestJson(service), fail: restJsonFailure });
        break;
      case 'raw':
        this.#registered.push({
          service,
          recognize: recognizeRaw(service),
          fail: (error, call) => answerOf(service.fail(error, call)),
        });
        break;
    }
  }

  route(request: ParsedRequest): Routed {
    const candidates = this.#candidates(request);
    for (const { recognize } of candidates) {
      const operation = recognize(request);
      if (operation !== undefined) return { kind: 'operation', operation };
    }
    return this.#unknown(request, candidates[0]);
  }

  #candidates({ headers, signer }: ParsedRequest): Registered[] {
    const [prefix] = splitTarget(headers['x-amz-target']);
    if (prefix !== undefined) {
      return this.#registered.filter(({ service }) => service.protocol === 'json' && service.targetPrefix === prefix);
    }
    return this.#registered.filter(
      ({ service }) => service.protocol !== 'json' && service.signingNames.includes(signer?.service ?? ''),
    );
  }

  #unknown(request: ParsedRequest, candidate: Registered | undefined): Routed {
    const [prefix, operation] = splitTarget(request.headers['x-amz-target']);
    const action = operation ?? actionOf(request) ?? `${request.method} ${request.rawPath}`;
    const service = candidate?.service.name ?? prefix ?? request.signer?.service ?? 'unsigned';
    const served = candidate === undefined ? this.#services() : operationsOf(candidate.service);
    const error = new ServiceError(
      'UnknownOperationException',
      `The sandbox does not serve ${service} ${action}. It serves: ${served.join(', ') || 'only what its source lists'}`,
    );
    return {
      kind: 'unknown',
      attempt: { service, operation: action, input: {} },
      fail: (call) => candidate?.fail(error, call) ?? failureForStranger(request, error, call),
    };
  }

  #services(): string[] {
    return this.#registered.map(({ service }) => service.name);
  }
}

function recognizeJson(service: JsonService): Recognizer {
  return ({ headers, body }) => {
    const [, name] = splitTarget(headers['x-amz-target']);
    const operation =
      name !== undefined && Object.hasOwn(service.operations, name) ? service.operations[name] : undefined;
    if (name === undefined || operation === undefined) return undefined;
    const input = body.length === 0 ? {} : (JSON.parse(body.toString('utf8')) as Record<string, unknown>);
    return {
      service: service.name,
      name,
      input,
      run: async (call) => ({
        status: 200,
        headers: { 'content-type': `application/x-amz-json-${service.version}` },
        body: toJson(await operation(call.input, call)),
      }),
      fail: (error) => jsonFailure(error, service.version),
    };
  };
}

function recognizeRestJson(service: RestJsonService): Recognizer {
  const match = routeMatcher(service);
  return ({ method, rawPath, query, body }) => {
    const found = match(method, rawPath);
    const operation = found && service.operations[found.route.operation];
    if (found === undefined || operation === undefined) return undefined;
    return {
      service: service.name,
      name: found.route.operation,
      input: restInput(found, query, body),
      run: async (call) => ({
        status: found.route.status ?? 200,
        headers: { 'content-type': 'application/json' },
        body: toJson(await operation(call.input, call), service.timestampFormat),
      }),
      fail: restJsonFailure,
    };
  };
}

function recognizeRaw(service: RawService): Recognizer {
  return ({ method, rawPath, query, headers, body }) => {
    const request: RawRequest = { method, path: decodeURIComponent(rawPath), query, headers, body };
    const identified = service.identify(request);
    if (identified === undefined) return undefined;
    return {
      service: service.name,
      name: identified.operation,
      input: identified.input,
      run: async (call) => answerOf(await service.handle(request, call)),
      fail: (error, call) => answerOf(service.fail(error, call)),
    };
  };
}

function answerOf({ status, headers = {}, body = '' }: ReturnType<RawService['fail']>): Answer {
  return { status, headers, body };
}

/** Splits TrentService.CreateKey. */
function splitTarget(target: string | undefined): [prefix: string, operation: string] | [] {
  const dot = target?.lastIndexOf('.') ?? -1;
  return target === undefined || dot === -1 ? [] : [target.slice(0, dot), target.slice(dot + 1)];
}

function isForm({ headers }: ParsedRequest): boolean {
  return headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false;
}

/** The operation of a query-protocol request. */
function actionOf(request: ParsedRequest): string | undefined {
  if (!isForm(request)) return undefined;
  return new URLSearchParams(request.body.toString('utf8')).get('Action') ?? undefined;
}

function operationsOf(service: Service): string[] {
  switch (service.protocol) {
    case 'json':
      return Object.keys(service.operations);
    case 'rest-json':
      return service.routes.map(({ operation }) => operation);
    case 'raw':
      return [...(service.operationNames ?? [])];
  }
}

/** The best guess at the protocol of a service that is not registered. */
function failureForStranger(request: ParsedRequest, error: ServiceError, call: Call): Answer {
  if (request.headers['x-amz-target'] !== undefined) return jsonFailure(error, '1.1');
  return isForm(request) ? queryFailure(error, call.requestId) : restJsonFailure(error);
}

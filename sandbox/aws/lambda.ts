import type { FunctionConfiguration, Runtime } from '@aws-sdk/client-lambda';
import {
  type Call,
  type Estate,
  operationOf,
  type RawRequest,
  type RawResponse,
  type RawService,
  ServiceError,
} from './service';
import { restJsonFailure } from './wire';

/** What runs the code of functions. */
export interface FunctionHost {
  /**
   * Runs a function once. A failure of its code is an answer; a rejection with a ServiceError means that the function was
   * not run (for example TooManyRequestsException). Retries of asynchronous invocations are the host's business.
   */
  invoke(functionName: string, payload: unknown, options: InvokeOptions): Promise<InvokeResult>;
  functions(): readonly HostedFunction[];
}

export interface InvokeOptions {
  readonly invocationType: 'RequestResponse' | 'Event';
  readonly requestId: string;
  /** Decoded JSON of the X-Amz-Client-Context header. */
  readonly clientContext?: unknown;
}

export type InvokeResult = { readonly payload: unknown } | { readonly error: FunctionFailure };

/** What the runtime reports when the code throws, or when it times out or dies. */
export interface FunctionFailure {
  readonly errorType?: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

export interface HostedFunction {
  readonly name: string;
  readonly arn: string;
  readonly runtime: string;
  readonly handler: string;
  /** Seconds. */
  readonly timeout: number;
  /** MiB. */
  readonly memorySize: number;
  readonly roleArn?: string;
  readonly description?: string;
}

/** 6 MB for a synchronous payload, 1 MB for an asynchronous one. */
const PAYLOAD_LIMIT = { RequestResponse: 6 * 1024 * 1024, Event: 1024 * 1024, DryRun: 6 * 1024 * 1024 };

const PATH = /^\/2015-03-31\/functions(?:\/([^/]+)(?:\/(invocations|configuration))?)?\/?$/;

/** AWS Lambda: invoking functions and listing them. */
export function createLambda(estate: Estate, host: FunctionHost): { readonly service: RawService } {
  const lastModified = new Date(estate.clock.now()).toISOString().replace('Z', '+0000');
  const find = (functionName: unknown) => functionNamed(host, estate, String(functionName));
  const configuration = (hosted: HostedFunction) => configurationOf(hosted, lastModified);

  const operations: Readonly<Record<string, (request: RawRequest, call: Call) => RawResponse | Promise<RawResponse>>> =
    {
      Invoke: (request, call) => invoke(host, find(call.input['FunctionName']), request, call),
      GetFunction: (_request, { input }) =>
        json({ Configuration: configuration(find(input['FunctionName'])), Code: { RepositoryType: 'S3' } }),
      GetFunctionConfiguration: (_request, { input }) => json(configuration(find(input['FunctionName']))),
      ListFunctions: () => json({ Functions: host.functions().map(configuration) }),
    };

  return {
    service: {
      protocol: 'raw',
      name: 'lambda',
      signingNames: ['lambda'],
      operationNames: Object.keys(operations),
      identify,
      handle: async (request, call) => await operationOf(operations, call)(request, call),
      fail(error) {
        const { status, headers, body } = restJsonFailure(error);
        return { status, headers, body };
      },
    },
  };
}

function identify({ method, path, headers, body }: RawRequest): Pick<Call, 'operation' | 'input'> | undefined {
  const [matched, FunctionName, part] = PATH.exec(path) ?? [];
  if (matched === undefined) return undefined;
  if (method === 'POST' && part === 'invocations') {
    const InvocationType = headers['x-amz-invocation-type'] ?? 'RequestResponse';
    return { operation: 'Invoke', input: { FunctionName, InvocationType, Payload: body.toString('utf8') } };
  }
  if (method !== 'GET' || part === 'invocations') return undefined;
  if (FunctionName === undefined) return { operation: 'ListFunctions', input: {} };
  return { operation: part === 'configuration' ? 'GetFunctionConfiguration' : 'GetFunction', input: { FunctionName } };
}

async function invoke(
  host: FunctionHost,
  hosted: HostedFunction,
  request: RawRequest,
  call: Call,
): Promise<RawResponse> {
  const invocationType = invocationTypeOf(call.input['InvocationType']);
  const payload = payloadOf(request.body, PAYLOAD_LIMIT[invocationType]);
  if (invocationType === 'DryRun') return { status: 204 };

  const clientContext = clientContextOf(request.headers['x-amz-client-context']);
  const context = clientContext === undefined ? {} : { clientContext };
  const running = host.invoke(hosted.name, payload, { invocationType, requestId: call.requestId, ...context });
  if (invocationType === 'Event') {
    running.catch((error: unknown) => console.error(`The asynchronous invocation of ${hosted.name} was lost`, error));
    return { status: 202 };
  }
  const result = await running;
  const headers = { 'content-type': 'application/json', 'x-amz-executed-version': '$LATEST' };
  if ('payload' in result) return { status: 200, headers, body: JSON.stringify(result.payload ?? null) };
  return {
    status: 200,
    headers: { ...headers, 'x-amz-function-error': 'Unhandled' },
    body: JSON.stringify(result.error),
  };
}

function invocationTypeOf(value: unknown): keyof typeof PAYLOAD_LIMIT {
  if (value === 'RequestResponse' || value === 'Event' || value === 'DryRun') return value;
  throw new ServiceError('InvalidParameterValueException', `Unknown invocation type: ${value}`);
}

function payloadOf(body: Buffer, limit: number): unknown {
  if (body.length > limit) {
    throw new ServiceError(
      'RequestTooLargeException',
      `Request must be smaller than ${limit} bytes for the Invoke operation`,
      413,
    );
  }
  // Lambda hands an empty body to the function as an empty object.
  if (body.length === 0) return {};
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ServiceError('InvalidRequestContentException', `Could not parse request body into json: ${reason}`);
  }
}

function clientContextOf(header: string | undefined): unknown {
  if (!header) return undefined;
  try {
    return JSON.parse(Buffer.from(header, 'base64').toString('utf8'));
  } catch {
    throw new ServiceError(
      'InvalidRequestContentException',
      'Client context must be a valid Base64-encoded JSON object.',
    );
  }
}

/** Takes a name, a partial ARN (123456789012:function:name) or an ARN, each with or without a qualifier. */
function functionNamed(host: FunctionHost, { region, accountId }: Estate, given: string): HostedFunction {
  const [, name = given] =
    /^(?:arn:[^:]+:lambda:[^:]*:)?(?:(?:\d{12}:)?function:)?([\w-]+)(?::(?:\$LATEST|[\w-]+))?$/.exec(given) ?? [];
  const found = host.functions().find((hosted) => hosted.name === name);
  if (!found) {
    const arn = `arn:aws:lambda:${region}:${accountId}:function:${name}`;
    throw new ServiceError('ResourceNotFoundException', `Function not found: ${arn}`, 404, { Type: 'User' });
  }
  return found;
}

function configurationOf(hosted: HostedFunction, lastModified: string): FunctionConfiguration {
  return {
    FunctionName: hosted.name,
    FunctionArn: hosted.arn,
    Runtime: hosted.runtime as Runtime,
    Role: hosted.roleArn,
    Handler: hosted.handler,
    Description: hosted.description,
    Timeout: hosted.timeout,
    MemorySize: hosted.memorySize,
    LastModified: lastModified,
    Version: '$LATEST',
    State: 'Active',
    LastUpdateStatus: 'Successful',
    PackageType: 'Zip',
  };
}

function json(value: unknown): RawResponse {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

import type { Clock } from '../clock';

/** What every embedded service gets: one clock, one account, one Region. */
export interface Estate {
  readonly clock: Clock;
  readonly accountId: string;
  readonly region: string;
}

/** Who signed a request, as far as the access key id tells. */
export interface Caller {
  readonly accessKeyId: string;
  /** Set when the key belongs to an execution environment of a deployed function. */
  readonly functionName?: string;
  /** Role whose policies apply, if the key stands for one. */
  readonly roleArn?: string;
  /** Set when the key is of a session that AssumeRole started. */
  readonly sessionName?: string;
}

/** One identified call: what the call log records and the fault plan matches. */
export interface Call {
  /** Service in the SDK's client naming: kms, s3, sfn, logs, dynamodb, cognito-identity, cognito-identity-provider, opensearch, bedrock-agent, bedrock-agent-runtime, lambda, sqs, cloudformation, sts. */
  readonly service: string;
  /** Operation in the API's own naming, for example CreateKey. */
  readonly operation: string;
  /** Members by API name; path and query parameters merged in; blobs as they stand on the wire (base64). */
  readonly input: Readonly<Record<string, unknown>>;
  readonly caller: Caller;
  readonly requestId: string;
  /** Of a batch whose things are allowed one by one (S3 DeleteObjects): what is refused, by its place. */
  readonly refused?: ReadonlyMap<string, ServiceError>;
}

/** An error as AWS reports it: `code` becomes the SDK's `error.name`. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  constructor(
    readonly code: string,
    message: string,
    readonly status = 400,
    /** Further members of the modelled error, sent beside the message. */
    readonly members: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

/** Implements one operation. Input and output have the shapes of the SDK's command types; dates are epoch seconds or Date. */
// biome-ignore lint/suspicious/noExplicitAny: each service narrows the input to the SDK's own command type.
export type Operation = (input: any, call: Call) => unknown;

/** AWS JSON 1.0/1.1: one POST path, operation named by x-amz-target. */
export interface JsonService {
  readonly protocol: 'json';
  readonly name: string;
  /** For example TrentService for KMS. */
  readonly targetPrefix: string;
  readonly version: '1.0' | '1.1';
  readonly operations: Readonly<Record<string, Operation>>;
}

export interface RestRoute {
  readonly operation: string;
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'HEAD' | 'PATCH';
  /** Path with {Members}, for example /knowledgebases/{knowledgeBaseId}. */
  readonly path: string;
  /** Success status. @default 200 */
  readonly status?: number;
}

/** REST JSON: operation named by method and path; the JSON body, path and query members are merged into one input. */
export interface RestJsonService {
  readonly protocol: 'rest-json';
  readonly name: string;
  /** Service names in the SigV4 credential scope that lead here, for example `es`. */
  readonly signingNames: readonly string[];
  /** How dates go into answers. @default 'epoch' */
  readonly timestampFormat?: 'epoch' | 'iso8601';
  readonly routes: readonly RestRoute[];
  readonly operations: Readonly<Record<string, Operation>>;
}

export interface RawRequest {
  readonly method: string;
  /** Decoded path without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Body with aws-chunked framing already removed. */
  readonly body: Buffer;
}

export interface RawResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** Anything else (S3's REST XML, the query protocol): the service frames its own requests and answers. */
export interface RawService {
  readonly protocol: 'raw';
  readonly name: string;
  readonly signingNames: readonly string[];
  /** What the error for an unknown operation lists. */
  readonly operationNames?: readonly string[];
  /** Names the operation and its input for the call log and the fault plan; undefined = unknown operation, which fails loudly. */
  identify(request: RawRequest): Pick<Call, 'operation' | 'input'> | undefined;
  handle(request: RawRequest, call: Call): RawResponse | Promise<RawResponse>;
  /** Frames an error (also an injected one) in the service's own error format. */
  fail(error: ServiceError, call: Call): RawResponse;
}

/** The operation that a raw service's `identify` has named. */
export function operationOf<Served>(operations: Readonly<Record<string, Served>>, { operation }: Call): Served {
  const served = operations[operation];
  if (served === undefined) throw new Error(`${operation} is identified but not implemented`);
  return served;
}

export type Service = JsonService | RestJsonService | RawService;

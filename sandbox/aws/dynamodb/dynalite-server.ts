import { once } from 'node:events';
import {
  Agent,
  type IncomingMessage,
  type RequestListener,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import dynalite from 'dynalite';
import { isLocalRequest } from '../local-request';
import { ServiceError } from '../service';

/** Any answer of DynamoDB, in its JSON form. */
export type DynamoDbAnswer = Record<string, unknown>;

/** dynalite asks for a signature but does not verify it. */
const HEADERS = {
  'content-type': 'application/x-amz-json-1.0',
  'x-amz-date': '20200101T000000Z',
  authorization:
    'AWS4-HMAC-SHA256 Credential=sandbox/20200101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0',
};

/** A dynalite of our own: in memory, on a loopback port that nobody else is told, and where a web page that finds it is not answered. */
export class DynaliteServer {
  readonly #agent = new Agent({ keepAlive: true });
  #server: Server | undefined;

  async start(): Promise<void> {
    const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
    // dynalite itself answers pages of every origin.
    const answers = server.listeners('request') as RequestListener[];
    server.removeAllListeners('request').on('request', (received: IncomingMessage, response: ServerResponse) => {
      if (isLocalRequest(received.headers)) for (const answer of answers) answer(received, response);
      else received.destroy();
    });
    // An idle connection closed by the server just as we send would look like a failure of DynamoDB.
    server.keepAliveTimeout = 0;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    this.#agent.destroy();
    const closed = new Promise<void>((resolve, reject) => {
      server.close((error) => (error ? reject(error) : resolve()));
    });
    server.closeAllConnections();
    await closed;
  }

  get port(): number {
    const address = this.#server?.address() as AddressInfo | null | undefined;
    if (!address) throw new Error('DynamoDB is not running: call start() first');
    return address.port;
  }

  async call(operation: string, input: unknown): Promise<DynamoDbAnswer> {
    const response = await this.#post(operation, JSON.stringify(input));
    const body = await text(response);
    if (response.statusCode === 200) return JSON.parse(body) as DynamoDbAnswer;
    throw errorOf(response.statusCode ?? 500, body);
  }

  async #post(operation: string, body: string): Promise<IncomingMessage> {
    const call = request({
      host: '127.0.0.1',
      port: this.port,
      method: 'POST',
      agent: this.#agent,
      headers: {
        ...HEADERS,
        'x-amz-target': `DynamoDB_20120810.${operation}`,
        'content-length': Buffer.byteLength(body),
      },
    });
    call.end(body);
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    return response;
  }
}

/** dynalite writes either spelling of the message and qualifies the code, as DynamoDB does. */
function errorOf(status: number, body: string): ServiceError {
  const { __type: type = 'InternalServerError', message, Message, ...members } = parse(body);
  const code = String(type).replace(/^.*#/, '');
  return new ServiceError(code, String(message ?? Message ?? ''), status, members);
}

function parse(body: string): Record<string, unknown> {
  try {
    return JSON.parse(body) as Record<string, unknown>;
  } catch {
    return { message: body };
  }
}

import type { RestJsonService, ServiceError } from './service';

/** A framed HTTP answer, ready to be written. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** An SDK input type as it arrives in JSON: blobs are base64, dates are numbers. */
export type OnWire<T> = T extends Uint8Array
  ? string
  : T extends Date
    ? number
    : T extends readonly (infer Item)[]
      ? OnWire<Item>[]
      : T extends object
        ? { [Member in keyof T]: OnWire<T[Member]> }
        : T;

type TimestampFormat = NonNullable<RestJsonService['timestampFormat']>;

/** Serializes an output: dates as the protocol wants them, blobs as base64, members without a value left out. */
export function toJson(output: unknown, timestampFormat: TimestampFormat = 'epoch'): string {
  return JSON.stringify(wireValue(output ?? {}, timestampFormat));
}

function wireValue(value: unknown, timestampFormat: TimestampFormat): unknown {
  if (value instanceof Date) return timestampFormat === 'epoch' ? value.getTime() / 1000 : value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map((item) => wireValue(item, timestampFormat));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, wireValue(member, timestampFormat)]));
}

/** Error of the AWS JSON protocols. */
export function jsonFailure(error: ServiceError, version: '1.0' | '1.1'): Answer {
  return {
    status: error.status,
    headers: { 'content-type': `application/x-amz-json-${version}`, 'x-amzn-errortype': error.code },
    body: toJson({ __type: error.code, message: error.message, ...error.members }),
  };
}

/** Error of REST JSON; also for raw services that speak it. */
export function restJsonFailure(error: ServiceError): Answer {
  return {
    status: error.status,
    headers: { 'content-type': 'application/json', 'x-amzn-errortype': error.code },
    body: toJson({ message: error.message, ...error.members }),
  };
}

/** Error of the query protocol, for services that speak it and for those the sandbox does not know. */
export function queryFailure(error: ServiceError, requestId: string): Answer {
  const type = error.status >= 500 ? 'Receiver' : 'Sender';
  return {
    status: error.status,
    headers: { 'content-type': 'text/xml' },
    body:
      `<ErrorResponse><Error><Type>${type}</Type><Code>${escapeXml(error.code)}</Code>` +
      `<Message>${escapeXml(error.message)}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`,
  };
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** What a SigV4 credential says: whose key, which service. The signature itself is not verified. */
export interface Signer {
  readonly accessKeyId: string;
  readonly service: string;
}

/** Reads the Authorization header or, for presigned requests, the query; undefined when the request is anonymous. */
export function signerOf(headers: Readonly<Record<string, string>>, query: URLSearchParams): Signer | undefined {
  const credential = /Credential=([^,\s]+)/.exec(headers['authorization'] ?? '')?.[1] ?? query.get('X-Amz-Credential');
  const legacyKeyId = query.get('AWSAccessKeyId');
  // Presigned URLs of botocore for S3: signature version 2 has no scope.
  if (!credential && legacyKeyId !== null) return { accessKeyId: legacyKeyId, service: 's3' };
  // Counted from the end: an access key id may hold anything, the scope may not.
  const parts = credential?.split('/') ?? [];
  if (parts.length < 5) return undefined;
  return { accessKeyId: parts.slice(0, -4).join('/'), service: parts.at(-2) ?? '' };
}

export interface Body {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Removes aws-chunked framing; its trailers (checksums) become headers. */
export function unchunk({ headers, body }: Body): Body {
  const encodings = (headers['content-encoding'] ?? '').split(',').map((encoding) => encoding.trim());
  const isChunked = encodings.includes('aws-chunked') || headers['x-amz-content-sha256']?.startsWith('STREAMING-');
  if (!isChunked) return { headers, body };

  const chunks: Buffer[] = [];
  const remaining: Record<string, string> = {
    ...headers,
    'content-encoding': encodings.filter((encoding) => encoding !== 'aws-chunked').join(','),
  };
  if (remaining['content-encoding'] === '') delete remaining['content-encoding'];
  let position = 0;
  for (;;) {
    const lineEnd = body.indexOf('\r\n', position);
    const size = Number.parseInt(body.toString('latin1', position, lineEnd === -1 ? body.length : lineEnd), 16);
    if (lineEnd === -1 || !(size > 0)) {
      position = lineEnd === -1 ? body.length : lineEnd + 2;
      break;
    }
    chunks.push(body.subarray(lineEnd + 2, lineEnd + 2 + size));
    position = lineEnd + 2 + size + 2;
  }
  for (const line of body.toString('latin1', position).split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) remaining[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { headers: remaining, body: Buffer.concat(chunks) };
}

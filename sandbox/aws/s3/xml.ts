import { XMLBuilder, XMLParser } from 'fast-xml-parser';
import { type RawResponse, ServiceError } from '../service';

const parser = new XMLParser({
  ignoreAttributes: true,
  ignoreDeclaration: true,
  parseTagValue: false,
  trimValues: false,
  // Decoded below in one pass, so that an escaped ampersand is not decoded twice.
  processEntities: false,
  tagValueProcessor: (_, value) => decodeEntities(value),
  isArray: (name) => ['Object', 'Part', 'Tag', 'Rule'].includes(name),
});

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function decodeEntities(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex?: string, decimal?: string, name = '') => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    return decimal === undefined ? (ENTITIES[name] ?? whole) : String.fromCodePoint(Number(decimal));
  });
}

const builder = new XMLBuilder({ suppressEmptyNode: false });

/** The children of the document's root element; text stays text. */
export function parseXml(body: Buffer, root: string): Record<string, unknown> {
  if (body.length === 0) return {};
  let document: Record<string, unknown>;
  try {
    document = parser.parse(body, true) as Record<string, unknown>;
  } catch {
    throw malformedXml();
  }
  const children = document[root];
  if (children === undefined) throw malformedXml();
  return typeof children === 'object' && children !== null ? (children as Record<string, unknown>) : {};
}

/** A document in the S3 namespace; members without a value are left out, dates are ISO 8601. */
export function buildXml(root: string, children: object): string {
  // A bare carriage return would be read as a line feed.
  const body = (builder.build({ [root]: plain(children) }) as string).replaceAll('\r', '&#xD;');
  const open = body.startsWith(`<${root}>`) ? body.slice(root.length + 2) : `</${root}>`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${open}`;
}

export function xmlResponse(root: string, children: object): RawResponse {
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: buildXml(root, children) };
}

export function malformedXml(): ServiceError {
  return new ServiceError(
    'MalformedXML',
    'The XML you provided was not well-formed or did not validate against our schema',
  );
}

function plain(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, plain(member)]));
}

import { ServiceError } from '../service';
import { type Bucket, hasContent, type Version } from './bucket';
import type { S3Input, S3Operation } from './requests';
import type { Store } from './store';
import { xmlResponse } from './xml';

const PAGE = 1000;

export function listOperations(store: Store): Record<string, S3Operation> {
  return {
    ListObjectsV2(input) {
      const bucket = store.bucket(input);
      const limit = pageSize(input.MaxKeys);
      const after = input.ContinuationToken === undefined ? input.StartAfter : fromToken(input.ContinuationToken);
      const contents: object[] = [];
      const prefixes = new Set<string>();
      const encode = encoder(input);
      let last: string | undefined;
      let isTruncated = false;
      for (const { key, commonPrefix } of entries(bucket, input, after)) {
        const current = bucket.current(key);
        if (current === undefined || (commonPrefix !== undefined && prefixes.has(commonPrefix))) continue;
        if (contents.length + prefixes.size >= limit) {
          isTruncated = limit > 0;
          break;
        }
        last = commonPrefix ?? key;
        if (commonPrefix !== undefined) prefixes.add(commonPrefix);
        else contents.push({ Key: encode(key), ...summaryOf(current), StorageClass: 'STANDARD' });
      }
      return xmlResponse('ListBucketResult', {
        Name: bucket.name,
        ...echo(input, ['Prefix', 'Delimiter', 'StartAfter'], encode),
        ContinuationToken: input.ContinuationToken,
        EncodingType: input.EncodingType,
        MaxKeys: limit,
        KeyCount: contents.length + prefixes.size,
        IsTruncated: isTruncated,
        NextContinuationToken: isTruncated && last !== undefined ? toToken(last) : undefined,
        Contents: contents,
        CommonPrefixes: [...prefixes].map((prefix) => ({ Prefix: encode(prefix) })),
      });
    },

    /** Versions and delete markers, by key and then from new to old. */
    ListObjectVersions(input) {
      const bucket = store.bucket(input);
      const limit = pageSize(input.MaxKeys);
      const versions: object[] = [];
      const markers: object[] = [];
      const prefixes = new Set<string>();
      const encode = encoder(input);
      let last: { readonly key: string; readonly versionId?: string } | undefined;
      let isTruncated = false;
      walk: for (const { key, commonPrefix } of entries(bucket, input, undefined)) {
        const all = commonPrefix === undefined ? versionsAfterMarker(bucket, key, input) : [undefined];
        for (const version of all) {
          if (commonPrefix !== undefined && (prefixes.has(commonPrefix) || commonPrefix === input.KeyMarker)) continue;
          if (versions.length + markers.length + prefixes.size >= limit) {
            isTruncated = limit > 0;
            break walk;
          }
          last = version === undefined ? { key: commonPrefix ?? key } : { key, versionId: version.versionId };
          if (version === undefined) {
            prefixes.add(commonPrefix ?? key);
            continue;
          }
          const listed = {
            Key: encode(key),
            VersionId: version.versionId,
            IsLatest: version === bucket.versionsOf(key)[0],
            ...summaryOf(version),
          };
          if (hasContent(version)) versions.push({ ...listed, StorageClass: 'STANDARD' });
          else markers.push(listed);
        }
      }
      return xmlResponse('ListVersionsResult', {
        Name: bucket.name,
        ...echo(input, ['Prefix', 'Delimiter', 'KeyMarker'], encode),
        VersionIdMarker: input.VersionIdMarker ?? '',
        EncodingType: input.EncodingType,
        MaxKeys: limit,
        IsTruncated: isTruncated,
        NextKeyMarker: isTruncated && last !== undefined ? encode(last.key) : undefined,
        NextVersionIdMarker: isTruncated ? last?.versionId : undefined,
        Version: versions,
        DeleteMarker: markers,
        CommonPrefixes: [...prefixes].map((prefix) => ({ Prefix: encode(prefix) })),
      });
    },
  };
}

interface Entry {
  readonly key: string;
  /** Set when the delimiter rolls the key up. */
  readonly commonPrefix?: string;
}

/** Keys under the prefix, in order, after the marker. Keys rolled up into a prefix that is before the marker are skipped. */
function* entries(
  bucket: Bucket,
  { Prefix: prefix = '', Delimiter, KeyMarker }: S3Input,
  after?: string,
): Generator<Entry> {
  const start = [prefix, after ?? '', KeyMarker ?? ''].reduce((a, b) => (a > b ? a : b));
  for (const key of bucket.keysFrom(start)) {
    if (!key.startsWith(prefix)) {
      if (key > prefix) return;
      continue;
    }
    if (after !== undefined && (key <= after || (Delimiter && after.endsWith(Delimiter) && key.startsWith(after))))
      continue;
    const end = Delimiter ? key.indexOf(Delimiter, prefix.length) : -1;
    yield end === -1 || Delimiter === undefined ? { key } : { key, commonPrefix: key.slice(0, end + Delimiter.length) };
  }
}

/** With a key marker alone listing goes on after that key, with a version marker inside of it. */
function versionsAfterMarker(bucket: Bucket, key: string, { KeyMarker, VersionIdMarker }: S3Input): readonly Version[] {
  const versions = bucket.versionsOf(key);
  if (key !== KeyMarker) return versions;
  if (!VersionIdMarker) return [];
  const at = versions.findIndex(({ versionId }) => versionId === VersionIdMarker);
  // A marker version that has been deleted meanwhile: nothing of the key may be missed.
  return at === -1 ? versions : versions.slice(at + 1);
}

function summaryOf({ lastModified, content }: Version): object {
  const summary = { LastModified: new Date(lastModified) };
  return content === undefined ? summary : { ...summary, ETag: content.etag, Size: content.body.length };
}

export function pageSize(asked = PAGE): number {
  if (!Number.isInteger(asked) || asked < 0) {
    throw new ServiceError('InvalidArgument', 'Provided max-keys not an integer or within integer range');
  }
  return Math.min(asked, PAGE);
}

/** With encoding-type=url names are percent-encoded in the answer, since XML cannot hold every character. */
export function encoder({ EncodingType }: S3Input): (text: string) => string {
  if (EncodingType !== 'url') return (text) => text;
  return (text) => encodeURIComponent(text).replaceAll('%2F', '/');
}

function echo(
  input: S3Input,
  names: readonly ('Prefix' | 'Delimiter' | 'StartAfter' | 'KeyMarker')[],
  encode: (text: string) => string,
): object {
  const given = names.map((name) => [name, input[name]] as const).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, encode(value ?? '')]));
}

function toToken(key: string): string {
  return Buffer.from(`after:${key}`).toString('base64url');
}

function fromToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString('utf8');
  if (!text.startsWith('after:'))
    throw new ServiceError('InvalidArgument', 'The continuation token provided is incorrect');
  return text.slice('after:'.length);
}

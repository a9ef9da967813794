import { type RawRequest, ServiceError } from '../service';
import { type Bucket, type Content, type Encryption, etagOf, type Version } from './bucket';
import { lockFor, lockHeaders, requireRemovable } from './lock';
import type { ObjectIdentifier, S3Input, S3Operation } from './requests';
import { noSuchKey, type Store } from './store';
import { malformedXml, xmlResponse } from './xml';

const STORED_HEADER =
  /^(content-type|content-encoding|content-disposition|content-language|cache-control|x-amz-meta-.+)$/;
const CHECKSUM_HEADER = /^x-amz-checksum-(crc32|crc32c|crc64nvme|sha1|sha256)$/;

const DELETES_PER_CALL = 1000;

export function objectOperations(store: Store): Record<string, S3Operation> {
  return {
    PutObject(input, request) {
      const bucket = store.bucket(input);
      const key = input.Key ?? '';
      requireConditions(bucket, key, input);
      const content: Content = {
        body: request.body,
        etag: etagOf(request.body),
        headers: storedHeaders(request),
        encryption: store.encryptionFor(bucket, input),
        tags: tagsOf(input),
      };
      const version = bucket.add(key, { content, lastModified: store.now, ...lockFor(bucket, input, store.now) });
      return {
        status: 200,
        headers: {
          etag: content.etag,
          ...versionHeaders(bucket, version),
          ...encryptionHeaders(content.encryption),
          ...checksums(content.headers),
        },
      };
    },

    GetObject(input) {
      const version = store.version(input);
      store.requireReadable(version.content);
      const headers = describe(store.bucket(input), version, input);
      const { body } = version.content;
      const range = input.Range === undefined ? undefined : rangeOf(input.Range, body.length);
      if (range === undefined) return { status: 200, headers, body };
      return {
        status: 206,
        headers: {
          ...withoutChecksums(headers),
          'content-length': String(range.end - range.start),
          'content-range': `bytes ${range.start}-${range.end - 1}/${body.length}`,
        },
        body: body.subarray(range.start, range.end),
      };
    },

    /** Needs no key: metadata is not encrypted. */
    HeadObject(input) {
      return { status: 200, headers: describe(store.bucket(input), store.version(input), input) };
    },

    GetObjectTagging(input) {
      const tags = Object.entries(store.version(input).content.tags).map(([Key, Value]) => ({ Key, Value }));
      return xmlResponse('Tagging', { TagSet: { Tag: tags } });
    },

    DeleteObject(input) {
      const deleted = remove(store, store.bucket(input), { Key: input.Key ?? '', ...versionOf(input) }, input);
      return {
        status: 204,
        headers: {
          ...(deleted.versionId === undefined ? {} : { 'x-amz-version-id': deleted.versionId }),
          ...(deleted.isMarker ? { 'x-amz-delete-marker': 'true' } : {}),
        },
      };
    },

    /** Always 200: what could not be deleted is listed in the answer. */
    DeleteObjects(input, _request, { refused }) {
      const bucket = store.bucket(input);
      const objects = input.Delete?.Objects ?? [];
      if (objects.length === 0 || objects.length > DELETES_PER_CALL) throw malformedXml();
      const deleted: object[] = [];
      const errors: object[] = [];
      for (const [at, { Key, VersionId }] of objects.entries()) {
        try {
          const refusal = refused?.get(String(at));
          if (refusal !== undefined) throw refusal;
          const { versionId, isMarker } = remove(store, bucket, { Key, ...versionOf({ VersionId }) }, input);
          const marker = isMarker ? { DeleteMarker: true, DeleteMarkerVersionId: versionId } : {};
          deleted.push({ Key, VersionId, ...marker });
        } catch (error) {
          if (!(error instanceof ServiceError)) throw error;
          errors.push({ Key, VersionId, Code: error.code, Message: error.message });
        }
      }
      return xmlResponse('DeleteResult', { Deleted: input.Delete?.Quiet ? [] : deleted, Error: errors });
    },
  };
}

/** If-None-Match and If-Match look at the current version only; a delete marker on top means there is none. */
export function requireConditions(bucket: Bucket, key: string, { IfMatch, IfNoneMatch }: S3Input): void {
  const current = bucket.current(key);
  if (IfNoneMatch !== undefined && current !== undefined) throw preconditionFailed('If-None-Match');
  if (IfMatch === undefined) return;
  if (current === undefined) throw noSuchKey(key);
  if (unquoted(IfMatch) !== unquoted(current.content.etag)) throw preconditionFailed('If-Match');
}

export function storedHeaders({ headers }: RawRequest): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => STORED_HEADER.test(name) || CHECKSUM_HEADER.test(name)),
  );
}

export function tagsOf({ Tagging }: S3Input): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(Tagging));
}

export function versionHeaders({ versioning }: Bucket, { versionId }: Version): Record<string, string> {
  return versioning === undefined ? {} : { 'x-amz-version-id': versionId };
}

export function encryptionHeaders({ algorithm, keyArn, bucketKey }: Encryption): Record<string, string> {
  return {
    'x-amz-server-side-encryption': algorithm,
    ...(keyArn === undefined ? {} : { 'x-amz-server-side-encryption-aws-kms-key-id': keyArn }),
    ...(bucketKey ? { 'x-amz-server-side-encryption-bucket-key-enabled': 'true' } : {}),
  };
}

function describe(
  bucket: Bucket,
  version: Version & { readonly content: Content },
  input: S3Input,
): Record<string, string> {
  const { content } = version;
  const headers = {
    'content-type': 'binary/octet-stream',
    ...content.headers,
    'content-length': String(content.body.length),
    'last-modified': new Date(version.lastModified).toUTCString(),
    'accept-ranges': 'bytes',
    etag: content.etag,
    ...versionHeaders(bucket, version),
    ...encryptionHeaders(content.encryption),
    ...lockHeaders(version),
  };
  return input.ChecksumMode === 'ENABLED' ? headers : withoutChecksums(headers);
}

function checksums(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => CHECKSUM_HEADER.test(name)));
}

function withoutChecksums(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !CHECKSUM_HEADER.test(name)));
}

/** Deletes one version for good, or puts a marker on top. What is not there counts as deleted. */
function remove(
  store: Store,
  bucket: Bucket,
  { Key: key, VersionId: versionId }: ObjectIdentifier,
  { BypassGovernanceRetention: bypasses = false }: S3Input,
): { readonly versionId?: string; readonly isMarker: boolean } {
  if (versionId !== undefined) {
    const version = bucket.versionsOf(key).find((one) => one.versionId === versionId);
    if (version !== undefined) requireRemovable(version, bypasses, store.now);
    bucket.remove(key, versionId);
    return { versionId, isMarker: version !== undefined && version.content === undefined };
  }
  if (bucket.versioning === undefined) {
    bucket.remove(key, 'null');
    return { isMarker: false };
  }
  return { versionId: bucket.add(key, { lastModified: store.now }).versionId, isMarker: true };
}

function versionOf({ VersionId }: { readonly VersionId?: string | undefined }): { VersionId?: string } {
  return VersionId === undefined ? {} : { VersionId };
}

function rangeOf(header: string, length: number): { start: number; end: number } | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(header) ?? [];
  if (from === '' && to === '') return undefined;
  const start = from === '' ? Math.max(0, length - Number(to)) : Number(from);
  const end = from === '' || to === '' ? length : Math.min(length, Number(to) + 1);
  if (start >= length || end <= start) {
    throw new ServiceError('InvalidRange', 'The requested range is not satisfiable', 416);
  }
  return { start, end };
}

function preconditionFailed(condition: string): ServiceError {
  return new ServiceError('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', 412, {
    Condition: condition,
  });
}

function unquoted(etag: string): string {
  return etag.replaceAll('"', '');
}

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { AwsStub } from 'aws-sdk-client-mock';
import { aLostAnswer, anAwsError } from './aws-errors';

interface Version {
  readonly versionId: string;
  readonly body: Buffer;
  readonly metadata: Readonly<Record<string, string>>;
  readonly lastModified: Date;
}

type Command = 'PutObject' | 'GetObject' | 'HeadObject' | 'ListObjectVersions';
type Fault = {
  readonly command: Command;
  readonly key: RegExp;
  readonly error: Error;
  readonly when: 'before' | 'after';
};

/** A versioned bucket behind a mocked S3 client: conditional puts, versions, paged listings. */
export interface AuditBucket {
  /** Puts a version, as if somebody had. @param at when; default now */
  put(key: string, body: string | Buffer, at?: Date): void;
  /** Puts other bytes in place of the newest version, as whoever may delete versions could. */
  tamper(key: string, body: string | Buffer): void;
  remove(key: string): void;
  keys(prefix?: string): string[];
  body(key: string): Buffer;
  metadata(key: string): Readonly<Record<string, string>>;
  versionsOf(key: string): number;
  /** Entries of a page of a listing. @default 1000 */
  pageSize: number;
  /** The next call of this kind for such a key fails without effect. */
  fail(command: Command, key: RegExp, error?: Error): void;
  /** The next call of this kind for such a key does its work, but its answer is lost. */
  loseAnswer(command: Command, key: RegExp): void;
  /** Runs something just before the next put of such a key: a competitor. */
  beforePut(key: RegExp, act: () => Promise<unknown>): void;
}

let buckets = 0;

// biome-ignore lint/suspicious/noExplicitAny: a stub of any client configuration.
export function serveAuditBucket(s3: AwsStub<any, any, any> & AwsStub<any, any, S3Client['config']>): AuditBucket {
  const objects = new Map<string, Version[]>();
  const faults: Fault[] = [];
  const competitors: { readonly key: RegExp; readonly act: () => Promise<unknown> }[] = [];
  // Version ids are unique beyond a bucket, as S3's are: what is remembered of one is of no other test.
  buckets += 1;
  const prefix = `v${buckets}.`;
  let made = 0;

  const add = (key: string, body: string | Buffer, metadata: Readonly<Record<string, string>>, at = new Date()) => {
    made += 1;
    const version = { versionId: `${prefix}${made}`, body: Buffer.from(body), metadata, lastModified: at };
    objects.set(key, [version, ...(objects.get(key) ?? [])]);
    return version;
  };
  const strike = (command: Command, key: string, when: Fault['when']) => {
    const position = faults.findIndex(
      (fault) => fault.command === command && fault.when === when && fault.key.test(key),
    );
    const [fault] = position === -1 ? [] : faults.splice(position, 1);
    if (fault !== undefined) throw fault.error;
  };
  const find = (key: string, versionId?: string): Version => {
    const versions = objects.get(key) ?? [];
    const found = versionId === undefined ? versions[0] : versions.find((version) => version.versionId === versionId);
    if (found === undefined) throw anAwsError(versionId === undefined ? 'NoSuchKey' : 'NoSuchVersion', undefined, 404);
    return found;
  };
  const bucket: AuditBucket = {
    put: (key, body, at) => void add(key, body, {}, at),
    tamper(key, body) {
      const [current, ...rest] = objects.get(key) ?? [];
      if (current === undefined) throw new Error(`there is no ${key}`);
      objects.set(key, rest);
      add(key, body, current.metadata, current.lastModified);
    },
    remove: (key) => void objects.delete(key),
    keys: (prefix = '') => [...objects.keys()].filter((key) => key.startsWith(prefix)).sort(),
    body: (key) => find(key).body,
    metadata: (key) => find(key).metadata,
    versionsOf: (key) => objects.get(key)?.length ?? 0,
    pageSize: 1000,
    fail: (command, key, error = anAwsError('AccessDenied', undefined, 403)) =>
      void faults.push({ command, key, error, when: 'before' }),
    loseAnswer: (command, key) => void faults.push({ command, key, error: aLostAnswer(), when: 'after' }),
    beforePut: (key, act) => void competitors.push({ key, act }),
  };

  s3.on(PutObjectCommand).callsFake(async ({ Key, Body, IfNoneMatch, Metadata = {} }) => {
    const position = competitors.findIndex(({ key }) => key.test(Key));
    const [competitor] = position === -1 ? [] : competitors.splice(position, 1);
    await competitor?.act();
    strike('PutObject', Key, 'before');
    if (IfNoneMatch === '*' && objects.has(Key)) throw anAwsError('PreconditionFailed', undefined, 412);
    const { versionId } = add(Key, Body, Metadata);
    strike('PutObject', Key, 'after');
    return { VersionId: versionId, ETag: createHash('md5').update(Body).digest('hex') };
  });
  s3.on(GetObjectCommand).callsFake(({ Key, VersionId }) => {
    strike('GetObject', Key, 'before');
    const { body, versionId, metadata } = find(Key, VersionId);
    const stream = Readable.from([body.subarray(0, body.length >> 1), body.subarray(body.length >> 1)]);
    const whole = { transformToByteArray: async () => body, transformToString: async () => body.toString('utf8') };
    return { Body: Object.assign(stream, whole), VersionId: versionId, Metadata: metadata };
  });
  s3.on(HeadObjectCommand).callsFake(({ Key }) => {
    strike('HeadObject', Key, 'before');
    if (!objects.has(Key)) throw anAwsError('NotFound', undefined, 404);
    return { Metadata: find(Key).metadata };
  });
  s3.on(ListObjectVersionsCommand).callsFake(({ Prefix = '', KeyMarker, VersionIdMarker }) => {
    strike('ListObjectVersions', Prefix, 'before');
    const all = bucket.keys(Prefix).flatMap((key) =>
      (objects.get(key) ?? []).map(({ versionId, body, lastModified }, position) => ({
        Key: key,
        VersionId: versionId,
        Size: body.length,
        LastModified: lastModified,
        IsLatest: position === 0,
      })),
    );
    const after = KeyMarker === undefined ? -1 : all.findIndex(({ VersionId }) => VersionId === VersionIdMarker);
    const page = all.slice(after + 1, after + 1 + bucket.pageSize);
    const last = page.at(-1);
    const IsTruncated = after + 1 + page.length < all.length;
    return {
      Versions: page,
      IsTruncated,
      ...(IsTruncated && { NextKeyMarker: last?.Key, NextVersionIdMarker: last?.VersionId }),
    };
  });
  s3.on(ListObjectsV2Command).callsFake(({ Prefix = '', Delimiter, ContinuationToken }) => {
    if (Delimiter === undefined) {
      const all = bucket.keys(Prefix);
      const start = Number(ContinuationToken ?? 0);
      const next = start + bucket.pageSize;
      return {
        Contents: all.slice(start, next).map((Key) => ({ Key })),
        ...(next < all.length && { IsTruncated: true, NextContinuationToken: String(next) }),
      };
    }
    const folders = new Set(
      bucket.keys(Prefix).map((key) => key.slice(0, key.indexOf(Delimiter, Prefix.length) + Delimiter.length)),
    );
    return { CommonPrefixes: [...folders].map((folder) => ({ Prefix: folder })) };
  });
  return bucket;
}

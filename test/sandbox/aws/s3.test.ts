import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectLegalHoldCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
  paginateListObjectsV2,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { Endpoint } from '../../../sandbox/aws/endpoint';
import { createKms, type Kms } from '../../../sandbox/aws/kms';
import { createS3, type S3 } from '../../../sandbox/aws/s3';
import { anEstate, clientFor, DAY, startedEndpoint } from './an-estate';

const Bucket = 'data';

describe('S3', () => {
  const estate = anEstate();
  let kms: Kms;
  let s3: S3;
  let endpoint: Endpoint;
  let client: S3Client;

  beforeAll(async () => {
    kms = createKms(estate);
    s3 = createS3(estate, { kms });
    endpoint = await startedEndpoint({ estate, services: [kms.service, s3.service] });
    client = new S3Client(clientFor(endpoint));
  });
  beforeEach(() => {
    s3.reset();
    s3.createBucket({ name: Bucket, versioning: true });
    s3.createBucket({ name: 'audit', objectLock: { mode: 'GOVERNANCE', days: 30 } });
  });
  afterAll(() => endpoint.stop());

  const put = (Key: string, input: Partial<PutObjectCommandInput> = {}) =>
    client.send(new PutObjectCommand({ Bucket, Key, Body: 'x', ...input }));
  const remove = (Key: string, VersionId?: string) => client.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));
  const versions = (Prefix?: string) => client.send(new ListObjectVersionsCommand({ Bucket, Prefix }));

  describe('objects', () => {
    it('keep their content, type, metadata, tags and checksum', async () => {
      await put('tenants/acme/ä b+c&d.txt', {
        Body: 'hello',
        ContentType: 'text/plain',
        Metadata: { 'op-id': '42' },
        Tagging: 'tenant-id=acme&k=v%20w',
        ChecksumAlgorithm: 'SHA256',
      });

      const got = await client.send(
        new GetObjectCommand({ Bucket, Key: 'tenants/acme/ä b+c&d.txt', ChecksumMode: 'ENABLED' }),
      );
      const { TagSet } = await client.send(new GetObjectTaggingCommand({ Bucket, Key: 'tenants/acme/ä b+c&d.txt' }));

      expect(await got.Body?.transformToString()).toBe('hello');
      expect(got).toMatchObject({
        ContentType: 'text/plain',
        ContentLength: 5,
        Metadata: { 'op-id': '42' },
        ChecksumSHA256: expect.any(String),
        ServerSideEncryption: 'AES256',
        VersionId: expect.any(String),
        ETag: '"5d41402abc4b2a76b9719d911017c592"',
      });
      expect(TagSet).toEqual([
        { Key: 'tenant-id', Value: 'acme' },
        { Key: 'k', Value: 'v w' },
      ]);
    });

    it('are refused under a key that the caller brings, which is not served', async () => {
      const upload = put('k', { SSECustomerAlgorithm: 'AES256', SSECustomerKey: 'k'.repeat(32) });

      await expect(upload).rejects.toMatchObject({ name: 'NotImplemented' });
    });

    it('arrive whole when they are streamed in aws-chunked frames with a trailing checksum', async () => {
      const body = Buffer.alloc(300_000, 'abc');
      await put('stream', {
        Body: Readable.from([body.subarray(0, 100_000), body.subarray(100_000)]),
        ContentLength: body.length,
      });

      const got = await client.send(new GetObjectCommand({ Bucket, Key: 'stream', ChecksumMode: 'ENABLED' }));

      expect(Buffer.from((await got.Body?.transformToByteArray()) ?? [])).toEqual(body);
      expect(got.ChecksumCRC32).toBeDefined();
      expect(got.ContentEncoding).toBeUndefined();
    });

    it('can be read in part', async () => {
      await put('k', { Body: '0123456789' });

      const got = await client.send(new GetObjectCommand({ Bucket, Key: 'k', Range: 'bytes=2-4' }));

      expect(await got.Body?.transformToString()).toBe('234');
      expect(got.ContentRange).toBe('bytes 2-4/10');
    });

    it('are missing under their own error names', async () => {
      await expect(client.send(new GetObjectCommand({ Bucket, Key: 'none' }))).rejects.toMatchObject({
        name: 'NoSuchKey',
      });
      await expect(client.send(new HeadObjectCommand({ Bucket, Key: 'none' }))).rejects.toMatchObject({
        name: 'NotFound',
      });
      await expect(client.send(new HeadBucketCommand({ Bucket: 'none' }))).rejects.toMatchObject({ name: 'NotFound' });
      await expect(client.send(new PutObjectCommand({ Bucket: 'none', Key: 'k', Body: 'x' }))).rejects.toMatchObject({
        name: 'NoSuchBucket',
      });
      await expect(client.send(new GetObjectCommand({ Bucket, Key: 'k', VersionId: 'v' }))).rejects.toMatchObject({
        name: 'NoSuchVersion',
      });
    });

    it('refuse operations that are not served', async () => {
      await expect(
        client.send(new CopyObjectCommand({ Bucket, Key: 'k', CopySource: 'data/a' })),
      ).rejects.toMatchObject({ name: 'UnknownOperationException' });
    });
  });

  describe('conditional writes', () => {
    it('look at the current version only', async () => {
      await put('marker', { IfNoneMatch: '*' });
      await expect(put('marker', { IfNoneMatch: '*' })).rejects.toMatchObject({
        name: 'PreconditionFailed',
        $metadata: { httpStatusCode: 412 },
      });

      await remove('marker');
      await put('marker', { IfNoneMatch: '*' });
    });

    it('with If-Match on a missing key report the key as missing', async () => {
      await expect(put('none', { IfMatch: '"x"' })).rejects.toMatchObject({ name: 'NoSuchKey' });
    });
  });

  describe('versions', () => {
    it('stay below a delete marker until each is deleted by its id', async () => {
      const first = await put('k');
      const second = await put('k');
      const marker = await remove('k');

      expect(marker).toMatchObject({ DeleteMarker: true, VersionId: expect.any(String) });
      await expect(client.send(new GetObjectCommand({ Bucket, Key: 'k' }))).rejects.toMatchObject({
        name: 'NoSuchKey',
      });
      expect(await versions()).toMatchObject({
        Versions: [{ VersionId: second.VersionId, IsLatest: false }, { VersionId: first.VersionId }],
        DeleteMarkers: [{ VersionId: marker.VersionId, IsLatest: true }],
      });

      await remove('k', marker.VersionId);
      await client.send(new GetObjectCommand({ Bucket, Key: 'k' }));
      await remove('k', first.VersionId);
      await remove('k', second.VersionId);
      await remove('k', second.VersionId);
      expect((await versions()).Versions).toBeUndefined();
    });

    it('are listed in pages that carry both markers', async () => {
      for (const key of ['a', 'b', 'b', 'b', 'c', 'd/1']) await put(key);
      await remove('c');
      const listed: string[] = [];
      let page: Partial<ListObjectVersionsCommandOutput> = {};
      do {
        page = await client.send(
          new ListObjectVersionsCommand({
            Bucket,
            MaxKeys: 2,
            KeyMarker: page.NextKeyMarker,
            VersionIdMarker: page.NextVersionIdMarker,
          }),
        );
        listed.push(...[...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map(({ Key = '' }) => Key));
      } while (page.IsTruncated);

      expect(listed.sort()).toEqual(['a', 'b', 'b', 'b', 'c', 'c', 'd/1']);
    });

    it('of another tenant are out of reach of a prefix that ends in a delimiter', async () => {
      await put('tenants/acme/1');
      await put('tenants/acme2/1');

      expect((await versions('tenants/acme/')).Versions?.map(({ Key }) => Key)).toEqual(['tenants/acme/1']);
    });

    it('of 30,000 objects are purged page by page in a few seconds', async () => {
      const bucket = s3.bucket(Bucket);
      const content = {
        body: Buffer.from('x'),
        etag: '"x"',
        headers: {},
        encryption: { algorithm: 'AES256' as const },
        tags: {},
      };
      for (let count = 0; count < 30_000; count += 1) bucket?.add(`t/${count}&`, { content, lastModified: 0 });
      const began = performance.now();
      let deleted = 0;

      for (;;) {
        const { Versions: found = [] } = await versions('t/');
        if (found.length === 0) break;
        const Objects = found.map(({ Key, VersionId }) => ({ Key, VersionId }));
        await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
        deleted += found.length;
      }

      expect(deleted).toBe(30_000);
      expect(performance.now() - began).toBeLessThan(30_000);
    });
  });

  describe('lists', () => {
    it('roll up keys at the delimiter and page through both', async () => {
      for (const key of ['p/a', 'p/b/1', 'p/b/2', 'p/c', 'p/d/1', 'q']) await put(key);
      await remove('p/c');
      const keys: (string | undefined)[] = [];
      const prefixes: (string | undefined)[] = [];

      for await (const page of paginateListObjectsV2(
        { client, pageSize: 1 },
        { Bucket, Prefix: 'p/', Delimiter: '/' },
      )) {
        keys.push(...(page.Contents ?? []).map(({ Key }) => Key));
        prefixes.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix));
      }

      expect(keys).toEqual(['p/a']);
      expect(prefixes).toEqual(['p/b/', 'p/d/']);
    });

    it('name the buckets and their versioning', async () => {
      await client.send(new CreateBucketCommand({ Bucket: 'third' }));

      const { Buckets } = await client.send(new ListBucketsCommand({}));

      expect(Buckets?.map(({ Name }) => Name)).toEqual(['audit', 'data', 'third']);
      expect((await client.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBe('Enabled');
      expect((await client.send(new GetBucketVersioningCommand({ Bucket: 'third' }))).Status).toBeUndefined();
      await expect(client.send(new CreateBucketCommand({ Bucket: 'third' }))).rejects.toMatchObject({
        name: 'BucketAlreadyOwnedByYou',
      });
    });
  });

  describe('DeleteObjects', () => {
    it('answers 200 with an error per protected version', async () => {
      const { VersionId } = await client.send(new PutObjectCommand({ Bucket: 'audit', Key: 'k', Body: 'x' }));

      const answer = await client.send(
        new DeleteObjectsCommand({
          Bucket: 'audit',
          Delete: {
            Objects: [
              { Key: 'k', VersionId },
              { Key: 'none', VersionId: 'v' },
            ],
          },
        }),
      );

      expect(answer.Errors).toMatchObject([{ Key: 'k', VersionId, Code: 'AccessDenied' }]);
      expect(answer.Deleted).toMatchObject([{ Key: 'none' }]);
    });

    it('refuses more than 1,000 keys', async () => {
      const Objects = Array.from({ length: 1001 }, (_, index) => ({ Key: `k${index}` }));

      await expect(client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }))).rejects.toMatchObject({
        name: 'MalformedXML',
      });
    });
  });

  describe('SSE-KMS', () => {
    it.each([
      ['disabled', 'KMS.DisabledException'],
      ['pending', 'KMS.KMSInvalidStateException'],
      ['gone', 'KMS.NotFoundException'],
    ])('refuses to read and write with a key that is %s', async (state, name) => {
      const SSEKMSKeyId = kms.createKey();
      const encrypted = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId, BucketKeyEnabled: true } as const;
      const written = await put('k', encrypted);
      const call = kms.service.operations;
      if (state === 'disabled') call['DisableKey']?.({ KeyId: SSEKMSKeyId }, {} as never);
      else call['ScheduleKeyDeletion']?.({ KeyId: SSEKMSKeyId, PendingWindowInDays: 7 }, {} as never);
      if (state === 'gone') await estate.clock.advance(7 * DAY);

      expect(written).toMatchObject({ SSEKMSKeyId, ServerSideEncryption: 'aws:kms', BucketKeyEnabled: true });
      await expect(put('k', encrypted)).rejects.toMatchObject({ name, $metadata: { httpStatusCode: 400 } });
      await expect(client.send(new GetObjectCommand({ Bucket, Key: 'k' }))).rejects.toMatchObject({ name });
      expect(await client.send(new HeadObjectCommand({ Bucket, Key: 'k' }))).toMatchObject({ SSEKMSKeyId });
      await remove('k', written.VersionId);
    });

    it('uses the default key of the bucket', async () => {
      const encryptionKeyArn = kms.createKey();
      s3.createBucket({ name: 'sealed', encryptionKeyArn });

      expect(await client.send(new PutObjectCommand({ Bucket: 'sealed', Key: 'k', Body: 'x' }))).toMatchObject({
        ServerSideEncryption: 'aws:kms',
        SSEKMSKeyId: encryptionKeyArn,
      });
    });
  });

  describe('Object Lock', () => {
    const target = { Bucket: 'audit', Key: 'k' };

    it('retains new versions for the default period and lets nobody delete them without the bypass', async () => {
      const { VersionId } = await client.send(new PutObjectCommand({ ...target, Body: 'x' }));
      const { Retention } = await client.send(new GetObjectRetentionCommand(target));
      const config = await client.send(new GetObjectLockConfigurationCommand({ Bucket: 'audit' }));

      expect(Retention).toEqual({ Mode: 'GOVERNANCE', RetainUntilDate: new Date(estate.clock.now() + 30 * DAY) });
      expect(config.ObjectLockConfiguration).toEqual({
        ObjectLockEnabled: 'Enabled',
        Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 30 } },
      });
      await expect(client.send(new DeleteObjectCommand({ ...target, VersionId }))).rejects.toMatchObject({
        name: 'AccessDenied',
      });
      await client.send(new DeleteObjectCommand({ ...target, VersionId, BypassGovernanceRetention: true }));
    });

    it('still takes a delete marker, and another version of the same key', async () => {
      await client.send(new PutObjectCommand({ ...target, Body: 'x' }));
      await client.send(new PutObjectCommand({ ...target, Body: 'y' }));
      expect(await client.send(new DeleteObjectCommand(target))).toMatchObject({ DeleteMarker: true });
    });

    it('ends with the retention', async () => {
      const { VersionId } = await client.send(new PutObjectCommand({ ...target, Body: 'x' }));
      await estate.clock.advance(30 * DAY);

      await client.send(new DeleteObjectCommand({ ...target, VersionId }));
    });

    it('in compliance mode holds against the bypass and against shortening', async () => {
      const until = new Date(estate.clock.now() + 60 * DAY);
      const { VersionId } = await client.send(
        new PutObjectCommand({ ...target, Body: 'x', ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: until }),
      );

      await expect(
        client.send(new DeleteObjectCommand({ ...target, VersionId, BypassGovernanceRetention: true })),
      ).rejects.toMatchObject({ name: 'AccessDenied' });
      await expect(
        client.send(
          new PutObjectRetentionCommand({
            ...target,
            BypassGovernanceRetention: true,
            Retention: { Mode: 'COMPLIANCE', RetainUntilDate: new Date(until.getTime() - DAY) },
          }),
        ),
      ).rejects.toMatchObject({ name: 'AccessDenied' });
    });

    it('holds as long as the legal hold is on', async () => {
      const { VersionId } = await client.send(
        new PutObjectCommand({ ...target, Body: 'x', ObjectLockLegalHoldStatus: 'ON' }),
      );
      const erase = new DeleteObjectCommand({ ...target, VersionId, BypassGovernanceRetention: true });

      await expect(client.send(erase)).rejects.toMatchObject({ name: 'AccessDenied' });
      await client.send(new PutObjectLegalHoldCommand({ ...target, LegalHold: { Status: 'OFF' } }));
      expect((await client.send(new GetObjectLegalHoldCommand(target))).LegalHold?.Status).toBe('OFF');
      await client.send(erase);
    });

    it('is not there in other buckets', async () => {
      await expect(client.send(new GetObjectLockConfigurationCommand({ Bucket }))).rejects.toMatchObject({
        name: 'ObjectLockConfigurationNotFoundError',
      });
      await expect(put('k', { ObjectLockLegalHoldStatus: 'ON' })).rejects.toMatchObject({ name: 'InvalidRequest' });
    });
  });

  describe('multipart uploads', () => {
    const start = async (Key: string) =>
      (await client.send(new CreateMultipartUploadCommand({ Bucket, Key }))).UploadId ?? '';

    it('become one object', async () => {
      const UploadId = await start('big');
      const part = (PartNumber: number, Body: string) =>
        client.send(new UploadPartCommand({ Bucket, Key: 'big', UploadId, PartNumber, Body }));
      const [one, two] = [await part(1, 'hello '), await part(2, 'world')];

      const done = await client.send(
        new CompleteMultipartUploadCommand({
          Bucket,
          Key: 'big',
          UploadId,
          MultipartUpload: {
            Parts: [
              { PartNumber: 1, ETag: one.ETag },
              { PartNumber: 2, ETag: two.ETag },
            ],
          },
        }),
      );

      expect(done.ETag).toMatch(/-2"$/);
      const got = await client.send(new GetObjectCommand({ Bucket, Key: 'big' }));
      expect(await got.Body?.transformToString()).toBe('hello world');
    });

    it('are seen by their own list only, and end by aborting', async () => {
      const ids = [await start('t/a'), await start('t/a'), await start('u')];

      const page = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 't/', MaxUploads: 1 }));
      const rest = await client.send(
        new ListMultipartUploadsCommand({
          Bucket,
          Prefix: 't/',
          KeyMarker: page.NextKeyMarker,
          UploadIdMarker: page.NextUploadIdMarker,
        }),
      );

      const listed = [...(page.Uploads ?? []), ...(rest.Uploads ?? [])].map(({ UploadId }) => UploadId);
      expect(listed.sort()).toEqual(ids.slice(0, 2).sort());
      expect((await versions()).Versions).toBeUndefined();
      const abort = new AbortMultipartUploadCommand({ Bucket, Key: 'u', UploadId: ids[2] });
      await client.send(abort);
      await expect(client.send(abort)).rejects.toMatchObject({ name: 'NoSuchUpload' });
    });
  });
});

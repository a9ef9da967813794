import {
  AbortMultipartUploadCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/storage-prefix/destroy';
import { serveAuditLog } from '../../support/audit-log';
import { aLostAnswer, anAwsError } from '../../support/aws-errors';
import {
  aContext,
  anOffboardingInput,
  aPurgedTenant,
  aStateItem,
  DATA_BUCKET,
  oneLegalHold,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
serveAuditLog();
let tables: Tables;
let versions: { Key: string; VersionId: string; marker?: boolean }[];
let loseAnswer: boolean;
let emptyPages: number;
let uploads: { Key: string; UploadId: string }[];

const run = () => handler(anOffboardingInput(), aContext());
const ledger = () => tables.get(REGISTRY_TABLE, 'TENANT#acme', 'RESOURCE#storage-prefix');
const version = (Key: string, n: number) => ({ Key, VersionId: `v${n}` });
const deletions = () => s3.commandCalls(DeleteObjectsCommand);

describe('destroy-storage-prefix', () => {
  beforeEach(async () => {
    captureOutput();
    setEnvironment();
    dynamodb.reset();
    s3.reset();
    tables = await serveTables(dynamodb, REGISTRY_TABLE);
    await tables.put(REGISTRY_TABLE, aStateItem(aPurgedTenant()));
    versions = [version('tenants/acme/a', 1), version('tenants/acme/a', 2), version('tenants/acme2/a', 1)];
    versions.push({ ...version('tenants/acme/a', 3), marker: true });
    uploads = [
      { Key: 'tenants/acme/big', UploadId: 'u1' },
      { Key: 'tenants/acme2/big', UploadId: 'u2' },
    ];
    s3.on(PutObjectCommand).resolves({});
    emptyPages = 0;
    loseAnswer = false;
    s3.on(ListObjectVersionsCommand).callsFake(({ Prefix, MaxKeys }) => {
      emptyPages -= 1;
      if (emptyPages >= 0) return { IsTruncated: true, NextKeyMarker: 'k' };
      const page = versions.filter(({ Key }) => Key.startsWith(Prefix)).slice(0, MaxKeys);
      return { Versions: page.filter(({ marker }) => !marker), DeleteMarkers: page.filter(({ marker }) => marker) };
    });
    s3.on(ListMultipartUploadsCommand).callsFake(({ Prefix }) => ({
      Uploads: uploads.filter(({ Key }) => Key.startsWith(Prefix)),
    }));
    s3.on(DeleteObjectsCommand).callsFake(({ Delete }) => {
      const ids = new Set(
        Delete.Objects.map((one: { Key: string; VersionId: string }) => `${one.Key} ${one.VersionId}`),
      );
      versions = versions.filter(({ Key, VersionId }) => !ids.has(`${Key} ${VersionId}`));
      const lost = loseAnswer;
      loseAnswer = false;
      if (lost) throw aLostAnswer();
      return {};
    });
    s3.on(AbortMultipartUploadCommand).callsFake(({ UploadId }) => {
      uploads = uploads.filter((upload) => upload.UploadId !== UploadId);
      return {};
    });
  });

  afterEach(() => jest.restoreAllMocks());

  it('removes versions, delete markers and uploads of this tenant, none of one whose id begins like its own', async () => {
    expect(await run()).toEqual({ physicalId: `${DATA_BUCKET}/tenants/acme/`, gone: true, removed: 4 });

    expect(versions).toEqual([version('tenants/acme2/a', 1)]);
    expect(uploads).toEqual([{ Key: 'tenants/acme2/big', UploadId: 'u2' }]);
    expect(await ledger()).toMatchObject({ phase: 'DESTROYED', removed: 4 });
  });

  it('is done at once for a prefix that was never used, and the second time', async () => {
    versions = [];
    uploads = [];

    expect(await run()).toMatchObject({ gone: true, removed: 0 });
    expect(await run()).toMatchObject({ gone: true, removed: 0 });
    expect(deletions()).toHaveLength(0);
  });

  it('works in bounded runs, with progress in the ledger', async () => {
    versions = Array.from({ length: 25_000 }, (_, n) => version('tenants/acme/x', n));

    expect(await run()).toMatchObject({ gone: false, removed: 10_000 });
    expect(await run()).toMatchObject({ gone: false, removed: 10_000 });
    expect(await run()).toMatchObject({ gone: true });

    expect(await ledger()).toMatchObject({ phase: 'DESTROYED', removed: 25_001 });
  });

  it('does not take an empty page for the end of the list', async () => {
    emptyPages = 2;

    await run();

    expect(versions).toEqual([version('tenants/acme2/a', 1)]);
  });

  it('reports what Object Lock keeps, which DeleteObjects answers with 200, by the version alone', async () => {
    s3.on(DeleteObjectsCommand).resolves({
      Errors: [
        { Key: 'tenants/acme/Jane Doe.pdf', VersionId: 'v1', Code: 'InternalError', Message: 'Jane Doe.pdf' },
        { Key: 'tenants/acme/Jane Doe.pdf', VersionId: 'v2', Code: 'AccessDenied', Message: 'Jane Doe.pdf is locked' },
      ],
    });

    await expect(run()).rejects.toMatchObject({
      name: 'AccessDeniedError',
      message: 'tenant acme: 2 of 3 versions could not be deleted (InternalError, AccessDenied), among them version v2',
    });
    expect(await ledger()).toBeUndefined();
  });

  it('has partial failures repeated', async () => {
    s3.on(DeleteObjectsCommand).resolvesOnce({ Errors: [{ Key: 'tenants/acme/a', Code: 'InternalError' }] });

    await expect(run()).rejects.toMatchObject({ name: 'TransientError' });
  });

  it('goes on after a lost answer', async () => {
    loseAnswer = true;
    await expect(run()).rejects.toMatchObject({ name: 'TransientError' });

    expect(await run()).toMatchObject({ gone: true });
  });

  it('counts an upload that ended meanwhile as gone', async () => {
    s3.on(AbortMultipartUploadCommand).callsFake(({ UploadId }) => {
      uploads = uploads.filter((upload) => upload.UploadId !== UploadId);
      throw anAwsError('NoSuchUpload');
    });

    expect(await run()).toMatchObject({ gone: true });
  });

  it('does not take a missing bucket for an empty one', async () => {
    s3.on(ListObjectVersionsCommand).rejects(anAwsError('NoSuchBucket'));

    await expect(run()).rejects.toMatchObject({ name: 'MissingDependencyError' });
  });

  it.each([
    ['a legal hold is set', { legalHolds: oneLegalHold }, 'LegalHoldError'],
    ['another execution takes over', { generation: 2 }, 'StaleExecutionError'],
  ])('stops between two pages when %s', async (_, changes, name) => {
    versions = Array.from({ length: 1500 }, (__, n) => version('tenants/acme/x', n));
    s3.on(DeleteObjectsCommand).callsFake(async () => {
      versions = versions.slice(1000);
      await tables.put(REGISTRY_TABLE, aStateItem({ ...aPurgedTenant(), ...changes }));
      return {};
    });

    await expect(run()).rejects.toMatchObject({ name });

    expect(versions).toHaveLength(500);
    expect(deletions()).toHaveLength(1);
  });
});

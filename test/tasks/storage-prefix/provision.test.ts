import { HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/storage-prefix/provision';
import { serveAuditLog } from '../../support/audit-log';
import { anAwsError } from '../../support/aws-errors';
import {
  aContext,
  aKeyArn,
  aLedgerItem,
  aStateItem,
  aTaskInput,
  DATA_BUCKET,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
serveAuditLog();
let tables: Tables;

const MARKER = { Bucket: DATA_BUCKET, Key: 'tenants/acme/.provisioned' };
const markers = () => s3.commandCalls(PutObjectCommand, { Bucket: DATA_BUCKET }).map((call) => call.args[0].input);
const ledger = () => tables.get(REGISTRY_TABLE, 'TENANT#acme', 'RESOURCE#storage-prefix');

describe('provision-storage-prefix', () => {
  beforeEach(async () => {
    captureOutput();
    setEnvironment();
    dynamodb.reset();
    s3.reset();
    s3.on(PutObjectCommand).resolves({});
    tables = await serveTables(dynamodb, REGISTRY_TABLE);
    await tables.put(REGISTRY_TABLE, aStateItem(), aLedgerItem({ type: 'encryption-key', physicalId: aKeyArn() }));
  });

  afterEach(() => jest.restoreAllMocks());

  it('puts the marker under the tenant’s own key, only where none is', async () => {
    const output = await handler(aTaskInput(), aContext());

    expect(output).toEqual({ physicalId: 'data-bucket/tenants/acme/', ready: true });
    expect(markers()).toEqual([
      {
        ...MARKER,
        Body: '{"tenantId":"acme"}',
        ContentType: 'application/json',
        IfNoneMatch: '*',
        ServerSideEncryption: 'aws:kms',
        SSEKMSKeyId: aKeyArn(),
        BucketKeyEnabled: false,
      },
    ]);
    expect(await ledger()).toMatchObject({ phase: 'DONE', physicalId: 'data-bucket/tenants/acme/' });
  });

  it('adopts a marker of an earlier attempt', async () => {
    s3.on(PutObjectCommand, { Bucket: DATA_BUCKET }).rejects(anAwsError('PreconditionFailed', '412', 412));
    s3.on(HeadObjectCommand, MARKER).resolves({ SSEKMSKeyId: aKeyArn() });

    const output = await handler(aTaskInput(), aContext());

    expect(output).toEqual({ physicalId: 'data-bucket/tenants/acme/', ready: true });
    expect(await ledger()).toMatchObject({ phase: 'DONE' });
  });

  it.each([
    [aKeyArn('2222'), `is encrypted with ${aKeyArn('2222')}`],
    [undefined, 'is encrypted with no key'],
  ])('refuses a marker under key %s, naming tenant and object', async (SSEKMSKeyId, clause) => {
    s3.on(PutObjectCommand, { Bucket: DATA_BUCKET }).rejects(anAwsError('PreconditionFailed', '412', 412));
    s3.on(HeadObjectCommand).resolves(SSEKMSKeyId === undefined ? {} : { SSEKMSKeyId });

    const run = handler(aTaskInput(), aContext());

    await expect(run).rejects.toMatchObject({
      name: 'ResourceConflictError',
      message: `tenant acme: tenants/acme/.provisioned ${clause}, not with the tenant's key`,
    });
    expect(await ledger()).toBeUndefined();
  });

  it('waits for the key in the ledger and calls nothing before', async () => {
    await tables.put(
      REGISTRY_TABLE,
      aLedgerItem({ type: 'encryption-key', phase: 'INTENT', physicalId: undefined as never }),
    );

    const run = handler(aTaskInput(), aContext());

    await expect(run).rejects.toMatchObject({ name: 'NotReadyError' });
    expect(s3.calls()).toHaveLength(0);
  });

  it.each([
    ['KMS.NotFoundException', 400, 'NotReadyError'],
    ['KMS.DisabledException', 400, 'NotReadyError'],
    ['KMS.KMSInvalidStateException', 400, 'NotReadyError'],
    ['KMS.ThrottlingException', 400, 'ThrottledError'],
    ['SlowDown', 503, 'ThrottledError'],
    ['InternalError', 500, 'TransientError'],
    ['OperationAborted', 409, 'TransientError'],
    ['ConditionalRequestConflict', 409, 'TransientError'],
    ['RequestTimeout', 400, 'TransientError'],
    ['NoSuchBucket', 404, 'MissingDependencyError'],
    ['AccessDenied', 403, 'AccessDeniedError'],
    ['InvalidRequest', 400, 'RejectedCallError'],
  ])('reports %s (%i) as %s', async (name, status, expected) => {
    s3.on(PutObjectCommand, { Bucket: DATA_BUCKET }).rejects(anAwsError(name, 'told by S3', status));

    const run = handler(aTaskInput(), aContext());

    await expect(run).rejects.toMatchObject({ name: expected, message: expect.stringContaining('tenant acme') });
  });
});

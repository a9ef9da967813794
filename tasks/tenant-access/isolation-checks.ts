import { RetrieveCommand } from '@aws-sdk/client-bedrock-agent-runtime';
import { FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DecryptCommand, GenerateDataKeyCommand, type KMSClient } from '@aws-sdk/client-kms';
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { AssumeRoleCommand, type STSClient } from '@aws-sdk/client-sts';
import { type DynamoDBDocumentClient, GetCommand, PutCommand, QueryCommand, ScanCommand } from '@aws-sdk/lib-dynamodb';
import { FIRST_ITEMS } from '../data-partition/contract';
import { isNamed } from '../shared/aws-errors';
import { NotReadyError } from '../shared/errors';
import {
  type App,
  auditLogGroupName,
  auditPrefix,
  BY_TENANT_INDEX,
  PRINCIPAL_TAG,
  partitionKey,
  partitionPrefix,
  storageMarkerKey,
  storagePrefix,
} from '../shared/names';
import type { Check } from './contract';
import { sts } from './session';
import type { TenantClients } from './tenant-clients';

/** What of the tenant, and of the platform, the sessions try. */
export interface Targets {
  readonly tenantId: string;
  readonly app: App;
  readonly dataTable: string;
  readonly dataBucket: string;
  /** The tenant's key. */
  readonly keyArn: string;
  /** Of a tenant that has one. */
  readonly knowledgeBaseId: string | undefined;
  readonly registryTable: string;
  readonly membershipTable: string;
  readonly auditBucket: string;
  /** The platform's key of the data table and the data bucket. */
  readonly platformKeyArn: string;
  readonly roleArn: string;
}

export interface Attempt {
  /** As an operator reads it, for example `dynamodb:GetItem TENANT#acme`. */
  readonly call: string;
  readonly run: () => Promise<unknown>;
}

/** What no tenant's data is called. */
const PROBE = 'isolation-check';
/** Whoever may put learns that the condition is false; nothing is written. */
const NEVER = { ConditionExpression: 'attribute_exists(pk) AND attribute_not_exists(pk)' } as const;

/**
 * What the tenant needs to do its work: the tenant's own session must be let through, every other one must not. Objects are
 * read and written twice, with the tenant's key and without: another session is refused the key in any case, and a bucket
 * that lets it in would not show.
 * @param sealed gives a data key, encrypted with the tenant's key by the tenant's own session
 */
export function onTheTenant(
  clients: TenantClients,
  targets: Pick<Targets, 'tenantId' | 'app' | 'dataTable' | 'dataBucket' | 'keyArn' | 'knowledgeBaseId'>,
  sealed: () => Promise<Uint8Array>,
): readonly Attempt[] {
  const { dynamodb, s3, kms, logs, retrieval } = clients;
  const { tenantId, app, dataTable: TableName, dataBucket: Bucket, keyArn, knowledgeBaseId } = targets;
  const pk = partitionKey(tenantId);
  const further = `${partitionPrefix(tenantId)}${PROBE}`;
  const Key = storageMarkerKey(tenantId);
  const logGroupName = auditLogGroupName(app, tenantId);
  return [
    read(dynamodb, TableName, { pk, sk: FIRST_ITEMS[0] }),
    put(dynamodb, TableName, further),
    { call: `s3:GetObject ${Key}`, run: () => s3.send(new GetObjectCommand({ Bucket, Key })) },
    {
      // The same permission, and no key: metadata is not encrypted [API_HeadObject].
      call: `s3:GetObject ${Key}, metadata`,
      run: () => s3.send(new HeadObjectCommand({ Bucket, Key })),
    },
    putMarker(s3, Bucket, Key, { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: keyArn }),
    putPart(s3, Bucket, Key),
    list(s3, Bucket, storagePrefix(tenantId)),
    generate(kms, keyArn),
    {
      call: `kms:Decrypt ${keyArn}`,
      run: async () => kms.send(new DecryptCommand({ KeyId: keyArn, CiphertextBlob: await sealed() })),
    },
    {
      call: `logs:FilterLogEvents ${logGroupName}`,
      run: () => logs.send(new FilterLogEventsCommand({ logGroupName, limit: 1 })),
    },
    ...(knowledgeBaseId === undefined
      ? []
      : [
          {
            call: `bedrock:Retrieve ${knowledgeBaseId}`,
            run: () => retrieval.send(new RetrieveCommand({ knowledgeBaseId, retrievalQuery: { text: PROBE } })),
          },
        ]),
  ];
}

/**
 * What the tenant's own session must be denied: everything beside its partition, its prefix and its key. The names extend
 * the tenant's id without a delimiter, as the id of another tenant may. Nothing need exist under them: AWS decides before
 * it looks, and answers "denied" or something else.
 */
export function besideTheTenant(clients: TenantClients, targets: Targets): readonly Attempt[] {
  const { dynamodb, s3, kms, logs, sts: ownSts } = clients;
  const { tenantId, app, dataTable, dataBucket: Bucket, platformKeyArn, roleArn } = targets;
  const otherId = `${tenantId}0`;
  const [own, other] = [partitionKey(tenantId), partitionKey(otherId)];
  const [ownKey, otherKey] = [storageMarkerKey(tenantId), storageMarkerKey(otherId)];
  const otherLogs = auditLogGroupName(app, otherId);
  return [
    read(dynamodb, dataTable, { pk: other, sk: FIRST_ITEMS[0] }),
    put(dynamodb, dataTable, other),
    put(dynamodb, dataTable, own, "the platform's own items"),
    { call: 'dynamodb:Scan', run: () => dynamodb.send(new ScanCommand({ TableName: dataTable, Limit: 1 })) },
    {
      call: `dynamodb:Query index ${BY_TENANT_INDEX}`,
      run: () =>
        dynamodb.send(
          new QueryCommand({
            TableName: dataTable,
            IndexName: BY_TENANT_INDEX,
            KeyConditionExpression: 'tenantKey = :key',
            ExpressionAttributeValues: { ':key': other },
            Limit: 1,
          }),
        ),
    },
    read(dynamodb, targets.registryTable, { pk: own, sk: 'STATE' }, 'the registry'),
    put(dynamodb, targets.membershipTable, own, 'memberships'),
    // What does not exist cannot be asked for: without ListBucket S3 answers 403 in any case. Reading is the neighbour's to try.
    putPart(s3, Bucket, otherKey),
    putMarker(s3, Bucket, ownKey, { ServerSideEncryption: 'AES256' }, 'under no key of the tenant'),
    list(s3, Bucket, storagePrefix(tenantId).slice(0, -1)),
    { call: 's3:ListBucket without a prefix', run: () => s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 1 })) },
    list(s3, targets.auditBucket, auditPrefix(tenantId)),
    generate(kms, platformKeyArn),
    {
      call: `logs:FilterLogEvents ${otherLogs}`,
      run: () => logs.send(new FilterLogEventsCommand({ logGroupName: otherLogs, limit: 1 })),
    },
    assume(ownSts, roleArn, `for ${otherId}`, { [PRINCIPAL_TAG]: otherId }),
  ];
}

/** Sessions that must not start, whoever starts them: without a tenant, and with tags that nobody has thought of. */
export const beforeAnySession = ({ roleArn, tenantId }: Targets): readonly Attempt[] => [
  assume(sts, roleArn, 'without a tenant', {}),
  assume(sts, roleArn, 'with an empty tenant', { [PRINCIPAL_TAG]: '' }),
  assume(sts, roleArn, 'with a further tag', { [PRINCIPAL_TAG]: tenantId, [PROBE]: 'true' }),
];

type Documents = DynamoDBDocumentClient;

const read = (
  dynamodb: Documents,
  TableName: string,
  Key: { readonly pk: string; readonly sk: string },
  of?: string,
): Attempt => ({
  call: `dynamodb:GetItem ${Key.pk}${suffix(of)}`,
  run: () => dynamodb.send(new GetCommand({ TableName, Key })),
});

const put = (dynamodb: Documents, TableName: string, pk: string, of?: string): Attempt => ({
  call: `dynamodb:PutItem ${pk}${suffix(of)}`,
  run: () => dynamodb.send(new PutCommand({ TableName, Item: { pk, sk: PROBE }, ...NEVER })),
});

const list = (s3: S3Client, Bucket: string, Prefix: string): Attempt => ({
  call: `s3:ListBucket ${Prefix}`,
  run: () => s3.send(new ListObjectsV2Command({ Bucket, Prefix, MaxKeys: 1 })),
});

/** The marker is there already, and a put that must not replace it changes nothing. */
const putMarker = (
  s3: S3Client,
  Bucket: string,
  Key: string,
  encryption: Pick<PutObjectCommandInput, 'ServerSideEncryption' | 'SSEKMSKeyId'>,
  how?: string,
): Attempt => ({
  call: `s3:PutObject ${Key}${suffix(how)}`,
  run: () =>
    s3.send(new PutObjectCommand({ Bucket, Key, Body: '', ContentLength: 0, IfNoneMatch: '*', ...encryption })),
});

/** Takes the same permission as a put, no key and no object: there is no such upload, and nothing is written [API_UploadPart]. */
const putPart = (s3: S3Client, Bucket: string, Key: string): Attempt => ({
  call: `s3:PutObject ${Key}, a part`,
  run: () =>
    s3.send(new UploadPartCommand({ Bucket, Key, UploadId: PROBE, PartNumber: 1, Body: '', ContentLength: 0 })),
});

const generate = (kms: KMSClient, KeyId: string): Attempt => ({
  call: `kms:GenerateDataKey ${KeyId}`,
  run: () => kms.send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256' })),
});

const assume = (sts: STSClient, RoleArn: string, how: string, tags: Readonly<Record<string, string>>): Attempt => ({
  call: `sts:AssumeRole ${how}`,
  run: () =>
    sts.send(
      new AssumeRoleCommand({
        RoleArn,
        RoleSessionName: PROBE,
        Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
      }),
    ),
});

const suffix = (of: string | undefined): string => (of === undefined ? '' : `, ${of}`);

/** Any answer but a denial says that the call was let through, also an error of the service behind it. */
export async function answerOf(run: () => Promise<unknown>): Promise<Check['answer']> {
  try {
    await run();
    return 'allowed';
  } catch (error) {
    if (isNamed(error, 'AccessDenied', 'AccessDeniedException') || isNamelessRefusal(error)) return 'denied';
    if (isNamed(error, ...ANSWERS)) return 'allowed';
    if (isNamed(error, ...KEY_NOT_READY))
      throw new NotReadyError(`the key is not usable everywhere yet (${(error as Error).name})`, { cause: error });
    throw error;
  }
}

/** The answer to a HEAD has no body in which the error could be named, only the status: the SDK calls it Unknown. */
const isNamelessRefusal = (error: unknown): boolean =>
  error instanceof S3ServiceException && error.name === 'Unknown' && error.$metadata.httpStatusCode === 403;

/** What the services say to a call that was let through and came to nothing. */
const ANSWERS = [
  'ConditionalCheckFailedException',
  'DependencyFailedException',
  'NoSuchKey',
  'NoSuchUpload',
  'PreconditionFailed',
  'ResourceNotFoundException',
  'ValidationException',
] as const;

/** What KMS says of a key that was just made or enabled, as long as not everybody knows. */
const KEY_NOT_READY = ['DisabledException', 'KMSInvalidStateException', 'NotFoundException'] as const;

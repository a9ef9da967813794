import type { Bucket, Version } from '../../aws/s3/bucket';
import type { ObjectIdentifier, S3Input } from '../../aws/s3/requests';
import type { Call } from '../../aws/service';
import type { AccessOf, AccessRequest, AccessTable, Surroundings } from '../access';
import type { ContextRecord } from '../context';
import { keyUse } from './kms';

/** Amazon S3 [using-with-s3-policy-actions]: operations on a bucket whose action has another name than they. */
const ON_BUCKET: Readonly<Record<string, string>> = {
  CreateBucket: 's3:CreateBucket',
  DeleteBucket: 's3:DeleteBucket',
  GetBucketEncryption: 's3:GetEncryptionConfiguration',
  GetBucketLocation: 's3:GetBucketLocation',
  GetBucketVersioning: 's3:GetBucketVersioning',
  GetObjectLockConfiguration: 's3:GetBucketObjectLockConfiguration',
  HeadBucket: 's3:ListBucket',
  ListMultipartUploads: 's3:ListBucketMultipartUploads',
  ListObjectsV2: 's3:ListBucket',
  ListObjectVersions: 's3:ListBucketVersions',
  PutBucketVersioning: 's3:PutBucketVersioning',
};

const ON_OBJECT: Readonly<Record<string, string>> = {
  AbortMultipartUpload: 's3:AbortMultipartUpload',
  GetObjectLegalHold: 's3:GetObjectLegalHold',
  GetObjectRetention: 's3:GetObjectRetention',
  PutObjectLegalHold: 's3:PutObjectLegalHold',
};

/**
 * Amazon S3. SSE-KMS: S3 calls KMS in the caller's name, with the object's ARN as encryption context, or the bucket's where
 * a bucket key is on [UsingKMSEncryption; bucket-key]; uploading in parts also decrypts [mpuoverview, mpuAndPermissions].
 * Default encryption puts no header into the request, so the condition keys of the headers are absent then.
 */
export const s3: AccessTable = {
  ...table(ON_BUCKET, (action, input, around) => [onBucket(around, input, action)]),
  ...table(ON_OBJECT, (action, input, around) => [onObject(around, input, action)]),
  ListBuckets: () => [{ action: 's3:ListAllMyBuckets', resource: '*' }],

  GetObject: (call, around) => [
    ...reading(call, around, 's3:GetObject', 's3:GetObjectVersion'),
    ...decrypting(call, around),
  ],
  /** Needs no key: metadata is not encrypted. */
  HeadObject: (call, around) => reading(call, around, 's3:GetObject', 's3:GetObjectVersion'),
  GetObjectTagging: (call, around) => reading(call, around, 's3:GetObjectTagging', 's3:GetObjectVersionTagging'),

  PutObject: (call, around) => [...writing(call, around), ...encrypting(call, around)],
  CreateMultipartUpload: (call, around) => [...writing(call, around), ...encrypting(call, around)],
  UploadPart: (call, around) => [onObject(around, call.input, 's3:PutObject'), ...partsDecrypted(call, around)],
  CompleteMultipartUpload: (call, around) => [
    onObject(around, call.input, 's3:PutObject'),
    ...partsDecrypted(call, around),
  ],

  DeleteObject: (call, around) => deleting(call.input, identifierOf(call.input), around),
  /** Each object is allowed or refused on its own; the answer lists those that were refused. */
  DeleteObjects: ({ input }, around) =>
    ((input as S3Input).Delete?.Objects ?? []).flatMap((identifier, at) =>
      deleting(input, identifier, around).map((request) => ({ ...request, item: String(at) })),
    ),
  PutObjectRetention: ({ input }, around) => [
    onObject(around, input, 's3:PutObjectRetention'),
    ...bypassing(input, identifierOf(input), around),
  ],
};

function table(
  actions: Readonly<Record<string, string>>,
  access: (action: string, input: S3Input, around: Surroundings) => AccessRequest[],
): AccessTable {
  return Object.fromEntries(
    Object.entries(actions).map(([operation, action]): [string, AccessOf] => [
      operation,
      (call, around) => access(action, call.input, around),
    ]),
  );
}

function onBucket({ directory }: Surroundings, input: S3Input, action: string, context?: ContextRecord): AccessRequest {
  const resource = `arn:aws:s3:::${input.Bucket}`;
  return { action, resource, policy: directory.policyOf(resource), context: context ?? contextOf(input) };
}

function onObject({ directory }: Surroundings, input: S3Input, action: string, key = input.Key): AccessRequest {
  const bucket = `arn:aws:s3:::${input.Bucket}`;
  return { action, resource: `${bucket}/${key}`, policy: directory.policyOf(bucket), context: contextOf(input) };
}

const contextOf = (input: S3Input): ContextRecord => {
  const tags = [...new URLSearchParams(input.Tagging)];
  return {
    's3:delimiter': input.Delimiter,
    's3:if-match': input.IfMatch,
    's3:if-none-match': input.IfNoneMatch,
    's3:max-keys': input.MaxKeys,
    's3:object-lock-legal-hold': input.ObjectLockLegalHoldStatus,
    's3:object-lock-mode': input.ObjectLockMode,
    's3:object-lock-retain-until-date': input.ObjectLockRetainUntilDate,
    's3:prefix': input.Prefix,
    's3:RequestObjectTagKeys': tags.map(([key]) => key),
    ...Object.fromEntries(tags.map(([key, value]) => [`s3:RequestObjectTag/${key}`, value])),
    's3:VersionId': input.VersionId,
    's3:x-amz-server-side-encryption': input.ServerSideEncryption,
    's3:x-amz-server-side-encryption-aws-kms-key-id': input.SSEKMSKeyId,
    's3:x-amz-server-side-encryption-customer-algorithm': input.SSECustomerAlgorithm,
  };
};

/**
 * Reading an object or one version of it. Without ListBucket on the bucket, S3 answers 403 instead of 404 for what is not
 * there [API_GetObject, Permissions]. That question names no prefix, so a condition on s3:prefix keeps the 404 away.
 */
function reading({ input }: Call, around: Surroundings, current: string, version: string): AccessRequest[] {
  const request = input as S3Input;
  const found = versionOf(around, request);
  const tags = Object.entries(found?.content?.tags ?? {});
  const access = onObject(around, request, request.VersionId === undefined ? current : version);
  const existing = Object.fromEntries(tags.map(([key, value]) => [`s3:ExistingObjectTag/${key}`, value]));
  return [
    { ...access, context: { ...access.context, ...existing } },
    ...(found === undefined && bucketOf(around, request) !== undefined
      ? [onBucket(around, request, 's3:ListBucket', {})]
      : []),
  ];
}

/** What a new object's headers ask for beside PutObject [API_PutObject, Permissions; conditional-writes]. */
function writing({ input }: Call, around: Surroundings): AccessRequest[] {
  const request = input as S3Input;
  const actions = [
    's3:PutObject',
    ...(request.Tagging ? ['s3:PutObjectTagging'] : []),
    ...(request.ObjectLockMode ? ['s3:PutObjectRetention'] : []),
    ...(request.ObjectLockLegalHoldStatus ? ['s3:PutObjectLegalHold'] : []),
    ...(request.IfMatch ? ['s3:GetObject'] : []),
  ];
  return actions.map((action) => onObject(around, request, action));
}

function deleting(input: S3Input, { Key, VersionId }: ObjectIdentifier, around: Surroundings): AccessRequest[] {
  const action = VersionId === undefined ? 's3:DeleteObject' : 's3:DeleteObjectVersion';
  const asked = { ...input, ...(VersionId === undefined ? {} : { VersionId }) };
  return [onObject(around, asked, action, Key), ...bypassing(input, { Key }, around)];
}

const identifierOf = ({ Key = '', VersionId }: S3Input): ObjectIdentifier => ({
  Key,
  ...(VersionId !== undefined && { VersionId }),
});

const bypassing = (input: S3Input, { Key }: ObjectIdentifier, around: Surroundings): AccessRequest[] =>
  input.BypassGovernanceRetention ? [onObject(around, input, 's3:BypassGovernanceRetention', Key)] : [];

function encrypting({ input }: Call, around: Surroundings): AccessRequest[] {
  const request = input as S3Input;
  const bucket = bucketOf(around, request);
  if (bucket === undefined) return [];
  const { ServerSideEncryption: algorithm, SSEKMSKeyId, BucketKeyEnabled = bucket.encryption.bucketKey } = request;
  const keyArn = algorithm === undefined ? bucket.encryption.keyArn : SSEKMSKeyId;
  const usesKms = algorithm === undefined ? bucket.encryption.algorithm === 'aws:kms' : algorithm === 'aws:kms';
  return usesKms ? throughS3(around, request, 'kms:GenerateDataKey', keyArn, BucketKeyEnabled) : [];
}

function decrypting({ input }: Call, around: Surroundings): AccessRequest[] {
  const encryption = versionOf(around, input)?.content?.encryption;
  return throughS3(around, input, 'kms:Decrypt', encryption?.keyArn, encryption?.bucketKey);
}

function partsDecrypted({ input }: Call, around: Surroundings): AccessRequest[] {
  const { UploadId = '' } = input as S3Input;
  const encryption = bucketOf(around, input)?.uploads.get(UploadId)?.encryption;
  return throughS3(around, input, 'kms:Decrypt', encryption?.keyArn, encryption?.bucketKey);
}

function throughS3(
  around: Surroundings,
  { Bucket, Key }: S3Input,
  action: string,
  keyArn: string | undefined,
  bucketKey: boolean | undefined,
): AccessRequest[] {
  if (keyArn === undefined) return [];
  const encryptionContext = { 'aws:s3:arn': `arn:aws:s3:::${Bucket}${bucketKey ? '' : `/${Key}`}` };
  return keyUse(around, keyArn, action, { via: 's3', encryptionContext });
}

const bucketOf = ({ services }: Surroundings, { Bucket = '' }: S3Input): Bucket | undefined =>
  services.s3.bucket(Bucket);

function versionOf(around: Surroundings, input: S3Input): Version | undefined {
  const bucket = bucketOf(around, input);
  const { Key = '', VersionId } = input;
  return VersionId === undefined
    ? bucket?.current(Key)
    : bucket?.versionsOf(Key).find(({ versionId }) => versionId === VersionId);
}

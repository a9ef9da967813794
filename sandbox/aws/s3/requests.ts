import type { Call, RawRequest, RawResponse } from '../service';
import { parseXml } from './xml';

/** What a request to S3 says, by API member names; bodies of objects stay out of it. */
export interface S3Input {
  readonly Bucket?: string;
  readonly Key?: string;
  readonly VersionId?: string;
  readonly Prefix?: string;
  readonly Delimiter?: string;
  readonly EncodingType?: string;
  readonly ContinuationToken?: string;
  readonly StartAfter?: string;
  readonly MaxKeys?: number;
  readonly KeyMarker?: string;
  readonly VersionIdMarker?: string;
  readonly UploadId?: string;
  readonly UploadIdMarker?: string;
  readonly MaxUploads?: number;
  readonly PartNumber?: number;
  readonly IfMatch?: string;
  readonly IfNoneMatch?: string;
  readonly Range?: string;
  readonly ServerSideEncryption?: string;
  readonly SSEKMSKeyId?: string;
  readonly SSECustomerAlgorithm?: string;
  readonly BucketKeyEnabled?: boolean;
  readonly BypassGovernanceRetention?: boolean;
  readonly ChecksumMode?: string;
  readonly ExpectedBucketOwner?: string;
  readonly ObjectLockEnabledForBucket?: boolean;
  readonly ObjectLockMode?: string;
  readonly ObjectLockRetainUntilDate?: string;
  readonly ObjectLockLegalHoldStatus?: string;
  readonly Tagging?: string;
  readonly Delete?: { readonly Objects: readonly ObjectIdentifier[]; readonly Quiet: boolean };
}

export interface ObjectIdentifier {
  readonly Key: string;
  readonly VersionId?: string;
}

export type S3Operation = (input: S3Input, request: RawRequest, call: Call) => RawResponse;

const QUERY_MEMBERS: Readonly<Record<string, keyof S3Input>> = {
  versionId: 'VersionId',
  prefix: 'Prefix',
  delimiter: 'Delimiter',
  'encoding-type': 'EncodingType',
  'continuation-token': 'ContinuationToken',
  'start-after': 'StartAfter',
  'max-keys': 'MaxKeys',
  'key-marker': 'KeyMarker',
  'version-id-marker': 'VersionIdMarker',
  uploadId: 'UploadId',
  'upload-id-marker': 'UploadIdMarker',
  'max-uploads': 'MaxUploads',
  partNumber: 'PartNumber',
};

const HEADER_MEMBERS: Readonly<Record<string, keyof S3Input>> = {
  'if-match': 'IfMatch',
  'if-none-match': 'IfNoneMatch',
  range: 'Range',
  'x-amz-server-side-encryption': 'ServerSideEncryption',
  'x-amz-server-side-encryption-aws-kms-key-id': 'SSEKMSKeyId',
  'x-amz-server-side-encryption-customer-algorithm': 'SSECustomerAlgorithm',
  'x-amz-server-side-encryption-bucket-key-enabled': 'BucketKeyEnabled',
  'x-amz-bypass-governance-retention': 'BypassGovernanceRetention',
  'x-amz-checksum-mode': 'ChecksumMode',
  'x-amz-expected-bucket-owner': 'ExpectedBucketOwner',
  'x-amz-bucket-object-lock-enabled': 'ObjectLockEnabledForBucket',
  'x-amz-object-lock-mode': 'ObjectLockMode',
  'x-amz-object-lock-retain-until-date': 'ObjectLockRetainUntilDate',
  'x-amz-object-lock-legal-hold': 'ObjectLockLegalHoldStatus',
  'x-amz-tagging': 'Tagging',
};

const NUMBERS = new Set<keyof S3Input>(['MaxKeys', 'MaxUploads', 'PartNumber']);
const BOOLEANS = new Set<keyof S3Input>([
  'BucketKeyEnabled',
  'BypassGovernanceRetention',
  'ObjectLockEnabledForBucket',
]);

/** Query parameters that neither name an operation nor matter to one. */
const IGNORED_QUERY = /^(x-id|fetch-owner|list-type|X-Amz-.*|AWSAccessKeyId|Signature|Expires)$/i;

/** Method, level and subresource name the operation. */
const OPERATIONS: Readonly<Record<string, string>> = {
  'GET service': 'ListBuckets',
  'PUT bucket': 'CreateBucket',
  'HEAD bucket': 'HeadBucket',
  'DELETE bucket': 'DeleteBucket',
  'GET bucket list-type': 'ListObjectsV2',
  'GET bucket versions': 'ListObjectVersions',
  'GET bucket uploads': 'ListMultipartUploads',
  'GET bucket location': 'GetBucketLocation',
  'GET bucket versioning': 'GetBucketVersioning',
  'PUT bucket versioning': 'PutBucketVersioning',
  'GET bucket encryption': 'GetBucketEncryption',
  'GET bucket object-lock': 'GetObjectLockConfiguration',
  'POST bucket delete': 'DeleteObjects',
  'PUT object': 'PutObject',
  'GET object': 'GetObject',
  'HEAD object': 'HeadObject',
  'DELETE object': 'DeleteObject',
  'GET object tagging': 'GetObjectTagging',
  'GET object retention': 'GetObjectRetention',
  'PUT object retention': 'PutObjectRetention',
  'GET object legal-hold': 'GetObjectLegalHold',
  'PUT object legal-hold': 'PutObjectLegalHold',
  'POST object uploads': 'CreateMultipartUpload',
  'PUT object uploadId': 'UploadPart',
  'POST object uploadId': 'CompleteMultipartUpload',
  'DELETE object uploadId': 'AbortMultipartUpload',
};

export const OPERATION_NAMES: readonly string[] = Object.values(OPERATIONS);

/** Reads a path-style request; undefined if it is an operation that is not served. */
export function identify(request: RawRequest): Pick<Call, 'operation' | 'input'> | undefined {
  const [, bucket = '', key = ''] = /^\/([^/]*)\/?(.*)$/s.exec(request.path) ?? [];
  const level = bucket === '' ? 'service' : key === '' ? 'bucket' : 'object';
  const operation = OPERATIONS[[request.method, level, ...subresource(request.query)].join(' ')];
  if (operation === undefined || request.headers['x-amz-copy-source'] !== undefined) return undefined;

  const input: Record<string, unknown> = {};
  if (bucket !== '') input['Bucket'] = bucket;
  if (key !== '') input['Key'] = key;
  for (const [name, value] of request.query) assign(input, QUERY_MEMBERS[name], value);
  for (const [name, member] of Object.entries(HEADER_MEMBERS)) assign(input, member, request.headers[name]);
  if (operation === 'DeleteObjects') input['Delete'] = deletion(request.body);
  return { operation, input };
}

function subresource(query: URLSearchParams): string[] {
  const names = [...query.keys()];
  const named = names.filter((name) => QUERY_MEMBERS[name] === undefined && !IGNORED_QUERY.test(name));
  if (names.includes('uploadId')) return [...named, 'uploadId'];
  return names.includes('list-type') ? [...named, 'list-type'] : named;
}

function assign(input: Record<string, unknown>, member: keyof S3Input | undefined, value: string | undefined): void {
  if (member === undefined || value === undefined) return;
  if (NUMBERS.has(member)) input[member] = Number(value);
  else if (BOOLEANS.has(member)) input[member] = value.toLowerCase() === 'true';
  else input[member] = value;
}

/** Left out when it is not readable, for the operation to refuse it. */
function deletion(body: Buffer): S3Input['Delete'] {
  try {
    const { Object: objects = [], Quiet } = parseXml(body, 'Delete') as { Object?: ObjectIdentifier[]; Quiet?: string };
    const identifiers = objects.map(({ Key, VersionId }) => ({
      Key,
      ...(VersionId === undefined ? {} : { VersionId }),
    }));
    return { Objects: identifiers, Quiet: Quiet === 'true' };
  } catch {
    return undefined;
  }
}

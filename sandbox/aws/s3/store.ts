import type { KeyAccess } from '../kms';
import { type Estate, ServiceError } from '../service';
import { Bucket, type Content, type DefaultRetention, type Encryption, hasContent, type Version } from './bucket';
import type { S3Input } from './requests';

/** All buckets of the account, and what every operation asks of them. */
export class Store {
  readonly estate: Estate;
  readonly kms: KeyAccess | undefined;
  readonly buckets = new Map<string, Bucket>();

  constructor(estate: Estate, kms: KeyAccess | undefined) {
    this.estate = estate;
    this.kms = kms;
  }

  get now(): number {
    return this.estate.clock.now();
  }

  create(name: string, defaultRetention?: DefaultRetention | 'no default'): Bucket {
    if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) {
      throw new ServiceError('InvalidBucketName', 'The specified bucket is not valid.');
    }
    if (this.buckets.has(name)) {
      throw new ServiceError(
        'BucketAlreadyOwnedByYou',
        'Your previous request to create the named bucket succeeded and you already own it.',
        409,
      );
    }
    const bucket = new Bucket(name, this.now);
    if (defaultRetention !== undefined) {
      bucket.versioning = 'Enabled';
      bucket.objectLock = defaultRetention === 'no default' ? {} : { defaultRetention };
    }
    this.buckets.set(name, bucket);
    return bucket;
  }

  bucket({ Bucket: name = '', ExpectedBucketOwner: owner }: S3Input): Bucket {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) {
      throw new ServiceError('NoSuchBucket', 'The specified bucket does not exist', 404, { BucketName: name });
    }
    if (owner !== undefined && owner !== this.estate.accountId) throw accessDenied('Access Denied');
    return bucket;
  }

  /** The version a request names, or the current one; delete markers count as missing. */
  version(input: S3Input): Version & { readonly content: Content } {
    const { Key: key = '', VersionId: versionId } = input;
    const versions = this.bucket(input).versionsOf(key);
    const version = versionId === undefined ? versions[0] : versions.find((one) => one.versionId === versionId);
    if (version === undefined) {
      if (versionId === undefined) throw noSuchKey(key);
      throw new ServiceError('NoSuchVersion', 'The specified version does not exist.', 404, {
        Key: key,
        VersionId: versionId,
      });
    }
    if (hasContent(version)) return version;
    if (versionId === undefined) throw noSuchKey(key);
    throw new ServiceError('MethodNotAllowed', 'The specified method is not allowed against this resource.', 405);
  }

  /** What new content of this bucket is encrypted with; the key must be usable. */
  encryptionFor(bucket: Bucket, input: S3Input): Encryption {
    if (input.SSECustomerAlgorithm !== undefined)
      throw new ServiceError('NotImplemented', 'The sandbox keeps no objects under keys of callers (SSE-C)', 501);
    const asked: Encryption =
      input.ServerSideEncryption === undefined
        ? bucket.encryption
        : {
            algorithm: input.ServerSideEncryption === 'aws:kms' ? 'aws:kms' : 'AES256',
            ...optional('keyArn', input.SSEKMSKeyId),
            ...optional('bucketKey', input.BucketKeyEnabled ?? bucket.encryption.bucketKey),
          };
    if (asked.algorithm !== 'aws:kms' || asked.keyArn === undefined) return asked;
    return { ...asked, keyArn: this.#usableKey(asked.keyArn, 'GenerateDataKey') };
  }

  /** Refuses to read content whose key is disabled, pending deletion or gone. */
  requireReadable({ encryption: { keyArn } }: Content): void {
    if (keyArn !== undefined) this.#usableKey(keyArn, 'Decrypt');
  }

  #usableKey(keyId: string, use: 'GenerateDataKey' | 'Decrypt'): string {
    if (this.kms === undefined) return keyId;
    try {
      return this.kms.requireUsable(keyId, use);
    } catch (error) {
      if (error instanceof ServiceError) throw new ServiceError(`KMS.${error.code}`, error.message, 400);
      throw error;
    }
  }
}

export function noSuchKey(key: string): ServiceError {
  return new ServiceError('NoSuchKey', 'The specified key does not exist.', 404, { Key: key });
}

export function accessDenied(message: string): ServiceError {
  return new ServiceError('AccessDenied', message, 403);
}

/** A member only if it has a value. */
export function optional<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { readonly [name in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [name in Name]: Value });
}

import type { KeyAccess } from './kms';
import type { Bucket, DefaultRetention } from './s3/bucket';
import { s3Service } from './s3/service';
import { Store } from './s3/store';
import type { Estate, RawService } from './service';

export interface S3Options {
  /** Where the state of KMS keys is asked. @default keys are always usable */
  readonly kms?: KeyAccess;
}

export interface NewBucket {
  readonly name: string;
  readonly versioning?: boolean;
  /** Enables Object Lock; with a default retention for new versions. */
  readonly objectLock?: boolean | DefaultRetention;
  /** Default encryption with this KMS key. */
  readonly encryptionKeyArn?: string;
  readonly bucketKey?: boolean;
}

export interface S3 {
  readonly service: RawService;
  createBucket(bucket: NewBucket): void;
  /** For looking at what is stored; undefined when there is no such bucket. */
  bucket(name: string): Bucket | undefined;
  reset(): void;
}

/** Amazon S3: versions, conditional writes, SSE-KMS that follows the key's state, Object Lock, multipart uploads. */
export function createS3(estate: Estate, options: S3Options = {}): S3 {
  const store = new Store(estate, options.kms);

  return {
    service: s3Service(store),
    createBucket({ name, versioning = false, objectLock = false, encryptionKeyArn, bucketKey = false }) {
      const bucket = store.create(name, objectLock === true ? 'no default' : objectLock || undefined);
      if (versioning) bucket.versioning = 'Enabled';
      if (encryptionKeyArn !== undefined) {
        bucket.encryption = { algorithm: 'aws:kms', keyArn: encryptionKeyArn, bucketKey };
      }
    },
    bucket: (name) => store.buckets.get(name),
    reset: () => store.buckets.clear(),
  };
}

import { ServiceError } from '../service';
import type { S3Operation } from './requests';
import type { Store } from './store';
import { parseXml, xmlResponse } from './xml';

export function bucketOperations(store: Store): Record<string, S3Operation> {
  return {
    ListBuckets: () =>
      xmlResponse('ListAllMyBucketsResult', {
        Owner: { ID: store.estate.accountId },
        Buckets: {
          Bucket: [...store.buckets.values()]
            .sort((a, b) => (a.name < b.name ? -1 : 1))
            .map(({ name, createdAt }) => ({ Name: name, CreationDate: new Date(createdAt) })),
        },
      }),

    CreateBucket(input) {
      store.create(input.Bucket ?? '', input.ObjectLockEnabledForBucket ? 'no default' : undefined);
      return { status: 200, headers: { location: `/${input.Bucket}` } };
    },

    HeadBucket(input) {
      store.bucket(input);
      return { status: 200, headers: { 'x-amz-bucket-region': store.estate.region } };
    },

    DeleteBucket(input) {
      const bucket = store.bucket(input);
      if (!bucket.isEmpty) {
        throw new ServiceError('BucketNotEmpty', 'The bucket you tried to delete is not empty', 409);
      }
      store.buckets.delete(bucket.name);
      return { status: 204 };
    },

    GetBucketLocation(input) {
      store.bucket(input);
      const { region } = store.estate;
      const body = region === 'us-east-1' ? '' : region;
      return {
        status: 200,
        headers: { 'content-type': 'application/xml' },
        body: `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${body}</LocationConstraint>`,
      };
    },

    GetBucketVersioning: (input) => xmlResponse('VersioningConfiguration', { Status: store.bucket(input).versioning }),

    PutBucketVersioning(input, { body }) {
      const bucket = store.bucket(input);
      const { Status } = parseXml(body, 'VersioningConfiguration');
      if (Status !== 'Enabled' && Status !== 'Suspended') {
        throw new ServiceError('IllegalVersioningConfigurationException', 'The versioning status is not valid');
      }
      if (Status === 'Suspended' && bucket.objectLock !== undefined) {
        throw new ServiceError(
          'InvalidBucketState',
          'An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.',
          409,
        );
      }
      bucket.versioning = Status;
      return { status: 200 };
    },

    GetBucketEncryption(input) {
      const { algorithm, keyArn, bucketKey = false } = store.bucket(input).encryption;
      return xmlResponse('ServerSideEncryptionConfiguration', {
        Rule: {
          ApplyServerSideEncryptionByDefault: { SSEAlgorithm: algorithm, KMSMasterKeyID: keyArn },
          BucketKeyEnabled: bucketKey,
        },
      });
    },
  };
}

import { HeadObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { ENCRYPTION_KEY } from '../encryption-key/contract';
import { isNamed } from '../shared/aws-errors';
import { REPEATABLE } from '../shared/clients';
import { storageMarkerKey } from '../shared/names';
import { BY_HAND, missing, problemsOf, type Verify } from '../shared/verification';

const s3 = new S3Client(REPEATABLE);

/** The marker exists and is encrypted with the tenant's key. */
export const verifyStoragePrefix: Verify<'DATA_BUCKET'> = async ({ tenantId, env, ledger }) => {
  const Key = storageMarkerKey(tenantId);
  // S3 answers 403, not 404, to a HeadObject of what is not there, unless the caller may list the whole bucket.
  const { Contents = [] } = await s3.send(
    new ListObjectsV2Command({ Bucket: env.DATA_BUCKET, Prefix: Key, MaxKeys: 1 }),
  );
  if (Contents[0]?.Key !== Key) return [missing(`object ${Key} does not exist`)];
  try {
    const { SSEKMSKeyId } = await s3.send(new HeadObjectCommand({ Bucket: env.DATA_BUCKET, Key }));
    const ours = SSEKMSKeyId === ledger(ENCRYPTION_KEY)?.physicalId;
    return problemsOf({ [`object ${Key} is not encrypted with the tenant's key`]: ours }, BY_HAND);
  } catch (error) {
    if (isNamed(error, 'NotFound', 'NoSuchKey')) return [missing(`object ${Key} does not exist`)];
    throw error;
  }
};

import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { ENCRYPTION_KEY } from '../encryption-key/contract';
import { isNamed } from '../shared/aws-errors';
import { REPEATABLE } from '../shared/clients';
import { storageMarkerKey } from '../shared/names';
import { problemsOf, type Verify } from '../shared/verification';

const s3 = new S3Client(REPEATABLE);

/** The marker exists and is encrypted with the tenant's key. */
export const verifyStoragePrefix: Verify<'DATA_BUCKET'> = async ({ tenantId, env, ledger }) => {
  const Key = storageMarkerKey(tenantId);
  try {
    const { SSEKMSKeyId } = await s3.send(new HeadObjectCommand({ Bucket: env.DATA_BUCKET, Key }));
    return problemsOf({
      [`object ${Key} is not encrypted with the tenant's key`]: SSEKMSKeyId === ledger(ENCRYPTION_KEY)?.physicalId,
    });
  } catch (error) {
    if (isNamed(error, 'NotFound', 'NoSuchKey')) return [`object ${Key} does not exist`];
    throw error;
  }
};

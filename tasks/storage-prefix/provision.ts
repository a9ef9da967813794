import { HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { ENCRYPTION_KEY } from '../encryption-key/contract';
import { isNamed } from '../shared/aws-errors';
import { REPEATABLE } from '../shared/clients';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { NotReadyError, ResourceConflictError } from '../shared/errors';
import { canonicalJson, storageMarkerKey, storagePrefix } from '../shared/names';
import { provisionStoragePrefix as contract } from './contract';

const s3 = new S3Client(REPEATABLE);

/**
 * Opens the tenant's prefix with a marker object under the tenant's own key: proof, before any data comes, that the key
 * works through S3. S3 Bucket Keys stay off so that the encryption context names the object, not the bucket.
 */
export async function provisionStoragePrefix(
  { tenantId }: TaskInput,
  { env, registry, ledger }: FencedScope<(typeof contract.environment)[number]>,
) {
  const keyArn = (await registry.getResource(tenantId, ENCRYPTION_KEY))?.physicalId;
  if (keyArn === undefined) throw new NotReadyError(`tenant ${tenantId}: the ledger holds no encryption key yet`);
  const marker = { Bucket: env.DATA_BUCKET, Key: storageMarkerKey(tenantId) };
  try {
    await s3.send(
      new PutObjectCommand({
        ...marker,
        Body: canonicalJson({ tenantId }),
        ContentType: 'application/json',
        IfNoneMatch: '*',
        ServerSideEncryption: 'aws:kms',
        SSEKMSKeyId: keyArn,
        BucketKeyEnabled: false,
      }),
    );
  } catch (error) {
    if (isNamed(error, 'KMS.NotFoundException', 'KMS.DisabledException', 'KMS.KMSInvalidStateException')) {
      throw new NotReadyError(`tenant ${tenantId}: S3 cannot use key ${keyArn} yet (${(error as Error).name})`, {
        cause: error,
      });
    }
    if (!isNamed(error, 'PreconditionFailed')) throw error;
    const { SSEKMSKeyId } = await s3.send(new HeadObjectCommand(marker));
    if (SSEKMSKeyId !== keyArn) {
      throw new ResourceConflictError(
        `tenant ${tenantId}: ${marker.Key} is encrypted with ${SSEKMSKeyId ?? 'no key'}, not with the tenant's key`,
      );
    }
  }
  const physicalId = `${env.DATA_BUCKET}/${storagePrefix(tenantId)}`;
  await ledger.complete(physicalId);
  return { physicalId, ready: true as const };
}

export const handler = defineStep(contract, provisionStoragePrefix);

import { AbortMultipartUploadCommand, DeleteObjectsCommand, type ObjectIdentifier } from '@aws-sdk/client-s3';
import { isNamed } from '../shared/aws-errors';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { AccessDeniedError, TransientError } from '../shared/errors';
import { executionNameOf, storagePrefix } from '../shared/names';
import { destroyStoragePrefix as contract } from './contract';
import { firstUploads, firstVersions, s3 } from './object-versions';

type Scope = FencedScope<(typeof contract.environment)[number]>;

/** Pages of 1,000 versions per run: well within the function's time also when S3 is slow. */
const PAGES_PER_RUN = 10;

/** Removes every version, delete marker and unfinished upload below the tenant's prefix, some pages per run. */
export async function destroyStoragePrefix(
  { tenantId, executionArn }: TaskInput,
  { env, ledger, assertStillAllowed }: Scope,
) {
  const Bucket = env.DATA_BUCKET;
  const prefix = storagePrefix(tenantId);
  const physicalId = `${Bucket}/${prefix}`;
  const entry = await ledger.read();
  let removed = 0;
  for (let page = 0; page < PAGES_PER_RUN; page += 1) {
    const versions = await firstVersions(Bucket, prefix);
    const uploads = versions.length > 0 ? [] : await firstUploads(Bucket, prefix);
    if (versions.length + uploads.length === 0) {
      await ledger.destroyed(entry, {
        physicalId,
        destroyedBy: executionNameOf(executionArn),
        removed: (entry?.removed ?? 0) + removed,
      });
      return { physicalId, gone: true, removed };
    }
    await assertStillAllowed();
    if (versions.length > 0) await deleteVersions(tenantId, Bucket, versions);
    for (const { Key, UploadId } of uploads) await abortUpload({ Bucket, Key, UploadId });
    removed += versions.length + uploads.length;
  }
  await ledger.progress(entry, removed);
  return { physicalId, gone: false, removed };
}

/**
 * DeleteObjects answers 200 even when it deleted nothing: the errors stand inside. Their keys and messages do not leave the
 * task: an application may name an object after a patient, and what a step fails with is kept for years.
 */
async function deleteVersions(tenantId: string, Bucket: string, versions: readonly ObjectIdentifier[]): Promise<void> {
  const { Errors = [] } = await s3.send(
    new DeleteObjectsCommand({ Bucket, Delete: { Objects: [...versions], Quiet: true } }),
  );
  const denied = Errors.filter(({ Code }) => Code === 'AccessDenied');
  const [first] = denied.length > 0 ? denied : Errors;
  if (first === undefined) return;
  const codes = [...new Set(Errors.map(({ Code }) => Code))].join(', ');
  const what = `tenant ${tenantId}: ${Errors.length} of ${versions.length} versions could not be deleted (${codes}), among them version ${first.VersionId}`;
  throw denied.length > 0 ? new AccessDeniedError(what) : new TransientError(what);
}

async function abortUpload(upload: {
  Bucket: string;
  Key: string | undefined;
  UploadId: string | undefined;
}): Promise<void> {
  try {
    await s3.send(new AbortMultipartUploadCommand(upload));
  } catch (error) {
    if (!isNamed(error, 'NoSuchUpload')) throw error;
  }
}

export const handler = defineStep(contract, destroyStoragePrefix);

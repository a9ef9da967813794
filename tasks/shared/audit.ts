import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { isNamed } from './aws-errors';
import { REPEATABLE } from './clients';
import { canonicalJson } from './names';

/** One effect, as a compliance reader needs it. Ids only. */
export interface AuditRecord {
  readonly tenantId: string;
  /** Task name, for example provision-encryption-key. */
  readonly action: string;
  /** Principal that asked for the operation. */
  readonly requestedBy: string;
  readonly requestId: string;
  readonly executionArn?: string;
  readonly step?: string;
  readonly resource?: { readonly type: string; readonly physicalId: string };
  readonly outcome: 'SUCCEEDED' | 'ACCEPTED' | 'REFUSED';
  readonly reason?: string;
  /** ISO 8601: new end of a hold. */
  readonly until?: string;
  /** ISO 8601 of the first time. */
  readonly at: string;
}

const s3 = new S3Client(REPEATABLE);

/**
 * Writes the record once. The bucket has Object Lock and versions: a second put would silently add a second locked
 * version, hence If-None-Match; 412 means that an earlier attempt has written it.
 * Source: conditional writes, S3 user guide.
 */
export async function writeAuditRecord(bucket: string, key: string, record: AuditRecord): Promise<void> {
  try {
    await s3.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        Body: canonicalJson({ schemaVersion: 1, ...record }),
        ContentType: 'application/json',
        IfNoneMatch: '*',
      }),
    );
  } catch (error) {
    if (!isNamed(error, 'PreconditionFailed')) throw error;
  }
}

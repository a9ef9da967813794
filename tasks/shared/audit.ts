import { canonicalJson } from './names';
import { writeOnce } from './write-once';

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

/** Writes the record once; what an earlier attempt has written stays. */
export async function writeAuditRecord(bucket: string, key: string, record: AuditRecord): Promise<void> {
  await writeOnce({
    Bucket: bucket,
    Key: key,
    Body: canonicalJson({ schemaVersion: 1, ...record }),
    ContentType: 'application/json',
  });
}

import { type AuditLog, logAuditRecords } from './audit-log';
import type { TaskContract, TaskInput } from './contract';
import type { TaskScope } from './define-task';
import { auditRecordKey, canonicalJson } from './names';
import { whatIsWritten } from './write-once';

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
  readonly outcome: 'SUCCEEDED' | 'ACCEPTED' | 'REFUSED' | 'FAILED';
  /** Name of the error, of what was refused or failed. */
  readonly error?: string;
  readonly reason?: string;
  /** ISO 8601: new end of a hold. */
  readonly until?: string;
  /** Of the release of a legal hold: requestId of the change that had set it. */
  readonly legalHoldId?: string;
  /** What an isolation check tried, call by call. */
  readonly checks?: readonly {
    readonly session: string;
    readonly call: string;
    readonly expected: string;
    readonly answer: string;
  }[];
  /** ISO 8601 of the first time. */
  readonly at: string;
}

/** Where records are written: the audit bucket, and the tenant's own log group. */
export type AuditTrail = AuditLog & Pick<TaskScope<never>, 'env'>;

/**
 * Writes the record once into the audit bucket; what an earlier attempt has written stays. What stands there then goes into
 * the tenant's log group too, at least once: an attempt that died between the two is repeated.
 */
export async function writeAuditRecord(trail: AuditTrail, key: string, record: AuditRecord): Promise<void> {
  const body = await whatIsWritten({
    Bucket: trail.env.AUDIT_BUCKET,
    Key: key,
    Body: canonicalJson({ schemaVersion: 1, ...record }),
    ContentType: 'application/json',
  });
  await logAuditRecords(trail, record.tenantId, [{ key, body }]);
}

/** Records what a step of an execution has done; the same step always writes the same record. */
export function recordStep(
  trail: AuditTrail,
  { name }: Pick<TaskContract, 'name'>,
  { tenantId, requestId, executionArn, step }: Omit<TaskInput, 'generation'>,
  { requestedBy, resource }: Pick<AuditRecord, 'requestedBy' | 'resource'>,
): Promise<void> {
  return writeAuditRecord(trail, auditRecordKey(tenantId, executionArn, step), {
    tenantId,
    action: name,
    requestedBy,
    requestId,
    executionArn,
    step,
    ...(resource && { resource }),
    outcome: 'SUCCEEDED',
    at: trail.now().toISOString(),
  });
}

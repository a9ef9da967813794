import { CloudWatchLogsClient, CreateLogStreamCommand, PutLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { isNamed } from './aws-errors';
import { REPEATABLE } from './clients';
import type { TaskScope } from './define-task';
import { NotReadyError, TransientError } from './errors';
import { auditLogGroupName, canonicalJson, AUDIT_LOG_STREAM as logStreamName } from './names';

const logs = new CloudWatchLogsClient(REPEATABLE);

/** What tells whose log group it is, and when. */
export type AuditLog = Pick<TaskScope<never>, 'app' | 'now'>;

/**
 * Puts audit records, as they stand in the audit bucket, into the tenant's log group: one event each, with the record's
 * `key`, by which readers drop repeats. Where there is no group (before Provision audit log, which brings what was written
 * until then, and after its last event has expired and it was removed) nothing is put: the bucket is the record, the log is
 * for reading. Any other failure is thrown, and the task repeated.
 * @param records at most a hundred; one call takes 1 MiB
 */
export async function logAuditRecords(
  { app, now }: AuditLog,
  tenantId: string,
  records: readonly { readonly key: string; readonly body: string }[],
): Promise<void> {
  const logGroupName = auditLogGroupName(app, tenantId);
  const timestamp = now().getTime();
  const logEvents = records.map(({ key, body }) => ({
    timestamp,
    message: canonicalJson({ ...(JSON.parse(body) as object), key }),
  }));
  const put = async () => {
    const { rejectedLogEventsInfo } = await logs.send(
      new PutLogEventsCommand({ logGroupName, logStreamName, logEvents }),
    );
    if (rejectedLogEventsInfo !== undefined)
      throw new TransientError(`tenant ${tenantId}: CloudWatch Logs rejected audit records by their time`);
  };
  try {
    await put();
    return;
  } catch (error) {
    if (!isNamed(error, 'ResourceNotFoundException')) throw error;
  }
  // The error does not say in a way to rely on whether the group or the stream is missing; this call tells.
  try {
    await createAuditLogStream(logGroupName);
  } catch (error) {
    if (!isNamed(error, 'ResourceNotFoundException')) throw error;
    return;
  }
  try {
    await put();
  } catch (error) {
    if (!isNamed(error, 'ResourceNotFoundException')) throw error;
    throw new NotReadyError(`tenant ${tenantId}: stream ${logStreamName} of ${logGroupName} is not visible yet`);
  }
}

/** Makes the stream that all audit records go into; one that is there is taken. */
export async function createAuditLogStream(logGroupName: string): Promise<void> {
  try {
    await logs.send(new CreateLogStreamCommand({ logGroupName, logStreamName }));
  } catch (error) {
    if (!isNamed(error, 'ResourceAlreadyExistsException')) throw error;
  }
}

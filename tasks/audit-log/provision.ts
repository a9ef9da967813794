import {
  AssociateKmsKeyCommand,
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  PutLogGroupDeletionProtectionCommand,
  PutRetentionPolicyCommand,
  TagResourceCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import { createAuditLogStream, logAuditRecords } from '../shared/audit-log';
import { isNamed } from '../shared/aws-errors';
import { REPEATABLE } from '../shared/clients';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { inParallel } from '../shared/in-parallel';
import { appId, auditLogGroupName, auditPrefix, isAuditRecordKey, MANAGED_BY_TAG, TENANT_TAG } from '../shared/names';
import { readText } from '../shared/write-once';
import { provisionAuditLog as contract } from './contract';

const logs = new CloudWatchLogsClient(REPEATABLE);
const s3 = new S3Client(REPEATABLE);

/**
 * Ensures the tenant's audit log group, with its stream and all earlier audit records, under the platform's audit key. Never the tenant's key: that one is destroyed with
 * the tenant, the evidence must stay readable. The audit prefix in the Object Lock bucket is opened by the audit record
 * that every step writes.
 */
export async function provisionAuditLog(
  { tenantId, executionArn }: TaskInput,
  scope: FencedScope<(typeof contract.environment)[number]>,
) {
  const { env, app, ledger } = scope;
  const logGroupName = auditLogGroupName(app, tenantId);
  const [, partition, , region, account] = executionArn.split(':');
  const logGroupArn = `arn:${partition}:logs:${region}:${account}:log-group:${logGroupName}`;
  const kmsKeyId = env.AUDIT_KEY_ARN;
  const tags = { [TENANT_TAG]: tenantId, [MANAGED_BY_TAG]: appId(app) };
  const deletionProtectionEnabled = env.AUDIT_DELETION_PROTECTION;
  try {
    await logs.send(new CreateLogGroupCommand({ logGroupName, kmsKeyId, tags, deletionProtectionEnabled }));
  } catch (error) {
    if (!isNamed(error, 'ResourceAlreadyExistsException')) throw error;
    await logs.send(new AssociateKmsKeyCommand({ logGroupName, kmsKeyId }));
    await logs.send(new TagResourceCommand({ resourceArn: logGroupArn, tags }));
    await logs.send(
      new PutLogGroupDeletionProtectionCommand({ logGroupIdentifier: logGroupName, deletionProtectionEnabled }),
    );
  }
  // Outside the create call, so it runs on both paths: a crash between the two would leave a group that never expires.
  await logs.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays: env.AUDIT_RETENTION_DAYS }));
  await createAuditLogStream(logGroupName);
  await logEarlierRecords(tenantId, scope);
  await ledger.complete(logGroupArn);
  return { physicalId: logGroupArn, ready: true as const };
}

/** Read at the same time. */
const READS = 10;

/**
 * Logs what the audit bucket holds of the tenant: other steps have written before there was a group. Whoever writes a
 * record after this listing finds the group. A repeat logs all again; readers tell by the key.
 */
async function logEarlierRecords(
  tenantId: string,
  scope: FencedScope<(typeof contract.environment)[number]>,
): Promise<void> {
  const Bucket = scope.env.AUDIT_BUCKET;
  const pages = paginateListObjectsV2({ client: s3, pageSize: 100 }, { Bucket, Prefix: auditPrefix(tenantId) });
  for await (const { Contents = [] } of pages) {
    const keys = Contents.flatMap(({ Key = '' }) => (isAuditRecordKey(tenantId, Key) ? [Key] : []));
    const records = await inParallel(keys, READS, async (key) => ({ key, body: await readText(Bucket, key) }));
    if (records.length > 0) await logAuditRecords(scope, tenantId, records);
  }
}

export const handler = defineStep(contract, provisionAuditLog);

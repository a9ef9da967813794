import {
  AssociateKmsKeyCommand,
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  PutLogGroupDeletionProtectionCommand,
  PutRetentionPolicyCommand,
  TagResourceCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { isNamed } from '../shared/aws-errors';
import { REPEATABLE } from '../shared/clients';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { appId, auditLogGroupName, MANAGED_BY_TAG, TENANT_TAG } from '../shared/names';
import { provisionAuditLog as contract } from './contract';

const logs = new CloudWatchLogsClient(REPEATABLE);

/**
 * Ensures the tenant's audit log group under the platform's audit key. Never the tenant's key: that one is destroyed with
 * the tenant, the evidence must stay readable. The audit prefix in the Object Lock bucket is opened by the audit record
 * that every step writes.
 */
export async function provisionAuditLog(
  { tenantId, executionArn }: TaskInput,
  { env, app, ledger }: FencedScope<(typeof contract.environment)[number]>,
) {
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
  await ledger.complete(logGroupArn);
  return { physicalId: logGroupArn, ready: true as const };
}

export const handler = defineStep(contract, provisionAuditLog);

import type { Stack } from 'aws-cdk-lib';
import { BASE_ENVIRONMENT, type EnvironmentName, type Platform, type TaskContract } from '../tasks/shared/contract';
import { taskRoleName } from '../tasks/shared/names';
import { provisionStoragePrefix } from '../tasks/storage-prefix/contract';
import { embeddingModelArn, type StageConfig, vectorDomainName } from './config';
import type { SharedResources } from './stacks/data-stack';

/** Value of every variable that a task may ask for; the compiler finds one that is missing. */
export function environmentValues(
  stack: Stack,
  config: StageConfig,
  platform: Platform,
  shared: SharedResources,
): Readonly<Record<EnvironmentName, string>> {
  return {
    APP_NAME: config.app.name,
    STAGE: config.app.stage,
    REGISTRY_TABLE: shared.registryTableName,
    AUDIT_BUCKET: shared.auditBucketName,
    AUDIT_KEY_ARN: shared.auditKeyArn,
    AUDIT_RETENTION_DAYS: String(config.auditLogDays),
    AUDIT_DELETION_PROTECTION: String(config.deletionProtection),
    DATA_TABLE: shared.dataTableName,
    MEMBERSHIP_TABLE: shared.membershipTableName,
    DATA_BUCKET: shared.dataBucketName,
    USER_POOL_ID: shared.userPoolId,
    USER_POOL_CLIENT_ID: shared.userPoolClientId,
    VECTOR_DOMAIN_NAME: vectorDomainName(config.app),
    VECTOR_DOMAIN_ARN: platform.vectorDomainArn,
    VECTOR_DOMAIN_ENDPOINT: `https://${shared.vectorDomainEndpoint}`,
    VECTOR_DIMENSION: String(config.vectorDimension),
    VECTOR_REPLICAS: String(config.vectorDomain.replicas),
    KNOWLEDGE_BASE_ROLE_ARN: platform.knowledgeBaseRoleArn,
    TENANT_ACCESS_ROLE_ARN: platform.tenantAccessRoleArn,
    DATA_KEY_ARN: shared.dataKeyArn,
    EMBEDDING_MODEL_ARN: embeddingModelArn(stack, config),
    STORAGE_WRITER_ROLE_ARN: `arn:${stack.partition}:iam::${stack.account}:role/${taskRoleName(config.app, provisionStoragePrefix.name)}`,
    ACCOUNT_ID: stack.account,
    ONBOARD_STATE_MACHINE_ARN: platform.onboardStateMachineArn,
    OFFBOARD_STATE_MACHINE_ARN: platform.offboardStateMachineArn,
    REINSTATE_STATE_MACHINE_ARN: platform.reinstateStateMachineArn,
    HOLD_DEFAULT_SECONDS: String(config.hold.defaultDays * 86_400),
    HOLD_MINIMUM_SECONDS: String(config.hold.minimumDays * 86_400),
    PURGE_NEEDS_APPROVAL: String(config.hold.needsApproval),
    KEY_DELETION_DAYS: String(config.keyDeletionDays),
    QUOTA_LIMITS: JSON.stringify(config.quotaLimits),
  };
}

/** The variables of one task: those that its contract names, no others. */
export const environmentOf = (
  { environment }: Pick<TaskContract, 'environment'>,
  values: Readonly<Record<EnvironmentName, string>>,
): Record<string, string> =>
  Object.fromEntries([...BASE_ENVIRONMENT, ...environment].map((name) => [name, values[name]]));

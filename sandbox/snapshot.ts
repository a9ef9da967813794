import {
  auditLogGroupName,
  groupName,
  MANAGED_BY_TAG,
  partitionKey,
  partitionPrefix,
  storagePrefix,
  TENANT_TAG,
  vectorIndexName,
} from '../tasks/shared/names';
import type { Sandbox } from './sandbox';

/**
 * Everything that exists of one tenant, to the last byte, in an order of its own: two equal snapshots mean that nothing
 * was touched in between.
 * @param data only what the tenant itself stores: items and object bodies, not its registry record, key state and users
 */
export async function snapshotOf(sandbox: Sandbox, tenantId: string, { data = false }: { data?: boolean } = {}) {
  const { services } = sandbox;
  const ours = ({ pk }: { pk?: unknown }) =>
    pk === partitionKey(tenantId) || String(pk).startsWith(partitionPrefix(tenantId));
  const bucket = services.s3.bucket(sandbox.output('DataBucketName'));
  const prefix = storagePrefix(tenantId);
  const objectKeys = [...(bucket?.keysFrom(prefix) ?? [])].filter((key) => key.startsWith(prefix));
  const stored = {
    items: sorted((await services.dynamodb.dump(sandbox.output('DataTableName'))).filter(ours)),
    objects: objectKeys.flatMap((key) =>
      (bucket?.versionsOf(key) ?? []).map(({ versionId, content }) => [
        key,
        versionId,
        content?.body.toString('base64'),
        content?.encryption.keyArn,
      ]),
    ),
    index: services.opensearch
      .indices(sandbox.output('VectorDomainName'))
      .filter(({ name }) => name === vectorIndexName(tenantId)),
    knowledgeBases: services.bedrock.knowledgeBases().filter(({ tags }) => tags[TENANT_TAG] === tenantId),
  };
  if (data) return stored;
  const pool = services.cognito.userPool(sandbox.output('UserPoolId'));
  const logGroup = services.logs.groups().find(({ name }) => name === auditLogGroupName(appOf(sandbox), tenantId));
  return {
    ...stored,
    registry: sorted((await services.dynamodb.dump(sandbox.output('RegistryTableName'))).filter(ours)),
    keys: services.kms
      .keys()
      .filter(({ tags }) => tags.get(TENANT_TAG) === tenantId && tags.has(MANAGED_BY_TAG))
      .map(({ arn, state, policy, rotates }) => [arn, state, policy, rotates]),
    group: pool.groups.get(groupName(tenantId)),
    users: [...pool.users.values()]
      .filter(({ groups }) => groups.has(groupName(tenantId)))
      .map(({ username, enabled, status, attributes }) => [username, enabled, status, [...attributes]]),
    auditLog: logGroup && [logGroup.retentionInDays, logGroup.kmsKeyId, services.logs.lines(logGroup.name)],
  };
}

const sorted = <T>(items: readonly T[]): readonly string[] => items.map((item) => JSON.stringify(item)).sort();

/** The deployed app, as its functions are told. */
export function appOf(sandbox: Sandbox) {
  const { variables } = sandbox.functions.functions()[0] ?? { variables: {} as Record<string, string> };
  return { name: variables['APP_NAME'] ?? '', stage: variables['STAGE'] ?? '' };
}

import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { PRINCIPAL_TAG, storagePrefix } from '../../tasks/shared/names';

const TENANT_TAG = `aws:PrincipalTag/${PRINCIPAL_TAG}`;
const TENANT = `\${${TENANT_TAG}}`;

/**
 * The second lock on the tenants' objects: whatever the tenant-access role's own policy says, a session of it reaches the
 * prefix of its tenant alone. Untagged sessions are denied by a statement of their own, because a NotResource whose variable
 * has no value may match nothing.
 */
export function denyOtherTenants(bucket: Bucket, tenantAccessRoleArn: string): void {
  const deny = (
    sid: string,
    what: Partial<Pick<PolicyStatement, 'actions' | 'resources' | 'notResources'>>,
    conditions: object,
  ) =>
    bucket.addToResourcePolicy(
      new PolicyStatement({
        sid,
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: [...(what.actions ?? [])],
        ...(what.resources && { resources: [...what.resources] }),
        ...(what.notResources && { notResources: [...what.notResources] }),
        conditions: { ArnEquals: { 'aws:PrincipalArn': tenantAccessRoleArn }, ...conditions },
      }),
    );
  const prefix = `${storagePrefix(TENANT)}*`;
  deny(
    'DenyObjectsOfOtherTenants',
    {
      actions: ['s3:*Object*', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
      notResources: [bucket.arnForObjects(prefix)],
    },
    {},
  );
  deny(
    'DenyListsOfOtherTenants',
    {
      actions: ['s3:ListBucket', 's3:ListBucketVersions', 's3:ListBucketMultipartUploads'],
      resources: [bucket.bucketArn],
    },
    { StringNotLike: { 's3:prefix': prefix } },
  );
  deny(
    'DenySessionsWithoutTenant',
    { actions: ['s3:*'], resources: [bucket.bucketArn, bucket.arnForObjects('*')] },
    { Null: { [TENANT_TAG]: 'true' } },
  );
}

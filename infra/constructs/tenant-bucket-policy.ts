import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { PRINCIPAL_TAG, STORAGE_ROOT, storagePrefix } from '../../tasks/shared/names';

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

/**
 * Keeps objects of tenants from being encrypted with what no tenant's key reaches, because then nothing makes them
 * unreadable when that key is destroyed. A request that names an encryption has to name a KMS key with it: neither S3's own
 * keys (AES256), nor the account's `aws/s3`, which every principal of the account may use, nor a key that the caller brings
 * and S3 forgets (SSE-C). One that names none gets the bucket's default, whose key a session may not use. Requests with the
 * parts of an upload name none either: it was named when the upload began [UsingKMSEncryption].
 */
export function denyUploadsWithoutKey(bucket: Bucket): void {
  const deny = (sid: string, absent: Readonly<Record<string, 'true' | 'false'>>) =>
    bucket.addToResourcePolicy(
      new PolicyStatement({
        sid,
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['s3:PutObject'],
        resources: [bucket.arnForObjects(`${STORAGE_ROOT}*`)],
        conditions: { Null: absent },
      }),
    );
  deny('DenyUploadsThatNameNoKey', {
    's3:x-amz-server-side-encryption': 'false',
    's3:x-amz-server-side-encryption-aws-kms-key-id': 'true',
  });
  deny('DenyUploadsWithKeysOfCallers', { 's3:x-amz-server-side-encryption-customer-algorithm': 'false' });
}

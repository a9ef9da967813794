import { Destroyed, defineContract, type Permission, type Platform, Provisioned, TaskInput } from '../shared/contract';
import { appId, MANAGED_BY_TAG, STORAGE_ROOT } from '../shared/names';
import { PROVISION_STATUSES, PURGE_STATUSES } from '../shared/tenant';

export const STORAGE_PREFIX = 'storage-prefix';

const markers = ({ dataBucketArn }: Platform, actions: readonly string[]): Permission => ({
  actions,
  resources: [`${dataBucketArn}/tenants/*/.provisioned`],
  wildcardReason: 'Only the provisioning marker of each tenant, no object of theirs.',
});

/** Without it S3 answers 403, not 404, to a HeadObject of a marker that is not there. */
const absence = ({ dataBucketArn }: Platform): Permission => ({
  actions: ['s3:ListBucket'],
  resources: [dataBucketArn],
  conditions: { StringLike: { 's3:prefix': 'tenants/*/.provisioned' } },
});

export const provisionStoragePrefix = defineContract({
  name: 'provision-storage-prefix',
  stateName: 'Provision storage prefix',
  repeatable: 'The marker is put only where none exists (If-None-Match); one already there is compared with the key.',
  entry: 'storage-prefix/provision',
  input: TaskInput,
  output: Provisioned,
  resource: STORAGE_PREFIX,
  fence: PROVISION_STATUSES,
  environment: ['DATA_BUCKET'],
  permissions: (platform) => [
    markers(platform, ['s3:PutObject', 's3:GetObject']),
    absence(platform),
    {
      actions: ['kms:GenerateDataKey', 'kms:Decrypt'],
      resources: [`arn:${platform.partition}:kms:${platform.region}:${platform.account}:key/*`],
      conditions: {
        StringEquals: {
          [`aws:ResourceTag/${MANAGED_BY_TAG}`]: appId(platform.app),
          'kms:ViaService': `s3.${platform.region}.amazonaws.com`,
        },
      },
      wildcardReason: 'Tenant keys only (tag), only through S3; every key policy names this role once more.',
    },
  ],
});

export const verifyStoragePrefixPermissions = (platform: Platform): readonly Permission[] => [
  markers(platform, ['s3:GetObject']),
  absence(platform),
];

/** Every object of every tenant: only for the task that destroys them. */
const objects = ({ dataBucketArn }: Platform, actions: readonly string[]): Permission => ({
  actions,
  resources: [`${dataBucketArn}/tenants/*`],
  wildcardReason:
    'The task serves every tenant, one per execution, fenced by generation, purge and legal hold; it cannot read.',
});

/** Listing names, versions and uploads below the tenants' prefixes. */
const listing = ({ dataBucketArn }: Platform): readonly Permission[] => [
  {
    actions: ['s3:ListBucketVersions', 's3:ListBucketMultipartUploads'],
    resources: [dataBucketArn],
    conditions: { StringLike: { 's3:prefix': 'tenants/*' } },
  },
];

export const destroyStoragePrefix = defineContract({
  name: 'destroy-storage-prefix',
  stateName: 'Destroy storage prefix',
  repeatable: 'Each run lists from the start what is still there; the bucket itself is the progress.',
  entry: 'storage-prefix/destroy',
  input: TaskInput,
  output: Destroyed,
  resource: STORAGE_PREFIX,
  fence: PURGE_STATUSES,
  destructive: true,
  timeoutSeconds: 300,
  environment: ['DATA_BUCKET'],
  permissions: (platform) => [
    ...listing(platform),
    objects(platform, ['s3:DeleteObject', 's3:DeleteObjectVersion', 's3:AbortMultipartUpload']),
  ],
});

export const storageResiduePermissions = listing;

/** Listing the tenants' prefixes themselves, not what is below them. */
export const listPrefixesPermissions = ({ dataBucketArn }: Platform): readonly Permission[] => [
  {
    actions: ['s3:ListBucket'],
    resources: [dataBucketArn],
    conditions: { StringEquals: { 's3:prefix': STORAGE_ROOT, 's3:delimiter': '/' } },
  },
];

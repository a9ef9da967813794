import { defineContract, type Permission, type Platform, Provisioned, TaskInput } from '../shared/contract';
import { appId, MANAGED_BY_TAG } from '../shared/names';
import { ONBOARDING_STATUSES } from '../shared/tenant';

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
  fence: ONBOARDING_STATUSES,
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

import type { Permission, Platform } from './contract';
import { BY_STATUS } from './names';
import { STATUSES } from './tenant';

/** Registry items, by partition; the Null condition rules out calls that name no key, such as scans. */
export const registryItems = (
  { registryTableArn }: Pick<Platform, 'registryTableArn'>,
  actions: readonly string[],
  partitions: readonly string[] = ['TENANT#*'],
): Permission => ({
  actions,
  resources: [registryTableArn],
  conditions: {
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': partitions },
    Null: { 'dynamodb:LeadingKeys': 'false' },
  },
});

/** Lists of tenants by status; the index's partition key is the status. */
export const registryByStatus = ({ registryTableArn }: Pick<Platform, 'registryTableArn'>): Permission => ({
  actions: ['dynamodb:Query'],
  resources: [`${registryTableArn}/index/${BY_STATUS}`],
  conditions: {
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': STATUSES },
    Null: { 'dynamodb:LeadingKeys': 'false' },
  },
});

/** Writing audit records: new objects under the audit prefix, encrypted with the audit key. */
export const auditRecords = ({ auditBucketArn, auditKeyArn, region }: Platform): readonly Permission[] => [
  {
    actions: ['s3:PutObject'],
    resources: [`${auditBucketArn}/audit/*`],
    wildcardReason:
      'Audit records of every tenant, one key per step; Object Lock keeps each version, so none can be replaced.',
  },
  auditKey({ auditKeyArn, region }),
];

/** S3 uses the audit bucket's key in the name of whoever reads or writes an object there. */
export const auditKey = ({ auditKeyArn, region }: Pick<Platform, 'auditKeyArn' | 'region'>): Permission => ({
  actions: ['kms:GenerateDataKey', 'kms:Decrypt'],
  resources: [auditKeyArn],
  conditions: { StringEquals: { 'kms:ViaService': `s3.${region}.amazonaws.com` } },
});

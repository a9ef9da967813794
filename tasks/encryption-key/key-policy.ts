/** Administration without any cryptography: whoever administers keys cannot read with them. */
const ADMINISTRATION = [
  'kms:CancelKeyDeletion',
  'kms:CreateAlias',
  'kms:DeleteAlias',
  'kms:DescribeKey',
  'kms:DisableKey',
  'kms:EnableKey',
  'kms:EnableKeyRotation',
  'kms:GetKeyPolicy',
  'kms:GetKeyRotationStatus',
  'kms:ListGrants',
  'kms:ListResourceTags',
  'kms:PutKeyPolicy',
  'kms:ScheduleKeyDeletion',
  'kms:TagResource',
  'kms:UpdateAlias',
] as const;

const CRYPTOGRAPHY = [
  'kms:CreateGrant',
  'kms:Decrypt',
  'kms:Encrypt',
  'kms:GenerateDataKey*',
  'kms:ReEncrypt*',
] as const;

export interface KeyPolicyInput {
  readonly partition: string;
  readonly account: string;
  /** Role that writes the provisioning marker under the tenant's prefix. */
  readonly storageWriterRoleArn: string;
  /** Role with which Bedrock reads the tenant's documents. */
  readonly knowledgeBaseRoleArn: string;
}

/**
 * Policy of one tenant's key. The account may administer it and, unlike with KMS's default policy, not use it: IAM alone
 * never opens the key. Roles are matched by `aws:PrincipalArn` instead of being principals, because KMS stores a
 * principal's unique id and a role that is made again under its old name would no longer match
 * [reference_policies_elements_principal].
 */
export function keyPolicy({ partition, account, storageWriterRoleArn, knowledgeBaseRoleArn }: KeyPolicyInput) {
  const root = { AWS: `arn:${partition}:iam::${account}:root` };
  return {
    Version: '2012-10-17',
    Statement: [
      { Sid: 'AdministerWithoutCryptography', Effect: 'Allow', Principal: root, Action: ADMINISTRATION, Resource: '*' },
      {
        Sid: 'WriteProvisioningMarker',
        Effect: 'Allow',
        Principal: root,
        Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
        Resource: '*',
        Condition: {
          ArnEquals: { 'aws:PrincipalArn': storageWriterRoleArn },
          StringLike: { 'kms:ViaService': 's3.*.amazonaws.com' },
        },
      },
      {
        Sid: 'ReadDocumentsForIngestion',
        Effect: 'Allow',
        Principal: root,
        Action: ['kms:Decrypt'],
        Resource: '*',
        Condition: {
          ArnEquals: { 'aws:PrincipalArn': knowledgeBaseRoleArn },
          StringLike: { 'kms:ViaService': 's3.*.amazonaws.com' },
        },
      },
      {
        Sid: 'DenyCryptographyToEverybodyElse',
        Effect: 'Deny',
        Principal: { AWS: '*' },
        Action: CRYPTOGRAPHY,
        Resource: '*',
        Condition: {
          ArnNotEquals: { 'aws:PrincipalArn': [storageWriterRoleArn, knowledgeBaseRoleArn] },
          Bool: { 'aws:PrincipalIsAWSService': 'false' },
        },
      },
    ],
  };
}

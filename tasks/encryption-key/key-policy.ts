import type { Environment } from '../shared/contract';
import { canonicalJson, PRINCIPAL_TAG } from '../shared/names';

/** Administration without any cryptography: whoever administers keys cannot read with them. */
const ADMINISTRATION = [
  'kms:CancelKeyDeletion',
  'kms:CreateAlias',
  'kms:DeleteAlias',
  'kms:DescribeKey',
  'kms:DisableKey',
  'kms:EnableKey',
  'kms:EnableKeyRotation',
  'kms:GetKeyLastUsage',
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
  /** Role of every session in a tenant's name. */
  readonly tenantAccessRoleArn: string;
  /** Whose key it is: sessions for another tenant are denied it. */
  readonly tenantId: string;
}

/**
 * Policy of one tenant's key. The account may administer it and, unlike with KMS's default policy, not use it: IAM alone
 * never opens the key. The tenant stands in it as it is, because a key policy does not see the key's tags [KMS, abac]; it
 * holds also where the tenant-access role's own policy, or a key's tag, is wrong. Roles are matched by `aws:PrincipalArn` instead of being principals, because KMS stores a
 * principal's unique id and a role that is made again under its old name would no longer match
 * [reference_policies_elements_principal].
 */
export function keyPolicy(input: KeyPolicyInput) {
  const { partition, account, storageWriterRoleArn, knowledgeBaseRoleArn, tenantAccessRoleArn, tenantId } = input;
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
        Sid: 'UseInTheTenantsName',
        Effect: 'Allow',
        Principal: root,
        Action: ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey'],
        Resource: '*',
        Condition: {
          ArnEquals: { 'aws:PrincipalArn': tenantAccessRoleArn },
          StringEquals: { [`aws:PrincipalTag/${PRINCIPAL_TAG}`]: tenantId },
        },
      },
      {
        // Holds for a session without the tag, too: a negated operator does on a key that is absent.
        Sid: 'DenyOtherTenants',
        Effect: 'Deny',
        Principal: { AWS: '*' },
        Action: CRYPTOGRAPHY,
        Resource: '*',
        Condition: {
          ArnEquals: { 'aws:PrincipalArn': tenantAccessRoleArn },
          StringNotEquals: { [`aws:PrincipalTag/${PRINCIPAL_TAG}`]: tenantId },
        },
      },
      {
        Sid: 'DenyCryptographyToEverybodyElse',
        Effect: 'Deny',
        Principal: { AWS: '*' },
        Action: CRYPTOGRAPHY,
        Resource: '*',
        Condition: {
          ArnNotEquals: { 'aws:PrincipalArn': [storageWriterRoleArn, knowledgeBaseRoleArn, tenantAccessRoleArn] },
          Bool: { 'aws:PrincipalIsAWSService': 'false' },
        },
      },
    ],
  };
}

/** Variables from which a tenant key's policy is made. */
export const KEY_POLICY_ENVIRONMENT = [
  'ACCOUNT_ID',
  'STORAGE_WRITER_ROLE_ARN',
  'KNOWLEDGE_BASE_ROLE_ARN',
  'TENANT_ACCESS_ROLE_ARN',
] as const;

/** The policy of the tenant's key in this stage. */
export const tenantKeyPolicy = (tenantId: string, env: Pick<Environment, (typeof KEY_POLICY_ENVIRONMENT)[number]>) =>
  keyPolicy({
    tenantId,
    partition: env.STORAGE_WRITER_ROLE_ARN.split(':')[1] ?? 'aws',
    account: env.ACCOUNT_ID,
    storageWriterRoleArn: env.STORAGE_WRITER_ROLE_ARN,
    knowledgeBaseRoleArn: env.KNOWLEDGE_BASE_ROLE_ARN,
    tenantAccessRoleArn: env.TENANT_ACCESS_ROLE_ARN,
  });

/** Whether two policies say the same: neither order nor a list of one counts. */
export function isSamePolicy(actual: string | undefined, expected: object): boolean {
  if (actual === undefined) return false;
  try {
    return canonicalJson(unordered(JSON.parse(actual))) === canonicalJson(unordered(expected));
  } catch {
    return false;
  }
}

function unordered(value: unknown): unknown {
  if (Array.isArray(value)) {
    const members = value.map(unordered).sort((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1));
    return members.length === 1 ? members[0] : members;
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, unordered(member)]));
}

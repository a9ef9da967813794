import { AccountRootPrincipal, CompositePrincipal, type IPrincipal, WebIdentityPrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { Permission, Platform } from '../../tasks/shared/contract';
import {
  appId,
  auditLogGroupName,
  MANAGED_BY_TAG,
  PRINCIPAL_TAG,
  partitionKey,
  partitionPrefix,
  storagePrefix,
  TENANT_TAG,
  USER_TAG,
} from '../../tasks/shared/names';
import { type StageConfig, tenantAccessRoleName } from '../config';
import { LeastPrivilegeRole } from './least-privilege-role';

export interface TenantAccessRoleProps {
  readonly config: StageConfig;
  readonly platform: Platform;
  readonly dataKeyArn: string;
  /** Roles of the functions that may start a session for a tenant. */
  readonly callerArns: readonly string[];
  /** Identity pool that may start one for a signed-in user, with the tag from the token's claim. */
  readonly identityPoolId: string;
}

/**
 * The one role with which anything is done in the name of a tenant. It can do nothing by itself: every statement asks for
 * the session's tag, which whoever starts the session has to give, and which the session cannot change.
 */
export class TenantAccessRole extends Construct {
  readonly arn: string;

  constructor(scope: Construct, id: string, props: TenantAccessRoleProps) {
    super(scope, id);
    const { role } = new LeastPrivilegeRole(this, 'Session', {
      roleName: tenantAccessRoleName(props.config.app),
      description: 'Access in the name of one tenant, the one in the session tag',
      assumedBy: new CompositePrincipal(functions(props), signedInUsers(props)),
      permissions: tenantPermissions(props),
    });
    this.arn = role.roleArn;
  }
}

/** The session must have its tag from the start: an untagged one would meet every condition that passes on a missing key. */
const TAGGED = {
  StringLike: { [`aws:RequestTag/${PRINCIPAL_TAG}`]: '?*' },
  'ForAllValues:StringEquals': { 'aws:TagKeys': [PRINCIPAL_TAG, USER_TAG] },
};

/** By ARN and not as principals, for the reason that stands at the tenants' key policies; the callers need a permission of their own as well. */
const functions = ({ callerArns }: TenantAccessRoleProps): IPrincipal =>
  new AccountRootPrincipal()
    .withConditions({ ...TAGGED, ArnEquals: { 'aws:PrincipalArn': [...callerArns] } })
    .withSessionTags();

/** Without aud, any identity pool of any account could start sessions [role-trust-and-permissions]. */
const signedInUsers = ({ identityPoolId }: TenantAccessRoleProps): IPrincipal =>
  new WebIdentityPrincipal('cognito-identity.amazonaws.com', {
    ...TAGGED,
    StringEquals: { 'cognito-identity.amazonaws.com:aud': identityPoolId },
    'ForAnyValue:StringLike': { 'cognito-identity.amazonaws.com:amr': 'authenticated' },
  }).withSessionTags();

/** Stands for the session's tenant; where the tag is missing, the whole statement allows nothing [reference_policies_variables]. */
const TENANT = `\${aws:PrincipalTag/${PRINCIPAL_TAG}}`;
const IS_TAGGED = { [`aws:PrincipalTag/${PRINCIPAL_TAG}`]: 'false' };

function tenantPermissions({ config, platform, dataKeyArn }: TenantAccessRoleProps): readonly Permission[] {
  const { partition, region, account, dataTableArn, dataBucketArn } = platform;
  return [
    // Scan and PartiQL are in no list: they know no leading keys. The Null condition rules out calls without one.
    items(
      dataTableArn,
      ['BatchGetItem', 'ConditionCheckItem', 'GetItem', 'Query'],
      [partitionKey(TENANT), `${partitionPrefix(TENANT)}*`],
    ),
    // The items in the partition itself are the platform's: an application writes to the partitions below it.
    items(dataTableArn, ['BatchWriteItem', 'DeleteItem', 'PutItem', 'UpdateItem'], [`${partitionPrefix(TENANT)}*`]),
    {
      actions: ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey'],
      resources: [dataKeyArn],
      conditions: { StringEquals: { 'kms:ViaService': `dynamodb.${region}.amazonaws.com` }, Null: IS_TAGGED },
    },
    {
      actions: [
        's3:AbortMultipartUpload',
        's3:DeleteObject',
        's3:GetObject',
        's3:ListMultipartUploadParts',
        's3:PutObject',
      ],
      resources: [`${dataBucketArn}/${storagePrefix(TENANT)}*`],
      conditions: { Null: IS_TAGGED },
      wildcardReason: 'The objects of the session’s tenant, whose prefix ends in a delimiter.',
    },
    {
      actions: ['s3:ListBucket'],
      resources: [dataBucketArn],
      conditions: { StringLike: { 's3:prefix': `${storagePrefix(TENANT)}*` }, Null: IS_TAGGED },
    },
    {
      actions: ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey'],
      resources: [`arn:${partition}:kms:${region}:${account}:key/*`],
      conditions: {
        StringEquals: {
          [`aws:ResourceTag/${TENANT_TAG}`]: TENANT,
          [`aws:ResourceTag/${MANAGED_BY_TAG}`]: appId(config.app),
        },
        Null: IS_TAGGED,
      },
      wildcardReason:
        'The key of the session’s tenant, told by its tag; the key’s own policy names the tenant once more.',
    },
    {
      actions: ['bedrock:Retrieve'],
      resources: [`arn:${partition}:bedrock:${region}:${account}:knowledge-base/*`],
      conditions: { StringEquals: { [`aws:ResourceTag/${TENANT_TAG}`]: TENANT }, Null: IS_TAGGED },
      wildcardReason: 'The knowledge base of the session’s tenant, told by its tag; Bedrock chooses its id.',
    },
    {
      actions: ['logs:DescribeLogStreams', 'logs:FilterLogEvents', 'logs:GetLogEvents'],
      resources: [
        `arn:${partition}:logs:${region}:${account}:log-group:${auditLogGroupName(config.app, TENANT)}`,
        `arn:${partition}:logs:${region}:${account}:log-group:${auditLogGroupName(config.app, TENANT)}:*`,
      ],
      conditions: { Null: IS_TAGGED },
      wildcardReason: 'The log streams of the session’s own audit log group.',
    },
  ];
}

const items = (tableArn: string, actions: readonly string[], partitions: readonly string[]): Permission => ({
  actions: actions.map((action) => `dynamodb:${action}`),
  resources: [tableArn],
  conditions: {
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': partitions },
    Null: { 'dynamodb:LeadingKeys': 'false', ...IS_TAGGED },
  },
});

import { Stack, type StackProps } from 'aws-cdk-lib';
import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { ARCHIVE_CONTRACTS } from '../../tasks/audit-archive/contract';
import type { Platform } from '../../tasks/shared/contract';
import { auditLogGroupName, taskRoleName } from '../../tasks/shared/names';
import { SESSION_STARTERS } from '../../tasks/tenant-access/contract';
import { issueTenantClaim } from '../../tasks/tenant-claim/contract';
import { dataStackName, embeddingModelArn, knowledgeBaseRoleName, type StageConfig } from '../config';
import { AccessLogBucket, AuditBucket, DataBucket } from '../constructs/buckets';
import { IdentityPool } from '../constructs/identity-pool';
import { KnowledgeBaseRole } from '../constructs/knowledge-base-role';
import { PlatformKey } from '../constructs/platform-key';
import { DataTable, MembershipTable, RegistryTable } from '../constructs/tables';
import { bundleTasks } from '../constructs/task-bundle';
import { TaskFunction } from '../constructs/task-function';
import { TenantAccessRole } from '../constructs/tenant-access-role';
import { denyOtherTenants, denyUploadsWithoutKey } from '../constructs/tenant-bucket-policy';
import { UserDirectory } from '../constructs/user-directory';
import { VectorDomain } from '../constructs/vector-domain';
import { CONTRACTS } from '../contracts';
import { platformOf } from '../platform';
import { environmentOf, environmentValues } from '../task-environment';
import { auditRecordsOf, taskPermissions } from '../task-permissions';

/** What the lifecycle stack gets of this one: CloudFormation imports under names that never change. */
export interface SharedResources {
  readonly registryTableName: string;
  readonly registryTableArn: string;
  readonly registryKeyArn: string;
  readonly dataTableName: string;
  readonly dataTableArn: string;
  readonly dataKeyArn: string;
  readonly membershipTableName: string;
  readonly membershipTableArn: string;
  readonly dataBucketName: string;
  readonly dataBucketArn: string;
  readonly auditBucketName: string;
  readonly auditBucketArn: string;
  readonly auditKeyArn: string;
  readonly userPoolId: string;
  readonly userPoolArn: string;
  readonly userPoolClientId: string;
  readonly identityPoolId: string;
  readonly vectorDomainEndpoint: string;
}

export interface DataStackProps extends StackProps {
  readonly config: StageConfig;
}

/**
 * Everything that holds state, apart from what makes it: this stack changes seldom, and in prod nothing of it is ever removed.
 * The one function in it is the user pool's own, without which the pool must not issue a token.
 */
export class DataStack extends Stack {
  readonly shared: SharedResources;

  constructor(scope: Construct, id: string, { config, ...props }: DataStackProps) {
    super(scope, id, {
      ...props,
      stackName: dataStackName(config.app),
      description: 'Tenant lifecycle: tables, buckets, user pool, vector domain, platform keys',
      terminationProtection: config.deletionProtection,
    });
    const { retain } = config;
    const { key: registryKey } = new PlatformKey(this, 'RegistryKey', { config, purpose: 'registry', retain });
    const { key: dataKey } = new PlatformKey(this, 'DataKey', { config, purpose: 'data', retain });
    // Stays with the audit bucket, in every stage.
    const { key: auditKey } = new PlatformKey(this, 'AuditKey', { config, purpose: 'audit', retain: true });
    this.allowTenantLogs(auditKey, config);

    const registry = new RegistryTable(this, 'Registry', { config, encryptionKey: registryKey });
    const data = new DataTable(this, 'Data', { config, encryptionKey: dataKey });
    const { bucket: accessLogs } = new AccessLogBucket(this, 'AccessLogs', config);
    const dataBucket = new DataBucket(this, 'DataBucket', { config, encryptionKey: dataKey, accessLogs });
    const chainWriters = ARCHIVE_CONTRACTS.map(({ name }) => this.roleArn(taskRoleName(config.app, name)));
    const auditBucket = new AuditBucket(this, 'AuditBucket', {
      config,
      encryptionKey: auditKey,
      accessLogs,
      writers: [
        ...CONTRACTS.filter((contract) => auditRecordsOf(contract).length > 0).map(({ name }) =>
          this.roleArn(taskRoleName(config.app, name)),
        ),
        ...chainWriters,
      ],
      chainWriters,
    });
    const memberships = new MembershipTable(this, 'Memberships', { config, encryptionKey: registryKey });
    const users = new UserDirectory(this, 'Users', config);
    const identities = new IdentityPool(this, 'Identities', {
      config,
      userPoolClientId: users.client.userPoolClientId,
      userPoolProviderName: users.userPool.userPoolProviderName,
    });

    const vectors = new VectorDomain(this, 'Vectors', {
      config,
      encryptionKey: dataKey,
      taskRoleArns: CONTRACTS.filter(({ environment }) => environment.includes('VECTOR_DOMAIN_NAME')).map(({ name }) =>
        this.roleArn(taskRoleName(config.app, name)),
      ),
      knowledgeBaseRoleArn: this.roleArn(knowledgeBaseRoleName(config.app)),
    });
    new KnowledgeBaseRole(this, 'KnowledgeBaseRole', {
      config,
      dataBucketArn: dataBucket.bucket.bucketArn,
      vectorDomainArn: vectors.arn,
      embeddingModelArn: embeddingModelArn(this, config),
    });

    const own: SharedResources = {
      registryTableName: registry.table.tableName,
      registryTableArn: registry.table.tableArn,
      registryKeyArn: registryKey.keyArn,
      dataTableName: data.table.tableName,
      dataTableArn: data.table.tableArn,
      dataKeyArn: dataKey.keyArn,
      membershipTableName: memberships.table.tableName,
      membershipTableArn: memberships.table.tableArn,
      dataBucketName: dataBucket.bucket.bucketName,
      dataBucketArn: dataBucket.bucket.bucketArn,
      auditBucketName: auditBucket.bucket.bucketName,
      auditBucketArn: auditBucket.bucket.bucketArn,
      auditKeyArn: auditKey.keyArn,
      userPoolId: users.userPool.userPoolId,
      userPoolArn: users.userPool.userPoolArn,
      userPoolClientId: users.client.userPoolClientId,
      identityPoolId: identities.id,
      vectorDomainEndpoint: vectors.domain.attrDomainEndpoint,
    };
    const platform = platformOf(this, config, own);
    this.attachTriggers(users, config, own, platform);
    this.admitTenants(identities, config, own, platform);
    denyOtherTenants(dataBucket.bucket, platform.tenantAccessRoleArn);
    denyUploadsWithoutKey(dataBucket.bucket);
    this.shared = this.exported(own, config);
  }

  /** Deploys what the user pool calls, and has it called. */
  private attachTriggers(users: UserDirectory, config: StageConfig, own: SharedResources, platform: Platform): void {
    if (config.bundle) bundleTasks(CONTRACTS);
    const { function: issuer } = new TaskFunction(this, 'IssueTenantClaim', {
      config,
      contract: issueTenantClaim,
      environment: environmentOf(issueTenantClaim, environmentValues(this, config, platform, own)),
      permissions: taskPermissions(issueTenantClaim, platform, own),
    });
    users.issueTokensBy(issuer);
  }

  /** The role for everything that is done in a tenant's name, which the pool gives to signed-in users. */
  private admitTenants(identities: IdentityPool, config: StageConfig, own: SharedResources, platform: Platform): void {
    const { arn } = new TenantAccessRole(this, 'TenantAccess', {
      config,
      platform,
      dataKeyArn: own.dataKeyArn,
      callerArns: SESSION_STARTERS.map(({ name }) => this.roleArn(taskRoleName(config.app, name))),
      identityPoolId: identities.id,
    });
    identities.give(arn);
  }

  /** The same values, as another stack imports them: `userPoolId` under the name `<stack>:UserPoolId`. */
  private exported(own: SharedResources, { app }: StageConfig): SharedResources {
    const imports = Object.entries(own).map(([name, value]: [string, string]) => [
      name,
      this.exportValue(value, { name: `${dataStackName(app)}:${name.charAt(0).toUpperCase()}${name.slice(1)}` }),
    ]);
    return Object.fromEntries(imports) as unknown as SharedResources;
  }

  /** CloudWatch Logs encrypts the tenants' audit log groups, and no other group, with the audit key. */
  private allowTenantLogs(auditKey: Key, config: StageConfig): void {
    auditKey.addToResourcePolicy(
      new PolicyStatement({
        sid: 'EncryptTenantAuditLogs',
        effect: Effect.ALLOW,
        principals: [new ServicePrincipal(`logs.${this.region}.amazonaws.com`)],
        actions: ['kms:Encrypt*', 'kms:Decrypt*', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:Describe*'],
        resources: ['*'],
        conditions: {
          ArnLike: {
            'kms:EncryptionContext:aws:logs:arn': `arn:${this.partition}:logs:${this.region}:${this.account}:log-group:${auditLogGroupName(config.app, '*')}`,
          },
        },
      }),
    );
  }

  private roleArn(roleName: string): string {
    return `arn:${this.partition}:iam::${this.account}:role/${roleName}`;
  }
}

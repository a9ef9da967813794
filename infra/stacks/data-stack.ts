import { Stack, type StackProps } from 'aws-cdk-lib';
import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { auditLogGroupName, taskRoleName } from '../../tasks/shared/names';
import { dataStackName, knowledgeBaseRoleName, type StageConfig } from '../config';
import { AccessLogBucket, AuditBucket, DataBucket } from '../constructs/buckets';
import { KnowledgeBaseRole } from '../constructs/knowledge-base-role';
import { PlatformKey } from '../constructs/platform-key';
import { DataTable, RegistryTable } from '../constructs/tables';
import { UserDirectory } from '../constructs/user-directory';
import { VectorDomain } from '../constructs/vector-domain';
import { CONTRACTS } from '../contracts';

/** What the lifecycle stack gets of this one: CloudFormation imports under names that never change. */
export interface SharedResources {
  readonly registryTableName: string;
  readonly registryTableArn: string;
  readonly registryKeyArn: string;
  readonly dataTableName: string;
  readonly dataTableArn: string;
  readonly dataKeyArn: string;
  readonly dataBucketName: string;
  readonly dataBucketArn: string;
  readonly auditBucketName: string;
  readonly auditBucketArn: string;
  readonly auditKeyArn: string;
  readonly userPoolId: string;
  readonly userPoolArn: string;
  readonly userPoolClientId: string;
  readonly vectorDomainEndpoint: string;
}

export interface DataStackProps extends StackProps {
  readonly config: StageConfig;
}

/** Everything that holds state, apart from what makes it: this stack changes seldom, and in prod nothing of it is ever removed. */
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
    const auditBucket = new AuditBucket(this, 'AuditBucket', { config, encryptionKey: auditKey, accessLogs });
    const users = new UserDirectory(this, 'Users', config);

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

    const share = (name: string, value: string): string =>
      this.exportValue(value, { name: `${dataStackName(config.app)}:${name}` });
    this.shared = {
      registryTableName: share('RegistryTableName', registry.table.tableName),
      registryTableArn: share('RegistryTableArn', registry.table.tableArn),
      registryKeyArn: share('RegistryKeyArn', registryKey.keyArn),
      dataTableName: share('DataTableName', data.table.tableName),
      dataTableArn: share('DataTableArn', data.table.tableArn),
      dataKeyArn: share('DataKeyArn', dataKey.keyArn),
      dataBucketName: share('DataBucketName', dataBucket.bucket.bucketName),
      dataBucketArn: share('DataBucketArn', dataBucket.bucket.bucketArn),
      auditBucketName: share('AuditBucketName', auditBucket.bucket.bucketName),
      auditBucketArn: share('AuditBucketArn', auditBucket.bucket.bucketArn),
      auditKeyArn: share('AuditKeyArn', auditKey.keyArn),
      userPoolId: share('UserPoolId', users.userPool.userPoolId),
      userPoolArn: share('UserPoolArn', users.userPool.userPoolArn),
      userPoolClientId: share('UserPoolClientId', users.client.userPoolClientId),
      vectorDomainEndpoint: share('VectorDomainEndpoint', vectors.domain.attrDomainEndpoint),
    };
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

/** Foundation models belong to AWS, hence no account. */
export const embeddingModelArn = ({ partition, region }: Stack, { embeddingModelId }: StageConfig): string =>
  `arn:${partition}:bedrock:${region}::foundation-model/${embeddingModelId}`;

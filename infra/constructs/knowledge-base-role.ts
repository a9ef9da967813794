import { Stack } from 'aws-cdk-lib';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { Permission } from '../../tasks/shared/contract';
import { appId, documentPrefix, MANAGED_BY_TAG, vectorIndexName } from '../../tasks/shared/names';
import { knowledgeBaseRoleName, type StageConfig } from '../config';
import { LeastPrivilegeRole } from './least-privilege-role';

export interface KnowledgeBaseRoleProps {
  readonly config: StageConfig;
  readonly dataBucketArn: string;
  readonly vectorDomainArn: string;
  readonly embeddingModelArn: string;
}

/**
 * Role with which Bedrock ingests and searches, for the knowledge bases of all tenants: it can read every tenant's
 * documents. What keeps tenants apart is that only provision-knowledge-base may pass it and create data sources.
 */
export class KnowledgeBaseRole extends Construct {
  constructor(scope: Construct, id: string, props: KnowledgeBaseRoleProps) {
    super(scope, id);
    const { partition, region, account } = Stack.of(this);
    new LeastPrivilegeRole(this, 'Service', {
      roleName: knowledgeBaseRoleName(props.config.app),
      description: 'Bedrock reads tenant documents and writes their vectors',
      assumedBy: new ServicePrincipal('bedrock.amazonaws.com', {
        conditions: {
          StringEquals: { 'aws:SourceAccount': account },
          ArnLike: { 'aws:SourceArn': `arn:${partition}:bedrock:${region}:${account}:knowledge-base/*` },
        },
      }),
      permissions: permissions(props, `arn:${partition}:kms:${region}:${account}:key/*`, region, account),
    });
  }
}

function permissions(
  { config, dataBucketArn, vectorDomainArn, embeddingModelArn }: KnowledgeBaseRoleProps,
  keys: string,
  region: string,
  account: string,
): readonly Permission[] {
  const tenantKeys = (actions: readonly string[], service: string): Permission => ({
    actions,
    resources: [keys],
    conditions: {
      StringEquals: {
        [`aws:ResourceTag/${MANAGED_BY_TAG}`]: appId(config.app),
        'kms:ViaService': `${service}.${region}.amazonaws.com`,
      },
    },
    wildcardReason:
      'Tenant keys only, whose ids KMS chooses (tag), and only through the named service; each key policy names this role once more.',
  });
  return [
    {
      actions: ['s3:GetObject'],
      resources: [`${dataBucketArn}/${documentPrefix('*')}*`],
      conditions: { StringEquals: { 'aws:ResourceAccount': account } },
      wildcardReason: 'Documents of every tenant, nothing else of theirs; a data source names one exact prefix.',
    },
    {
      actions: ['s3:ListBucket'],
      resources: [dataBucketArn],
      conditions: {
        StringEquals: { 'aws:ResourceAccount': account },
        StringLike: { 's3:prefix': `${documentPrefix('*')}*` },
      },
    },
    tenantKeys(['kms:Decrypt'], 's3'),
    {
      actions: ['es:ESHttpGet', 'es:ESHttpHead', 'es:ESHttpPost', 'es:ESHttpPut', 'es:ESHttpDelete'],
      resources: [`${vectorDomainArn}/${vectorIndexName('*')}`],
      wildcardReason: 'Tenant indices only; a knowledge base names one exact index.',
    },
    { actions: ['es:DescribeDomain'], resources: [vectorDomainArn] },
    { actions: ['bedrock:InvokeModel'], resources: [embeddingModelArn] },
  ];
}

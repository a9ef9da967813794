import {
  DeleteDataSourceCommand,
  DeleteKnowledgeBaseCommand,
  GetDataSourceCommand,
  GetKnowledgeBaseCommand,
  ListDataSourcesCommand,
  UntagResourceCommand as UntagKnowledgeBaseCommand,
  UpdateDataSourceCommand,
} from '@aws-sdk/client-bedrock-agent';
import {
  AssociateKmsKeyCommand,
  DeleteLogGroupCommand,
  PutLogGroupDeletionProtectionCommand,
  PutRetentionPolicyCommand,
  UntagResourceCommand as UntagLogGroupCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { DeleteGroupCommand } from '@aws-sdk/client-cognito-identity-provider';
import { DeleteItemCommand } from '@aws-sdk/client-dynamodb';
import {
  DeleteAliasCommand,
  DisableKeyCommand,
  DisableKeyRotationCommand,
  PutKeyPolicyCommand,
  UntagResourceCommand as UntagKeyCommand,
} from '@aws-sdk/client-kms';
import { CreateIndexCommand, DeleteIndexCommand } from '@aws-sdk/client-opensearch';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import type { Sandbox } from '../../sandbox/sandbox';
import {
  auditLogGroupName,
  keyAlias,
  MANAGED_BY_TAG,
  partitionKey,
  storageMarkerKey,
  TENANT_TAG,
  vectorIndexName,
} from '../../tasks/shared/names';
import type { Tier } from '../../tasks/shared/tenant';
import { indexSchema } from '../../tasks/vector-index/index-calls';
import { APP } from '../lifecycle/app-under-test';
import { type Clients, HOUR, keyArnOf, knowledgeBaseOf } from './doctor-under-test';

/** Something that somebody does by hand to an ACTIVE tenant. */
export interface Drift {
  readonly tenantId: string;
  readonly tier?: Tier;
  plant(tenantId: string, sandbox: Sandbox, clients: Clients): Promise<unknown>;
  /** Findings as summaryOf has them. */
  readonly found: readonly string[];
}

const index = (sandbox: Sandbox, tenantId: string) => ({
  DomainName: sandbox.output('VectorDomainName'),
  IndexName: vectorIndexName(tenantId),
});
const logGroupArn = (tenantId: string) =>
  `arn:aws:logs:us-east-1:000000000000:log-group:${auditLogGroupName(APP, tenantId)}`;

async function dataSourceOf(sandbox: Sandbox, { bedrock }: Clients, tenantId: string) {
  const knowledgeBaseId = knowledgeBaseOf(sandbox, tenantId);
  const { dataSourceSummaries = [] } = await bedrock.send(new ListDataSourcesCommand({ knowledgeBaseId }));
  return { knowledgeBaseId, dataSourceId: dataSourceSummaries[0]?.dataSourceId };
}

export const DRIFTS: readonly Drift[] = [
  {
    tenantId: 'alias-gone',
    plant: (tenantId, _, { kms }) => kms.send(new DeleteAliasCommand({ AliasName: keyAlias(APP, tenantId) })),
    found: ['missing encryption-key → onboard'],
  },
  {
    tenantId: 'key-disabled',
    plant: (tenantId, sandbox, { kms }) => kms.send(new DisableKeyCommand({ KeyId: keyArnOf(sandbox, tenantId) })),
    found: ['wrong-status encryption-key → onboard'],
  },
  {
    tenantId: 'key-policy-open',
    plant: (tenantId, sandbox, { kms }) =>
      kms.send(
        new PutKeyPolicyCommand({
          KeyId: keyArnOf(sandbox, tenantId),
          Policy: JSON.stringify({
            Version: '2012-10-17',
            Statement: [{ Effect: 'Allow', Principal: { AWS: '*' }, Action: 'kms:*', Resource: '*' }],
          }),
        }),
      ),
    found: ['mis-configured encryption-key → onboard'],
  },
  {
    tenantId: 'key-still',
    plant: (tenantId, sandbox, { kms }) =>
      kms.send(new DisableKeyRotationCommand({ KeyId: keyArnOf(sandbox, tenantId) })),
    found: ['mis-configured encryption-key → onboard'],
  },
  {
    tenantId: 'key-untagged',
    plant: (tenantId, sandbox, { kms }) =>
      kms.send(new UntagKeyCommand({ KeyId: keyArnOf(sandbox, tenantId), TagKeys: [TENANT_TAG, MANAGED_BY_TAG] })),
    found: ['mis-tagged encryption-key → onboard', 'mis-tagged encryption-key → onboard'],
  },
  {
    tenantId: 'first-item-gone',
    plant: (tenantId, sandbox, { dynamodb }) =>
      dynamodb.send(
        new DeleteItemCommand({
          TableName: sandbox.output('DataTableName'),
          Key: { pk: { S: partitionKey(tenantId) }, sk: { S: 'META' } },
        }),
      ),
    found: ['missing data-partition → onboard'],
  },
  {
    tenantId: 'marker-gone',
    plant: (tenantId, sandbox, { s3 }) =>
      s3.send(new DeleteObjectCommand({ Bucket: sandbox.output('DataBucketName'), Key: storageMarkerKey(tenantId) })),
    found: ['missing storage-prefix → onboard'],
  },
  {
    tenantId: 'index-gone',
    plant: (tenantId, sandbox, { opensearch }) => opensearch.send(new DeleteIndexCommand(index(sandbox, tenantId))),
    found: ['missing vector-index → onboard'],
  },
  {
    tenantId: 'index-other',
    plant: async (tenantId, sandbox, { opensearch }) => {
      const { settings, mappings } = indexSchema({ dimension: 512, replicas: 0 });
      await opensearch.send(new DeleteIndexCommand(index(sandbox, tenantId)));
      await opensearch.send(
        new CreateIndexCommand({ ...index(sandbox, tenantId), IndexSchema: { settings, mappings } }),
      );
    },
    found: ['mis-configured vector-index → none'],
  },
  {
    tenantId: 'knowledge-base-gone',
    tier: 'premium',
    plant: async (tenantId, sandbox, clients) => {
      const { knowledgeBaseId, dataSourceId } = await dataSourceOf(sandbox, clients, tenantId);
      await clients.bedrock.send(new DeleteDataSourceCommand({ knowledgeBaseId, dataSourceId }));
      // Bedrock takes its time to delete a data source.
      await sandbox.clock.advance(HOUR);
      await clients.bedrock.send(new DeleteKnowledgeBaseCommand({ knowledgeBaseId }));
      await sandbox.clock.advance(HOUR);
    },
    found: ['missing knowledge-base → onboard'],
  },
  {
    tenantId: 'data-source-gone',
    tier: 'premium',
    plant: async (tenantId, sandbox, clients) => {
      await clients.bedrock.send(new DeleteDataSourceCommand(await dataSourceOf(sandbox, clients, tenantId)));
      await sandbox.clock.advance(HOUR);
    },
    found: ['missing knowledge-base → onboard'],
  },
  {
    tenantId: 'data-source-other',
    tier: 'premium',
    plant: async (tenantId, sandbox, clients) => {
      const ids = await dataSourceOf(sandbox, clients, tenantId);
      const { dataSource } = await clients.bedrock.send(new GetDataSourceCommand(ids));
      await clients.bedrock.send(
        new UpdateDataSourceCommand({
          ...ids,
          name: dataSource?.name,
          dataSourceConfiguration: dataSource?.dataSourceConfiguration,
          dataDeletionPolicy: 'DELETE',
        }),
      );
    },
    found: ['mis-configured knowledge-base → none'],
  },
  {
    tenantId: 'knowledge-base-untagged',
    tier: 'premium',
    plant: async (tenantId, sandbox, { bedrock }) => {
      const knowledgeBaseId = knowledgeBaseOf(sandbox, tenantId);
      const { knowledgeBase } = await bedrock.send(new GetKnowledgeBaseCommand({ knowledgeBaseId }));
      await bedrock.send(
        new UntagKnowledgeBaseCommand({ resourceArn: knowledgeBase?.knowledgeBaseArn, tagKeys: [MANAGED_BY_TAG] }),
      );
    },
    found: ['mis-tagged knowledge-base → onboard'],
  },
  {
    tenantId: 'group-gone',
    plant: (tenantId, sandbox, { cognito }) =>
      cognito.send(new DeleteGroupCommand({ UserPoolId: sandbox.output('UserPoolId'), GroupName: tenantId })),
    found: ['missing user-group → onboard'],
  },
  {
    tenantId: 'log-gone',
    plant: (tenantId, _, { logs }) =>
      logs.send(new DeleteLogGroupCommand({ logGroupName: auditLogGroupName(APP, tenantId) })),
    found: ['missing audit-log → onboard'],
  },
  {
    tenantId: 'log-short',
    plant: async (tenantId, _, { logs }) => {
      const logGroupName = auditLogGroupName(APP, tenantId);
      await logs.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays: 1 }));
      await logs.send(
        new PutLogGroupDeletionProtectionCommand({ logGroupIdentifier: logGroupName, deletionProtectionEnabled: true }),
      );
      await logs.send(new UntagLogGroupCommand({ resourceArn: logGroupArn(tenantId), tagKeys: [TENANT_TAG] }));
    },
    found: [
      'mis-configured audit-log → onboard',
      'mis-configured audit-log → onboard',
      'mis-tagged audit-log → onboard',
    ],
  },
  {
    tenantId: 'log-key',
    plant: (tenantId, sandbox, { logs }) =>
      logs.send(
        new AssociateKmsKeyCommand({
          logGroupName: auditLogGroupName(APP, tenantId),
          kmsKeyId: keyArnOf(sandbox, tenantId),
        }),
      ),
    found: ['mis-configured audit-log → onboard'],
  },
];

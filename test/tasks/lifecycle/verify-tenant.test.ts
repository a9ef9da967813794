import {
  BedrockAgentClient,
  GetDataSourceCommand,
  GetKnowledgeBaseCommand,
  ListDataSourcesCommand,
  ListTagsForResourceCommand,
} from '@aws-sdk/client-bedrock-agent';
import {
  CloudWatchLogsClient,
  DescribeLogGroupsCommand,
  ListTagsForResourceCommand as ListTagsOfLogGroupCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import {
  AdminGetUserCommand,
  AdminListGroupsForUserCommand,
  CognitoIdentityProviderClient,
  GetGroupCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import {
  DescribeKeyCommand,
  GetKeyPolicyCommand,
  GetKeyRotationStatusCommand,
  KMSClient,
  ListResourceTagsCommand,
} from '@aws-sdk/client-kms';
import { GetIndexCommand, OpenSearchClient } from '@aws-sdk/client-opensearch';
import { HeadObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/lifecycle/verify-tenant';
import { anAwsError } from '../../support/aws-errors';
import {
  aContext,
  aDataSource,
  aKeyArn,
  aKeyPolicy,
  aKnowledgeBase,
  aLedgerItem,
  aMembershipItem,
  anIndexSchema,
  anOwnersItem,
  aStateItem,
  aTaskInput,
  DATA_TABLE,
  MEMBERSHIP_TABLE,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
const kms = mockClient(KMSClient);
const opensearch = mockClient(OpenSearchClient);
const bedrock = mockClient(BedrockAgentClient);
const cognito = mockClient(CognitoIdentityProviderClient);
const logs = mockClient(CloudWatchLogsClient);
let tables: Tables;

const LEDGER = {
  'encryption-key': aKeyArn(),
  'data-partition': 'TENANT#acme',
  'storage-prefix': 'data-bucket/tenants/acme/',
  'vector-index': 'tenant-acme',
  'knowledge-base': 'KB1',
  'user-group': 'acme',
  'first-admin': 'sub-1',
  'audit-log': 'arn:aws:logs:eu-central-1:123456789012:log-group:x',
};
const VERIFIED = Object.keys(LEDGER).filter((type) => type !== 'first-admin');

describe('verify-tenant', () => {
  beforeEach(async () => {
    captureOutput();
    setEnvironment();
    for (const client of [dynamodb, s3, kms, opensearch, bedrock, cognito, logs]) client.reset();
    tables = await serveTables(dynamodb, REGISTRY_TABLE, DATA_TABLE, MEMBERSHIP_TABLE);
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem(), anOwnersItem());
    await tables.put(
      REGISTRY_TABLE,
      aStateItem(),
      ...Object.entries(LEDGER).map(([type, physicalId]) => aLedgerItem({ type, physicalId })),
    );
    for (const sk of ['META', 'SETTINGS']) {
      await tables.put(DATA_TABLE, { pk: 'TENANT#acme', sk, tenantId: 'acme', tenantKey: 'TENANT#acme' });
    }
    kms.on(DescribeKeyCommand).resolves({ KeyMetadata: { KeyId: '1', Arn: aKeyArn(), KeyState: 'Enabled' } });
    kms.on(GetKeyRotationStatusCommand).resolves({ KeyRotationEnabled: true });
    const tags = { 'tenant-id': 'acme', 'managed-by': 'tenant-lifecycle-dev' };
    kms.on(ListResourceTagsCommand).resolves({
      Tags: Object.entries(tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
    });
    kms.on(GetKeyPolicyCommand).resolves({ Policy: JSON.stringify(aKeyPolicy()) });
    bedrock.on(ListTagsForResourceCommand).resolves({ tags });
    logs.on(ListTagsOfLogGroupCommand).resolves({ tags });
    s3.on(ListObjectsV2Command).resolves({ Contents: [{ Key: 'tenants/acme/.provisioned' }] });
    s3.on(HeadObjectCommand).resolves({ SSEKMSKeyId: aKeyArn() });
    opensearch.on(GetIndexCommand).resolves({ IndexSchema: anIndexSchema() });
    bedrock.on(GetKnowledgeBaseCommand).resolves({ knowledgeBase: aKnowledgeBase() });
    bedrock.on(ListDataSourcesCommand).resolves({ dataSourceSummaries: [aDataSource()] });
    bedrock.on(GetDataSourceCommand).resolves({ dataSource: aDataSource() });
    cognito.on(GetGroupCommand).resolves({ Group: { Description: 'Members of tenant acme' } });
    cognito.on(AdminListGroupsForUserCommand).resolves({ Groups: [{ GroupName: 'acme' }] });
    cognito.on(AdminGetUserCommand).resolves({
      Username: 'sub-1',
      Enabled: true,
      UserAttributes: [{ Name: 'custom:tenant_id', Value: 'acme' }],
    });
    logs.on(PutLogEventsCommand).resolves({});
    logs.on(DescribeLogGroupsCommand).resolves({
      logGroups: [
        {
          logGroupName: '/tenant-lifecycle/dev/tenants/acme/audit',
          kmsKeyId: aKeyArn('audit'),
          retentionInDays: 365,
          deletionProtectionEnabled: true,
        },
      ],
    });
  });

  afterEach(() => jest.restoreAllMocks());

  it('looks at every resource of the tier, and writes nothing', async () => {
    const output = await handler(aTaskInput(), aContext());

    expect(output).toEqual({ verified: VERIFIED });
    expect(dynamodb.commandCalls(PutCommand)).toHaveLength(0);
    expect(dynamodb.commandCalls(UpdateCommand)).toHaveLength(0);
  });

  it('does not look for a knowledge base that the tier does not have', async () => {
    await tables.put(REGISTRY_TABLE, aStateItem({ tier: 'standard' }));

    const output = await handler(aTaskInput(), aContext());

    expect(output).toEqual({ verified: VERIFIED.filter((type) => type !== 'knowledge-base') });
    expect(bedrock.calls()).toHaveLength(0);
  });

  it('lists the problems of all resources at once, and what the ledger does not hold', async () => {
    await tables.put(REGISTRY_TABLE, aLedgerItem({ type: 'audit-log', phase: 'INTENT' }));
    kms.on(GetKeyRotationStatusCommand).resolves({ KeyRotationEnabled: false });
    opensearch.on(GetIndexCommand).rejects(anAwsError('ResourceNotFoundException', '', 404));

    const run = handler(aTaskInput(), aContext());

    await expect(run).rejects.toMatchObject({
      name: 'VerificationFailedError',
      message:
        'tenant acme: the ledger holds no audit-log; alias/tenant-lifecycle-dev/tenant/acme does not rotate; index tenant-acme: does not exist',
    });
  });

  it('reports a look that failed as what it is, not as a finding', async () => {
    s3.on(HeadObjectCommand).rejects(anAwsError('SlowDown', '', 503));

    await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'ThrottledError' });
  });
});

import {
  BedrockAgentClient,
  GetDataSourceCommand,
  GetKnowledgeBaseCommand,
  ListDataSourcesCommand,
  ListTagsForResourceCommand,
} from '@aws-sdk/client-bedrock-agent';
import { mockClient } from 'aws-sdk-client-mock';
import { verifyKnowledgeBase } from '../../../tasks/knowledge-base/verify';
import { anAwsError } from '../../support/aws-errors';
import { aDataSource, aKnowledgeBase, aVerification, messagesOf } from '../../support/builders';

const OUR_TAGS = { 'tenant-id': 'acme', 'managed-by': 'tenant-lifecycle-dev' };
const bedrock = mockClient(BedrockAgentClient);
const verification = () => aVerification({ 'knowledge-base': 'KB1' });

describe('verifyKnowledgeBase', () => {
  beforeEach(() => {
    bedrock.reset();
    bedrock.on(GetKnowledgeBaseCommand).resolves({ knowledgeBase: aKnowledgeBase() });
    bedrock.on(ListDataSourcesCommand).resolves({ dataSourceSummaries: [aDataSource()] });
    bedrock.on(GetDataSourceCommand).resolves({ dataSource: aDataSource() });
    bedrock.on(ListTagsForResourceCommand).resolves({ tags: OUR_TAGS });
  });

  it('finds nothing wrong with a knowledge base as it must be', async () => {
    expect(messagesOf(await verifyKnowledgeBase(verification()))).toEqual([]);
  });

  it('lists everything that is wrong', async () => {
    const s3Configuration = { bucketArn: 'arn:aws:s3:::data-bucket', inclusionPrefixes: ['tenants/acme'] };
    bedrock.on(GetKnowledgeBaseCommand).resolves({
      knowledgeBase: aKnowledgeBase({
        status: 'DELETING',
        roleArn: 'arn:aws:iam::123456789012:role/other',
        storageConfiguration: { type: 'PINECONE' },
      }),
    });
    bedrock.on(ListTagsForResourceCommand).resolves({ tags: {} });
    bedrock.on(GetDataSourceCommand).resolves({
      dataSource: aDataSource({
        status: 'DELETING',
        dataSourceConfiguration: { type: 'S3', s3Configuration },
        dataDeletionPolicy: 'DELETE',
      }),
    });

    expect(messagesOf(await verifyKnowledgeBase(verification()))).toEqual([
      'knowledge base KB1 is DELETING, not ACTIVE',
      'knowledge base KB1 is not over index tenant-acme',
      'knowledge base KB1 has another role',
      'knowledge base KB1 has no available data source',
      'the data source of KB1 does not read tenants/acme/docs/ of data-bucket alone',
      'the data source of KB1 does not retain the index when it is deleted',
      'knowledge base KB1 is not tagged tenant-id=acme',
      'knowledge base KB1 is not tagged managed-by=tenant-lifecycle-dev',
    ]);
  });

  it('sees a data source over another bucket', async () => {
    const s3Configuration = { bucketArn: 'arn:aws:s3:::other-bucket', inclusionPrefixes: ['tenants/acme/docs/'] };
    bedrock.on(GetDataSourceCommand).resolves({
      dataSource: aDataSource({ dataSourceConfiguration: { type: 'S3', s3Configuration } }),
    });

    expect(messagesOf(await verifyKnowledgeBase(verification()))).toEqual([
      'the data source of KB1 does not read tenants/acme/docs/ of data-bucket alone',
    ]);
  });

  it('sees a further data source, whatever it reads, also on a later page', async () => {
    const further = aDataSource({ dataSourceId: 'DS9', name: 'further' });
    bedrock.on(ListDataSourcesCommand).resolves({ dataSourceSummaries: [aDataSource()], nextToken: 'more' });
    bedrock
      .on(ListDataSourcesCommand, { knowledgeBaseId: 'KB1', nextToken: 'more' })
      .resolves({ dataSourceSummaries: [further] });
    bedrock.on(GetDataSourceCommand, { knowledgeBaseId: 'KB1', dataSourceId: 'DS9' }).resolves({ dataSource: further });

    expect(await verifyKnowledgeBase(verification())).toEqual([
      { kind: 'mis-configured', byHand: true, message: 'knowledge base KB1 has the further data source DS9' },
    ]);
  });

  it('reports a knowledge base that is gone', async () => {
    bedrock.on(GetKnowledgeBaseCommand).rejects(anAwsError('ResourceNotFoundException', '', 404));

    expect(messagesOf(await verifyKnowledgeBase(verification()))).toEqual(['knowledge base KB1 does not exist']);
  });

  it('asks Bedrock nothing when the ledger knows none', async () => {
    expect(messagesOf(await verifyKnowledgeBase(aVerification()))).toEqual([
      'knowledge base of the ledger does not exist',
    ]);
    expect(bedrock.calls()).toHaveLength(0);
  });
});

import { GetIndexCommand, OpenSearchClient } from '@aws-sdk/client-opensearch';
import { mockClient } from 'aws-sdk-client-mock';
import { verifyVectorIndex } from '../../../tasks/vector-index/verify';
import { anAwsError } from '../../support/aws-errors';
import { anIndexSchema, aVerification, messagesOf } from '../../support/builders';

const opensearch = mockClient(OpenSearchClient);

describe('verifyVectorIndex', () => {
  beforeEach(() => opensearch.reset());

  it('finds nothing wrong with an index as it must be', async () => {
    opensearch.on(GetIndexCommand).resolves({ IndexSchema: anIndexSchema() });

    expect(messagesOf(await verifyVectorIndex(aVerification()))).toEqual([]);
  });

  it('reports what differs, naming the index', async () => {
    opensearch.on(GetIndexCommand).resolves({ IndexSchema: anIndexSchema({ knn: 'false' }) });

    expect(messagesOf(await verifyVectorIndex(aVerification()))).toEqual([
      'index tenant-acme: settings.index.knn is false, must be true',
    ]);
  });

  it('reports a missing index', async () => {
    opensearch.on(GetIndexCommand).rejects(anAwsError('ResourceNotFoundException', '', 404));

    expect(messagesOf(await verifyVectorIndex(aVerification()))).toEqual(['index tenant-acme: does not exist']);
  });
});

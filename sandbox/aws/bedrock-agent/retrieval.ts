import type { RetrieveCommandInput, RetrieveCommandOutput } from '@aws-sdk/client-bedrock-agent-runtime';
import { constraint } from '../constraint';
import { type RestJsonService, ServiceError } from '../service';

const checked = constraint('ValidationException');

/**
 * Retrieval from knowledge bases, Agents for Amazon Bedrock Runtime. It finds nothing, because the sandbox embeds nothing
 * and ingests nothing; who may ask, and of which knowledge base, is as on AWS.
 */
export const createRetrieval = (
  knowledgeBases: () => readonly { readonly id: string; readonly status: string }[],
): { readonly service: RestJsonService } => ({
  service: {
    protocol: 'rest-json',
    name: 'bedrock-agent-runtime',
    signingNames: ['bedrock'],
    routes: [{ operation: 'Retrieve', method: 'POST', path: '/knowledgebases/{knowledgeBaseId}/retrieve' }],
    operations: {
      Retrieve({
        knowledgeBaseId = '',
        retrievalQuery,
      }: RetrieveCommandInput): Pick<RetrieveCommandOutput, 'retrievalResults'> {
        checked(knowledgeBaseId, 'knowledgeBaseId', /^[0-9a-zA-Z]{1,10}$/);
        if (!retrievalQuery?.text)
          throw new ServiceError('ValidationException', 'retrievalQuery.text must not be empty');
        const found = knowledgeBases().find(({ id }) => id === knowledgeBaseId);
        if (found === undefined)
          throw new ServiceError(
            'ResourceNotFoundException',
            `Knowledge base with id ${knowledgeBaseId} is not found`,
            404,
          );
        if (found.status !== 'ACTIVE')
          throw new ServiceError('ValidationException', `Knowledge base ${knowledgeBaseId} is ${found.status}`);
        return { retrievalResults: [] };
      },
    },
  },
});

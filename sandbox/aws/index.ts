import { createBedrockAgent } from './bedrock-agent';
import { createCloudFormation } from './cloudformation';
import { createCognito } from './cognito';
import { createDynamoDb } from './dynamodb';
import { createKms } from './kms';
import { createLogs } from './logs';
import { createOpenSearch } from './opensearch';
import { createS3 } from './s3';
import type { Estate } from './service';
import { createSqs } from './sqs';
import { createSts } from './sts';

/** Quotas that tests and demos make smaller; defaults are AWS's own. */
export interface EstateQuotas {
  readonly knowledgeBases?: number;
  readonly groupsPerPool?: number;
}

export type Services = ReturnType<typeof createServices>;

/** All stores of the embedded AWS, wired as the services use each other. */
export function createServices(estate: Estate, { knowledgeBases, groupsPerPool }: EstateQuotas = {}) {
  const kms = createKms(estate);
  const opensearch = createOpenSearch(estate);
  return {
    kms,
    s3: createS3(estate, { kms }),
    logs: createLogs(estate, { kms }),
    cognito: createCognito(estate, groupsPerPool === undefined ? {} : { groupsPerPool }),
    opensearch,
    bedrock: createBedrockAgent(estate, {
      indexExists: (domainArn, index) => opensearch.indexExists(domainArn, index),
      ...(knowledgeBases !== undefined && { knowledgeBases }),
    }),
    dynamodb: createDynamoDb(estate),
    cloudformation: createCloudFormation(estate),
    sqs: createSqs(estate),
    sts: createSts(estate),
  };
}

import { Directory } from '../iam/directory';
import { Sessions } from '../iam/sessions';
import { createBedrockAgent } from './bedrock-agent';
import { createRetrieval } from './bedrock-agent/retrieval';
import { createCloudFormation } from './cloudformation';
import { createCognito } from './cognito';
import type { InvokeTrigger } from './cognito/tokens';
import { type CognitoIdentityOptions, createCognitoIdentity } from './cognito-identity';
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

export interface IdentityOptions {
  readonly directory?: Directory;
  readonly sessions?: Sessions;
  /** Whether Bedrock may have the role. @default every one */
  readonly canAssumeRole?: (roleArn: string) => boolean;
  /** Whether an identity pool may start a session of the role. @default none */
  readonly trusts?: CognitoIdentityOptions['trusts'];
}

export type Services = ReturnType<typeof createServices>;

/** All stores of the embedded AWS, wired as the services use each other. */
export function createServices(
  estate: Estate,
  { knowledgeBases, groupsPerPool }: EstateQuotas = {},
  {
    directory = new Directory(),
    sessions = new Sessions(estate),
    canAssumeRole,
    trusts = () => false,
  }: IdentityOptions = {},
  invokeTrigger?: InvokeTrigger,
) {
  const kms = createKms(estate, { principalExists: (arn) => directory.role(arn) !== undefined });
  const opensearch = createOpenSearch(estate);
  const cognito = createCognito(estate, {
    ...(groupsPerPool !== undefined && { groupsPerPool }),
    ...(invokeTrigger !== undefined && { invokeTrigger }),
  });
  const bedrock = createBedrockAgent(estate, {
    indexExists: (domainArn, index) => opensearch.indexExists(domainArn, index),
    ...(canAssumeRole !== undefined && { canAssumeRole }),
    ...(knowledgeBases !== undefined && { knowledgeBases }),
  });
  return {
    kms,
    s3: createS3(estate, { kms }),
    logs: createLogs(estate, { kms }),
    cognito,
    identityPools: createCognitoIdentity(estate, { sessions, trusts, readToken: cognito.readToken }),
    opensearch,
    bedrock,
    retrieval: createRetrieval(() => bedrock.knowledgeBases()),
    dynamodb: createDynamoDb(estate),
    cloudformation: createCloudFormation(estate),
    sqs: createSqs(estate),
    sts: createSts(estate, { directory, sessions }),
  };
}

import type { AccessTable } from '../access';
import { dynamodb } from './dynamodb';
import { kms } from './kms';
import { logs } from './logs';
import {
  bedrockAgent,
  bedrockAgentRuntime,
  cloudformation,
  cognito,
  cognitoHostedPages,
  cognitoIdentity,
  lambda,
  opensearch,
  sfn,
  sqs,
} from './others';
import { s3 } from './s3';
import { sts } from './sts';

/** Which permissions each operation needs, by the service's name at the endpoint. */
export const ACCESS: Readonly<Record<string, AccessTable>> = {
  'bedrock-agent': bedrockAgent,
  'bedrock-agent-runtime': bedrockAgentRuntime,
  cloudformation,
  'cognito-hosted-pages': cognitoHostedPages,
  'cognito-identity': cognitoIdentity,
  'cognito-identity-provider': cognito,
  dynamodb,
  kms,
  lambda,
  logs,
  opensearch,
  s3,
  sfn,
  sqs,
  sts,
};

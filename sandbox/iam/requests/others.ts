import type { Call } from '../../aws/service';
import { type AccessRequest, type AccessTable, arn, EVERYTHING, named, type Surroundings, text } from '../access';
import { type ContextRecord, requestedTags, tagKeys } from '../context';

/** Operations of the user pool API that users call with their own tokens, or with none: IAM is not asked. */
const OF_USERS = [
  'ConfirmForgotPassword',
  'ConfirmSignUp',
  'ForgotPassword',
  'GetTokensFromRefreshToken',
  'GetUser',
  'GlobalSignOut',
  'InitiateAuth',
  'RespondToAuthChallenge',
  'RevokeToken',
  'SignUp',
  'UpdateUserAttributes',
];

const POOL_OPERATIONS = [
  'AdminAddUserToGroup',
  'AdminCreateUser',
  'AdminDeleteUser',
  'AdminDisableUser',
  'AdminEnableUser',
  'AdminGetUser',
  'AdminInitiateAuth',
  'AdminListGroupsForUser',
  'AdminRemoveUserFromGroup',
  'AdminRespondToAuthChallenge',
  'AdminSetUserPassword',
  'AdminUpdateUserAttributes',
  'AdminUserGlobalSignOut',
  'CreateGroup',
  'DeleteGroup',
  'DescribeUserPool',
  'DescribeUserPoolClient',
  'GetGroup',
  'ListGroups',
  'ListUsers',
  'ListUsersInGroup',
  'UpdateGroup',
];

/** Cognito user pools [Service Authorization Reference]. */
export const cognito: AccessTable = {
  ...named('cognito-idp', POOL_OPERATIONS, (call, { estate }) =>
    arn(estate, 'cognito-idp', `userpool/${text(call, 'UserPoolId')}`),
  ),
  ...named('cognito-idp', ['ListUserPools'], EVERYTHING),
  ...Object.fromEntries(OF_USERS.map((operation) => [operation, () => []])),
};

/** Keys, sign-in page and token endpoint of user pools: nobody signs such requests. */
export const cognitoHostedPages: AccessTable = Object.fromEntries(
  ['GetJwks', 'Login', 'Token', 'Revoke'].map((operation) => [operation, () => []]),
);

/** Identity pools: nobody signs such requests; the token of the login counts [public API operations]. */
export const cognitoIdentity: AccessTable = Object.fromEntries(
  ['GetId', 'GetCredentialsForIdentity', 'GetOpenIdToken'].map((operation) => [operation, () => []]),
);

/** The data-plane calls that the index operations make on the domain [OpenSearch guide, automatic semantic enrichment: permissions]. */
const INDEX_OPERATIONS: Readonly<Record<string, readonly string[]>> = {
  CreateIndex: ['es:ESHttpHead', 'es:ESHttpPut', 'es:ESHttpPost'],
  GetIndex: ['es:ESHttpGet'],
  UpdateIndex: ['es:ESHttpGet', 'es:ESHttpPut', 'es:ESHttpPost'],
  DeleteIndex: ['es:ESHttpDelete'],
};

const domainArn = (call: Call, { estate }: Surroundings): string =>
  arn(estate, 'es', `domain/${text(call, 'DomainName')}`);

/** OpenSearch Service. An operation on an index is asked for on the domain, its data-plane calls on the index. */
export const opensearch: AccessTable = {
  ...named('es', ['DescribeDomain'], domainArn),
  ...named('es', ['ListDomainNames'], EVERYTHING),
  ...named('es', ['ListTags'], (call) => text(call, 'arn')),
  ...Object.fromEntries(
    Object.entries(INDEX_OPERATIONS).map(([operation, dataPlane]) => [
      operation,
      (call: Call, around: Surroundings): AccessRequest[] => {
        const domain = domainArn(call, around);
        const policy = around.directory.policyOf(domain);
        const index = `${domain}/${text(call, 'IndexName')}`;
        return [
          { action: `es:${operation}`, resource: domain, policy },
          ...dataPlane.map((action) => ({ action, resource: index, policy })),
        ];
      },
    ]),
  ),
};

const KNOWLEDGE_BASE_OPERATIONS = [
  'CreateDataSource',
  'DeleteDataSource',
  'DeleteKnowledgeBase',
  'GetDataSource',
  'GetIngestionJob',
  'GetKnowledgeBase',
  'ListDataSources',
  'ListIngestionJobs',
  'StartIngestionJob',
  'StopIngestionJob',
  'UpdateDataSource',
];

const knowledgeBaseArn = (call: Call, { estate }: Surroundings): string =>
  arn(estate, 'bedrock', `knowledge-base/${text(call, 'knowledgeBaseId')}`);

const knowledgeBaseTags = (resource: string, { services }: Surroundings): ContextRecord => {
  const id = resource.slice(resource.lastIndexOf('/') + 1);
  return tagKeys(
    'aws:ResourceTag',
    Object.entries(services.bedrock.knowledgeBases().find((one) => one.id === id)?.tags ?? {}),
  );
};

const bedrockTags = ({ input }: Call): [string, string][] =>
  Object.entries((input['tags'] ?? {}) as Record<string, string>);

/** Handing a role to a service takes iam:PassRole on it [id_roles_use_passrole]. */
const passRole = (call: Call, service: string): AccessRequest => ({
  action: 'iam:PassRole',
  resource: text(call, 'roleArn'),
  context: { 'iam:PassedToService': service },
});

/** Agents for Amazon Bedrock: knowledge bases [Service Authorization Reference]. */
export const bedrockAgent: AccessTable = {
  ...named('bedrock', KNOWLEDGE_BASE_OPERATIONS, knowledgeBaseArn, (call, around) =>
    knowledgeBaseTags(knowledgeBaseArn(call, around), around),
  ),
  ...named('bedrock', ['ListKnowledgeBases'], EVERYTHING),
  ...named(
    'bedrock',
    ['ListTagsForResource', 'TagResource', 'UntagResource'],
    (call) => text(call, 'resourceArn'),
    (call, around) => ({
      ...knowledgeBaseTags(text(call, 'resourceArn'), around),
      ...requestedTags(bedrockTags(call)),
    }),
  ),
  CreateKnowledgeBase(call) {
    const context = requestedTags(bedrockTags(call));
    return [
      { action: 'bedrock:CreateKnowledgeBase', resource: '*', context },
      ...(bedrockTags(call).length > 0 ? [{ action: 'bedrock:TagResource', resource: '*', context }] : []),
      passRole(call, 'bedrock.amazonaws.com'),
    ];
  },
  UpdateKnowledgeBase(call, around) {
    const resource = knowledgeBaseArn(call, around);
    return [
      { action: 'bedrock:UpdateKnowledgeBase', resource, context: knowledgeBaseTags(resource, around) },
      passRole(call, 'bedrock.amazonaws.com'),
    ];
  },
};

/** Agents for Amazon Bedrock Runtime: retrieval is asked of the knowledge base, with its tags. */
export const bedrockAgentRuntime: AccessTable = named('bedrock', ['Retrieve'], knowledgeBaseArn, (call, around) =>
  knowledgeBaseTags(knowledgeBaseArn(call, around), around),
);

const executionArn = (call: Call): string => text(call, 'executionArn');
const machineArn = (call: Call): string => text(call, 'stateMachineArn');

/** Step Functions [Service Authorization Reference]. */
export const sfn: AccessTable = {
  ...named(
    'states',
    [
      'DescribeExecution',
      'DescribeStateMachineForExecution',
      'GetExecutionHistory',
      'RedriveExecution',
      'StopExecution',
    ],
    executionArn,
  ),
  ...named('states', ['DescribeStateMachine', 'ListExecutions', 'StartExecution'], machineArn),
  ...named('states', ['ListTagsForResource'], (call) => text(call, 'resourceArn')),
  ...named('states', ['ListStateMachines'], EVERYTHING),
};

const functionArn = (call: Call, { estate }: Surroundings): string => {
  const given = text(call, 'FunctionName');
  return given.startsWith('arn:') ? given : arn(estate, 'lambda', `function:${given.replace(/^.*:function:/, '')}`);
};

/** AWS Lambda. Invoking has an action of another name. */
export const lambda: AccessTable = {
  Invoke(call, around) {
    const resource = functionArn(call, around);
    return [{ action: 'lambda:InvokeFunction', resource, policy: around.directory.policyOf(resource) }];
  },
  ...named('lambda', ['GetFunction', 'GetFunctionConfiguration'], functionArn),
  ...named('lambda', ['ListFunctions'], EVERYTHING),
};

/** CloudFormation, as far as it is served. */
export const cloudformation: AccessTable = {
  ...named('cloudformation', ['DescribeStacks'], (call, { estate }) =>
    arn(estate, 'cloudformation', `stack/${text(call, 'StackName') || '*'}/*`),
  ),
  ...named('cloudformation', ['ListStacks'], EVERYTHING),
};

const QUEUE_OPERATIONS = [
  'ChangeMessageVisibility',
  'DeleteMessage',
  'GetQueueAttributes',
  'GetQueueUrl',
  'ListDeadLetterSourceQueues',
  'ListMessageMoveTasks',
  'ReceiveMessage',
  'SendMessage',
  'StartMessageMoveTask',
];

/** Amazon SQS [sqs-api-permissions-reference]. A queue's policy counts beside the identity policies. */
export const sqs: AccessTable = {
  ...Object.fromEntries(
    QUEUE_OPERATIONS.map((operation) => [
      operation,
      (call: Call, { estate, directory }: Surroundings): AccessRequest[] => {
        const queue = text(call, 'QueueUrl') || text(call, 'QueueName');
        const resource = text(call, 'SourceArn') || arn(estate, 'sqs', queue.slice(queue.lastIndexOf('/') + 1));
        return [{ action: `sqs:${operation}`, resource, policy: directory.policyOf(resource) }];
      },
    ]),
  ),
  ...named('sqs', ['ListQueues'], EVERYTHING),
};

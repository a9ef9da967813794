import { DeleteItemCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { CallRecord } from '../../sandbox/aws/call-log';
import { readAssembly, type TemplateResource } from '../../sandbox/deploy/assembly';
import { asleep, changeHold, offboard, onboard, onboardToTheEnd, reinstate, toTheEnd } from '../../sandbox/requests';
import { partitionKey } from '../../tasks/shared/names';
import { ASSEMBLY } from '../support/assembly';
import {
  aRequest,
  executionArnOf,
  functionName,
  redriveToTheEnd,
  startByHand,
  useApp,
  withoutPausesOfTheSdk,
} from './app-under-test';

withoutPausesOfTheSdk();
const app = useApp();

/** Service prefix of IAM actions by the SDK's client name, where it differs. */
const PREFIX: Readonly<Record<string, string>> = {
  'bedrock-agent': 'bedrock',
  'cognito-identity-provider': 'cognito-idp',
  opensearch: 'es',
  sfn: 'states',
};

/** Actions of operations whose action has another name, or that need more than one. */
const ACTIONS: Readonly<Record<string, readonly string[]>> = {
  's3 HeadObject': ['s3:GetObject'],
  's3 PutObject': ['s3:PutObject', 'kms:GenerateDataKey'],
  'kms CreateKey': ['kms:CreateKey', 'kms:TagResource'],
  'logs CreateLogGroup': ['logs:CreateLogGroup', 'logs:TagResource', 'logs:AssociateKmsKey'],
  'bedrock-agent CreateKnowledgeBase': ['bedrock:CreateKnowledgeBase', 'bedrock:TagResource', 'iam:PassRole'],
  'opensearch CreateIndex': ['es:CreateIndex', 'es:ESHttpPut'],
  'opensearch GetIndex': ['es:GetIndex', 'es:ESHttpGet'],
  'opensearch DeleteIndex': ['es:DeleteIndex', 'es:ESHttpDelete'],
  's3 ListObjectVersions': ['s3:ListBucketVersions'],
  's3 ListMultipartUploads': ['s3:ListBucketMultipartUploads'],
  's3 DeleteObjects': ['s3:DeleteObject', 's3:DeleteObjectVersion'],
};

const actionsOf = ({ service, operation }: CallRecord): readonly string[] =>
  ACTIONS[`${service} ${operation}`] ?? [`${PREFIX[service] ?? service}:${operation}`];

/** Granted, and not seen in the call log, each with the reason. */
const UNUSED: Readonly<Record<string, string>> = {
  'xray:PutTraceSegments': 'the tracer; there is no X-Ray in the sandbox',
  'xray:PutTelemetryRecords': 'the tracer; there is no X-Ray in the sandbox',
  'logs:CreateLogStream': 'the function’s own log, written by Lambda',
  'logs:PutLogEvents': 'the function’s own log, written by Lambda',
  'kms:Decrypt': 'called by S3 and DynamoDB in the role’s name',
  'kms:Encrypt': 'called by DynamoDB in the role’s name',
  'kms:GenerateDataKey': 'called by S3 and DynamoDB in the role’s name',
  'kms:DescribeKey': 'called by DynamoDB in the role’s name, also where the task does not',
  's3:ListBucket': 'lets S3 answer “not found” instead of “access denied”',
  'es:ESHttpHead': 'the data-plane side of the control-plane calls',
  'es:ESHttpPost': 'the data-plane side of the control-plane calls',
  'kms:UpdateAlias': 'moves the alias away from a key that is being deleted',
  'kms:PutKeyPolicy': 'CreateKey’s lockout check asks for it',
  'es:DescribeDomain': 'asked when an index is gone already: its domain must not be',
  'cognito-idp:DescribeUserPool': 'asked when a group is gone already: its pool must not be',
  'cognito-idp:AdminRemoveUserFromGroup': 'for users who belong to further tenants',
  'bedrock:StopIngestionJob': 'for a purge during an ingestion',
  'bedrock:UpdateDataSource': 'for a data source that was changed by hand from RETAIN to DELETE',
  's3:AbortMultipartUpload': 'for uploads that were never completed',
  's3:GetObject': 'reads back what an earlier attempt has written',
  'kms:ListKeys': 'the search for a key whose CreateKey answer was lost',
  'kms:ListResourceTags': 'the search for a key whose CreateKey answer was lost',
  'kms:DisableKey': 'for a key that was enabled by hand after the hold began',
  'states:DescribeExecution': 'asks whether the owner of a lease still runs',
  'sqs:SendMessage': 'Lambda’s own, for events that failed for good',
};

const roles = new Map<string, ReadonlySet<string>>();
const called = new Map<string, Set<string>>();

beforeAll(async () => {
  for (const { template } of readAssembly(ASSEMBLY)) {
    for (const { Type, Properties } of Object.values(template.Resources)) {
      if (Type === 'AWS::Lambda::Function') {
        roles.set(String(Properties?.['FunctionName']), allowed(template.Resources[roleOf(Properties)]));
      }
    }
  }
  await useEveryPath();
  for (const call of app().calls.entries()) {
    if (call.functionName === undefined) continue;
    const actions = called.get(call.functionName) ?? new Set();
    for (const action of actionsOf(call)) actions.add(action);
    called.set(call.functionName, actions);
  }
});

/** The ordinary way, the repeated one, and those after lost answers and manual changes. */
async function useEveryPath(): Promise<void> {
  const { faults, services } = app();
  await onboardToTheEnd(app(), aRequest({ tenantId: 'standard-one' }));
  const premium = aRequest({ tenantId: 'premium-one', tier: 'premium' });
  await onboardToTheEnd(app(), premium);
  await onboard(app(), premium);
  const input = { tenantId: 'premium-one', requestId: 'request-1' };
  for (const { tags, arn } of services.kms.keys()) {
    if (tags.get('tenant-id') === 'premium-one') Object.assign(services.kms.describe(arn), { state: 'Disabled' });
  }
  await startByHand(app(), input, 'again');
  await forgetKnowledgeBase('premium-one');
  await startByHand(app(), input, 'and-again');

  const lost = { when: 'after', effect: { kind: 'reset' }, times: 3 } as const;
  for (const operation of ['CreateKey', 'CreateAlias', 'CreateKnowledgeBase', 'CreateDataSource', 'CreateIndex']) {
    faults.add({ ...lost, operation });
  }
  await onboardToTheEnd(app(), aRequest({ tenantId: 'lossy-one', tier: 'premium' }));
  faults.clear();

  const denied = { kind: 'error', code: 'InvalidParameterException' } as const;
  faults.add({ operation: 'PutRetentionPolicy', when: 'before', effect: denied });
  const failed = await onboardToTheEnd(app(), aRequest({ tenantId: 'failed-one' }));
  await onboard(app(), aRequest({ tenantId: 'failed-one', requestId: 'request-2' }));
  await app().machines.settled(executionArnOf(app(), { tenantId: 'failed-one', requestId: 'request-2' }));
  await redriveToTheEnd(app(), failed.executionArn);
  await offboardOnEveryPath();
  for (const { name } of app().schedules.list()) await app().fireSchedule(name);
}

const DAYS = 86_400_000;

/** A hold that is shortened, outlives its execution, is cancelled; a purge of a tenant with data, and of a half-made one. */
async function offboardOnEveryPath(): Promise<void> {
  const leave = (tenantId: string, requestId: string, holdSeconds: number) =>
    offboard(app(), { tenantId, requestId, reason: 'contract ended', holdSeconds });
  const year = 365 * 86_400;
  const cancelled = await leave('standard-one', 'leave-1', year);
  await asleep(app(), cancelled.executionArn);
  const back = await reinstate(app(), { tenantId: 'standard-one', requestId: 'stay-1', reason: 'contract renewed' });
  await toTheEnd(app(), back.executionArn);

  const shortened = await leave('premium-one', 'leave-1', year);
  await asleep(app(), shortened.executionArn);
  const until = new Date(app().clock.now() + DAYS).toISOString();
  const change = { tenantId: 'premium-one', requestId: 'sooner', requestedBy: 'operator' };
  await changeHold(app(), { ...change, change: 'set-hold', until });
  await leaseOwnerAsleep('premium-one');
  await app().clock.advance(2 * DAYS);
  await leaseOwnerGone('premium-one');

  const long = await leave('failed-one', 'leave-1', year);
  await asleep(app(), long.executionArn);
  await app().clock.advance(301 * DAYS);
  await toTheEnd(app(), long.executionArn);
}

const leaseOwnerOf = async (tenantId: string) =>
  (await app().services.dynamodb.dump(app().output('RegistryTableName'))).find(
    (item) => item['sk'] === 'STATE' && item['tenantId'] === tenantId,
  )?.['leaseOwner'] as string | undefined;

async function leaseOwnerAsleep(tenantId: string): Promise<void> {
  for (let owner = await leaseOwnerOf(tenantId); ; owner = await leaseOwnerOf(tenantId)) {
    if (owner?.includes('-g') && app().machines.describe(owner).status === 'RUNNING') return asleep(app(), owner);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function leaseOwnerGone(tenantId: string): Promise<void> {
  const owner = await leaseOwnerOf(tenantId);
  if (owner !== undefined) await toTheEnd(app(), owner);
}

/** As after a restore of the registry from a backup: the next execution has to find what is there. */
async function forgetKnowledgeBase(tenantId: string): Promise<void> {
  const client = new DynamoDBClient(app().clientConfig);
  const Key = { pk: { S: partitionKey(tenantId) }, sk: { S: 'RESOURCE#knowledge-base' } };
  await client.send(new DeleteItemCommand({ TableName: app().output('RegistryTableName'), Key }));
}

function roleOf(properties: TemplateResource['Properties']): string {
  const role = properties?.['Role'] as { 'Fn::GetAtt'?: [string, string] } | undefined;
  return role?.['Fn::GetAtt']?.[0] ?? '';
}

function allowed(role: TemplateResource | undefined): ReadonlySet<string> {
  const policies = (role?.Properties?.['Policies'] ?? []) as {
    PolicyDocument: { Statement: { Effect: string; Action: string | string[] }[] };
  }[];
  const statements = policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
  return new Set(statements.filter(({ Effect }) => Effect === 'Allow').flatMap(({ Action }) => Action));
}

describe('the role of every function', () => {
  it('allows what the function calls', () => {
    const missing = [...called].flatMap(([name, actions]) =>
      [...actions].filter((action) => !roles.get(name)?.has(action)).map((action) => `${name} lacks ${action}`),
    );

    expect(called.size).toBe(roles.size);
    expect(missing).toEqual([]);
  });

  it('allows nothing that no function ever calls, but for a reason', () => {
    const unused = [...roles].flatMap(([name, actions]) =>
      [...actions]
        .filter((action) => !called.get(name)?.has(action) && UNUSED[action] === undefined)
        .map((action) => `${name.replace(functionName(''), '')} never used ${action}`),
    );

    expect(unused).toEqual([]);
  });

  it('names no action by a wildcard', () => {
    const wildcards = [...roles].flatMap(([name, actions]) =>
      [...actions].filter((action) => action.includes('*')).map((action) => `${name}: ${action}`),
    );

    expect(wildcards).toEqual([]);
  });
});

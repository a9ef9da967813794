import { CreateKnowledgeBaseCommand } from '@aws-sdk/client-bedrock-agent';
import { CreateLogGroupCommand } from '@aws-sdk/client-cloudwatch-logs';
import { AdminEnableUserCommand, CreateGroupCommand } from '@aws-sdk/client-cognito-identity-provider';
import { DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { CreateKeyCommand, EnableKeyCommand, EncryptCommand } from '@aws-sdk/client-kms';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { BatchWriteCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { onboardToTheEnd } from '../../sandbox/requests';
import type { Sandbox } from '../../sandbox/sandbox';
import {
  ATTEMPT_TAG,
  auditLogGroupName,
  keyAlias,
  MANAGED_BY_TAG,
  partitionKey,
  TENANT_TAG,
} from '../../tasks/shared/names';
import type { Tier } from '../../tasks/shared/tenant';
import {
  APP,
  aRequest,
  callsOf,
  functionName,
  lastCall,
  startApp,
  stateOf,
  useApp,
  withoutPausesOfTheSdk,
} from '../lifecycle/app-under-test';
import {
  anActiveTenant,
  DAY,
  offboardToTheEnd,
  putObject,
  startOffboarding,
} from '../offboarding/offboarding-under-test';
import { aTenantState } from '../support/builders';
import { type Clients, clientsOf, examined, HOUR, keyArnOf, reportAt, summaryOf, wordsOf } from './doctor-under-test';
import { DRIFTS } from './drifts';

withoutPausesOfTheSdk();

const onboarded = async (sandbox: Sandbox, tenantId: string, tier: Tier = 'standard') => {
  const { status } = await onboardToTheEnd(sandbox, aRequest({ tenantId, tier }));
  if (status !== 'SUCCEEDED') throw new Error(`${tenantId}: onboarding ended ${status}`);
};

/** Tags with which provision-encryption-key makes keys. */
const keyTags = (tenantId: string, attemptId = 'onboard--x--y.1') =>
  Object.entries({ [TENANT_TAG]: tenantId, [MANAGED_BY_TAG]: 'tenant-lifecycle-dev', [ATTEMPT_TAG]: attemptId }).map(
    ([TagKey, TagValue]) => ({ TagKey, TagValue }),
  );

/** @param Policy of the key. @default KMS's own, which lets everybody with the IAM permission do everything */
const aKey = async ({ kms }: Clients, tenantId: string, Policy?: string): Promise<string> =>
  (await kms.send(new CreateKeyCommand({ Tags: keyTags(tenantId), Policy }))).KeyMetadata?.Arn ?? '';

const setState = ({ dynamodb }: Clients, sandbox: Sandbox, tenantId: string, name: string, value: string) =>
  dynamodb.send(
    new UpdateItemCommand({
      TableName: sandbox.output('RegistryTableName'),
      Key: { pk: { S: partitionKey(tenantId) }, sk: { S: 'STATE' } },
      UpdateExpression: 'SET #name = :value',
      ExpressionAttributeNames: { '#name': name },
      ExpressionAttributeValues: { ':value': { S: value } },
    }),
  );

describe('the examination of an estate in which people did things by hand', () => {
  const app = useApp();
  let clients: Clients;
  beforeAll(async () => {
    clients = clientsOf(app());
    for (const { tenantId, tier } of DRIFTS) await onboarded(app(), tenantId, tier);
  });

  it('finds each drift at its tenant, says what repairs it, and finds nothing at the others', async () => {
    await onboarded(app(), 'healthy', 'premium');
    for (const { tenantId, plant } of DRIFTS) await plant(tenantId, app(), clients);

    const report = await examined(app());

    expect(summaryOf(report)).toEqual(
      Object.fromEntries(DRIFTS.map(({ tenantId, found }) => [tenantId, [...found].sort()])),
    );
    expect(report).toMatchObject({ examined: DRIFTS.length + 1, unexamined: 0, account: [] });
  });

  it('examines one tenant alone, and then leaves the account out', async () => {
    const report = await examined(app(), 'marker-gone');

    expect(summaryOf(report)).toEqual({ 'marker-gone': ['missing storage-prefix → onboard'] });
    expect(report.examined).toBe(1);
  });

  it('names a tenant that could not be examined, and examines the others', async () => {
    const { faults } = app();
    const healthy = keyArnOf(app(), 'healthy');
    faults.add({
      operation: 'GetKeyRotationStatus',
      when: 'before',
      effect: { kind: 'error', code: 'AccessDeniedException', status: 400 },
      input: (input) => input['KeyId'] === healthy,
      times: 100,
    });

    const report = await examined(app());
    faults.clear();

    expect(summaryOf(report)['healthy']).toEqual(['unexamined tenant → none']);
    expect(report).toMatchObject({ examined: DRIFTS.length, unexamined: 1, counts: { unexamined: 1 } });
    expect(summaryOf(report)['marker-gone']).toBeDefined();
  });
});

describe('the examination of tenants that are on their way', () => {
  const app = useApp();

  it('finds what is wrong for the status, and what nothing carries on', async () => {
    const clients = clientsOf(app());
    for (const tenantId of ['blocked', 'unblocked', 'closed', 'residual', 'stuck', 'failed-repair'])
      await anActiveTenant(app(), tenantId);
    for (const tenantId of ['blocked', 'unblocked']) await startOffboarding(app(), tenantId, { holdSeconds: 90 * DAY });
    for (const tenantId of ['closed', 'residual']) await offboardToTheEnd(app(), tenantId);
    const UserPoolId = app().output('UserPoolId');
    const { leaseOwner: _, ...stuck } = await stateOf(app(), 'stuck');
    await setState(clients, app(), 'stuck', 'status', 'PROVISIONING');
    const ended = `${app().output('OnboardTenantStateMachineArn').replace(':stateMachine:', ':execution:')}:onboard--stuck--${stuck.requestId}`;
    await setState(clients, app(), 'stuck', 'leaseOwner', ended);
    await setState(clients, app(), 'failed-repair', 'leaseOwner', ended.replaceAll('stuck', 'failed-repair'));
    await clients.kms.send(new EnableKeyCommand({ KeyId: keyArnOf(app(), 'unblocked') }));
    const [user] = [...app().services.cognito.userPool(UserPoolId).users.values()].filter(({ groups }) =>
      groups.has('unblocked'),
    );
    await clients.cognito.send(new AdminEnableUserCommand({ UserPoolId, Username: user?.username }));
    await clients.cognito.send(new CreateGroupCommand({ UserPoolId, GroupName: 'residual' }));
    await putObject(app(), 'tenants/residual/again.txt', 'written late');

    const early = await examined(app());
    await app().clock.advance(HOUR);
    const report = await examined(app());

    expect(summaryOf(early)).toEqual({
      residual: ['wrong-status storage-prefix → none', 'wrong-status user-group → none'],
    });
    expect(summaryOf(report)).toEqual({
      'failed-repair': ['stuck tenant → onboard'],
      residual: ['wrong-status storage-prefix → none', 'wrong-status user-group → none'],
      stuck: ['stuck tenant → onboard'],
      unblocked: ['wrong-status encryption-key → suspend', 'wrong-status user-group → suspend'],
    });
  });
});

describe('the examination of the account', () => {
  const app = useApp();

  it('finds what belongs to nobody, and leaves alone what is somebody else’s or might be needed', async () => {
    const clients = clientsOf(app());
    await onboarded(app(), 'owner');
    await onboarded(app(), 'second', 'premium');
    const { policy } = app().services.kms.describe(keyAlias(APP, 'owner'));
    const orphan = await aKey(clients, 'owner', policy);
    const hiding = await aKey(clients, 'owner', policy.replace(/"kms:GetKeyLastUsage",/, ''));
    const ofNobody = await aKey(clients, 'nobody');
    const used = await aKey(clients, 'nobody');
    await clients.kms.send(new EncryptCommand({ KeyId: used, Plaintext: Buffer.from('x') }));
    app().services.kms.createKey({ tags: { [TENANT_TAG]: 'owner', [MANAGED_BY_TAG]: 'other-app-dev' } });
    app().services.kms.createKey({
      tags: { [TENANT_TAG]: 'owner', [MANAGED_BY_TAG]: 'tenant-lifecycle-dev' },
      aliases: ['alias/somebody'],
    });
    app().services.kms.createKey({
      tags: { [TENANT_TAG]: 'gone', [MANAGED_BY_TAG]: 'tenant-lifecycle-dev' },
      aliases: ['alias/tenant-lifecycle-dev/tenant/gone'],
    });
    const UserPoolId = app().output('UserPoolId');
    await clients.cognito.send(
      new CreateGroupCommand({ UserPoolId, GroupName: 'gone', Description: 'Members of tenant gone' }),
    );
    await clients.cognito.send(new CreateGroupCommand({ UserPoolId, GroupName: 'doctors', Description: 'Ours' }));
    await clients.logs.send(new CreateLogGroupCommand({ logGroupName: auditLogGroupName(APP, 'gone') }));
    await clients.s3.send(
      new PutObjectCommand({ Bucket: app().output('DataBucketName'), Key: 'tenants/gone/file', Body: 'x' }),
    );
    for (const name of ['tenant-lifecycle-dev-gone', 'tenant-lifecycle-dev-owner', 'somebodys-own'])
      await clients.bedrock.send(aKnowledgeBaseNamed(name));
    await clients.dynamodb.send(
      new UpdateItemCommand({
        TableName: app().output('RegistryTableName'),
        Key: { pk: { S: 'ESTATE' }, sk: { S: 'CAPACITY' } },
        UpdateExpression: 'ADD #type :two',
        ExpressionAttributeNames: { '#type': 'user-group' },
        ExpressionAttributeValues: { ':two': { N: '2' } },
      }),
    );
    await app().clock.advance(25 * HOUR);
    const fresh = await aKey(clients, 'nobody');

    const report = await examined(app());

    expect(report.tenants).toEqual([]);
    expect(report.account.map(wordsOf).sort()).toEqual([
      'extra audit-log → none',
      'extra encryption-key → none',
      'extra knowledge-base → none',
      'extra knowledge-base → none',
      'extra storage-prefix → none',
      'extra user-group → none',
      'mis-configured capacity → none',
      'orphaned encryption-key → none',
      'orphaned encryption-key → none',
      'orphaned encryption-key → retire-key',
      'orphaned encryption-key → retire-key',
    ]);
    const orphans = report.account.filter(({ kind }) => kind === 'orphaned');
    expect(orphans.map(({ physicalId }) => physicalId).sort()).toEqual([orphan, hiding, ofNobody, used].sort());
    const messageOf = (keyArn: string) => orphans.find(({ physicalId }) => physicalId === keyArn)?.message;
    expect(messageOf(used)).toContain('it was used at');
    expect(messageOf(hiding)).toContain('its policy does not let KMS say whether it was used');
    expect(JSON.stringify(report)).not.toContain(fresh);
    const capacity = report.account.find(({ resource }) => resource === 'capacity');
    expect(capacity?.message).toBe(
      'the capacity counter says that 4 places of user-group are taken; tenants have taken 2',
    );
  });

  it('tells its metrics, for all tenants only', async () => {
    const group = `/aws/lambda/${functionName('summarize-examination')}`;
    const gauges = () =>
      [...(app().services.logs.group(group)?.streams.values() ?? [])]
        .flatMap(({ events }) => events)
        .filter(({ message }) => message.startsWith('{'))
        .map(({ message }) => JSON.parse(message) as Record<string, unknown>)
        .filter((line) => 'DoctorFindings' in line || 'OrphanedKeys' in line);
    const before = gauges();

    await examined(app(), 'owner');

    expect(gauges()).toHaveLength(before.length);
    expect(before).toContainEqual(expect.objectContaining({ kind: 'orphaned', DoctorFindings: 4 }));
    expect(before).toContainEqual(expect.objectContaining({ kind: 'stuck', DoctorFindings: 0 }));
    expect(before).toContainEqual(expect.objectContaining({ OrphanedKeys: 4 }));
  });
});

const aKnowledgeBaseNamed = (name: string) =>
  new CreateKnowledgeBaseCommand({
    name,
    roleArn: 'arn:aws:iam::000000000000:role/tenant-lifecycle-dev-knowledge-base',
    knowledgeBaseConfiguration: {
      type: 'VECTOR',
      vectorKnowledgeBaseConfiguration: {
        embeddingModelArn: 'arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0',
      },
    },
    storageConfiguration: {
      type: 'OPENSEARCH_MANAGED_CLUSTER',
      opensearchManagedClusterConfiguration: {
        domainArn: 'arn:aws:es:us-east-1:000000000000:domain/tenant-lifecycle-dev',
        domainEndpoint: 'https://vectors.example',
        vectorIndexName: 'tenant-second',
        fieldMapping: {
          vectorField: 'vector',
          textField: 'AMAZON_BEDROCK_TEXT_CHUNK',
          metadataField: 'AMAZON_BEDROCK_METADATA',
        },
      },
    },
  });

describe('a healthy estate', () => {
  /** Calls of an examination, by function, and those that change something. */
  async function callsWith(tenants: number) {
    const sandbox = await startApp();
    try {
      for (let tenant = 1; tenant <= tenants; tenant += 1)
        await onboarded(sandbox, `tenant-${tenant}`, tenant % 3 === 0 ? 'premium' : 'standard');
      const since = lastCall(sandbox);
      const report = await examined(sandbox);
      const calls = callsOf(sandbox, since);
      return {
        report,
        calls,
        writes: calls.filter((call) => !/ (Get|List|Describe|Query|Head|Admin(Get|List))\w*$/.test(call)),
      };
    } finally {
      await sandbox.stop();
    }
  }

  it('has no findings, is only read, and costs the same number of calls per tenant however many there are', async () => {
    const few = await callsWith(3);
    const many = await callsWith(9);

    for (const { report, writes } of [few, many]) {
      expect(report).toMatchObject({ tenants: [], account: [], unexamined: 0 });
      expect(writes).toEqual(['summarize-examination: s3 PutObject']);
    }
    const perTenant = (many.calls.length - few.calls.length) / 6;
    const fixed = few.calls.length - 3 * perTenant;
    expect(perTenant).toBeLessThanOrEqual(20);
    expect(fixed).toBeLessThanOrEqual(60);
    expect(many.calls.length).toBeLessThan(few.calls.length * 3);
  });
});

describe('an estate of more tenants than fit on a page', () => {
  const app = useApp();
  const TENANTS = 510;

  /** Requests that nothing carries on, written and not onboarded: cheap to make and to examine. */
  async function writeRequests(stuck: ReadonlySet<string>, tenants: readonly string[]): Promise<void> {
    const client = DynamoDBDocumentClient.from(new DynamoDBClient(app().clientConfig));
    const now = app().clock.now();
    const requests = tenants.map((tenantId) => {
      const at = new Date(stuck.has(tenantId) ? now - HOUR : now).toISOString();
      const state = aTenantState({ tenantId, status: 'REQUESTED', requestedAt: at, updatedAt: at });
      const { leaseOwner: _, ...Item } = { ...state, pk: partitionKey(tenantId), sk: 'STATE' };
      return { PutRequest: { Item } };
    });
    for (let from = 0; from < requests.length; from += 25) {
      const page = requests.slice(from, from + 25);
      await client.send(new BatchWriteCommand({ RequestItems: { [app().output('RegistryTableName')]: page } }));
    }
    client.destroy();
  }

  it('is examined whole, reports whom something is the matter with, and reads each of them once', async () => {
    const tenants = Array.from({ length: TENANTS }, (_, at) => `tenant-${String(at).padStart(4, '0')}`);
    const stuck = new Set(tenants.filter((_, at) => at % 100 === 0 || at === TENANTS - 1));
    await writeRequests(stuck, tenants);
    const since = lastCall(app());

    const report = await examined(app());

    const reads = callsOf(app(), since).filter((call) => call === 'examine-tenant: dynamodb Query');
    expect(report).toMatchObject({ examined: TENANTS, unexamined: 0, account: [] });
    expect(summaryOf(report)).toEqual(Object.fromEntries([...stuck].map((id) => [id, ['stuck tenant → onboard']])));
    expect(reads).toHaveLength(TENANTS);
    expect(callsOf(app(), since).length).toBeLessThan(TENANTS + 3 * stuck.size + 100);
  });
});

describe('an examination that is started by its rule and dies on the way', () => {
  const app = useApp();

  it('goes on where it failed when it is redriven, and reports once', async () => {
    await onboarded(app(), 'acme');
    const { faults, machines } = app();
    const denied = { kind: 'error', code: 'AccessDeniedException', status: 400 } as const;
    faults.add({ operation: 'ListAliases', when: 'before', effect: denied, times: 100 });
    const stateMachineArn = app().output('ExamineTenantsStateMachineArn');

    await app().fireSchedule('tenant-lifecycle-dev-examine-tenants');
    const [started] = machines.list({ stateMachineArn }).items;
    const executionArn = started?.executionArn ?? '';
    const failed = await machines.settled(executionArn);
    faults.clear();
    machines.redrive(executionArn);
    const redriven = await machines.settled(executionArn);

    expect(failed).toMatchObject({ status: 'FAILED', error: 'AccessDeniedError', input: '{}' });
    expect(redriven.status).toBe('SUCCEEDED');
    const { report } = JSON.parse(redriven.output ?? '{}') as { report: string };
    expect(await reportAt(app(), report)).toMatchObject({ examined: 1, tenants: [], account: [] });
    expect(machines.list({ stateMachineArn }).items).toHaveLength(1);
  });
});

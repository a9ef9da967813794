import { Tracer } from '@aws-lambda-powertools/tracer';
import { BedrockAgentClient } from '@aws-sdk/client-bedrock-agent';
import { CloudWatchLogsClient, PutLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { CognitoIdentityProviderClient } from '@aws-sdk/client-cognito-identity-provider';
import { KMSClient } from '@aws-sdk/client-kms';
import { OpenSearchClient } from '@aws-sdk/client-opensearch';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import { STSClient } from '@aws-sdk/client-sts';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { z } from 'zod';
import { CONTRACTS } from '../../../infra/contracts';
import * as defineRole from '../../../tasks/access/define-role';
import * as listRoles from '../../../tasks/access/list-roles';
import * as removeRole from '../../../tasks/access/remove-role';
import * as archive from '../../../tasks/audit-archive/archive';
import * as reconcile from '../../../tasks/audit-archive/reconcile';
import * as auditLog from '../../../tasks/audit-log/provision';
import * as seal from '../../../tasks/audit-log/seal';
import * as destroyData from '../../../tasks/data-partition/destroy';
import * as dataPartition from '../../../tasks/data-partition/provision';
import * as examineAccount from '../../../tasks/doctor/examine-account';
import * as examineTenant from '../../../tasks/doctor/examine-tenant';
import * as listTenants from '../../../tasks/doctor/list-tenants-to-examine';
import * as retireKey from '../../../tasks/doctor/retire-orphaned-key';
import * as summarize from '../../../tasks/doctor/summarize-examination';
import * as destroyKey from '../../../tasks/encryption-key/destroy';
import * as encryptionKey from '../../../tasks/encryption-key/provision';
import * as restoreKey from '../../../tasks/encryption-key/restore';
import * as suspendKey from '../../../tasks/encryption-key/suspend';
import * as observe from '../../../tasks/estate/observe';
import * as destroyKnowledgeBase from '../../../tasks/knowledge-base/destroy';
import * as knowledgeBase from '../../../tasks/knowledge-base/provision';
import * as activate from '../../../tasks/lifecycle/activate-tenant';
import * as changeHold from '../../../tasks/lifecycle/change-hold';
import * as checkHold from '../../../tasks/lifecycle/check-hold';
import * as checkQuotas from '../../../tasks/lifecycle/check-quotas';
import * as claimOffboarding from '../../../tasks/lifecycle/claim-offboarding';
import * as claimPurge from '../../../tasks/lifecycle/claim-purge';
import * as claimReinstatement from '../../../tasks/lifecycle/claim-reinstatement';
import * as claim from '../../../tasks/lifecycle/claim-tenant';
import * as close from '../../../tasks/lifecycle/close-tenant';
import * as handOver from '../../../tasks/lifecycle/hand-over';
import * as prove from '../../../tasks/lifecycle/prove-tenant-gone';
import * as recordOutcome from '../../../tasks/lifecycle/record-outcome';
import * as requestOperation from '../../../tasks/lifecycle/request-operation';
import * as verify from '../../../tasks/lifecycle/verify-tenant';
import * as acceptInvitation from '../../../tasks/membership/accept';
import * as changeMemberRoles from '../../../tasks/membership/change-roles';
import * as inviteMember from '../../../tasks/membership/invite';
import * as listMembers from '../../../tasks/membership/list';
import * as listOwnMemberships from '../../../tasks/membership/list-own';
import * as removeMember from '../../../tasks/membership/remove';
import { BASE_ENVIRONMENT, defineContract, TaskInput } from '../../../tasks/shared/contract';
import { defineStep, defineTask } from '../../../tasks/shared/define-task';
import { NotReadyError } from '../../../tasks/shared/errors';
import { ONBOARDING_STATUSES, STATUSES } from '../../../tasks/shared/tenant';
import * as destroyStorage from '../../../tasks/storage-prefix/destroy';
import * as storagePrefix from '../../../tasks/storage-prefix/provision';
import * as issueCredentials from '../../../tasks/tenant-access/issue-credentials';
import * as verifyIsolation from '../../../tasks/tenant-access/verify-isolation';
import * as issueClaim from '../../../tasks/tenant-claim/issue';
import * as switchTenant from '../../../tasks/tenant-claim/switch';
import * as destroyUsers from '../../../tasks/user-group/destroy';
import * as userGroup from '../../../tasks/user-group/provision';
import * as firstAdmin from '../../../tasks/user-group/provision-first-admin';
import * as restoreUsers from '../../../tasks/user-group/restore';
import * as suspendUsers from '../../../tasks/user-group/suspend';
import * as destroyIndex from '../../../tasks/vector-index/destroy';
import * as vectorIndex from '../../../tasks/vector-index/provision';
import { anAwsError } from '../../support/aws-errors';
import {
  AUDIT_BUCKET,
  aContext,
  anExecutionArn,
  anOffboardingInput,
  aPurgedTenant,
  aRequest,
  aStateItem,
  aTaskInput,
  aTokenEvent,
  oneLegalHold,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput, type Output } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
const logs = mockClient(CloudWatchLogsClient);
const clients = [
  dynamodb,
  s3,
  mockClient(KMSClient),
  mockClient(OpenSearchClient),
  mockClient(BedrockAgentClient),
  mockClient(CognitoIdentityProviderClient),
  logs,
  mockClient(SFNClient),
  mockClient(STSClient),
];
const fenceOf = (name: string) => CONTRACTS.find((contract) => contract.name === name)?.fence ?? [];
const awsCalls = () =>
  clients.flatMap((client) => client.calls().map(({ args: [command] }) => command.constructor.name));
let tables: Tables;
let output: Output;

type Handler = (event: unknown, context: ReturnType<typeof aContext>) => Promise<unknown>;

const DESTRUCTIVE: readonly (readonly [name: string, handler: Handler])[] = [
  ['destroy-knowledge-base', destroyKnowledgeBase.handler],
  ['destroy-vector-index', destroyIndex.handler],
  ['destroy-storage-prefix', destroyStorage.handler],
  ['destroy-data-partition', destroyData.handler],
  ['destroy-user-group', destroyUsers.handler],
  ['destroy-encryption-key', destroyKey.handler],
  ['close-tenant', close.handler],
];

const STEPS: readonly (readonly [name: string, handler: Handler])[] = [
  ['provision-encryption-key', encryptionKey.handler],
  ['provision-data-partition', dataPartition.handler],
  ['provision-storage-prefix', storagePrefix.handler],
  ['provision-vector-index', vectorIndex.handler],
  ['provision-knowledge-base', knowledgeBase.handler],
  ['provision-user-group', userGroup.handler],
  ['provision-first-admin', firstAdmin.handler],
  ['provision-audit-log', auditLog.handler],
  ['check-quotas', checkQuotas.handler],
  ['verify-tenant', verify.handler],
  ['verify-isolation', verifyIsolation.handler],
  ['activate-tenant', activate.handler],
  ['suspend-users', suspendUsers.handler],
  ['restore-users', restoreUsers.handler],
  ['suspend-encryption-key', suspendKey.handler],
  ['restore-encryption-key', restoreKey.handler],
  ['check-hold', checkHold.handler],
  ['claim-purge', claimPurge.handler],
  ['seal-audit-log', seal.handler],
  ['prove-tenant-gone', prove.handler],
  ...DESTRUCTIVE,
];
const aClaim = (changes: object = {}) => ({
  request: { tenantId: 'acme', requestId: 'request-1', ...changes },
  executionArn: anExecutionArn(),
  step: 'Claim tenant',
});
const anEnd = () => ({ detail: { executionArn: anExecutionArn(), status: 'FAILED' } });
const EXAMINATION = { executionArn: anExecutionArn('examine-1'), startedAt: '2026-01-01T00:00:00.000Z' };
const CHANGE = { tenantId: 'acme', requestId: 'request-1', requestedBy: 'ops/two' };

const REQUEST = { accessToken: 'x', requestId: 'request-1' };
const CALL = { accessToken: 'x', requestId: 'request-1', roleId: 'reader' };

const TASKS: readonly (readonly [name: string, handler: Handler, input: object])[] = [
  ...STEPS.map(([name, handler]) => [name, handler, aTaskInput()] as const),
  ['claim-tenant', claim.handler, aClaim()],
  ['request-operation', requestOperation.handler, aRequest()],
  ['record-outcome', recordOutcome.handler, anEnd()],
  ['claim-offboarding', claimOffboarding.handler, aClaim()],
  ['claim-reinstatement', claimReinstatement.handler, aClaim()],
  ['hand-over', handOver.handler, aTaskInput()],
  ['issue-tenant-claim', issueClaim.handler, aTokenEvent()],
  ['change-hold', changeHold.handler, { ...CHANGE, change: 'approve-purge' }],
  ['archive-execution', archive.handler, { Records: [] }],
  ['reconcile-archive', reconcile.handler, { 'detail-type': 'Scheduled Event' }],
  ['observe-estate', observe.handler, {}],
  ['list-tenants-to-examine', listTenants.handler, EXAMINATION],
  ['examine-tenant', examineTenant.handler, EXAMINATION],
  ['examine-account', examineAccount.handler, EXAMINATION],
  ['summarize-examination', summarize.handler, EXAMINATION],
  ['retire-orphaned-key', retireKey.handler, CHANGE],
  ['define-role', defineRole.handler, { ...CALL, permissions: ['documents:read'] }],
  ['remove-role', removeRole.handler, { ...CALL, version: 1 }],
  ['list-roles', listRoles.handler, { accessToken: 'x' }],
  ['issue-tenant-credentials', issueCredentials.handler, { accessToken: 'x' }],
  ['invite-member', inviteMember.handler, { ...REQUEST, email: 'a@b.example', roles: ['member'] }],
  ['change-member-roles', changeMemberRoles.handler, { ...REQUEST, sub: 'sub-1', roles: ['member'], version: 1 }],
  ['remove-member', removeMember.handler, { ...REQUEST, sub: 'sub-1', version: 1 }],
  ['list-members', listMembers.handler, { accessToken: 'x' }],
  ['accept-invitation', acceptInvitation.handler, { ...REQUEST, tenantId: 'acme' }],
  ['list-own-memberships', listOwnMemberships.handler, { accessToken: 'x' }],
  ['switch-tenant', switchTenant.handler, { accessToken: 'x', tenantId: 'acme' }],
];
const BAD_IDS = ['', 'Acme', 'a--b', 'a*', '*', '#', '/', '..', 'acmé', 'a'.repeat(37), 'acme\n', 7, null];

beforeEach(async () => {
  output = captureOutput();
  setEnvironment();
  for (const client of clients) client.reset();
  logs.on(PutLogEventsCommand).resolves({});
  tables = await serveTables(dynamodb, REGISTRY_TABLE);
});

afterEach(() => jest.restoreAllMocks());

describe('every task', () => {
  it('is in the lists from which machine and infra are built', () => {
    expect(TASKS.map(([name]) => name).sort()).toEqual(CONTRACTS.map(({ name }) => name).sort());
  });

  it.each(TASKS)('%s lists every missing variable and calls nothing', async (name, handler, input) => {
    const contract = CONTRACTS.find((one) => one.name === name);
    const needed = [...BASE_ENVIRONMENT, ...(contract?.environment ?? [])];
    setEnvironment(Object.fromEntries(needed.map((variable) => [variable, undefined])));

    const error = await handler(input, aContext()).catch((thrown: Error) => thrown);

    expect(error).toMatchObject({ name: 'InvalidEnvironmentError', message: expect.stringContaining(name) });
    for (const variable of needed) expect((error as Error).message).toContain(`${variable}: `);
    expect(awsCalls()).toEqual([]);
  });

  it.each(TASKS)('%s refuses nonsense with a typed error and calls nothing', async (name, handler) => {
    // What a schedule invokes takes any object: nothing of the event is used.
    const objects = name === 'observe-estate' ? [] : [{}, { hello: 'world' }];
    for (const nonsense of [undefined, null, 7, 'text', [], ...objects]) {
      await expect(handler(nonsense, aContext())).rejects.toMatchObject({ name: 'InvalidInputError' });
    }
    expect(awsCalls()).toEqual([]);
  });
});

describe('every step', () => {
  it.each(STEPS)('%s refuses bad tenant ids and unknown fields before any call', async (_, handler) => {
    for (const tenantId of BAD_IDS) {
      await expect(handler({ ...aTaskInput(), tenantId }, aContext())).rejects.toMatchObject({
        name: 'InvalidInputError',
      });
    }
    const more = handler({ ...aTaskInput(), displayName: 'Acme' }, aContext());

    await expect(more).rejects.toMatchObject({
      name: 'InvalidInputError',
      message: expect.stringContaining('displayName'),
    });
    expect(awsCalls()).toEqual([]);
  });

  it('reports all problems of an input at once', async () => {
    const input = { ...aTaskInput(), tenantId: 'A--', generation: 0, executionArn: 'x', requestId: '', extra: 1 };

    const error = await userGroup.handler(input, aContext()).catch((thrown: Error) => thrown);

    for (const field of ['tenantId', 'generation', 'executionArn', 'requestId', 'extra']) {
      expect((error as Error).message).toContain(field);
    }
  });

  it.each(STEPS)('%s stops for a tenant that was never requested', async (_, handler) => {
    const run = handler(aTaskInput(), aContext());

    await expect(run).rejects.toMatchObject({
      name: 'TenantNotRequestedError',
      message: expect.stringContaining('acme'),
    });
    expect(awsCalls()).toEqual([GetCommand.name]);
  });

  it.each(STEPS)(
    '%s stops when another generation is current, or the tenant’s status is none of its own',
    async (name, handler) => {
      const states = [
        { generation: 2 },
        { generation: 3, status: 'ACTIVE' as const },
        ...STATUSES.filter((status) => !fenceOf(name).includes(status)).map((status) => ({ status })),
      ];

      for (const state of states) {
        await tables.put(REGISTRY_TABLE, aStateItem(state));
        const run = handler(aTaskInput(), aContext());
        await expect(run).rejects.toMatchObject({
          name: 'StaleExecutionError',
          message: expect.stringContaining(`tenant acme: generation 1 may not ${name}`),
        });
      }

      expect(awsCalls()).toEqual(states.map(() => GetCommand.name));
    },
  );
});

describe('every step that destroys', () => {
  it.each(DESTRUCTIVE)(
    '%s is refused under a legal hold: typed, audited once, nothing called',
    async (name, handler) => {
      await tables.put(REGISTRY_TABLE, aStateItem({ ...aPurgedTenant(), legalHolds: oneLegalHold }));

      const run = () => handler(anOffboardingInput(), aContext());

      await expect(run()).rejects.toMatchObject({
        name: 'LegalHoldError',
        message: `tenant acme: legal hold hold-17 since ${oneLegalHold['hold-17'].since} forbids to ${name}`,
      });
      expect(awsCalls()).toEqual([GetCommand.name, PutObjectCommand.name, PutLogEventsCommand.name]);
      await expect(run()).rejects.toMatchObject({ name: 'LegalHoldError' });
      const records = s3.commandCalls(PutObjectCommand).map((call) => call.args[0].input);
      expect(new Set(records.map(({ Key }) => Key)).size).toBe(1);
      expect(JSON.parse(String(records[0]?.Body))).toMatchObject({
        action: name,
        outcome: 'REFUSED',
        tenantId: 'acme',
      });
    },
  );

  it.each(DESTRUCTIVE)('%s is refused before the purge has started', async (_, handler) => {
    const { purgeStartedAt: _started, ...tenant } = aPurgedTenant();
    await tables.put(REGISTRY_TABLE, aStateItem(tenant));

    await expect(handler(anOffboardingInput(), aContext())).rejects.toMatchObject({ name: 'PurgeNotAllowedError' });
    expect(awsCalls()).toEqual([GetCommand.name]);
  });

  it('are all that the contracts call destructive', () => {
    expect(DESTRUCTIVE.map(([name]) => name).sort()).toEqual(
      CONTRACTS.filter(({ destructive }) => destructive === true)
        .map(({ name }) => name)
        .sort(),
    );
  });
});

const A_RESOURCE = 'user-group';
const contract = defineContract({
  name: 'do-something',
  stateName: 'Do something',
  repeatable: 'It does nothing.',
  entry: 'none',
  input: TaskInput,
  output: z.strictObject({ physicalId: z.string(), ready: z.boolean() }),
  resource: A_RESOURCE,
  fence: ONBOARDING_STATUSES,
  environment: ['USER_POOL_ID'],
  permissions: () => [],
});
const records = () => s3.commandCalls(PutObjectCommand).map((call) => call.args[0].input);
const done = async () => ({ physicalId: 'id-1', ready: true });

describe('defineStep', () => {
  beforeEach(() => tables.put(REGISTRY_TABLE, aStateItem()));

  it('gives the task its environment, the tenant as just read and a ledger of its own type', async () => {
    let ledger: unknown;
    const handler = defineStep(contract, async (input, scope) => {
      await scope.ledger.complete(`${input.tenantId}/${scope.env.USER_POOL_ID}/${scope.state.tier}/${scope.app.stage}`);
      ledger = await scope.ledger.read();
      return done();
    });

    await handler(aTaskInput(), aContext());

    expect(ledger).toMatchObject({ type: A_RESOURCE, physicalId: 'acme/eu-central-1_pool/premium/dev', generation: 1 });
  });

  it.each(ONBOARDING_STATUSES)('lets the current generation act while the tenant is %s', async (status) => {
    await tables.put(REGISTRY_TABLE, aStateItem({ status }));

    const result = await defineStep(contract, done)(aTaskInput(), aContext());

    expect(result).toEqual({ physicalId: 'id-1', ready: true });
  });

  it('writes one audit record under the step’s own key, with ids only', async () => {
    await defineStep(contract, done)(aTaskInput({ step: 'Do something' }), aContext());

    expect(records()).toEqual([
      {
        Bucket: AUDIT_BUCKET,
        Key: 'audit/acme/onboard--acme--request-1/do-something.json',
        IfNoneMatch: '*',
        ContentType: 'application/json',
        Body: expect.any(String),
      },
    ]);
    expect(JSON.parse(String(records()[0]?.Body))).toEqual({
      schemaVersion: 1,
      tenantId: 'acme',
      action: 'do-something',
      requestedBy: 'signup/backend',
      requestId: 'request-1',
      executionArn: anExecutionArn(),
      step: 'Do something',
      resource: { type: A_RESOURCE, physicalId: 'id-1' },
      outcome: 'SUCCEEDED',
      at: expect.stringMatching(/^\d{4}-.*Z$/),
    });
  });

  it('writes none while the resource is not ready, nor when the task failed', async () => {
    const failing = defineStep(contract, () => Promise.reject(new NotReadyError('tenant acme: wait')));

    await defineStep(contract, async () => ({ physicalId: 'id-1', ready: false }))(aTaskInput(), aContext());
    await expect(failing(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'NotReadyError' });

    expect(records()).toEqual([]);
  });

  it('fails when its audit record cannot be written, and succeeds when it is there already', async () => {
    s3.on(PutObjectCommand)
      .rejectsOnce(anAwsError('AccessDenied', '', 403))
      .rejects(anAwsError('PreconditionFailed', '', 412));
    s3.on(GetObjectCommand).resolves({ Body: { transformToString: async () => '{}' } as never });
    const handler = defineStep(contract, done);

    await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'AccessDeniedError' });
    await expect(handler(aTaskInput(), aContext())).resolves.toMatchObject({ physicalId: 'id-1' });
  });
});

describe('defineTask', () => {
  it('answers with nothing but what the contract allows', async () => {
    const run = defineTask(contract, async () => ({ ...(await done()), adminEmail: 'ada@acme.example' }))(
      aTaskInput(),
      aContext(),
    );

    await expect(run).rejects.toThrow('adminEmail');
    await expect(run).rejects.not.toThrow('ada@');
  });

  it('passes AWS errors on as ours, with the cause', async () => {
    const cause = anAwsError('ThrottlingException', 'Rate exceeded');

    const run = defineTask(contract, () => Promise.reject(cause))(aTaskInput(), aContext());

    await expect(run).rejects.toMatchObject({
      name: 'ThrottledError',
      message: 'tenant acme: ThrottlingException: Rate exceeded',
      cause,
    });
  });

  it('lets a bug look like one', async () => {
    const run = defineTask(contract, () => Promise.reject(new TypeError('x is not a function')))(
      aTaskInput(),
      aContext(),
    );

    await expect(run).rejects.toMatchObject({ name: 'TypeError', message: 'x is not a function' });
  });

  it.each([new Error('no ada@acme.example'), 'no ada@acme.example'])('takes addresses out of %p', async (thrown) => {
    const run = defineTask(contract, () => Promise.reject(thrown))(aTaskInput(), aContext());

    const error = (await run.catch((caught: unknown) => caught)) as Error;
    expect(error.message).toBe('no [redacted]');
    expect(`${error.stack}${output.text()}`).not.toContain('ada@');
  });

  it('tags every log line with task, tenant, request, execution and step, and no earlier invocation’s', async () => {
    const handler = defineTask(contract, done);
    await handler(aTaskInput({ tenantId: 'first' }), aContext());
    const before = output.lines().length;

    await handler(aTaskInput({ tenantId: 'second' }), aContext());

    const lines = output
      .lines()
      .slice(before)
      .filter((line) => 'message' in line);
    expect(lines.map(({ message }) => message)).toEqual(['started', 'completed']);
    for (const line of lines) {
      expect(line).toMatchObject({
        task: 'do-something',
        tenantId: 'second',
        requestId: 'request-1',
        executionArn: anExecutionArn(),
        step: 'A step',
      });
    }
  });

  it('finds the tenant of a status event in the execution’s name', async () => {
    await recordOutcome.handler(anEnd(), aContext()).catch(() => undefined);

    expect(output.lines().find(({ message }) => message === 'started')).toMatchObject({
      tenantId: 'acme',
      requestId: 'request-1',
    });
  });

  it('logs a failure by name, and names the tenant of an input that it refuses', async () => {
    await expect(defineTask(contract, done)({ ...aTaskInput(), generation: -1 }, aContext())).rejects.toThrow(
      'tenant acme',
    );

    expect(output.lines().find(({ message }) => message === 'failed')).toMatchObject({
      level: 'ERROR',
      tenantId: 'acme',
      errorName: 'InvalidInputError',
      errorMessage: expect.stringContaining('generation'),
    });
  });

  it('reports the duration of each step with its outcome', async () => {
    await defineTask(contract, done)(aTaskInput(), aContext());
    await defineTask(contract, () => Promise.reject(new NotReadyError('x')))(aTaskInput(), aContext()).catch(
      () => undefined,
    );

    const metrics = output.lines().filter((line) => '_aws' in line);
    expect(metrics).toEqual([
      expect.objectContaining({ step: 'Do something', outcome: 'Success', StepDuration: expect.any(Number) }),
      expect.objectContaining({ step: 'Do something', outcome: 'NotReadyError', StepDuration: expect.any(Number) }),
    ]);
  });

  it('reports it by step and outcome, and by each of them alone, never by tenant', async () => {
    await defineTask(contract, done)(aTaskInput(), aContext());

    const [metric] = output.lines().filter((line) => '_aws' in line);
    expect(output.text()).not.toContain('EMF key');
    expect(metric).toMatchObject({
      tenantId: 'acme',
      _aws: {
        CloudWatchMetrics: [
          {
            Dimensions: [
              ['service', 'step', 'outcome'],
              ['service', 'step'],
              ['service', 'outcome'],
            ],
            Metrics: [{ Name: 'StepDuration', Unit: 'Milliseconds' }],
          },
        ],
      },
    });
  });

  it('annotates the trace with the ids it is about, and with the outcome', async () => {
    const annotations: Record<string, unknown> = {};
    const subsegment = { close: jest.fn() };
    const parent = { addNewSubsegment: jest.fn(() => subsegment) };
    jest.spyOn(Tracer.prototype, 'isTracingEnabled').mockReturnValue(true);
    jest.spyOn(Tracer.prototype, 'getSegment').mockReturnValue(parent as never);
    const current = jest.spyOn(Tracer.prototype, 'setSegment').mockImplementation(() => undefined);
    jest.spyOn(Tracer.prototype, 'putAnnotation').mockImplementation((key, value) => {
      annotations[key] = value;
    });

    await defineTask(contract, () => Promise.reject(new NotReadyError('x')))(aTaskInput(), aContext()).catch(
      () => undefined,
    );

    expect(annotations).toEqual({
      tenantId: 'acme',
      requestId: 'request-1',
      executionArn: anExecutionArn(),
      step: 'A step',
      outcome: 'NotReadyError',
    });
    expect(parent.addNewSubsegment).toHaveBeenCalledWith('## do-something');
    expect(subsegment.close).toHaveBeenCalledTimes(1);
    expect(current.mock.calls.map(([segment]) => segment)).toEqual([subsegment, parent]);
  });

  it('lets a task emit gauges, each set of them under dimensions of its own', async () => {
    const handler = defineTask(contract, async (_input, { measure }) => {
      measure({ Holds: 2, LegalHolds: 0 });
      measure({ QuotaHeadroom: 81.5 }, { resource: 'encryption-key' });
      return done();
    });

    await handler(aTaskInput(), aContext());

    const metrics = output.lines().filter((line) => '_aws' in line);
    expect(metrics.slice(0, 2)).toEqual([
      expect.objectContaining({ Holds: 2, LegalHolds: 0 }),
      expect.objectContaining({ QuotaHeadroom: 81.5, resource: 'encryption-key' }),
    ]);
    expect(metrics.slice(0, 2).map(({ _aws }) => (_aws as { CloudWatchMetrics: unknown[] }).CloudWatchMetrics)).toEqual(
      [
        [
          expect.objectContaining({
            Dimensions: [['service']],
            Metrics: [
              { Name: 'Holds', Unit: 'Count' },
              { Name: 'LegalHolds', Unit: 'Count' },
            ],
          }),
        ],
        [
          expect.objectContaining({
            Dimensions: [['service', 'resource']],
            Metrics: [{ Name: 'QuotaHeadroom', Unit: 'Percent' }],
          }),
        ],
      ],
    );
  });
});

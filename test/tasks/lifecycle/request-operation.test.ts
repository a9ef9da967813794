import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/lifecycle/request-operation';
import { executionName } from '../../../tasks/shared/names';
import { RETIRED_STATUSES } from '../../../tasks/shared/tenant';
import { serveAuditLog } from '../../support/audit-log';
import { aLostAnswer, anAwsError } from '../../support/aws-errors';
import {
  AUDIT_BUCKET,
  aContext,
  aLedgerItem,
  anExecutionArn,
  aRequest,
  PERSONAL,
  REGISTRY_TABLE,
  STATE_MACHINE_ARN,
  setEnvironment,
} from '../../support/builders';
import { captureOutput, type Output } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
const sfn = mockClient(SFNClient);
serveAuditLog();
let tables: Tables;
let output: Output;

/** Executions as Step Functions has them, by ARN. */
let executions: Map<string, { status: string; input: string }>;

const send = (changes: object = {}) => handler(aRequest({ ...changes }), aContext());
const item = (sk: string, tenantId = 'acme') => tables.get(REGISTRY_TABLE, `TENANT#${tenantId}`, sk);
const starts = () => sfn.commandCalls(StartExecutionCommand).map((call) => call.args[0].input);
const audits = () => s3.commandCalls(PutObjectCommand).map((call) => call.args[0].input);
const end = (status: string, requestId = 'request-1') => {
  const arn = anExecutionArn(`onboard--acme--${requestId}`);
  executions.set(arn, { input: executions.get(arn)?.input ?? '', status });
};
/** Changes STATE as the machine does. */
const setState = async (changes: object) => tables.put(REGISTRY_TABLE, { ...(await item('STATE')), ...changes });
const isPut =
  (sk: string) =>
  (operation: string, { Item }: Record<string, unknown>) =>
    operation === 'Put' && (Item as { sk: string }).sk === sk;
const isUpdate = (operation: string) => operation === 'Update';

describe('request-operation', () => {
  beforeEach(async () => {
    output = captureOutput();
    setEnvironment();
    dynamodb.reset();
    s3.reset();
    sfn.reset();
    executions = new Map();
    sfn.on(StartExecutionCommand).callsFake(({ name, input }) => {
      const arn = anExecutionArn(name);
      const known = executions.get(arn);
      if (known !== undefined && (known.status !== 'RUNNING' || known.input !== input)) {
        throw anAwsError('ExecutionAlreadyExists');
      }
      executions.set(arn, { status: 'RUNNING', input });
      return { executionArn: arn };
    });
    sfn.on(DescribeExecutionCommand).callsFake(({ executionArn }) => {
      const known = executions.get(executionArn);
      if (known === undefined) throw anAwsError('ExecutionDoesNotExist');
      return known;
    });
    tables = await serveTables(dynamodb, REGISTRY_TABLE);
  });

  afterEach(() => jest.restoreAllMocks());

  describe('for a new tenant', () => {
    it('records profile, state and operation, starts the execution with ids only, and answers with ids only', async () => {
      const answer = await send();

      expect(answer).toEqual({
        tenantId: 'acme',
        requestId: 'request-1',
        operation: 'onboard',
        status: 'REQUESTED',
        executionArn: anExecutionArn('onboard--acme--request-1'),
        executionStatus: 'RUNNING',
        repeated: false,
        alreadyActive: false,
      });
      expect(starts()).toEqual([
        {
          stateMachineArn: STATE_MACHINE_ARN,
          name: 'onboard--acme--request-1',
          input: '{"requestId":"request-1","tenantId":"acme"}',
        },
      ]);
      expect(await item('PROFILE')).toMatchObject({ ...PERSONAL, tier: 'premium' });
      expect(await item('STATE')).toMatchObject({ status: 'REQUESTED', generation: 0, requestId: 'request-1' });
      expect(await item('OPERATION#request-1')).toMatchObject({
        operation: 'onboard',
        requestedBy: 'signup/backend',
        executionArn: anExecutionArn('onboard--acme--request-1'),
      });
    });

    it('writes one audit record of who asked, without personal data', async () => {
      await send();

      expect(audits()).toEqual([
        expect.objectContaining({
          Bucket: AUDIT_BUCKET,
          Key: 'audit/acme/requests/request-1.json',
          IfNoneMatch: '*',
        }),
      ]);
      expect(JSON.parse(String(audits()[0]?.Body))).toMatchObject({
        action: 'request-onboard',
        requestedBy: 'signup/backend',
        outcome: 'ACCEPTED',
      });
    });

    it('keeps personal data in the profile: none in other items, execution, audit, answer or log', async () => {
      const answer = await send();

      const elsewhere = JSON.stringify([
        answer,
        starts(),
        audits(),
        await item('STATE'),
        await item('OPERATION#request-1'),
        output.text(),
      ]);
      expect(elsewhere).not.toMatch(/hara|acme\.example|Acme Dental/);
    });

    it('gives long request ids an execution name that fits', async () => {
      const requestId = 'r'.repeat(128);

      await send({ requestId });

      expect(starts()[0]?.name).toBe(executionName('onboard', 'acme', requestId));
    });

    it('lets one id be the start of another', async () => {
      await send();
      await send({ tenantId: 'acme2', requestId: 'request-2' });

      expect(await item('STATE')).toMatchObject({ tenantId: 'acme' });
      expect(await item('STATE', 'acme2')).toMatchObject({ tenantId: 'acme2' });
      expect(starts()).toHaveLength(2);
    });
  });

  describe('for the same request again', () => {
    it('gives the first answer again and starts nothing', async () => {
      const first = await send();

      const second = await send();

      expect(second).toEqual({ ...(first as object), repeated: true });
      expect(starts()).toHaveLength(1);
    });

    it('tells how the execution ended', async () => {
      await send();
      end('FAILED');
      await setState({ status: 'ONBOARDING_FAILED' });

      expect(await send()).toMatchObject({ repeated: true, status: 'ONBOARDING_FAILED', executionStatus: 'FAILED' });
      expect(starts()).toHaveLength(1);
    });

    it('does not start it again when Step Functions has forgotten the execution', async () => {
      await send();
      executions.clear();
      await setState({ status: 'ACTIVE' });
      await tables.put(REGISTRY_TABLE, { ...(await item('OPERATION#request-1')), outcome: 'SUCCEEDED' });

      expect(await send()).toMatchObject({ repeated: true, status: 'ACTIVE', executionStatus: 'SUCCEEDED' });
      expect(starts()).toHaveLength(1);
    });

    it('takes another spelling of the address for the same', async () => {
      await send();

      expect(await send({ adminEmail: PERSONAL.adminEmail.toUpperCase() })).toMatchObject({ repeated: true });
    });

    it.each([{ displayName: 'Acme Orthodontics' }, { adminEmail: 'bob@acme.example' }, { tier: 'standard' }])(
      'refuses it with %j, naming tenant and request',
      async (changes) => {
        await send();

        const run = send(changes);

        await expect(run).rejects.toMatchObject({
          name: 'RequestConflictError',
          message: 'tenant acme: requestId request-1 was used before with another payload',
        });
        expect(await item('PROFILE')).toMatchObject(PERSONAL);
        expect(starts()).toHaveLength(1);
      },
    );
  });

  describe('after a crash', () => {
    const CALLS: readonly (readonly [
      name: string,
      matches: (operation: string, input: Record<string, unknown>) => boolean,
    ])[] = [
      ['PROFILE', isPut('PROFILE')],
      ['STATE', isPut('STATE')],
      ['OPERATION', isPut('OPERATION#request-1')],
      ['the execution ARN', isUpdate],
    ];

    const expectUndisturbed = async () => {
      expect(await item('PROFILE')).toMatchObject(PERSONAL);
      expect(await item('STATE')).toMatchObject({ status: 'REQUESTED', requestId: 'request-1' });
      expect(await item('OPERATION#request-1')).toMatchObject({ executionArn: anExecutionArn() });
      expect(executions.size).toBe(1);
      expect(audits().length).toBeGreaterThanOrEqual(1);
    };

    it.each(CALLS)('completes when the answer to %s was lost', async (_, matches) => {
      tables.loseAnswer(matches);
      await expect(send()).rejects.toMatchObject({ name: 'TransientError' });

      await send();

      await expectUndisturbed();
    });

    it.each(CALLS)('completes when it died before %s', async (_, matches) => {
      tables.fail(matches, aLostAnswer());
      await expect(send()).rejects.toMatchObject({ name: 'TransientError' });

      await send();

      await expectUndisturbed();
    });

    it('completes when the audit record could not be written, and writes it then', async () => {
      s3.on(PutObjectCommand)
        .rejectsOnce(anAwsError('SlowDown', '', 503))
        .resolves({});
      await expect(send()).rejects.toMatchObject({ name: 'ThrottledError' });
      expect(starts()).toHaveLength(0);

      await send();

      expect(audits()).toHaveLength(2);
      await expectUndisturbed();
    });

    it('completes when the start could not be made, or its answer was lost', async () => {
      sfn
        .on(StartExecutionCommand)
        .rejectsOnce(anAwsError('ThrottlingException'))
        .callsFakeOnce(({ name, input }) => {
          executions.set(anExecutionArn(name), { status: 'RUNNING', input });
          throw aLostAnswer();
        });
      await expect(send()).rejects.toMatchObject({ name: 'ThrottledError' });
      await expect(send()).rejects.toMatchObject({ name: 'TransientError' });

      expect(await send()).toMatchObject({ repeated: true, executionStatus: 'RUNNING' });

      await expectUndisturbed();
    });

    it('finds the execution that started and closed between its look and its start', async () => {
      const input = '{"requestId":"request-1","tenantId":"acme"}';
      sfn.on(StartExecutionCommand).callsFake(({ name }) => {
        executions.set(anExecutionArn(name), { status: 'SUCCEEDED', input });
        throw anAwsError('ExecutionAlreadyExists');
      });

      expect(await send()).toMatchObject({ executionStatus: 'SUCCEEDED' });
    });

    it('refuses an execution of that name that has another input', async () => {
      executions.set(anExecutionArn(), { status: 'RUNNING', input: '{}' });

      await expect(send()).rejects.toMatchObject({
        name: 'RequestConflictError',
        message: 'tenant acme: execution onboard--acme--request-1 exists with another input',
      });
    });
  });

  describe('for a tenant that exists', () => {
    beforeEach(async () => {
      await send();
    });

    const again = (changes: object = {}) => send({ requestId: 'request-2', ...changes });

    it('refuses another payload under another request, naming the tenant', async () => {
      const run = again({ tier: 'standard' });

      await expect(run).rejects.toMatchObject({
        name: 'RequestConflictError',
        message: 'tenant acme: it was requested before with another name, e-mail address or tier',
      });
      expect(starts()).toHaveLength(1);
    });

    describe('whose onboarding has failed, with another admin address', () => {
      const ADDRESS = 'bob@acme.example';
      const correct = () => again({ adminEmail: ADDRESS });
      const invited = () => tables.put(REGISTRY_TABLE, aLedgerItem({ type: 'first-admin', phase: 'INTENT' }));
      const isStateUpdate = (operation: string, { Key }: Record<string, unknown>) =>
        operation === 'Update' && (Key as { sk: string }).sk === 'STATE';

      beforeEach(async () => {
        end('FAILED');
        await setState({ status: 'ONBOARDING_FAILED', leaseOwner: anExecutionArn(), generation: 1 });
      });

      it('takes the new address, makes what ran before stale, audits it, and starts anew', async () => {
        expect(await correct()).toMatchObject({ repeated: false, executionStatus: 'RUNNING' });

        expect(await item('PROFILE')).toMatchObject({ ...PERSONAL, adminEmail: ADDRESS });
        expect(await item('STATE')).toMatchObject({ generation: 2, requestId: 'request-2' });
        expect(starts().map(({ name }) => name)).toEqual(['onboard--acme--request-1', 'onboard--acme--request-2']);
        const audit = audits().find(({ Key }) => Key === 'audit/acme/requests/request-2.correction.json');
        expect(audit?.Body).toContain('"action":"correct-admin-email"');
        expect(JSON.stringify(audits())).not.toMatch(/acme\.example/);
      });

      it.each([
        ['STATE', isStateUpdate],
        ['PROFILE', isPut('PROFILE')],
        ['OPERATION', isPut('OPERATION#request-2')],
      ])('completes when it died before or after %s', async (_name, matches) => {
        tables.fail(matches, aLostAnswer());
        await expect(correct()).rejects.toMatchObject({ name: 'TransientError' });
        tables.loseAnswer(matches);
        await expect(correct()).rejects.toMatchObject({ name: 'TransientError' });

        await correct();

        expect(await item('PROFILE')).toMatchObject({ adminEmail: ADDRESS });
        expect(starts()).toHaveLength(2);
      });

      it.each([
        ['STATE', isStateUpdate],
        ['PROFILE', isPut('PROFILE')],
      ])('takes a write of %s that the SDK has repeated for its own', async (_name, matches) => {
        tables.sendTwice(matches);

        expect(await correct()).toMatchObject({ repeated: false });
        expect(await item('PROFILE')).toMatchObject({ adminEmail: ADDRESS });
        expect(audits().filter(({ Key }) => Key?.includes('refused'))).toEqual([]);
      });

      it('refuses once an invitation may have been sent, and changes nothing', async () => {
        await invited();

        await expect(correct()).rejects.toMatchObject({
          name: 'RequestConflictError',
          message: expect.stringContaining('offboard it without a hold'),
        });
        expect(await item('PROFILE')).toMatchObject(PERSONAL);
        expect(await item('STATE')).toMatchObject({ generation: 1, requestId: 'request-1' });
      });

      it('refuses when somebody was invited while it looked', async () => {
        tables.before(isStateUpdate, invited);

        await expect(correct()).rejects.toMatchObject({ name: 'RequestConflictError' });
        expect(await item('PROFILE')).toMatchObject(PERSONAL);
      });

      it.each([
        ['an execution claimed the tenant', isStateUpdate, () => setState({ generation: 2 })],
        [
          'another correction came first',
          isPut('PROFILE'),
          async () => tables.put(REGISTRY_TABLE, { ...(await item('PROFILE')), payloadHash: 'other' }),
        ],
      ] as const)('refuses when %s meanwhile', async (_name, matches, act) => {
        tables.before(matches, act);

        await expect(correct()).rejects.toMatchObject({ name: 'OperationInProgressError' });
        expect(await item('PROFILE')).toMatchObject(PERSONAL);
        expect(starts()).toHaveLength(1);
      });

      it('refuses while an execution runs', async () => {
        end('RUNNING');

        await expect(correct()).rejects.toMatchObject({ name: 'OperationInProgressError' });
      });

      it.each([
        ['the tenant was ACTIVE once', { activatedAt: '2026-01-01T00:00:00.000Z' }, {}],
        ['it is being offboarded', { offboarding: { requestId: 'leave-1' } }, {}],
        ['the name is another too', {}, { displayName: 'Acme Orthodontics' }],
        ['the tier is another too', {}, { tier: 'standard' }],
      ])('refuses when %s', async (_name, state, changes) => {
        await setState(state);

        await expect(again({ adminEmail: ADDRESS, ...changes })).rejects.toMatchObject({
          name: 'RequestConflictError',
          message: expect.stringContaining('another name, e-mail address or tier'),
        });
        expect(await item('PROFILE')).toMatchObject(PERSONAL);
      });
    });

    it('refuses while the first request runs, naming its execution', async () => {
      await expect(again()).rejects.toMatchObject({
        name: 'OperationInProgressError',
        message: `tenant acme: request request-1 is running as ${anExecutionArn()}`,
      });
      expect(await item('OPERATION#request-2')).toBeUndefined();
    });

    it('refuses while another execution of the request, started by hand, has the lease', async () => {
      const byHand = anExecutionArn('by-hand');
      end('FAILED');
      executions.set(byHand, { status: 'RUNNING', input: '' });
      await setState({ status: 'PROVISIONING', leaseOwner: byHand });

      await expect(again()).rejects.toMatchObject({
        name: 'OperationInProgressError',
        message: expect.stringContaining(byHand),
      });
      expect(await item('STATE')).toMatchObject({ requestId: 'request-1' });
    });

    it('answers "already active" for an ACTIVE tenant and starts nothing', async () => {
      end('SUCCEEDED');
      await setState({ status: 'ACTIVE' });

      const answer = await again();

      expect(answer).toEqual({
        tenantId: 'acme',
        requestId: 'request-2',
        operation: 'onboard',
        status: 'ACTIVE',
        repeated: false,
        alreadyActive: true,
      });
      expect(starts()).toHaveLength(1);
    });

    it.each(RETIRED_STATUSES)('refuses a tenant that is %s: ids are never reused', async (status) => {
      await setState({ status });

      await expect(again()).rejects.toMatchObject({ name: 'TenantRetiredError', message: `tenant acme is ${status}` });
      expect(starts()).toHaveLength(1);
    });

    it('goes on under a new request after a failure', async () => {
      end('FAILED');
      await setState({ status: 'ONBOARDING_FAILED', leaseOwner: anExecutionArn() });

      const answer = await again();

      expect(answer).toMatchObject({ repeated: false, executionArn: anExecutionArn('onboard--acme--request-2') });
      expect(await item('STATE')).toMatchObject({ requestId: 'request-2', status: 'ONBOARDING_FAILED' });
      expect(starts()).toHaveLength(2);
    });

    it('lets exactly one of two new requests at once go on', async () => {
      end('FAILED');
      await setState({ status: 'ONBOARDING_FAILED' });

      const answers = await Promise.allSettled([send({ requestId: 'request-2' }), send({ requestId: 'request-3' })]);

      expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(answers.find(({ status }) => status === 'rejected')).toMatchObject({
        reason: { name: 'OperationInProgressError', message: expect.stringContaining('tenant acme') },
      });
      expect(starts()).toHaveLength(2);
    });
  });

  describe('for a new tenant asked for twice at once', () => {
    it('accepts one of two requests', async () => {
      const answers = await Promise.allSettled([send(), send({ requestId: 'request-2' })]);

      expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(answers.find(({ status }) => status === 'rejected')).toMatchObject({
        reason: { name: 'OperationInProgressError' },
      });
      expect(executions.size).toBe(1);
    });

    it('accepts one of two payloads', async () => {
      const answers = await Promise.allSettled([send(), send({ requestId: 'request-2', displayName: 'Other' })]);

      expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(answers.find(({ status }) => status === 'rejected')).toMatchObject({
        reason: { name: 'RequestConflictError' },
      });
      expect(executions.size).toBe(1);
    });

    it('gives both the same answer when it is the same request', async () => {
      const answers = await Promise.all([send(), send(), send()]);

      expect(new Set(answers.map((answer) => (answer as { executionArn: string }).executionArn)).size).toBe(1);
      expect(executions.size).toBe(1);
    });
  });

  describe('bad input', () => {
    it.each([
      ['tenantId', ['', 'ab', 'Acme', 'a--b', 'a*c', 'a#c', 'a/c', '..', 'acmé', 'a'.repeat(37), 7, null, undefined]],
      ['requestId', ['', '-x', 'a b', 'a#b', 'a/b', 'é', 'r'.repeat(129), undefined]],
      ['displayName', ['', '   ', 'a\u0000b', 'a\nb', 'a\u001b[31mb', 'a\u202eb', 'n'.repeat(129), undefined]],
      [
        'adminEmail',
        [
          '',
          'ada',
          'ada@',
          '@acme.example',
          'ada@acme',
          'a b@acme.example',
          'ada@acme.example\n',
          `${'a'.repeat(120)}@acme.example`,
          undefined,
        ],
      ],
      ['tier', ['', 'gold', 'Premium', undefined]],
      ['requestedBy', ['', 'ada@acme.example', 'a b', 'x'.repeat(257), undefined]],
      ['operation', ['', 'offboard!', undefined]],
    ])('refuses every bad %s before any call', async (field, values) => {
      for (const value of values) {
        const error = await send({ [field]: value }).catch((thrown: Error) => thrown);
        expect(error).toMatchObject({ name: 'InvalidInputError', message: expect.stringContaining(`${field}: `) });
      }
      expect([...dynamodb.calls(), ...sfn.calls(), ...s3.calls()]).toHaveLength(0);
    });

    it('refuses unknown fields, naming each', async () => {
      const run = send({ admin: true, tenant_id: 'acme' });

      await expect(run).rejects.toMatchObject({
        name: 'InvalidInputError',
        message: expect.stringMatching(/admin.*tenant_id/),
      });
    });

    it('reports all problems at once, without the values', async () => {
      const bad = {
        tenantId: 'A',
        requestId: '',
        displayName: 'Ada\u0007Lovelace',
        adminEmail: 'ada(at)acme.example',
        tier: 'gold',
        more: 1,
      };

      const error = (await send(bad).catch((thrown: Error) => thrown)) as Error;

      for (const field of Object.keys(bad)) expect(error.message).toContain(field);
      expect(`${error.message}${output.text()}`).not.toMatch(/Lovelace|\(at\)|gold/);
    });

    it('admits names of any script, and addresses with an apostrophe', async () => {
      await expect(send({ displayName: '株式会社 Ünïcode & Söhne' })).resolves.toMatchObject({ repeated: false });
    });
  });

  it.each([
    ['StateMachineDoesNotExist', 'MissingDependencyError'],
    ['AccessDeniedException', 'AccessDeniedError'],
    ['ExecutionLimitExceeded', 'TransientError'],
    ['InvalidName', 'RejectedCallError'],
  ])('reports %s from StartExecution as %s', async (name, expected) => {
    sfn.on(StartExecutionCommand).rejects(anAwsError(name, 'told'));

    await expect(send()).rejects.toMatchObject({ name: expected, message: `tenant acme: ${name}: told` });
  });
});

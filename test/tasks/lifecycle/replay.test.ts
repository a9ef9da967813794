import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import * as front from '../../../tasks/lifecycle/request-operation';
import { auditPrefix } from '../../../tasks/shared/names';
import type { OperationRecord } from '../../../tasks/shared/registry';
import { serveAuditLog } from '../../support/audit-log';
import { aLostAnswer, anAwsError } from '../../support/aws-errors';
import {
  aContext,
  aHeldTenant,
  anExecutionArnOf,
  anOperationItem,
  aStateItem,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const sfn = mockClient(SFNClient);
const s3 = mockClient(S3Client);
serveAuditLog();
let tables: Tables;

interface Known {
  readonly status: string;
  readonly input: string;
  readonly startDate: Date;
}
/** Executions as Step Functions has them, by ARN. */
let executions: Map<string, Known>;

const FAILED = anExecutionArnOf('onboard--acme--request-1');
const REPLAY = anExecutionArnOf('onboard--acme--request-1-r1');
const inputOf = (requestId: string) => `{"requestId":"${requestId}","tenantId":"acme"}`;
const know = (arn: string, status: string, { requestId = 'request-1', day = 1 } = {}) =>
  executions.set(arn, { status, input: inputOf(requestId), startDate: new Date(Date.UTC(2026, 0, day)) });

const replay = (changes: object = {}) =>
  front.handler(
    {
      operation: 'replay',
      tenantId: 'acme',
      requestId: 'request-1',
      executionArn: FAILED,
      requestedBy: 'ops/one',
      ...changes,
    },
    aContext(),
  ) as Promise<Record<string, unknown>>;
const put = (changes: object) => tables.put(REGISTRY_TABLE, aStateItem(changes));
const operation = async (requestId = 'request-1') =>
  (await tables.get(REGISTRY_TABLE, 'TENANT#acme', `OPERATION#${requestId}`)) as unknown as OperationRecord;
const starts = () => sfn.commandCalls(StartExecutionCommand).map((call) => call.args[0].input);
const audits = () => s3.commandCalls(PutObjectCommand).map((call) => call.args[0].input);

beforeEach(async () => {
  captureOutput();
  setEnvironment();
  dynamodb.reset();
  sfn.reset();
  s3.reset();
  executions = new Map();
  sfn.on(DescribeExecutionCommand).callsFake(({ executionArn }) => {
    const known = executions.get(executionArn);
    if (known === undefined) throw anAwsError('ExecutionDoesNotExist');
    return { executionArn, ...known };
  });
  sfn.on(StartExecutionCommand).callsFake(({ name, input }) => {
    const arn = anExecutionArnOf(name);
    const known = executions.get(arn);
    if (known !== undefined && (known.status !== 'RUNNING' || known.input !== input)) {
      throw anAwsError('ExecutionAlreadyExists');
    }
    executions.set(arn, { status: 'RUNNING', input, startDate: new Date(Date.UTC(2026, 0, 20)) });
    return {};
  });
  tables = await serveTables(dynamodb, REGISTRY_TABLE);
  know(FAILED, 'FAILED');
  await put({ status: 'ONBOARDING_FAILED', leaseOwner: FAILED, leasedAt: '2026-01-01T00:00:01.000Z' });
  await tables.put(REGISTRY_TABLE, anOperationItem({ executionArn: FAILED, outcome: 'FAILED', endedAt: '2026-01-01' }));
});

afterEach(() => jest.restoreAllMocks());

describe('a replay through the front door', () => {
  it('starts a new execution with the same input, under a name of its own, and records it', async () => {
    const answer = await replay();

    expect(answer).toMatchObject({ operation: 'replay', executionArn: REPLAY, repeated: false });
    expect(answer).toMatchObject({ executionStatus: 'RUNNING', status: 'ONBOARDING_FAILED' });
    expect(starts()).toEqual([
      expect.objectContaining({ name: 'onboard--acme--request-1-r1', input: inputOf('request-1') }),
    ]);
    expect(await operation()).toMatchObject({
      executionArn: REPLAY,
      replays: [{ executionArn: REPLAY, inPlaceOf: FAILED, requestedBy: 'ops/one' }],
    });
    expect(await operation()).not.toHaveProperty('outcome');
  });

  it('audits who asked', async () => {
    await replay();

    expect(audits().map(({ Key }) => Key)).toEqual([`${auditPrefix('acme')}requests/request-1.r1.json`]);
    expect(JSON.parse(String(audits()[0]?.Body))).toMatchObject({
      action: 'request-replay',
      requestedBy: 'ops/one',
      requestId: 'request-1',
      executionArn: REPLAY,
      outcome: 'ACCEPTED',
    });
  });

  it('is started once, however often and by however many it is asked for', async () => {
    const answers = await Promise.all([replay(), replay({ requestedBy: 'ops/two' }), replay()]);
    const again = await replay();

    expect(new Set([...answers, again].map(({ executionArn }) => executionArn))).toEqual(new Set([REPLAY]));
    expect(again).toMatchObject({ repeated: true, executionStatus: 'RUNNING' });
    expect(executions.size).toBe(2);
    expect((await operation()).replays).toHaveLength(1);
  });

  it('is answered with what somebody else has started between two looks', async () => {
    await replay();
    sfn
      .on(DescribeExecutionCommand, { executionArn: REPLAY })
      .rejectsOnce(anAwsError('ExecutionDoesNotExist'))
      .callsFake(() => executions.get(REPLAY));

    expect(await replay({ requestedBy: 'ops/two' })).toMatchObject({
      repeated: true,
      executionArn: REPLAY,
      executionStatus: 'RUNNING',
    });
    expect(starts()).toHaveLength(1);
  });

  it('of an execution that was replayed answers with that replay, also when it has failed since', async () => {
    await replay();
    know(REPLAY, 'FAILED', { day: 20 });

    const again = await replay();

    expect(again).toMatchObject({ repeated: true, executionArn: REPLAY, executionStatus: 'FAILED' });
    expect(starts()).toHaveLength(1);
  });

  it('of a replay that has failed is the second', async () => {
    await replay();
    know(REPLAY, 'FAILED', { day: 20 });

    const second = await replay({ executionArn: REPLAY });

    expect(second).toMatchObject({ executionArn: anExecutionArnOf('onboard--acme--request-1-r2'), repeated: false });
    expect((await operation()).replays?.map(({ inPlaceOf }) => inPlaceOf)).toEqual([FAILED, REPLAY]);
  });

  it('goes on also when Step Functions has forgotten the execution', async () => {
    executions.clear();

    expect(await replay()).toMatchObject({ executionArn: REPLAY, executionStatus: 'RUNNING' });
  });

  it('of an execution that somebody has redriven starts nothing', async () => {
    know(FAILED, 'RUNNING');

    expect(await replay()).toMatchObject({ executionArn: FAILED, executionStatus: 'RUNNING', repeated: true });
    expect(starts()).toHaveLength(0);
  });

  it('of an execution that was started by hand under any name is one of its request', async () => {
    const byHand = `${FAILED}-by-hand`;
    know(byHand, 'ABORTED', { day: 3 });
    await put({ status: 'ONBOARDING_FAILED', leaseOwner: byHand, leasedAt: '2026-01-03T00:00:01.000Z' });

    expect(await replay({ executionArn: byHand })).toMatchObject({ executionArn: REPLAY });
    expect((await operation()).replays).toMatchObject([{ inPlaceOf: byHand }]);
  });

  it.each([
    ['an offboarding', 'offboard', aHeldTenant({ status: 'OFFBOARDING_FAILED' })],
    [
      'a reinstatement',
      'reinstate',
      { status: 'REINSTATING', operation: 'reinstate', requestId: 'request-2' } as const,
    ],
  ])('of %s is started on its own machine', async (_, name, state) => {
    const failed = anExecutionArnOf(`${name}--acme--request-2`);
    know(failed, 'TIMED_OUT', { requestId: 'request-2' });
    await put({ ...state, leaseOwner: failed });
    await tables.put(
      REGISTRY_TABLE,
      anOperationItem({ requestId: 'request-2', operation: name as 'offboard', executionArn: failed }),
    );

    const answer = await replay({ requestId: 'request-2', executionArn: failed });

    expect(answer['executionArn']).toBe(`${failed}-r1`);
  });

  it('lets a new request wait for it, although it has not claimed the tenant yet', async () => {
    await replay();

    const request = front.handler(
      { operation: 'offboard', tenantId: 'acme', requestId: 'leave', reason: 'given up', requestedBy: 'ops/one' },
      aContext(),
    );

    await expect(request).rejects.toMatchObject({
      name: 'OperationInProgressError',
      message: expect.stringContaining(REPLAY),
    });
  });
});

describe('a replay is refused', () => {
  const refusals: readonly (readonly [string, () => unknown, object, string, string])[] = [
    ['of an unknown tenant', () => {}, { tenantId: 'nobody' }, 'TenantNotRequestedError', 'nobody'],
    ['of a request that is not current', () => {}, { requestId: 'other' }, 'RequestConflictError', 'request-1'],
    ['of a tenant that is gone', () => put({ status: 'OFFBOARDED' }), {}, 'TenantRetiredError', 'OFFBOARDED'],
    [
      'of a cancelled offboarding',
      () => put({ status: 'ACTIVE', lastFailure: {}, requestId: 'request-3' }),
      {},
      'RequestConflictError',
      'request-1 is not its current operation',
    ],
    [
      'while another execution of the request runs',
      async () => {
        know(`${FAILED}-by-hand`, 'RUNNING', { day: 3 });
        await put({ status: 'PROVISIONING', leaseOwner: `${FAILED}-by-hand` });
      },
      {},
      'OperationInProgressError',
      `${FAILED}-by-hand is running`,
    ],
    [
      'of an execution that another one has taken over from',
      async () => {
        know(`${FAILED}-by-hand`, 'FAILED', { day: 3 });
        await put({ status: 'ONBOARDING_FAILED', leaseOwner: `${FAILED}-by-hand` });
      },
      {},
      'StaleExecutionError',
      `which is ${FAILED}-by-hand`,
    ],
    [
      'while the lease is held by an operation before it',
      async () => {
        const failed = anExecutionArnOf('offboard--acme--request-2');
        know(failed, 'FAILED', { requestId: 'request-2' });
        know(FAILED, 'RUNNING');
        await put({ ...aHeldTenant(), status: 'PROVISIONING', leaseOwner: FAILED });
        await tables.put(
          REGISTRY_TABLE,
          anOperationItem({ requestId: 'request-2', operation: 'offboard', executionArn: failed }),
        );
      },
      { requestId: 'request-2', executionArn: anExecutionArnOf('offboard--acme--request-2') },
      'OperationInProgressError',
      `${FAILED} is running`,
    ],
  ];

  it.each(refusals)('%s', async (_, prepare, changes, name, message) => {
    await prepare();

    await expect(replay(changes)).rejects.toMatchObject({ name, message: expect.stringContaining(message) });
    expect(starts()).toHaveLength(0);
    // One record of the refusal, however often; none of an id that is nobody's.
    await expect(replay(changes)).rejects.toMatchObject({ name });
    expect([...new Set(audits().map(({ Key }) => Key))]).toHaveLength(name === 'TenantNotRequestedError' ? 0 : 1);
    for (const { Body } of audits())
      expect(JSON.parse(String(Body))).toMatchObject({ action: 'request-replay', outcome: 'REFUSED', error: name });
  });

  it('with nothing to do, when the tenant is ACTIVE', async () => {
    await put({ status: 'ACTIVE', leaseOwner: undefined });

    expect(await replay()).toMatchObject({ alreadyActive: true, status: 'ACTIVE' });
    expect(starts()).toHaveLength(0);
  });

  it('with all problems at once', async () => {
    await expect(replay({ tenantId: 'A', executionArn: 'x', requestedBy: 'a@b' })).rejects.toMatchObject({
      name: 'InvalidInputError',
      message: expect.stringMatching(/tenantId: .*executionArn: .*requestedBy: /),
    });
  });
});

describe('a replay after a crash', () => {
  const isNote = (op: string, { UpdateExpression }: Record<string, unknown>) =>
    op === 'Update' && String(UpdateExpression).includes('#replays');
  const isRecord = (op: string, input: Record<string, unknown>) => op === 'Update' && !isNote(op, input);

  const completes = async () => {
    await replay();
    expect((await operation()).executionArn).toBe(REPLAY);
    expect((await operation()).replays).toHaveLength(1);
    expect([...executions.keys()]).toEqual([FAILED, REPLAY]);
    expect(audits().length).toBeGreaterThanOrEqual(1);
  };

  it.each([
    ['the note', isNote],
    ['the execution ARN', isRecord],
  ])('completes when it died before %s, or its answer was lost', async (_, matches) => {
    tables.fail(matches, aLostAnswer());
    await expect(replay()).rejects.toMatchObject({ name: 'TransientError' });
    tables.loseAnswer(matches);
    await expect(replay()).rejects.toMatchObject({ name: 'TransientError' });

    await completes();
  });

  it('completes when the audit record or the start could not be made', async () => {
    s3.on(PutObjectCommand)
      .rejectsOnce(anAwsError('SlowDown', '', 503))
      .resolves({});
    await expect(replay()).rejects.toMatchObject({ name: 'ThrottledError' });
    expect(starts()).toHaveLength(0);
    sfn.on(StartExecutionCommand).rejectsOnce(anAwsError('ThrottlingException'));
    await expect(replay()).rejects.toMatchObject({ name: 'ThrottledError' });
    sfn.on(StartExecutionCommand).callsFake(({ name, input }) => {
      executions.set(anExecutionArnOf(name), { status: 'RUNNING', input, startDate: new Date() });
      return {};
    });

    await completes();
  });
});

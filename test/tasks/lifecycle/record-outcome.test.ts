import { DescribeExecutionCommand, GetExecutionHistoryCommand, SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/lifecycle/record-outcome';
import { RETIRED_STATUSES } from '../../../tasks/shared/tenant';
import type { AuditBucket } from '../../support/audit-bucket';
import { recordIn, serveAuditTrail } from '../../support/audit-log';
import { anAwsError } from '../../support/aws-errors';
import {
  aContext,
  aHeldTenant,
  anExecutionArn,
  anOperationItem,
  aStateItem,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { aHistory } from '../../support/history';
import { captureOutput, type Output } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const sfn = mockClient(SFNClient);
let tables: Tables;
let audit: AuditBucket;
let output: Output;

const anEvent = (status = 'FAILED', executionArn = anExecutionArn()) => ({
  version: '0',
  'detail-type': 'Step Functions Execution Status Change',
  detail: { executionArn, status, name: 'x' },
});
const INPUT = '{"requestId":"request-1","tenantId":"acme"}';
const STOPPED = new Date('2026-01-01T00:10:00.000Z');
const anExecution = (changes: object = {}) => ({
  executionArn: anExecutionArn(),
  status: 'FAILED' as const,
  input: INPUT,
  stopDate: STOPPED,
  error: 'QuotaExceededError',
  cause: JSON.stringify({ errorType: 'QuotaExceededError', errorMessage: 'tenant acme does not fit' }),
  redriveCount: 0,
  ...changes,
});
const state = () => tables.get(REGISTRY_TABLE, 'TENANT#acme', 'STATE');
const operation = () => tables.get(REGISTRY_TABLE, 'TENANT#acme', 'OPERATION#request-1');

describe('record-outcome', () => {
  beforeEach(async () => {
    output = captureOutput();
    setEnvironment();
    dynamodb.reset();
    sfn.reset();
    audit = serveAuditTrail();
    const history = aHistory();
    history.entered('Check quotas').scheduled().failed('QuotaExceededError').ended();
    sfn.on(DescribeExecutionCommand).resolves(anExecution());
    sfn.on(GetExecutionHistoryCommand).resolves({ events: [...history.newestFirst()] });
    tables = await serveTables(dynamodb, REGISTRY_TABLE);
    await tables.put(REGISTRY_TABLE, aStateItem(), anOperationItem());
  });

  afterEach(() => jest.restoreAllMocks());

  it('records the typed failure on the tenant and the outcome on the request', async () => {
    const answer = await handler(anEvent(), aContext());

    expect(answer).toEqual({ recorded: true });
    expect(await state()).toMatchObject({
      status: 'ONBOARDING_FAILED',
      leaseOwner: anExecutionArn(),
      lastFailure: {
        step: 'Check quotas',
        error: 'QuotaExceededError',
        errorClass: 'quota',
        message: 'tenant acme does not fit',
        attempt: 1,
        executionArn: anExecutionArn(),
        redriveCount: 0,
        nextAction: expect.stringContaining('Raise the quota'),
        failedAt: STOPPED.toISOString(),
      },
    });
    expect(await operation()).toMatchObject({ outcome: 'FAILED', endedAt: STOPPED.toISOString() });
  });

  it('audits the failure by step and error name, once for each redrive', async () => {
    await handler(anEvent(), aContext());
    await handler(anEvent(), aContext());
    sfn.on(DescribeExecutionCommand).resolves(anExecution({ redriveCount: 1 }));
    await handler(anEvent(), aContext());

    const keys = [0, 1].map((count) => `audit/acme/onboard--acme--request-1/failure-redrive-${count}.json`);
    expect(audit.keys()).toEqual(keys);
    expect(keys.map((key) => audit.versionsOf(key))).toEqual([1, 1]);
    expect(recordIn(audit, keys[0] ?? '')).toEqual({
      schemaVersion: 1,
      tenantId: 'acme',
      action: 'record-outcome',
      requestedBy: 'signup/backend',
      requestId: 'request-1',
      executionArn: anExecutionArn(),
      step: 'Check quotas',
      outcome: 'FAILED',
      error: 'QuotaExceededError',
      at: STOPPED.toISOString(),
    });
  });

  it('audits the failure when the event comes again after a death right before', async () => {
    audit.fail('PutObject', /failure/, anAwsError('SlowDown', undefined, 503));
    await expect(handler(anEvent(), aContext())).rejects.toMatchObject({ name: 'ThrottledError' });
    expect(await state()).toMatchObject({ status: 'ONBOARDING_FAILED' });

    expect(await handler(anEvent(), aContext())).toEqual({ recorded: true });

    expect(audit.keys()).toHaveLength(1);
  });

  it('does not copy what somebody typed as the error of a stop', async () => {
    sfn.on(DescribeExecutionCommand).resolves(anExecution({ status: 'ABORTED', error: 'ask ada@acme.example' }));

    await handler(anEvent('ABORTED'), aContext());

    expect(audit.keys().map((key) => recordIn(audit, key)['error'])).toEqual(['Unknown']);
  });

  it.each(['Cancelled', 'HoldShortened'])('takes %s, a stop by the app, for no failure to audit', async (error) => {
    sfn.on(DescribeExecutionCommand).resolves(anExecution({ status: 'ABORTED', error }));

    await handler(anEvent('ABORTED'), aContext());

    expect(audit.keys()).toEqual([]);
  });

  it('audits no failure on success', async () => {
    sfn.on(DescribeExecutionCommand).resolves(anExecution({ status: 'SUCCEEDED', error: undefined, cause: undefined }));

    await handler(anEvent('SUCCEEDED'), aContext());

    expect(audit.keys()).toEqual([]);
  });

  it('reads the history newest first, over all pages', async () => {
    const history = aHistory();
    history.entered('Check quotas').scheduled().failed('QuotaExceededError');
    const [failed, ...earlier] = history.newestFirst();
    sfn
      .on(GetExecutionHistoryCommand)
      .resolvesOnce({ events: failed === undefined ? [] : [failed], nextToken: 'next' })
      .resolvesOnce({ events: earlier });

    await handler(anEvent(), aContext());

    const [first, second] = sfn.commandCalls(GetExecutionHistoryCommand).map((call) => call.args[0].input);
    expect(first).toMatchObject({ reverseOrder: true, executionArn: anExecutionArn() });
    expect(second).toMatchObject({ nextToken: 'next' });
    expect(await state()).toMatchObject({ lastFailure: { step: 'Check quotas', attempt: 1 } });
  });

  it('is the same when the event comes twice', async () => {
    await handler(anEvent(), aContext());
    const { updatedAt: _, ...once } = (await state()) ?? {};

    expect(await handler(anEvent(), aContext())).toEqual({ recorded: true });

    expect(await state()).toMatchObject(once);
  });

  it('records a failure after a redrive with its number', async () => {
    await tables.put(REGISTRY_TABLE, aStateItem({ status: 'ONBOARDING_FAILED' }));
    sfn.on(DescribeExecutionCommand).resolves(anExecution({ redriveCount: 2 }));

    await handler(anEvent(), aContext());

    expect(await state()).toMatchObject({ lastFailure: { redriveCount: 2 } });
  });

  it('records success on the request alone: Activate tenant has made the tenant ACTIVE', async () => {
    sfn.on(DescribeExecutionCommand).resolves(anExecution({ status: 'SUCCEEDED', error: undefined, cause: undefined }));

    expect(await handler(anEvent('SUCCEEDED'), aContext())).toEqual({ recorded: true });

    expect(await operation()).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(await state()).toMatchObject(aStateItem());
    expect(sfn.commandCalls(GetExecutionHistoryCommand)).toHaveLength(0);
  });

  it('asks the execution, not the late event: one that was redriven meanwhile is running', async () => {
    sfn.on(DescribeExecutionCommand).resolves(anExecution({ status: 'RUNNING' }));

    expect(await handler(anEvent(), aContext())).toEqual({ recorded: false });

    expect(await state()).toMatchObject(aStateItem());
    expect(await operation()).not.toHaveProperty('outcome');
  });

  it('records the failure of an execution that could not even claim the tenant', async () => {
    const { leaseOwner: _, ...unclaimed } = aStateItem({ status: 'REQUESTED', generation: 0 });
    await tables.put(REGISTRY_TABLE, unclaimed);

    await handler(anEvent(), aContext());

    expect(await state()).toMatchObject({ status: 'ONBOARDING_FAILED', lastFailure: { error: 'QuotaExceededError' } });
  });

  describe('of an execution that could not take the lease over', () => {
    const OWNER = anExecutionArn('first');
    const ofTheOwner = (status: 'RUNNING' | 'FAILED') =>
      sfn.on(DescribeExecutionCommand, { executionArn: OWNER }).resolves(anExecution({ executionArn: OWNER, status }));
    const failedAt = (step: string) => {
      const history = aHistory();
      history.entered(step).scheduled().failed('QuotaExceededError').ended();
      sfn.on(GetExecutionHistoryCommand).resolves({ events: [...history.newestFirst()] });
    };
    beforeEach(async () => await tables.put(REGISTRY_TABLE, aStateItem({ leaseOwner: OWNER })));

    it.each(['Claim tenant', 'Claim offboarding', 'Claim reinstatement'])(
      'records the failure at %s when the owner has ended',
      async (step) => {
        ofTheOwner('FAILED');
        failedAt(step);

        expect(await handler(anEvent(), aContext())).toEqual({ recorded: true });

        expect(await state()).toMatchObject({
          leaseOwner: OWNER,
          lastFailure: { step, executionArn: anExecutionArn() },
        });
      },
    );

    it.each([
      ['while the owner runs', 'RUNNING', 'Claim tenant'],
      ['at a later step: it was stale', 'FAILED', 'Provision user group'],
    ] as const)('records none %s', async (_, ownerStatus, step) => {
      ofTheOwner(ownerStatus);
      failedAt(step);

      expect(await handler(anEvent(), aContext())).toEqual({ recorded: false });

      expect(await state()).not.toHaveProperty('lastFailure');
    });
  });

  it('does not put an earlier failure over a later one', async () => {
    const later = { ...aStateItem(), lastFailure: { step: 'Verify tenant', failedAt: '2026-01-01T00:20:00.000Z' } };
    await tables.put(REGISTRY_TABLE, later);

    expect(await handler(anEvent(), aContext())).toEqual({ recorded: false });

    expect(await state()).toEqual(later);
  });

  const { leaseOwner: _lease, ...withoutLease } = aStateItem({ requestId: 'request-2' });
  const NOT_ITS_OWN: readonly (readonly [when: string, item: object])[] = [
    ['another execution has the lease', aStateItem({ leaseOwner: anExecutionArn('newer') })],
    ['another request came after it', withoutLease],
    ...RETIRED_STATUSES.map((status) => [`the tenant is ${status}`, aStateItem({ ...aHeldTenant(), status })] as const),
  ];
  it.each(NOT_ITS_OWN)('leaves the tenant alone when %s', async (_, before) => {
    await tables.put(REGISTRY_TABLE, before);

    expect(await handler(anEvent(), aContext())).toEqual({ recorded: false });

    expect(await state()).toEqual(before);
    expect(await operation()).toMatchObject({ outcome: 'FAILED' });
  });

  it.each([
    ['ACTIVE', 'ACTIVE'],
    ['OFFBOARDING', 'OFFBOARDING_FAILED'],
    ['PURGING', 'OFFBOARDING_FAILED'],
    ['OFFBOARDING_FAILED', 'OFFBOARDING_FAILED'],
    ['REINSTATING', 'REINSTATING'],
    ['OFFBOARDED', 'OFFBOARDED'],
  ] as const)('notes the failure of the execution that has the lease: %s becomes %s', async (before, after) => {
    await tables.put(REGISTRY_TABLE, aStateItem({ status: before }));

    expect(await handler(anEvent(), aContext())).toEqual({ recorded: true });

    expect(await state()).toMatchObject({ status: after, lastFailure: { error: 'QuotaExceededError' } });
  });

  it('leaves a closed tenant alone when another execution of its request comes too late to claim it', async () => {
    const closed = aStateItem({ status: 'OFFBOARDED', leaseOwner: undefined as never });
    await tables.put(REGISTRY_TABLE, closed);
    const history = aHistory();
    history.entered('Claim offboarding').scheduled().failed('TenantRetiredError').ended();
    sfn.on(GetExecutionHistoryCommand).resolves({ events: [...history.newestFirst()] });

    expect(await handler(anEvent(), aContext())).toEqual({ recorded: false });

    expect(await state()).not.toHaveProperty('lastFailure');
  });

  it('does not let a late event of an earlier execution hide how the request ended later', async () => {
    await tables.put(
      REGISTRY_TABLE,
      anOperationItem({ outcome: 'SUCCEEDED', endedAt: '2026-01-01T00:20:00.000Z' }),
      aStateItem({ status: 'ACTIVE' }),
    );

    expect(await handler(anEvent(), aContext())).toEqual({ recorded: false });

    expect(await operation()).toMatchObject({ outcome: 'SUCCEEDED' });
  });

  it.each([
    ['nonsense', 'hello'],
    ['no ids', '{}'],
    ['null', 'null'],
    ['bad ids', '{"tenantId":"A--B","requestId":"request-1"}'],
    ['no input', undefined],
  ])('records nothing for an execution started by hand with %s', async (_, input) => {
    sfn.on(DescribeExecutionCommand).resolves(anExecution({ input }));

    expect(await handler(anEvent(), aContext())).toEqual({ recorded: false });
    expect(dynamodb.calls()).toHaveLength(0);
  });

  it('records nothing for a tenant that was never requested', async () => {
    sfn.on(DescribeExecutionCommand).resolves(anExecution({ input: '{"requestId":"request-1","tenantId":"never"}' }));

    expect(await handler(anEvent(), aContext())).toEqual({ recorded: false });
    expect(await tables.get(REGISTRY_TABLE, 'TENANT#never', 'STATE')).toBeUndefined();
    expect(await tables.get(REGISTRY_TABLE, 'TENANT#never', 'OPERATION#request-1')).toBeUndefined();
  });

  it('records nothing for an execution that Step Functions has forgotten', async () => {
    sfn.on(DescribeExecutionCommand).rejects(anAwsError('ExecutionDoesNotExist'));

    expect(await handler(anEvent(), aContext())).toEqual({ recorded: false });
  });

  it('calls a failure that is not ours unexpected, and says where to look', async () => {
    sfn.on(DescribeExecutionCommand).resolves(anExecution({ error: 'Lambda.Unknown', cause: 'x' }));

    await handler(anEvent(), aContext());

    expect(await state()).toMatchObject({
      lastFailure: { error: 'Lambda.Unknown', errorClass: 'unexpected', nextAction: expect.stringContaining('log') },
    });
  });

  it('keeps addresses out of the record and the log, and bounds its length', async () => {
    const cause = JSON.stringify({ errorMessage: `ada@acme.example ${'x'.repeat(5000)}` });
    sfn.on(DescribeExecutionCommand).resolves(anExecution({ cause }));

    await handler(anEvent(), aContext());

    expect(await state()).toMatchObject({
      lastFailure: { message: expect.stringMatching(/^\[redacted\] x{1900,1989}$/) },
    });
    expect(output.text()).not.toContain('ada@');
  });

  it.each([
    {},
    { detail: {} },
    { detail: { executionArn: 'x', status: 'FAILED' } },
    { detail: { executionArn: anExecutionArn(), status: 'RUNNING' } },
  ])('refuses the event %j before any call', async (event) => {
    await expect(handler(event, aContext())).rejects.toMatchObject({ name: 'InvalidInputError' });
    expect(sfn.calls()).toHaveLength(0);
  });

  it.each([
    ['ThrottlingException', 'ThrottledError'],
    ['AccessDeniedException', 'AccessDeniedError'],
  ])('reports %s as %s, so that EventBridge delivers the event again', async (name, expected) => {
    sfn.on(GetExecutionHistoryCommand).rejects(anAwsError(name));

    await expect(handler(anEvent(), aContext())).rejects.toMatchObject({ name: expected });
  });
});

import { SFNClient, StartExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import * as changeHold from '../../../tasks/lifecycle/change-hold';
import * as front from '../../../tasks/lifecycle/request-operation';
import type { AuditBucket } from '../../support/audit-bucket';
import { recordIn, serveAuditTrail } from '../../support/audit-log';
import { aLostAnswer } from '../../support/aws-errors';
import {
  aContext,
  aHeldTenant,
  anExecutionArnOf,
  anOperationItem,
  aPurgedTenant,
  aStateItem,
  oneLegalHold,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { serveExecutions } from '../../support/executions';
import { type Calls, interruptible } from '../../support/interruptions';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const sfn = mockClient(SFNClient);
let calls: Calls;
let bucket: AuditBucket;
let tables: Tables;
/** Status of executions, by ARN. */
let executions: Map<string, string>;

const ONBOARDING = anExecutionArnOf('onboard--acme--request-1');
const REPAIR = anExecutionArnOf('onboard--acme--repair-1');
const OFFBOARDING = anExecutionArnOf('offboard--acme--request-2');
const SUCCESSOR = anExecutionArnOf('offboard--acme--request-2-g2');
const put = (...items: readonly object[]) => tables.put(REGISTRY_TABLE, ...items);
const item = (sk: string) => tables.get(REGISTRY_TABLE, 'TENANT#acme', sk);
const active = { status: 'ACTIVE', leaseOwner: undefined as never, activatedAt: '2026-01-01T00:10:00.000Z' } as const;

async function begin(): Promise<void> {
  dynamodb.reset();
  sfn.reset();
  bucket = serveAuditTrail();
  executions = new Map([[ONBOARDING, 'SUCCEEDED']]);
  serveExecutions(sfn, executions);
  tables = await serveTables(dynamodb, REGISTRY_TABLE);
  calls = interruptible(DynamoDBDocumentClient, SFNClient);
}

beforeEach(async () => {
  captureOutput();
  setEnvironment();
  await begin();
});
afterEach(() => jest.restoreAllMocks());

describe('operation repair', () => {
  const repair = (changes: object = {}) =>
    front.handler(
      { operation: 'repair', tenantId: 'acme', requestId: 'repair-1', requestedBy: 'ops/one', ...changes },
      aContext(),
    ) as Promise<Record<string, unknown>>;
  const anActiveTenant = () =>
    put(aStateItem(active), anOperationItem({ executionArn: ONBOARDING, outcome: 'SUCCEEDED' }));

  it('starts an onboarding of the same tenant, and audits who asked for a repair', async () => {
    await anActiveTenant();

    const answer = await repair();

    expect(answer).toMatchObject({ operation: 'repair', status: 'ACTIVE', executionArn: REPAIR, repeated: false });
    expect(await item('OPERATION#repair-1')).toMatchObject({
      operation: 'onboard',
      requestedBy: 'ops/one',
      reason: 'repair',
      executionArn: REPAIR,
    });
    expect(recordIn(bucket, 'audit/acme/requests/repair-1.json')).toMatchObject({
      action: 'request-repair',
      requestedBy: 'ops/one',
      executionArn: REPAIR,
      outcome: 'ACCEPTED',
    });
  });

  it('starts one execution and records one request, whichever call dies or loses its answer', async () => {
    await anActiveTenant();
    await repair();
    const all = [...calls.names];
    expect(all).toContain('StartExecutionCommand');

    for (const when of ['before', 'after'] as const) {
      for (const call of all.keys()) {
        await begin();
        await anActiveTenant();
        calls.reset({ call, when });
        await repair().catch(() => undefined);
        calls.reset();

        expect(await repair()).toMatchObject({ executionArn: REPAIR });
        expect([...executions]).toEqual([
          [ONBOARDING, 'SUCCEEDED'],
          [REPAIR, 'RUNNING'],
        ]);
        expect(bucket.versionsOf('audit/acme/requests/repair-1.json')).toBe(1);
      }
    }
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['is gone', () => put(aStateItem({ ...active, status: 'OFFBOARDED' })), 'TenantRetiredError'],
    ['is being purged', () => put(aStateItem(aPurgedTenant())), 'TenantRetiredError'],
    ['sleeps in its hold', () => put(aStateItem(aHeldTenant())), 'TenantRetiredError'],
    [
      'is about to leave',
      () => put(aStateItem({ ...active, offboarding: aHeldTenant().offboarding as never })),
      'OperationInProgressError',
    ],
    [
      'is being repaired already',
      async () => {
        executions.set(ONBOARDING, 'RUNNING');
        await put(aStateItem({ ...active, leaseOwner: ONBOARDING }), anOperationItem({ executionArn: ONBOARDING }));
      },
      'OperationInProgressError',
    ],
  ])('is refused of a tenant that %s, and starts nothing', async (_, prepare, name) => {
    await prepare();

    await expect(repair()).rejects.toMatchObject({ name });

    expect(executions.has(REPAIR)).toBe(false);
    expect(await item('OPERATION#repair-1')).toBeUndefined();
    expect(bucket.keys('audit/acme/requests/repair-1.refused-')).toHaveLength(1);
  });

  it('is refused of a tenant that nobody requested, without beginning an audit trail for a mistyped id', async () => {
    await expect(repair()).rejects.toMatchObject({ name: 'TenantNotRequestedError' });

    expect(bucket.keys()).toEqual([]);
  });

  it('is refused under an id that stood for another request', async () => {
    await anActiveTenant();

    await expect(repair({ requestId: 'request-1' })).rejects.toMatchObject({ name: 'RequestConflictError' });
  });
});

describe('change suspend-again', () => {
  const suspend = () =>
    changeHold.handler(
      { change: 'suspend-again', tenantId: 'acme', requestId: 'again-1', requestedBy: 'ops/one' },
      aContext(),
    ) as Promise<Record<string, unknown>>;
  const aSleeper = async (changes: object = {}) => {
    executions.set(OFFBOARDING, 'RUNNING');
    await put(aStateItem(aHeldTenant(changes)));
  };

  it('replaces the sleeping execution by one that blocks the tenant first; the hold ends when it ended before', async () => {
    await aSleeper();

    const answer = await suspend();

    expect(answer).toMatchObject({ status: 'OFFBOARDING', holdUntil: aHeldTenant().holdUntil });
    expect(executions.get(OFFBOARDING)).toBe('ABORTED');
    expect(executions.get(SUCCESSOR)).toBe('RUNNING');
    expect(sfn.commandCalls(StopExecutionCommand)[0]?.args[0].input).toMatchObject({ error: 'SuspendedAgain' });
    expect(recordIn(bucket, 'audit/acme/requests/again-1.json')).toMatchObject({
      action: 'suspend-again',
      requestedBy: 'ops/one',
      outcome: 'ACCEPTED',
    });
  });

  it('is made once, whichever call dies or loses its answer', async () => {
    await aSleeper();
    await suspend();
    const all = [...calls.names];
    expect(all).toEqual(expect.arrayContaining(['StopExecutionCommand', 'StartExecutionCommand']));

    for (const when of ['before', 'after'] as const) {
      for (const call of all.keys()) {
        await begin();
        await aSleeper();
        calls.reset({ call, when });
        await suspend().catch(() => undefined);
        calls.reset();
        await suspend();

        expect(Object.fromEntries(executions)).toMatchObject({ [OFFBOARDING]: 'ABORTED', [SUCCESSOR]: 'RUNNING' });
        expect(executions.size).toBe(3);
        expect(bucket.versionsOf('audit/acme/requests/again-1.json')).toBe(1);
        expect(await item('OPERATION#again-1')).toMatchObject({ outcome: 'SUCCEEDED' });
      }
    }
  });

  it('goes on where its sleeper is forgotten', async () => {
    await put(aStateItem(aHeldTenant()));

    await suspend();

    expect(executions.get(SUCCESSOR)).toBe('RUNNING');
  });

  it('changes nothing about a legal hold', async () => {
    await aSleeper({ legalHolds: oneLegalHold });

    expect(await suspend()).toMatchObject({ legalHolds: ['hold-17'] });
  });

  it.each<[string, object, string]>([
    ['is ACTIVE', active, 'PurgeNotAllowedError'],
    ['is being purged', aPurgedTenant(), 'PurgeNotAllowedError'],
    ['is gone', { ...active, status: 'OFFBOARDED' }, 'TenantRetiredError'],
  ])('is refused of a tenant that %s', async (_, changes, name) => {
    await put(aStateItem(changes));

    await expect(suspend()).rejects.toMatchObject({ name });

    expect(sfn.commandCalls(StopExecutionCommand)).toHaveLength(0);
    expect(sfn.commandCalls(StartExecutionCommand)).toHaveLength(0);
  });

  it('is told when StopExecution fails for good, and stops what it can on the repeat', async () => {
    await aSleeper();
    sfn.on(StopExecutionCommand).rejectsOnce(aLostAnswer());

    await expect(suspend()).rejects.toMatchObject({ name: 'TransientError' });
    expect(executions.has(SUCCESSOR)).toBe(false);
    await suspend();

    expect(executions.get(SUCCESSOR)).toBe('RUNNING');
  });
});

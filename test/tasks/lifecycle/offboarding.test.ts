import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import * as changeHold from '../../../tasks/lifecycle/change-hold';
import * as checkHold from '../../../tasks/lifecycle/check-hold';
import * as claimOffboarding from '../../../tasks/lifecycle/claim-offboarding';
import * as claimPurge from '../../../tasks/lifecycle/claim-purge';
import * as claimReinstatement from '../../../tasks/lifecycle/claim-reinstatement';
import * as closeTenant from '../../../tasks/lifecycle/close-tenant';
import * as handOver from '../../../tasks/lifecycle/hand-over';
import * as front from '../../../tasks/lifecycle/request-operation';
import { serveAuditLog } from '../../support/audit-log';
import { aLostAnswer, anAwsError } from '../../support/aws-errors';
import {
  aContext,
  aHeldTenant,
  aLedgerItem,
  anExecutionArnOf,
  anOffboardingInput,
  anOperationItem,
  aProfileItem,
  aPurgedTenant,
  aRequest,
  aStateItem,
  oneLegalHold,
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
/** Status of executions, by ARN. */
let executions: Map<string, string>;

const OFFBOARDING = anExecutionArnOf('offboard--acme--request-2');
const REINSTATEMENT = anExecutionArnOf('reinstate--acme--request-3');
const APPROVAL = { by: 'ops/two', at: '2026-01-03T00:00:00.000Z' };
const DAY = 86_400_000;
const past = (days: number) => new Date(Date.now() - days * DAY).toISOString();
const future = (days: number) => past(-days);

const put = (changes: object) => tables.put(REGISTRY_TABLE, aStateItem(changes));
const state = () => tables.get(REGISTRY_TABLE, 'TENANT#acme', 'STATE');
const item = (sk: string) => tables.get(REGISTRY_TABLE, 'TENANT#acme', sk);
const capacity = () => tables.get(REGISTRY_TABLE, 'ESTATE', 'CAPACITY');
const starts = () => sfn.commandCalls(StartExecutionCommand).map((call) => call.args[0].input.name);
const stops = () => sfn.commandCalls(StopExecutionCommand).map((call) => call.args[0].input.executionArn);
const step = (task: { handler: typeof checkHold.handler }) => task.handler(anOffboardingInput(), aContext());
const isStateUpdate = (operation: string, { Key }: Record<string, unknown>) =>
  operation === 'Update' && (Key as { sk: string }).sk === 'STATE';

beforeEach(async () => {
  captureOutput();
  setEnvironment();
  dynamodb.reset();
  sfn.reset();
  s3.reset();
  executions = new Map([[OFFBOARDING, 'RUNNING']]);
  sfn.on(DescribeExecutionCommand).callsFake(({ executionArn }) => {
    const status = executions.get(executionArn);
    if (status === undefined) throw anAwsError('ExecutionDoesNotExist');
    return { executionArn, status };
  });
  sfn.on(StartExecutionCommand).callsFake(({ name }) => {
    // One that runs, with the same input, is answered like the first time [API_StartExecution].
    if ((executions.get(anExecutionArnOf(name)) ?? 'RUNNING') !== 'RUNNING') throw anAwsError('ExecutionAlreadyExists');
    executions.set(anExecutionArnOf(name), 'RUNNING');
    return {};
  });
  sfn.on(StopExecutionCommand).callsFake(({ executionArn }) => {
    if (!executions.has(executionArn)) throw anAwsError('ExecutionDoesNotExist');
    executions.set(executionArn, 'ABORTED');
    return {};
  });
  tables = await serveTables(dynamodb, REGISTRY_TABLE);
  await put(aHeldTenant());
  await tables.put(
    REGISTRY_TABLE,
    anOperationItem({ requestId: 'request-2', operation: 'offboard', holdSeconds: 30 * 86_400, reason: 'end' }),
    anOperationItem({ requestId: 'request-3', operation: 'reinstate' }),
  );
});

afterEach(() => jest.restoreAllMocks());

describe('claim-offboarding', () => {
  const claim = (executionArn = OFFBOARDING, requestId = 'request-2') =>
    claimOffboarding.handler(
      { request: { tenantId: 'acme', requestId }, executionArn, step: 'Claim offboarding' },
      aContext(),
    );
  const accepted = (changes: object = {}) => {
    const { leaseOwner: _lease, holdUntil: _until, ...tenant } = aHeldTenant();
    return put({ ...tenant, status: 'ACTIVE', ...changes, leaseOwner: undefined });
  };

  const requested = (changes: object) =>
    tables.put(REGISTRY_TABLE, anOperationItem({ requestId: 'request-2', operation: 'offboard', ...changes }));

  it('blocks the tenant and starts the hold at the time of the request', async () => {
    const requestedAt = past(2);
    await requested({ requestedAt, holdSeconds: 30 * 86_400 });
    await accepted();
    const holdUntil = new Date(Date.parse(requestedAt) + 30 * DAY).toISOString();

    expect(await claim()).toMatchObject({ generation: 2, holdUntil });
    expect(await claim()).toMatchObject({ generation: 2, holdUntil });
    expect(await state()).toMatchObject({ status: 'OFFBOARDING', leaseOwner: OFFBOARDING, holdUntil });
  });

  it.each([
    ['without a hold, before the tenant was ACTIVE', { requestedAt: past(1), holdSeconds: 0 }],
    ['so long ago that its hold is over', { requestedAt: past(40), holdSeconds: 30 * 86_400 }],
  ])('holds for the stage’s shortest time from the block on what was asked for %s', async (_, asked) => {
    await requested(asked);
    await accepted({ activatedAt: past(0.5) });

    const { holdUntil } = (await claim()) as { holdUntil: string };

    expect(Date.parse(holdUntil) / DAY).toBeCloseTo(Date.now() / DAY + 7, 3);
    const { heldSince } = (await state()) ?? {};
    expect(Date.parse(holdUntil) - Date.parse(String(heldSince))).toBe(7 * DAY);
    const shorten = { change: 'set-hold', until: new Date(Date.parse(holdUntil) - 1000).toISOString() };
    await expect(
      changeHold.handler({ tenantId: 'acme', requestId: 'c-1', requestedBy: 'ops/two', ...shorten }, aContext()),
    ).rejects.toMatchObject({ name: 'InvalidInputError' });
  });

  it('holds a tenant that never was ACTIVE no longer than was asked for', async () => {
    const requestedAt = past(1);
    await requested({ requestedAt, holdSeconds: 0 });
    await accepted({ activatedAt: undefined });

    expect(await claim()).toMatchObject({ holdUntil: requestedAt });
  });

  it('keeps an extension that comes between its look and its write', async () => {
    const extended = future(90);
    await put(aHeldTenant({ holdUntil: future(5), leaseOwner: anExecutionArnOf('offboard--acme--before') }));
    tables.before(isStateUpdate, async () => {
      await put({ ...((await state()) as object), holdUntil: extended });
    });

    expect(await claim()).toMatchObject({ generation: 2, holdUntil: extended });

    expect(await state()).toMatchObject({ leaseOwner: OFFBOARDING, holdUntil: extended });
  });

  it('of a successor waits for the end of the execution that was stopped for it, of any other is refused', async () => {
    const successor = anExecutionArnOf('offboard--acme--request-2-g2');
    await put(aHeldTenant({ holdUntil: future(5) }));

    await expect(claim(successor)).rejects.toMatchObject({ name: 'NotReadyError' });
    await expect(claim(anExecutionArnOf('by-hand'))).rejects.toMatchObject({ name: 'OperationInProgressError' });
    executions.set(OFFBOARDING, 'ABORTED');

    expect(await claim(successor)).toMatchObject({ generation: 2 });
  });

  it('sleeps 300 days at most, however long the hold', async () => {
    await accepted({ holdUntil: future(3000) });

    const { holdUntil } = (await claim()) as { holdUntil: string };

    expect(Date.parse(holdUntil) / DAY).toBeCloseTo(Date.now() / DAY + 300, 1);
    expect((await state())?.['holdUntil']).toBeDefined();
    expect(Date.parse(String((await state())?.['holdUntil']))).toBeGreaterThan(Date.now() + 2000 * DAY);
  });

  it('goes on with a purge that has started', async () => {
    executions.set(OFFBOARDING, 'FAILED');
    await put({ ...aPurgedTenant(), status: 'OFFBOARDING_FAILED' });

    await claim(anExecutionArnOf('by-hand'));

    expect(await state()).toMatchObject({ status: 'PURGING', generation: 2 });
  });

  it('refuses a request that was cancelled, a competitor, and a tenant that is gone', async () => {
    await expect(claim(anExecutionArnOf('by-hand'))).rejects.toMatchObject({ name: 'OperationInProgressError' });
    await put({ status: 'ACTIVE', leaseOwner: undefined as never });
    await expect(claim()).rejects.toMatchObject({ name: 'PurgeNotAllowedError' });
    await put({ status: 'OFFBOARDED' });
    await expect(claim()).rejects.toMatchObject({ name: 'TenantRetiredError' });
  });
});

describe('check-hold', () => {
  const approved = { purgeApproval: APPROVAL, leasedAt: past(1) };
  it.each([
    ['the hold is over and approved', { ...approved, holdUntil: past(1) }, 'purge', 0],
    ['it was extended', { ...approved, holdUntil: future(9) }, 'wait', 9],
    ['a legal hold is set', { ...approved, holdUntil: past(1), legalHolds: oneLegalHold }, 'wait', 1],
    ['the approval is missing', { leasedAt: past(1), holdUntil: past(1) }, 'wait', 1],
    ['the hold goes beyond the execution’s life', { ...approved, holdUntil: future(900) }, 'wait', 299],
    ['the execution is 300 days old', { ...approved, leasedAt: past(300), holdUntil: future(9) }, 'hand over', 0],
  ])('decides when %s', async (_, changes, decision, days) => {
    await put(aHeldTenant(changes));

    const answer = (await step(checkHold)) as { decision: string; until: string };

    expect(answer.decision).toBe(decision);
    expect((Date.parse(answer.until) - Date.now()) / DAY).toBeCloseTo(days, 1);
  });

  it('asks for no approval where the stage does not', async () => {
    setEnvironment({ PURGE_NEEDS_APPROVAL: 'false' });
    await put(aHeldTenant({ holdUntil: past(1) }));

    expect(await step(checkHold)).toMatchObject({ decision: 'purge' });
  });
});

describe('claim-purge', () => {
  const over = { holdUntil: past(1), purgeApproval: APPROVAL };

  it('is the point of no return, whose first time is kept', async () => {
    await put(aHeldTenant(over));

    const first = await step(claimPurge);

    expect(await step(claimPurge)).toEqual(first);
    expect(await state()).toMatchObject({ status: 'PURGING', ...(first as object) });
  });

  it.each([
    ['the hold runs', { ...over, holdUntil: future(1) }, 'PurgeNotAllowedError'],
    ['nobody approved', { holdUntil: past(1) }, 'PurgeNotAllowedError'],
    ['a legal hold is set', { ...over, legalHolds: oneLegalHold }, 'LegalHoldError'],
    ['it was cancelled', { ...over, generation: 2 }, 'StaleExecutionError'],
  ])('is refused when %s', async (_, changes, name) => {
    await put(aHeldTenant(changes));

    await expect(step(claimPurge)).rejects.toMatchObject({ name });

    expect(await state()).not.toHaveProperty('purgeStartedAt');
    expect(s3.calls()).toHaveLength(name === 'LegalHoldError' ? 1 : 0);
  });

  it.each([{ legalHolds: oneLegalHold }, { generation: 2 }, { holdUntil: future(1) }])(
    'loses against %j that comes between its look and its write',
    async (changes) => {
      await put(aHeldTenant(over));
      tables.before(isStateUpdate, () => put(aHeldTenant({ ...over, ...changes })));

      await expect(step(claimPurge)).rejects.toThrow();

      expect(await state()).not.toHaveProperty('purgeStartedAt');
    },
  );
});

describe('hand-over', () => {
  it('gives the lease back and starts one successor, however often', async () => {
    await step(handOver);
    await step(handOver);
    await put(aHeldTenant({ generation: 2, leaseOwner: anExecutionArnOf('offboard--acme--request-2-g2') }));
    await step(handOver);

    expect(new Set(starts())).toEqual(new Set(['offboard--acme--request-2-g2']));
    expect(await state()).toMatchObject({ generation: 2, leaseOwner: expect.stringContaining('-g2') });
  });

  it('goes on after it died between the two', async () => {
    tables.loseAnswer(isStateUpdate);
    await expect(step(handOver)).rejects.toMatchObject({ name: 'TransientError' });

    await step(handOver);

    expect(starts()).toEqual(['offboard--acme--request-2-g2']);
  });

  it('starts nothing for an offboarding that was cancelled', async () => {
    await put({ status: 'REINSTATING', generation: 2 });

    await expect(step(handOver)).rejects.toMatchObject({ name: 'StaleExecutionError' });
    expect(starts()).toEqual([]);
  });
});

describe('claim-reinstatement', () => {
  const claim = (executionArn = REINSTATEMENT) =>
    claimReinstatement.handler(
      { request: { tenantId: 'acme', requestId: 'request-3' }, executionArn, step: 'Claim reinstatement' },
      aContext(),
    );

  it('takes the lease of the offboarding that sleeps, stops it, and does both again when repeated', async () => {
    expect(await claim()).toMatchObject({ generation: 2 });
    expect(await claim()).toMatchObject({ generation: 2 });

    expect(stops()).toEqual([OFFBOARDING, OFFBOARDING]);
    expect(await state()).toMatchObject({ status: 'REINSTATING', leaseOwner: REINSTATEMENT });
    expect(await state()).not.toHaveProperty('offboarding');
    expect(await state()).not.toHaveProperty('holdUntil');
  });

  it('stops it also when the execution that took the lease died before, and another one goes on', async () => {
    sfn.on(StopExecutionCommand).rejects(aLostAnswer());
    await expect(claim()).rejects.toMatchObject({ name: 'TransientError' });
    executions.set(REINSTATEMENT, 'FAILED');
    sfn.on(StopExecutionCommand).resolves({});

    expect(await claim(anExecutionArnOf('reinstate--acme--again'))).toMatchObject({ generation: 3 });

    expect(stops()).toEqual([OFFBOARDING, OFFBOARDING]);
  });

  it('withdraws an offboarding that no execution has claimed', async () => {
    await put(aHeldTenant({ status: 'ACTIVE', holdUntil: undefined as never, leaseOwner: undefined as never }));

    expect(await claim()).toMatchObject({ generation: 2 });

    expect(await state()).toMatchObject({ status: 'REINSTATING', leaseOwner: REINSTATEMENT });
    expect(await state()).not.toHaveProperty('offboarding');
    executions.set(REINSTATEMENT, 'FAILED');
    const late = { request: { tenantId: 'acme', requestId: 'request-2' }, executionArn: OFFBOARDING };
    await expect(claimOffboarding.handler({ ...late, step: 'Claim offboarding' }, aContext())).rejects.toMatchObject({
      name: 'PurgeNotAllowedError',
    });
  });

  it.each([
    ['its purge has started', { ...aPurgedTenant() }],
    ['its purge has started and failed', { ...aPurgedTenant(), status: 'OFFBOARDING_FAILED' }],
    ['it never was active', aHeldTenant({ activatedAt: undefined as never })],
    ['it is gone', { ...aPurgedTenant(), status: 'OFFBOARDED' }],
    ['it is active', { status: 'ACTIVE', activatedAt: past(9), leaseOwner: undefined, offboarding: undefined }],
  ])('is refused when %s', async (_, changes) => {
    await put(changes);

    await expect(claim()).rejects.toMatchObject({ name: 'PurgeNotAllowedError' });
    expect(stops()).toEqual([]);
    expect(await state()).toMatchObject({ generation: 1 });
  });

  it('loses against a purge that started, and failed, between its look and its write', async () => {
    await put(aHeldTenant({ status: 'OFFBOARDING_FAILED' }));
    tables.before(isStateUpdate, () => put({ ...aPurgedTenant(), status: 'OFFBOARDING_FAILED' }));

    await expect(claim()).rejects.toMatchObject({ name: 'TransientError' });

    expect(await state()).toMatchObject({ status: 'OFFBOARDING_FAILED', generation: 1 });
  });
});

describe('change-hold', () => {
  const change = (changes: object) =>
    changeHold.handler({ tenantId: 'acme', requestId: 'change-1', requestedBy: 'ops/two', ...changes }, aContext());

  it('wakes the sleeping execution when the hold is shortened, also when repeated after a crash', async () => {
    const shorten = { change: 'set-hold', until: '2026-01-20T00:00:00Z' };
    sfn.on(StopExecutionCommand).rejectsOnce(aLostAnswer()).resolves({});
    await expect(change(shorten)).rejects.toMatchObject({ name: 'TransientError' });

    expect(await change(shorten)).toMatchObject({ holdUntil: '2026-01-20T00:00:00.000Z' });

    expect(starts()).toEqual(['offboard--acme--request-2-g2']);
  });

  it('lets it sleep when the hold is extended', async () => {
    await change({ change: 'set-hold', until: '2027-01-20T00:00:00Z' });

    expect(await state()).toMatchObject({ holdUntil: '2027-01-20T00:00:00.000Z' });
    expect([...stops(), ...starts()]).toEqual([]);
  });

  it('extends from the end that the hold has, once, also when repeated after a crash', async () => {
    await put(aHeldTenant({ holdUntil: future(5) }));
    const end = Date.parse(String((await state())?.['holdUntil'])) + 10 * DAY;
    const extend = { change: 'extend-hold', bySeconds: (10 * DAY) / 1000 };
    s3.on(PutObjectCommand).rejectsOnce(aLostAnswer()).resolves({});
    await expect(change(extend)).rejects.toMatchObject({ name: 'TransientError' });

    await change(extend);
    await change(extend);

    expect(Date.parse(String((await state())?.['holdUntil']))).toBe(end);
    expect(s3.commandCalls(PutObjectCommand).at(-1)?.args[0].input).toMatchObject({
      Key: 'audit/acme/requests/change-1.json',
      Body: expect.stringContaining(`"until":"${new Date(end).toISOString()}"`),
    });
    expect([...stops(), ...starts()]).toEqual([]);
  });

  it('extends a hold that is over from now', async () => {
    await put(aHeldTenant({ holdUntil: past(3) }));

    await change({ change: 'extend-hold', bySeconds: 3600 });

    expect(Date.parse(String((await state())?.['holdUntil'])) / 1000).toBeCloseTo(Date.now() / 1000 + 3600, -1);
  });

  it('never shortens by an extension, whatever was set since it was recorded', async () => {
    await put(aHeldTenant({ holdUntil: future(5) }));
    s3.on(PutObjectCommand).rejectsOnce(aLostAnswer()).resolves({});
    await expect(change({ change: 'extend-hold', bySeconds: 3600 })).rejects.toMatchObject({ name: 'TransientError' });
    const longer = future(50);
    await put(aHeldTenant({ holdUntil: longer }));

    expect(await change({ change: 'extend-hold', bySeconds: 3600 })).toMatchObject({ holdUntil: longer });
  });

  it('refuses an extension that somebody overtakes, and makes it when it is sent again', async () => {
    await put(aHeldTenant({ holdUntil: future(5) }));
    const longer = future(50);
    tables.before(isStateUpdate, () => put(aHeldTenant({ holdUntil: longer, holdChanges: ['other'] })));

    const overtaken = change({ change: 'extend-hold', bySeconds: 3600 });

    await expect(overtaken).rejects.toMatchObject({ name: 'TransientError' });
    expect(await change({ change: 'extend-hold', bySeconds: 3600 })).toMatchObject({ holdUntil: longer });
  });

  it('sets an end that is counted from when the change was recorded, however often it is sent', async () => {
    const set = { change: 'set-hold', inSeconds: 3600 };
    sfn.on(StopExecutionCommand).rejectsOnce(aLostAnswer()).resolves({});
    await put(aHeldTenant({ holdUntil: future(5) }));
    await expect(change(set)).rejects.toMatchObject({ name: 'TransientError' });
    const recorded = (await item('OPERATION#change-1'))?.['until'];

    expect(await change(set)).toMatchObject({ holdUntil: recorded });
    expect(Date.parse(String(recorded)) / 1000).toBeCloseTo(Date.now() / 1000 + 3600, -1);
    expect(starts()).toEqual(['offboard--acme--request-2-g2']);
  });

  it('reports every problem of a change at once', async () => {
    const wrong = change({ change: 'set-hold', requestedBy: 'a@b.example', until: 'tomorrow', inSeconds: 1 });

    await expect(wrong).rejects.toMatchObject({
      name: 'InvalidInputError',
      message: expect.stringMatching(/requestedBy: .*until: .*exactly one of until and inSeconds is required/s),
    });
  });

  it('does not go below the stage’s shortest hold, unless the tenant never was active', async () => {
    const shorten = { change: 'set-hold', until: '2026-01-08T23:59:59Z' };
    await expect(change(shorten)).rejects.toMatchObject({ name: 'InvalidInputError' });
    await put(aHeldTenant({ activatedAt: undefined as never }));

    expect(await change(shorten)).toMatchObject({ status: 'OFFBOARDING' });
  });

  it('lets a second principal approve, not the requester', async () => {
    await expect(change({ change: 'approve-purge', requestedBy: 'ops/one' })).rejects.toMatchObject({
      name: 'SelfApprovalError',
    });
    expect(await state()).not.toHaveProperty('purgeApproval');

    expect(await change({ change: 'approve-purge' })).toMatchObject({ approvedBy: 'ops/two' });
  });

  const setHold = (requestId: string, reason = 'case 17') => change({ change: 'set-legal-hold', reason, requestId });
  const release = (legalHoldId: string, requestId: string) =>
    change({ change: 'release-legal-hold', reason: 'settled', legalHoldId, requestId });

  it('sets legal holds in any status, each by itself: the release of one leaves the others', async () => {
    await put(aPurgedTenant());
    expect(await setHold('case-17')).toMatchObject({ legalHolds: ['case-17'] });
    expect(await setHold('case-18', 'case 18')).toMatchObject({ legalHolds: ['case-17', 'case-18'] });

    expect(await release('case-17', 'release-1')).toMatchObject({ legalHolds: ['case-18'] });

    expect((await state())?.['legalHolds']).toEqual({
      'case-18': { by: 'ops/two', reason: 'case 18', since: expect.any(String) },
    });
    expect(await release('case-18', 'release-2')).toMatchObject({ legalHolds: [] });
    expect(await state()).not.toHaveProperty('legalHolds');
    expect(s3.commandCalls(PutObjectCommand)).toHaveLength(4);
  });

  it('refuses to release a legal hold that does not stand, and names those that do', async () => {
    await setHold('case-17');

    await expect(release('case-71', 'release-1')).rejects.toMatchObject({
      name: 'InvalidInputError',
      message: expect.stringContaining('legalHoldId: no legal hold case-71 stands; those that do: case-17'),
    });

    expect(await state()).toHaveProperty('legalHolds');
    expect(await item('OPERATION#release-1')).toBeUndefined();
  });

  it('keeps both of two legal holds that are set at once', async () => {
    tables.before(isStateUpdate, async () => {
      await setHold('case-18');
    });

    await expect(setHold('case-17')).rejects.toMatchObject({ name: 'TransientError' });

    expect(await setHold('case-17')).toMatchObject({ legalHolds: expect.arrayContaining(['case-17', 'case-18']) });
  });

  it('names the day on which KMS destroys the key, when a legal hold comes too late for it', async () => {
    await put(aPurgedTenant());
    await tables.put(REGISTRY_TABLE, aLedgerItem({ phase: 'DESTROYED', deletionDate: '2026-03-01T00:00:00.000Z' }));

    expect(await setHold('case-17')).toMatchObject({ encryptionKeyDeletionDate: '2026-03-01T00:00:00.000Z' });
  });

  it('records a change before it is made: none is ever without its record', async () => {
    s3.on(PutObjectCommand).rejects(aLostAnswer());

    await expect(setHold('case-17')).rejects.toMatchObject({ name: 'TransientError' });

    expect(await state()).not.toHaveProperty('legalHolds');
  });

  it.each(['before', 'after'] as const)(
    'is not made again by a repeat when its attempt died %s the answer to its write, and others have changed it back',
    async (when) => {
      if (when === 'before') tables.before(isStateUpdate, () => Promise.reject(aLostAnswer()));
      else tables.loseAnswer(isStateUpdate);
      await setHold('case-17').catch(() => {});
      if (when === 'after') expect(await state()).toHaveProperty('legalHolds.case-17');
      if (when === 'after') await release('case-17', 'release-1');

      const repeated = await setHold('case-17');

      expect(repeated).toMatchObject({ legalHolds: when === 'after' ? [] : ['case-17'] });
      expect(await item('OPERATION#case-17')).toMatchObject({ outcome: 'SUCCEEDED' });
    },
  );

  it('does not shorten again, by the repeat of an attempt that died, what others have extended since', async () => {
    await put(aHeldTenant({ holdUntil: future(30) }));
    const shorten = { change: 'set-hold', until: future(10) };
    sfn.on(StopExecutionCommand).rejectsOnce(aLostAnswer()).resolves({});
    await expect(change(shorten)).rejects.toMatchObject({ name: 'TransientError' });
    const { holdUntil } = (await change({ change: 'extend-hold', bySeconds: 86_400, requestId: 'c-2' })) as {
      holdUntil: string;
    };

    expect(await change(shorten)).toMatchObject({ holdUntil });
  });

  it('does not approve, by the repeat of an attempt that died, an offboarding that was asked for since', async () => {
    tables.before(isStateUpdate, () => Promise.reject(aLostAnswer()));
    await expect(change({ change: 'approve-purge' })).rejects.toMatchObject({ name: 'TransientError' });
    const { offboarding } = aHeldTenant();
    await put(aHeldTenant({ offboarding: { ...offboarding, requestId: 'request-8' } as never }));

    await expect(change({ change: 'approve-purge' })).rejects.toMatchObject({
      name: 'PurgeNotAllowedError',
      message: expect.stringContaining('during the hold of request request-2, which was cancelled'),
    });

    expect(await state()).not.toHaveProperty('purgeApproval');
  });

  it.each([
    ['a purge', aPurgedTenant()],
    ['a reinstatement', aHeldTenant({ status: 'REINSTATING', offboarding: undefined as never })],
  ])('does not stop %s that has begun since the attempt that died', async (_, since) => {
    await put(aHeldTenant({ holdUntil: future(30) }));
    const shorten = { change: 'set-hold', until: future(10) };
    sfn.on(StopExecutionCommand).rejectsOnce(aLostAnswer()).resolves({});
    await expect(change(shorten)).rejects.toMatchObject({ name: 'TransientError' });
    const tried = stops().length;
    const { holdChanges } = (await state()) ?? {};
    await put({ ...since, holdChanges });

    await change(shorten);

    expect(stops()).toHaveLength(tried);
    expect(starts()).toEqual([]);
  });

  it('says so when the successor has ended without taking over', async () => {
    await put(aHeldTenant({ holdUntil: future(30) }));
    executions.set(anExecutionArnOf('offboard--acme--request-2-g2'), 'FAILED');

    await expect(change({ change: 'set-hold', until: future(10) })).rejects.toMatchObject({
      name: 'NotReadyError',
      message: expect.stringContaining('offboard--acme--request-2-g2, which was to go on'),
    });
  });

  it('refuses another change under the id of one that was audited, and changes nothing', async () => {
    await change({ change: 'set-legal-hold', reason: 'case 17' });

    const reused = release('change-1', 'change-1');

    await expect(reused).rejects.toMatchObject({ name: 'RequestConflictError' });
    expect(await state()).toHaveProperty('legalHolds');
  });

  it('does not make a change again that others have taken back since', async () => {
    const set = { change: 'set-legal-hold', reason: 'case 17', requestId: 'set-1' };
    await change(set);
    await release('set-1', 'release-1');

    expect(await change(set)).toMatchObject({ legalHolds: [] });
    expect(await state()).not.toHaveProperty('legalHolds');
  });

  it.each([
    ['OFFBOARDED', { change: 'set-legal-hold', reason: 'case 17' }, 'TenantRetiredError'],
    ['ACTIVE', { change: 'release-legal-hold', reason: 'settled' }, 'InvalidInputError'],
    ['ACTIVE', { change: 'approve-purge' }, 'PurgeNotAllowedError'],
    ['PURGING', { change: 'set-hold', until: '2027-01-01T00:00:00Z' }, 'PurgeNotAllowedError'],
    ['ACTIVE', { change: 'extend-hold', bySeconds: 1 }, 'PurgeNotAllowedError'],
    ['OFFBOARDING', { change: 'extend-hold', bySeconds: 0 }, 'InvalidInputError'],
    ['OFFBOARDING', { change: 'set-hold' }, 'InvalidInputError'],
    ['OFFBOARDING', { change: 'set-legal-hold', reason: 'ask ada@acme.example' }, 'InvalidInputError'],
  ])('of a tenant that is %s refuses %j', async (status, wanted, name) => {
    await put(aHeldTenant({ status: status as 'ACTIVE' }));

    await expect(change(wanted)).rejects.toMatchObject({ name });

    // What does not pass validation is nobody's request yet.
    const records = s3.commandCalls(PutObjectCommand).map((call) => JSON.parse(String(call.args[0].input.Body)));
    expect(records).toEqual(
      name === 'InvalidInputError'
        ? []
        : [expect.objectContaining({ action: (wanted as { change: string }).change, outcome: 'REFUSED', error: name })],
    );
  });
});

describe('close-tenant', () => {
  const COUNTERS = { 'encryption-key': 5, 'vector-index': 5, 'knowledge-base': 2, 'user-group': 5 };
  const tenant = aPurgedTenant({
    capacityReserved: true,
    evidence: { key: 'audit/acme/evidence-of-deletion/request-2.json', sha256: 'a'.repeat(64) },
  });
  const isCapacity = (_: string, { Key }: Record<string, unknown>) => (Key as { pk?: string })?.pk === 'ESTATE';

  beforeEach(async () => {
    await put(tenant);
    await tables.put(
      REGISTRY_TABLE,
      aProfileItem(),
      aLedgerItem({ phase: 'DESTROYED', deletionDate: '2026-03-01T00:00:00.000Z' }),
      { pk: 'ESTATE', sk: 'CAPACITY', ...COUNTERS },
    );
  });

  const expectClosed = async () => {
    expect(await state()).toMatchObject({
      status: 'OFFBOARDED',
      tombstone: { encryptionKeyDeletionDate: '2026-03-01T00:00:00.000Z', evidenceSha256: 'a'.repeat(64) },
    });
    expect(await item('PROFILE')).toBeUndefined();
    expect(await item('OPERATION#request-2')).not.toHaveProperty('payloadHash');
    expect(await capacity()).toMatchObject({ 'encryption-key': 4, 'knowledge-base': 1 });
    expect(await capacity()).not.toHaveProperty('releasing');
  };

  it('leaves a tombstone, erases what is personal, gives the places back once', async () => {
    await step(closeTenant);
    await step(closeTenant);

    await expectClosed();
  });

  it.each([0, 1, 2, 3, 4, 5])('does the same when the answer to its update no. %i is lost', async (position) => {
    let seen = -1;
    tables.loseAnswer((operation) => {
      if (operation !== 'Update') return false;
      seen += 1;
      return seen === position;
    });
    await step(closeTenant).catch(() => {});

    await step(closeTenant);

    await expectClosed();
  });

  it('forgets the failure of the attempt that had closed it', async () => {
    await step(closeTenant);
    await put({ ...((await state()) as typeof tenant), lastFailure: { step: 'Close tenant' } });

    await step(closeTenant);

    await expectClosed();
    expect(await state()).not.toHaveProperty('lastFailure');
  });

  it('gives back places that were counted before the onboarding died', async () => {
    const { capacityReserved: _reserved, ...pending } = tenant;
    await put(pending);
    await tables.put(REGISTRY_TABLE, {
      pk: 'ESTATE',
      sk: 'CAPACITY',
      ...COUNTERS,
      pending: new Set(['acme', 'acme2']),
    });
    tables.loseAnswer(isCapacity);
    await step(closeTenant).catch(() => {});

    await step(closeTenant);

    await expectClosed();
    expect((await capacity())?.['pending']).toEqual(new Set(['acme2']));
  });

  it('does not close over a legal hold that is set at its last write', async () => {
    const isTombstone = (operation: string, { ExpressionAttributeNames: names }: Record<string, unknown>) =>
      operation === 'Update' && '#tombstone' in ((names as object) ?? {});
    tables.before(isTombstone, async () => {
      await put({ ...((await state()) as typeof tenant), legalHolds: oneLegalHold });
    });

    await expect(step(closeTenant)).rejects.toMatchObject({ name: 'LegalHoldError' });

    expect(await state()).toMatchObject({ status: 'PURGING' });
    expect(await state()).not.toHaveProperty('tombstone');
  });

  it('does not close without evidence', async () => {
    const { evidence: _evidence, ...unproved } = tenant;
    await put(unproved);

    await expect(step(closeTenant)).rejects.toMatchObject({ name: 'PurgeNotAllowedError' });
    expect(await item('PROFILE')).toBeDefined();
  });
});

describe('the front door', () => {
  const ask = (changes: object = {}) =>
    front.handler(
      {
        operation: 'offboard',
        tenantId: 'acme',
        requestId: 'request-9',
        reason: 'end',
        requestedBy: 'ops/one',
        ...changes,
      },
      aContext(),
    );
  const active = { status: 'ACTIVE', activatedAt: past(9), leaseOwner: undefined };

  it('accepts an offboarding once, and gives the first answer again', async () => {
    await put(active);
    const first = await ask();

    expect(first).toMatchObject({ repeated: false, executionArn: anExecutionArnOf('offboard--acme--request-9') });
    expect(await ask()).toMatchObject({ repeated: true });
    expect(starts()).toEqual(['offboard--acme--request-9']);
    expect(await state()).toMatchObject({ offboarding: { requestId: 'request-9', requestedBy: 'ops/one' } });
    await expect(ask({ reason: 'another' })).rejects.toMatchObject({ name: 'RequestConflictError' });
  });

  it('takes a write that the SDK has repeated for its own, and records no refusal', async () => {
    await put(active);
    tables.sendTwice(isStateUpdate);

    expect(await ask()).toMatchObject({ repeated: false });
    expect(starts()).toEqual(['offboard--acme--request-9']);
    expect(s3.commandCalls(PutObjectCommand).map(({ args: [{ input }] }) => input.Key)).toEqual([
      'audit/acme/requests/request-9.json',
    ]);
  });

  it('refuses a second offboarding, a hold below the minimum, and a reason with an address', async () => {
    await expect(ask()).rejects.toMatchObject({ name: 'OperationInProgressError' });
    await put(active);
    await expect(ask({ holdSeconds: 60 })).rejects.toMatchObject({ name: 'InvalidInputError' });
    await expect(ask({ reason: 'ask ada@acme.example' })).rejects.toMatchObject({ name: 'InvalidInputError' });
    expect(starts()).toEqual([]);
  });

  it('admits no hold for a tenant that never was active, but not while its onboarding runs', async () => {
    const onboarding = anExecutionArnOf('onboard--acme--request-1');
    executions.set(onboarding, 'RUNNING');
    await put({ status: 'PROVISIONING', leaseOwner: onboarding });
    await expect(ask({ holdSeconds: 0 })).rejects.toMatchObject({ name: 'OperationInProgressError' });

    executions.set(onboarding, 'FAILED');

    expect(await ask({ holdSeconds: 0 })).toMatchObject({ repeated: false });
  });

  it('answers with the tombstone for a tenant that is gone, and starts nothing', async () => {
    const tombstone = { closedAt: past(1), evidenceKey: 'k', evidenceSha256: 's' };
    await put({ ...aPurgedTenant(), status: 'OFFBOARDED', tombstone });

    expect(await ask()).toMatchObject({ status: 'OFFBOARDED', tombstone });
    await expect(front.handler(aRequest({ requestId: 'new' }), aContext())).rejects.toMatchObject({
      name: 'TenantRetiredError',
    });
    expect(starts()).toEqual([]);
  });

  it('accepts a reinstatement during the hold only', async () => {
    expect(await ask({ operation: 'reinstate' })).toMatchObject({ repeated: false });
    await put(aPurgedTenant());
    await expect(ask({ operation: 'reinstate', requestId: 'late' })).rejects.toMatchObject({
      name: 'PurgeNotAllowedError',
    });
    await put(active);
    expect(await ask({ operation: 'reinstate', requestId: 'needless' })).toMatchObject({ alreadyActive: true });
    expect(starts()).toEqual(['reinstate--acme--request-9']);
  });
});

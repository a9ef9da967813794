import { PutObjectCommand } from '@aws-sdk/client-s3';
import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import * as changeHold from '../../../tasks/lifecycle/change-hold';
import * as checkHold from '../../../tasks/lifecycle/check-hold';
import * as claimOffboarding from '../../../tasks/lifecycle/claim-offboarding';
import * as claimPurge from '../../../tasks/lifecycle/claim-purge';
import * as claimReinstatement from '../../../tasks/lifecycle/claim-reinstatement';
import * as closeTenant from '../../../tasks/lifecycle/close-tenant';
import * as handOver from '../../../tasks/lifecycle/hand-over';
import * as front from '../../../tasks/lifecycle/request-operation';
import { aLostAnswer } from '../../support/aws-errors';
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
  oneLegalHold,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';

import {
  DAY,
  executions,
  future,
  isStateUpdate,
  item,
  OFFBOARDING,
  past,
  put,
  REINSTATEMENT,
  s3,
  sfn,
  starts,
  state,
  stops,
  tables,
  useHeldTenant,
} from './a-held-tenant';

useHeldTenant();

const APPROVAL = { by: 'ops/two', at: '2026-01-03T00:00:00.000Z' };
const capacity = () => tables.get(REGISTRY_TABLE, 'ESTATE', 'CAPACITY');
const step = (task: { handler: typeof checkHold.handler }) => task.handler(anOffboardingInput(), aContext());

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

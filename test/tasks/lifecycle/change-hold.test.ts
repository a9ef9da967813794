import { PutObjectCommand } from '@aws-sdk/client-s3';
import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import * as changeHold from '../../../tasks/lifecycle/change-hold';
import { aLostAnswer } from '../../support/aws-errors';
import {
  aContext,
  aHeldTenant,
  aLedgerItem,
  anExecutionArnOf,
  aPurgedTenant,
  REGISTRY_TABLE,
} from '../../support/builders';

import {
  DAY,
  executions,
  future,
  isStateUpdate,
  item,
  past,
  put,
  s3,
  sfn,
  starts,
  state,
  stops,
  tables,
  useHeldTenant,
} from './a-held-tenant';

useHeldTenant();

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
    expect(s3.commandCalls(PutObjectCommand).at(-1)?.args[0].input).toMatchObject({
      Key: 'audit/acme/requests/release-1.json',
      Body: expect.stringContaining('"legalHoldId":"case-17"'),
    });

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

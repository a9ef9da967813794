import { run } from '../../cli/program';
import { stateOf, useApp } from '../lifecycle/app-under-test';
import { anActiveTenant, DAY, pass, quiet, startOffboarding } from '../offboarding/offboarding-under-test';
import { aTerminal, tenantctl } from './a-terminal';

const app = useApp();
afterEach(() => app().faults.clear());

const there = () => ['--endpoint', app().endpoint.url];
const tenant = (command: string, tenantId: string, ...options: readonly string[]) =>
  tenantctl(...command.split(' '), '--tenant-id', tenantId, ...options, ...there());
const asJson = async (command: string, tenantId: string, ...options: readonly string[]) => {
  const { exitCode, json, stderr } = await tenant(command, tenantId, ...options, '--json');
  return { exitCode, answer: json(), stderr: stderr() };
};
const leave = (tenantId: string, ...options: readonly string[]) =>
  tenant('offboard', tenantId, '--reason', 'contract ended', ...options);
const holdOf = async (tenantId: string) => Date.parse((await stateOf(app(), tenantId)).holdUntil ?? '');

/** A tenant that sleeps in a hold of 30 days, which alice asked for. */
async function aHeldTenant(tenantId: string): Promise<string> {
  await anActiveTenant(app(), tenantId);
  return await startOffboarding(app(), tenantId);
}

describe('tenantctl offboard', () => {
  it('without a hold and with --wait shows each state and ends when the tenant is OFFBOARDED', async () => {
    await anActiveTenant(app(), 'gone');

    const { exitCode, stdout, stderr } = await leave('gone', '--hold', '0', '--wait');

    expect({ exitCode, stderr: stderr() }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout()).toMatch(/done {7}Prove tenant is gone/);
    expect(stdout()).toMatch(/✓ gone is OFFBOARDED\n/);
    expect(stdout()).toMatch(/evidence {5}audit\/gone\/evidence-of-deletion\/\w+\.json \(SHA-256 [0-9a-f]{64}\)/);
    expect((await stateOf(app(), 'gone')).status).toBe('OFFBOARDED');
  });

  it('of a tenant that is gone answers with its tombstone, and starts nothing', async () => {
    const { tombstone } = await stateOf(app(), 'gone');
    const calls = app().calls.entries().length;

    const text = await leave('gone');
    const waiting = await asJson('offboard', 'gone', '--reason', 'contract ended', '--wait');

    expect(text.exitCode).toBe(0);
    expect(text.stdout()).toContain('✓ gone is OFFBOARDED: it was already, nothing was started');
    expect(text.stdout()).toContain(tombstone?.evidenceSha256);
    expect(waiting).toMatchObject({ exitCode: 0, answer: { status: 'OFFBOARDED', tombstone: { ...tombstone } } });
    const started = app().calls.entries().slice(calls);
    expect(started.filter(({ operation }) => operation === 'StartExecution')).toEqual([]);
  });

  it('with --wait stops waiting in the hold, says until when and how to change it', async () => {
    await anActiveTenant(app(), 'held');

    const { exitCode, stdout } = await leave('held', '--hold', '30d', '--request-id', 'leave-1', '--wait');

    const { holdUntil } = await stateOf(app(), 'held');
    expect(exitCode).toBe(0);
    expect(stdout()).toContain('✓ held is OFFBOARDING');
    expect(stdout()).toContain(`hold until  ${holdUntil}`);
    expect(stdout()).toContain('Nothing is lost by leaving now');
    for (const next of ['hold extend --tenant-id held --by 10d', 'hold cancel --tenant-id held', 'offboard approve']) {
      expect(stdout()).toContain(`npm run tenant -- ${next}`);
    }
  });

  it('sent again is the same request, also as JSON', async () => {
    const { exitCode, answer } = await asJson(
      'offboard',
      'held',
      ...['--reason', 'contract ended', '--hold', '30d', '--request-id', 'leave-1', '--wait'],
    );

    const { holdUntil } = await stateOf(app(), 'held');
    expect(exitCode).toBe(0);
    expect(answer).toMatchObject({ status: 'OFFBOARDING', repeated: true, executionStatus: 'RUNNING', holdUntil });
    expect(answer).toMatchObject({ requestId: 'leave-1', legalHolds: [] });
  });

  it('under a legal hold says so, whatever the hold', async () => {
    await anActiveTenant(app(), 'litigated');
    await tenant('hold legal', 'litigated', '--on', '--reason', 'case 42', '--request-id', 'hold-1');

    const { exitCode, answer } = await asJson('offboard', 'litigated', '--reason', 'ended', '--hold', '0', '--wait');

    expect(exitCode).toBe(0);
    expect(answer).toMatchObject({ status: 'OFFBOARDING', legalHolds: ['hold-1'] });
    expect((await stateOf(app(), 'litigated')).purgeStartedAt).toBeUndefined();
  });

  it('with --wait shows the typed failure, and answers the same once it is repaired', async () => {
    await anActiveTenant(app(), 'stuck');
    app().faults.add({
      operation: 'DeleteIndex',
      when: 'before',
      effect: { kind: 'error', code: 'ValidationException', status: 400 },
    });
    const args = ['--reason', 'contract ended', '--hold', '0', '--request-id', 'leave-1', '--wait'];

    const failed = await asJson('offboard', 'stuck', ...args);
    const shown = await tenant('offboard', 'stuck', ...args);
    app().machines.redrive(String(failed.answer['executionArn']));
    const repaired = await asJson('offboard', 'stuck', ...args);

    expect(failed).toMatchObject({
      exitCode: 1,
      answer: {
        status: 'OFFBOARDING_FAILED',
        executionStatus: 'FAILED',
        failure: { step: 'Destroy vector index', error: 'RejectedCallError' },
      },
    });
    expect(shown.exitCode).toBe(1);
    expect(shown.stdout()).toContain('✗ stuck is OFFBOARDING_FAILED: it failed at "Destroy vector index", attempt 1');
    expect(repaired).toMatchObject({ exitCode: 0, answer: { status: 'OFFBOARDED', executionStatus: 'SUCCEEDED' } });
  });

  it('that was cancelled says so', async () => {
    await anActiveTenant(app(), 'cancelled');
    await leave('cancelled', '--hold', '30d', '--request-id', 'leave-1');
    await quiet(app());
    await tenant('hold cancel', 'cancelled', '--reason', 'renewed', '--wait');

    const { exitCode, stdout } = await leave('cancelled', '--hold', '30d', '--request-id', 'leave-1', '--wait');

    expect(exitCode).toBe(1);
    expect(stdout()).toContain('✗ cancelled is ACTIVE: it failed at "Hold"');
    expect(stdout()).toContain('the offboarding was cancelled, and the tenant comes back');
  });

  it('stops watching on Ctrl-C and says that the execution goes on', async () => {
    await anActiveTenant(app(), 'interrupted');
    app().faults.add({ operation: 'DisableKey', when: 'before', effect: { kind: 'delay', ms: 3_000 } });
    const { terminal, interrupt, listening, stdout } = aTerminal();
    const args = ['offboard', '--tenant-id', 'interrupted', '--reason', 'ended', '--wait', ...there()];

    const running = run(args, terminal);
    while (!listening()) await new Promise((resolve) => setTimeout(resolve, 20));
    interrupt();

    expect(await running).toBe(130);
    expect(stdout()).toContain('the execution goes on');
  });

  it.each([
    ['an unknown tenant', ['nobody', '--hold', '0'], 'TenantNotRequestedError', 'nobody'],
    ['a tenant that leaves already', ['held', '--hold', '0'], 'OperationInProgressError', 'held'],
    ['a used request id', ['held', '--hold', '7d', '--request-id', 'leave-1'], 'RequestConflictError', 'held'],
  ])('%s is refused, with the tenant and the next step', async (_name, [id = '', ...options], error) => {
    const { exitCode, answer } = await asJson('offboard', id, '--reason', 'contract ended', ...options);

    expect(exitCode).toBe(1);
    expect(answer).toEqual({
      error: {
        name: error,
        message: expect.stringContaining(`tenant ${id}`),
        nextAction: expect.stringMatching(/.{20}/),
      },
    });
  });
});

describe('tenantctl offboard approve', () => {
  it('takes the word of somebody who did not ask for the offboarding', async () => {
    await aHeldTenant('approved');

    const { exitCode, answer } = await asJson('offboard approve', 'approved');

    expect(exitCode).toBe(0);
    expect(answer).toMatchObject({
      tenantId: 'approved',
      status: 'OFFBOARDING',
      approvedBy: expect.stringContaining('sandbox'),
    });
  });

  it('refuses the requester', async () => {
    const { exitCode, stderr } = await tenant('offboard approve', 'held');

    expect(exitCode).toBe(1);
    expect(stderr()).toMatch(/^✗ SelfApprovalError: tenant held: /);
    expect(stderr()).toContain('next: Let another principal approve the purge.');
  });
});

describe('tenantctl hold', () => {
  it('extend makes a hold longer, by its request once', async () => {
    await aHeldTenant('extended');
    const before = await holdOf('extended');

    const first = await tenant('hold extend', 'extended', '--by', '10d', '--request-id', 'longer-1');
    const again = await asJson('hold extend', 'extended', '--by', '10d', '--request-id', 'longer-1');

    const holdUntil = new Date(before + 10 * DAY * 1000).toISOString();
    expect(first.exitCode).toBe(0);
    expect(first.stdout()).toContain(`hold until  ${holdUntil}`);
    expect(again).toMatchObject({ exitCode: 0, answer: { holdUntil, legalHolds: [] } });
  });

  it('extend whose answer was lost is repeated with its request id', async () => {
    const before = await holdOf('extended');
    app().faults.add({ operation: 'Invoke', when: 'after', effect: { kind: 'reset' }, times: 3 });

    const lost = await tenant('hold extend', 'extended', '--by', '1d', '--request-id', 'longer-2');
    const found = await tenant('hold extend', 'extended', '--by', '1d', '--request-id', 'longer-2');

    expect(lost.exitCode).toBe(3);
    expect(lost.stderr()).toContain('repeat the command with --request-id longer-2 --endpoint');
    expect(found.exitCode).toBe(0);
    expect(await holdOf('extended')).toBe(before + DAY * 1000);
  });

  it('an extended hold is slept through to its new end', async () => {
    await pass(app(), 35 * DAY);
    expect((await stateOf(app(), 'extended')).status).toBe('OFFBOARDING');

    await pass(app(), 7 * DAY);

    expect((await stateOf(app(), 'extended')).status).toBe('OFFBOARDED');
  });

  it.each([
    ['--until', () => new Date(app().clock.now() + 3 * DAY * 1000).toISOString()],
    ['--by', () => '3d'],
  ])('set %s moves the end of a hold, and its execution wakes by then', async (option, value) => {
    const tenantId = `set${option.replace('--', '-')}`;
    await aHeldTenant(tenantId);

    const { exitCode, answer } = await asJson('hold set', tenantId, option, value());

    expect(exitCode).toBe(0);
    expect(Date.parse(String(answer['holdUntil'])) / 1000).toBeCloseTo(app().clock.now() / 1000 + 3 * DAY, -2);
    await pass(app(), 4 * DAY);
    expect((await stateOf(app(), tenantId)).status).toBe('OFFBOARDED');
  });

  it('set below the shortest hold is refused by field, tenant and next step', async () => {
    await aHeldTenant('short');

    const { exitCode, stderr } = await tenant('hold set', 'short', '--until', '2020-01-01T00:00:00Z');

    expect(exitCode).toBe(1);
    expect(stderr()).toMatch(/^✗ InvalidInputError: change-hold, tenant short: until: must not end the hold before/);
    expect(stderr()).toContain('next: Correct the listed fields');
  });

  it('legal --on and --off are shown by status and list, with who and why', async () => {
    await aHeldTenant('case');

    const on = await asJson('hold legal', 'case', '--on', '--reason', 'case 42', '--request-id', 'hold-1');
    const status = await tenant('status', 'case');
    const list = await tenantctl('list', '--status', 'OFFBOARDING', '--json', ...there());
    const off = await tenant('hold legal', 'case', '--off', '--hold-id', 'hold-1', '--reason', 'case 42 closed');

    expect(on).toMatchObject({ exitCode: 0, answer: { legalHolds: ['hold-1'], status: 'OFFBOARDING' } });
    expect(status.stdout()).toMatch(/legal hold {4}hold-1 since \S+ by \S+: case 42/);
    expect(status.stdout()).toMatch(/hold until {4}\d{4}-/);
    expect(status.stdout()).toMatch(/offboarding {3}requested by alice: contract ended/);
    expect(list.json()['tenants']).toContainEqual(expect.objectContaining({ tenantId: 'case', status: 'OFFBOARDING' }));
    expect(off.exitCode).toBe(0);
    expect(off.stdout()).toContain('legal hold  none');
  });

  it('cancel with --wait ends when the tenant is ACTIVE again', async () => {
    const offboarding = await aHeldTenant('kept');

    const { exitCode, stdout } = await tenant('hold cancel', 'kept', '--reason', 'contract renewed', '--wait');
    const needless = await asJson('hold cancel', 'kept', '--reason', 'contract renewed', '--wait');

    expect(exitCode).toBe(0);
    expect(stdout()).toMatch(/done {7}Restore users/);
    expect(stdout()).toContain('✓ kept is ACTIVE');
    expect(app().machines.describe(offboarding).status).toBe('ABORTED');
    expect(needless).toMatchObject({ exitCode: 0, answer: { status: 'ACTIVE', alreadyActive: true } });
  });

  it('cancel without --wait answers at once', async () => {
    await aHeldTenant('returning');

    const { exitCode, answer } = await asJson('hold cancel', 'returning', '--reason', 'contract renewed');
    await quiet(app());

    expect(exitCode).toBe(0);
    expect(answer).toMatchObject({ operation: 'reinstate', executionStatus: 'RUNNING', repeated: false });
    expect((await stateOf(app(), 'returning')).status).toBe('ACTIVE');
  });

  it('cancel with --wait shows the typed failure; the tenant stays REINSTATING', async () => {
    await aHeldTenant('unlucky');
    app().faults.add({
      operation: 'EnableKey',
      when: 'before',
      effect: { kind: 'error', code: 'KMSInvalidStateException', status: 400 },
      times: Number.POSITIVE_INFINITY,
    });

    const { exitCode, answer } = await asJson('hold cancel', 'unlucky', '--reason', 'contract renewed', '--wait');

    expect(exitCode).toBe(1);
    expect(answer).toMatchObject({
      status: 'REINSTATING',
      executionStatus: 'FAILED',
      failure: { step: 'Provision encryption key', nextAction: expect.any(String) },
    });
  });

  it.each([
    ['hold extend', ['--by', '10d'], 'PurgeNotAllowedError'],
    ['hold set', ['--by', '10d'], 'PurgeNotAllowedError'],
    ['offboard approve', [], 'PurgeNotAllowedError'],
  ])('%s of a tenant that is not leaving is refused', async (command, options, error) => {
    const { exitCode, answer } = await asJson(command, 'kept', ...options);

    expect(exitCode).toBe(1);
    expect(answer).toMatchObject({ error: { name: error, message: expect.stringMatching(/^tenant kept is ACTIVE/) } });
  });

  it.each([
    ['hold cancel', ['--reason', 'too late'], 'PurgeNotAllowedError'],
    ['hold extend', ['--by', '10d'], 'TenantRetiredError'],
    ['hold legal', ['--on', '--reason', 'too late'], 'TenantRetiredError'],
  ])('%s of a tenant that is gone is refused', async (command, options, error) => {
    const { exitCode, answer } = await asJson(command, 'gone', ...options);

    expect(exitCode).toBe(1);
    expect(answer).toMatchObject({ error: { name: error, message: expect.stringContaining('gone') } });
  });
});

describe('tenantctl status and list', () => {
  it('show the tombstone of a tenant that is gone, and nothing personal', async () => {
    const { tombstone } = await stateOf(app(), 'gone');

    const text = await tenant('status', 'gone', '--show-profile');
    const { answer } = await asJson('status', 'gone', '--show-profile');
    const list = await tenantctl('list', '--status', 'OFFBOARDED', ...there());

    expect(text.stdout()).toContain(`${tombstone?.evidenceKey} (SHA-256 ${tombstone?.evidenceSha256})`);
    expect(text.stdout()).toContain(`key gone on   ${tombstone?.encryptionKeyDeletionDate}`);
    expect(answer).toMatchObject({ status: 'OFFBOARDED', tombstone: { ...tombstone } });
    expect(answer).not.toHaveProperty('profile');
    expect(list.stdout()).toMatch(/^ {2}gone +OFFBOARDED +standard/m);
    for (const { stdout } of [text, list]) expect(stdout()).not.toMatch(/Example Clinic|admin@/);
  });
});

import type { FaultRule } from '../../sandbox/aws/faults';
import { onboard, onboardToTheEnd, toTheEnd } from '../../sandbox/requests';
import {
  aRequest,
  CLEAN,
  differences,
  endStateOf,
  executionArnOf,
  irregularities,
  redriveToTheEnd,
  registryItem,
  startByHand,
  stateOf,
  useApp,
} from '../lifecycle/app-under-test';
import {
  anActiveTenant,
  DAY,
  dataOf,
  evidenceOf,
  executions,
  offboardToTheEnd,
  pass,
  quiet,
  releaseLegalHold,
  setLegalHold,
  startOffboarding,
} from '../offboarding/offboarding-under-test';
import { tenantctl } from './a-terminal';

const app = useApp();
afterEach(() => app().faults.clear());

const tenant = (...args: readonly string[]) => tenantctl(...args, '--endpoint', app().endpoint.url);
const replay = (tenantId: string, ...args: readonly string[]) => tenant('replay', '--tenant-id', tenantId, ...args);

/** A quota that is used up: nothing that was asked for is wrong, and a replay may succeed. */
const full = (operation: string, changes: Partial<FaultRule> = {}): FaultRule => ({
  service: 'opensearch',
  operation,
  when: 'before',
  effect: { kind: 'error', code: 'ServiceQuotaExceededException', message: 'no room' },
  ...changes,
});

/** An onboarding that failed at its index. */
async function aFailedOnboarding(tenantId: string, changes: Partial<FaultRule> = {}) {
  app().faults.add(full('CreateIndex', changes));
  const end = await onboardToTheEnd(app(), aRequest({ tenantId, tier: 'premium' }));
  expect(end.status).toBe('FAILED');
  return end;
}

/** An offboarding that failed in its purge. */
async function aFailedOffboarding(tenantId: string) {
  await anActiveTenant(app(), tenantId, 'premium');
  app().faults.add(full('DeleteIndex'));
  const end = await offboardToTheEnd(app(), tenantId);
  expect(end.status).toBe('FAILED');
  return end;
}

const days = (count: number) => app().clock.advance(count * DAY * 1000);

/** Calls that change something, made since then by anybody. */
const writesSince = (seq: number) =>
  app()
    .calls.entries()
    .filter((call) => call.seq > seq && /^(Start|Redrive|Stop|Put|Update|Delete|Invoke|Create)/.test(call.operation))
    .map(({ service, operation }) => `${service} ${operation}`);
const lastSeq = () => app().calls.entries().at(-1)?.seq ?? 0;

describe('tenantctl replay of a failed onboarding', () => {
  it('redrives it on day 3 and starts it anew on day 20, with equal end states', async () => {
    const atThree = await aFailedOnboarding('on-three');
    await days(3);
    const redriven = await replay('on-three', '--yes', '--json');
    await quiet(app());
    const atTwenty = await aFailedOnboarding('on-twenty');
    await days(20);
    const anew = await replay('on-twenty', '--yes', '--json');
    await quiet(app());
    await onboardToTheEnd(app(), aRequest({ tenantId: 'flawless', tier: 'premium' }));

    expect(redriven.exitCode).toBe(0);
    expect(redriven.json()).toMatchObject({ action: 'redrive', goesOnAs: atThree.executionArn });
    expect(app().machines.describe(atThree.executionArn)).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1 });
    expect(anew.exitCode).toBe(0);
    expect(anew.json()).toMatchObject({
      action: 'start-anew',
      why: 'it cannot be redriven: Execution redrivable period exceeded',
      goesOnAs: `${atTwenty.executionArn}-r1`,
    });
    expect(app().machines.describe(`${atTwenty.executionArn}-r1`)).toMatchObject({ status: 'SUCCEEDED' });
    for (const tenantId of ['on-three', 'on-twenty']) {
      expect(await stateOf(app(), tenantId)).toMatchObject({ status: 'ACTIVE' });
      const own = ['registry', 'audit'] as const;
      const flawless = await endStateOf(app(), 'flawless', own);
      expect(differences(await endStateOf(app(), tenantId, own), flawless)).toEqual([]);
    }
    expect(await registryItem(app(), 'on-twenty', 'OPERATION#request-1')).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(await irregularities(app())).toEqual(CLEAN);
  });

  it('converges just so after a redrive and after a new execution in the console', async () => {
    const first = await aFailedOnboarding('console-redrive');
    await redriveToTheEnd(app(), first.executionArn);
    const second = await aFailedOnboarding('console-new');
    await startByHand(app(), JSON.parse(second.input), 'a-name-from-the-console');

    const own = ['registry', 'audit'] as const;
    const [one, two] = [await endStateOf(app(), 'console-redrive', own), await endStateOf(app(), 'console-new', own)];
    expect(differences(one, two)).toEqual([]);
    expect(await stateOf(app(), 'console-new')).toMatchObject({ status: 'ACTIVE' });
    expect((await replay('console-new', '--yes', '--json')).json()).toMatchObject({ action: 'nothing' });
  });

  it('starts anew when the state machine was changed since', async () => {
    const { executionArn } = await aFailedOnboarding('changed');
    const machine = app().machines.machine(app().output('OnboardTenantStateMachineArn'));
    const definition = JSON.stringify({ ...machine.definition, Comment: 'changed' });
    app().machines.register({ ...machine, definition, type: 'STANDARD' });

    const { json, exitCode } = await replay('changed', '--yes', '--json');
    await quiet(app());
    app().machines.register({ ...machine, definition: machine.definitionJson, type: 'STANDARD' });

    expect(exitCode).toBe(0);
    expect(json()).toMatchObject({ action: 'start-anew', goesOnAs: `${executionArn}-r1` });
    expect(String(json()['why'])).toContain('the state machine was changed since');
    expect(app().machines.machineOf(`${executionArn}-r1`).definitionJson).toBe(definition);
    expect(await stateOf(app(), 'changed')).toMatchObject({ status: 'ACTIVE' });
  });

  it('without --yes shows the failure and what it would do, and does nothing', async () => {
    const { executionArn } = await aFailedOnboarding('dry');
    const before = lastSeq();

    const { exitCode, stdout } = await replay('dry');

    expect(exitCode).toBe(0);
    expect(stdout()).toContain('dry is ONBOARDING_FAILED');
    expect(stdout()).toContain('Provision vector index');
    expect(stdout()).toContain('QuotaExceededError (quota)');
    expect(stdout()).toContain('no room');
    expect(stdout()).toContain('Raise the quota');
    expect(stdout()).toContain('would be redriven');
    expect(stdout()).toContain('replay --tenant-id dry --yes --endpoint');
    expect(writesSince(before)).toEqual([]);
    expect(app().machines.describe(executionArn)).toMatchObject({ status: 'FAILED', redriveCount: 0 });
    expect(await replay('dry', '--yes', '--wait')).toMatchObject({ exitCode: 0 });
  });

  it('follows it with --wait to the end of the redrive', async () => {
    await aFailedOnboarding('followed');

    const { exitCode, stdout } = await replay('followed', '--yes', '--wait');

    expect(exitCode).toBe(0);
    expect(stdout()).toContain('redriven   execution');
    expect(stdout()).toMatch(/done {7}Provision vector index/);
    expect(stdout()).not.toContain('Claim tenant');
    expect(stdout()).toContain('✓ followed is ACTIVE');
  });

  it('with --wait shows the failure of a redrive that fails again', async () => {
    const refused = app().faults.add(full('CreateIndex', { times: Number.POSITIVE_INFINITY }));
    await onboardToTheEnd(app(), aRequest({ tenantId: 'fails-again' }));

    const { exitCode, json } = await replay('fails-again', '--yes', '--wait', '--json');
    refused.remove();
    const third = await replay('fails-again', '--yes', '--wait', '--json');

    expect(exitCode).toBe(1);
    expect(json()).toMatchObject({
      executionStatus: 'FAILED',
      failure: { step: 'Provision vector index', error: 'QuotaExceededError' },
    });
    expect(third.json()).toMatchObject({ executionStatus: 'SUCCEEDED', status: 'ACTIVE' });
  });

  it('does not replay without --force what would fail again', async () => {
    const effect = { kind: 'error', code: 'ValidationException', message: 'no such field' } as const;
    const { executionArn } = await aFailedOnboarding('hopeless', { effect });

    const refused = await replay('hopeless', '--yes', '--json');
    const forced = await replay('hopeless', '--yes', '--force', '--json');
    await quiet(app());

    expect(refused.exitCode).toBe(1);
    expect(refused.json()).toMatchObject({ action: 'refuse', failure: { errorClass: 'validation' } });
    expect(String(refused.json()['why'])).toContain('it would fail again');
    expect(forced.exitCode).toBe(0);
    expect(app().machines.describe(executionArn)).toMatchObject({ redriveCount: 1, status: 'SUCCEEDED' });
  });

  it('starts anew after a failed verification, so that what is missing is made again', async () => {
    app().faults.add({
      service: 'opensearch',
      operation: 'GetIndex',
      functionName: 'tenant-lifecycle-dev-verify-tenant',
      when: 'before',
      times: 99,
      effect: { kind: 'error', code: 'ResourceNotFoundException' },
    });
    const { executionArn, error } = await onboardToTheEnd(app(), aRequest({ tenantId: 'unverified' }));
    app().faults.clear();

    const { json } = await replay('unverified', '--yes', '--wait', '--json');

    expect(error).toBe('VerificationFailedError');
    expect(json()).toMatchObject({ action: 'start-anew', goesOnAs: `${executionArn}-r1`, status: 'ACTIVE' });
  });

  it('of a stopped execution redrives it; its event may have been lost', async () => {
    const off = app().machines.onHistoryEvent((arn, { stateEnteredEventDetails }) => {
      if (stateEnteredEventDetails?.name !== 'Check quotas') return;
      off();
      app().bus.loseNext();
      void app().machines.stop(arn, 'Aborted', 'by hand');
    });
    const stopped = await onboardToTheEnd(app(), aRequest({ tenantId: 'stopped' }));
    const shown = await replay('stopped', '--json');

    await replay('stopped', '--yes', '--wait');

    expect(stopped.status).toBe('ABORTED');
    expect(shown.json()).toMatchObject({
      status: 'PROVISIONING',
      action: 'redrive',
      failure: { step: 'Check quotas' },
    });
    expect(await stateOf(app(), 'stopped')).toMatchObject({ status: 'ACTIVE' });
  });

  it('is done once by two people at once', async () => {
    const redrivable = await aFailedOnboarding('two-people');
    const both = await Promise.all([replay('two-people', '--yes'), replay('two-people', '--yes')]);
    await quiet(app());
    const expired = await aFailedOnboarding('two-people-late');
    await days(20);
    const late = await Promise.all([replay('two-people-late', '--yes'), replay('two-people-late', '--yes')]);
    await quiet(app());

    expect([...both, ...late].map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
    expect(app().machines.describe(redrivable.executionArn)).toMatchObject({ redriveCount: 1, status: 'SUCCEEDED' });
    const started = executions(app()).filter(({ name }) => name.includes('--two-people-late--'));
    expect(started.map(({ name }) => name)).toEqual([`${expired.name}-r1`, expired.name]);
    expect(await stateOf(app(), 'two-people-late')).toMatchObject({ status: 'ACTIVE', generation: 2 });
  });

  it('whose answer is lost is repeated by the same command', async () => {
    const { executionArn } = await aFailedOnboarding('lost');
    app().faults.add({ operation: 'RedriveExecution', when: 'after', effect: { kind: 'reset' }, times: 2 });

    const { exitCode } = await replay('lost', '--yes');
    await quiet(app());

    expect(exitCode).toBe(0);
    expect(app().machines.describe(executionArn)).toMatchObject({ redriveCount: 1, status: 'SUCCEEDED' });
  });
});

describe('tenantctl replay of a failed offboarding', () => {
  it('redrives it on day 3 and starts it anew on day 20, with equal end states', async () => {
    const atThree = await aFailedOffboarding('off-three');
    await days(3);
    const redriven = await replay('off-three', '--yes', '--json');
    await quiet(app());
    const atTwenty = await aFailedOffboarding('off-twenty');
    await days(20);
    const anew = await replay('off-twenty', '--yes', '--json');
    await quiet(app());

    expect(redriven.json()).toMatchObject({ action: 'redrive', goesOnAs: atThree.executionArn });
    expect(anew.json()).toMatchObject({ action: 'start-anew', goesOnAs: `${atTwenty.executionArn}-r1` });
    for (const tenantId of ['off-three', 'off-twenty']) {
      expect((await stateOf(app(), tenantId)).status).toBe('OFFBOARDED');
      expect(await dataOf(app(), tenantId)).toBe(await dataOf(app(), 'off-three'));
    }
    const types = async (tenantId: string) =>
      (await evidenceOf(app(), tenantId)).evidence.resources.map(({ type, phase }) => `${type} ${phase}`);
    expect(await types('off-twenty')).toEqual(await types('off-three'));
  });

  it('under a legal hold is refused until the hold is released', async () => {
    await anActiveTenant(app(), 'held');
    const off = app().machines.onHistoryEvent((_arn, { stateEnteredEventDetails }) => {
      if (stateEnteredEventDetails?.name !== 'Destroy vector index') return;
      off();
      void setLegalHold(app(), 'held');
    });
    app().faults.add({
      functionName: 'tenant-lifecycle-dev-destroy-vector-index',
      when: 'before',
      effect: { kind: 'delay', ms: 300 },
    });
    const end = await offboardToTheEnd(app(), 'held');

    const refused = await replay('held', '--yes', '--json');
    await releaseLegalHold(app(), 'held');
    const redriven = await replay('held', '--yes', '--json');
    await quiet(app());

    expect(end).toMatchObject({ status: 'FAILED', error: 'LegalHoldError' });
    expect(refused.exitCode).toBe(1);
    expect(String(refused.json()['why'])).toMatch(/legal hold \S+ stands since/);
    expect(redriven.json()).toMatchObject({ action: 'redrive' });
    expect((await stateOf(app(), 'held')).status).toBe('OFFBOARDED');
  });

  it('starts anew what was stopped to be woken earlier and has no successor', async () => {
    await anActiveTenant(app(), 'unwoken');
    const leaving = await startOffboarding(app(), 'unwoken', { holdSeconds: 30 * DAY });
    await app().machines.stop(leaving, 'HoldShortened', 'a successor sleeps');
    await quiet(app());

    const { json } = await replay('unwoken', '--yes', '--json');
    await pass(app(), 31 * DAY);

    expect(json()).toMatchObject({ action: 'start-anew', goesOnAs: `${leaving}-r1` });
    expect((await stateOf(app(), 'unwoken')).status).toBe('OFFBOARDED');
  });

  it('of one that sleeps in its hold has nothing to do', async () => {
    await anActiveTenant(app(), 'asleep');
    await startOffboarding(app(), 'asleep');

    const { exitCode, json } = await replay('asleep', '--yes', '--json');

    expect(exitCode).toBe(0);
    expect(json()).toMatchObject({ action: 'nothing', why: 'its execution is running', executionStatus: 'RUNNING' });
  });
});

describe('tenantctl replay of a failed reinstatement', () => {
  it('redrives it', async () => {
    await anActiveTenant(app(), 'comes-back');
    await startOffboarding(app(), 'comes-back');
    app().faults.add({
      functionName: 'tenant-lifecycle-dev-verify-tenant',
      service: 'dynamodb',
      when: 'before',
      effect: { kind: 'error', code: 'ServiceQuotaExceededException' },
      times: 2,
    });
    await tenant('hold', 'cancel', '--tenant-id', 'comes-back', '--reason', 'renewed');
    await quiet(app());
    const failed = await stateOf(app(), 'comes-back');
    app().faults.clear();

    const { exitCode, stdout } = await replay('comes-back', '--yes', '--wait');

    expect(failed).toMatchObject({ status: 'REINSTATING', lastFailure: { step: 'Verify tenant' } });
    expect(exitCode).toBe(0);
    expect(stdout()).toContain('comes-back is ACTIVE');
  });
});

describe('tenantctl replay of a tenant without a failure', () => {
  it('has nothing to do while it is onboarded, and when it is ACTIVE', async () => {
    app().faults.add(full('CreateIndex', { effect: { kind: 'delay', ms: 1500 } }));
    const { executionArn = '' } = await onboard(app(), aRequest({ tenantId: 'running' }));
    const running = await replay('running', '--yes', '--json');
    await toTheEnd(app(), executionArn);
    const before = lastSeq();

    const active = await replay('running', '--yes', '--json');

    expect(running.json()).toMatchObject({ action: 'nothing', why: 'its execution is running' });
    expect(active.json()).toMatchObject({ action: 'nothing', why: 'the tenant is ACTIVE' });
    expect([running.exitCode, active.exitCode]).toEqual([0, 0]);
    expect(writesSince(before)).toEqual([]);
  });

  it('is refused when the tenant is unknown', async () => {
    const { exitCode, stderr } = await replay('nobody', '--yes');

    expect(exitCode).toBe(1);
    expect(stderr()).toMatch(/^✗ TenantNotRequestedError: tenant nobody: /);
  });
});

describe('tenantctl replay --all-failed', () => {
  it('replays twelve tenants, each by its own way, and tells of those that it did not', async () => {
    const refused = app().faults.add(full('CreateIndex', { times: Number.POSITIVE_INFINITY }));
    const ids = Array.from({ length: 12 }, (_, position) => `many-${String(position).padStart(2, '0')}`);
    const [hopeless = '', ...others] = ids;
    const [early = [], late = []] = [others.slice(0, 4), others.slice(4)];
    await Promise.all(early.map((tenantId) => onboardToTheEnd(app(), aRequest({ tenantId }))));
    await days(20);
    await Promise.all(late.map((tenantId) => onboardToTheEnd(app(), aRequest({ tenantId }))));
    refused.remove();
    await aFailedOnboarding(hopeless, { effect: { kind: 'error', code: 'ValidationException' } });
    const before = lastSeq();
    const dry = await tenant('replay', '--all-failed', '--json');
    const written = writesSince(before);

    const done = await tenant('replay', '--all-failed', '--yes');
    await quiet(app());
    const again = await tenant('replay', '--all-failed', '--yes', '--json');

    const mine = (result: Record<string, unknown>) =>
      (result['replays'] as { tenantId: string; action: string }[]).filter(({ tenantId }) => ids.includes(tenantId));
    expect(written).toEqual([]);
    expect(mine(dry.json()).filter(({ action }) => action === 'redrive')).toHaveLength(7);
    expect(mine(dry.json()).filter(({ action }) => action === 'start-anew')).toHaveLength(4);
    expect(done.exitCode).toBe(1);
    expect(done.stdout()).toMatch(new RegExp(`${hopeless} ONBOARDING_FAILED .*: not replayed: it would fail again`));
    expect(done.stdout()).toMatch(/12 failed: 7 redriven, 4 started anew; 0 need nothing, 1 not replayed\./);
    expect(done.stdout().match(/^many-/gm)).toHaveLength(12);
    for (const tenantId of others) expect((await stateOf(app(), tenantId)).status).toBe('ACTIVE');
    expect(again.json()['summary']).toMatchObject({ failed: 1, notReplayed: 1 });
    expect(await irregularities(app())).toEqual(CLEAN);
  });

  it('goes on when one tenant cannot be read', async () => {
    await aFailedOnboarding('unreadable');
    app().faults.add({
      operation: 'DescribeExecution',
      when: 'before',
      effect: { kind: 'error', code: 'ValidationException' },
      times: 1,
    });

    const { exitCode, json } = await tenant('replay', '--all-failed', '--json');

    expect(exitCode).toBe(1);
    const actions = (json()['replays'] as { action: string }[]).map(({ action }) => action);
    expect(actions).toHaveLength(2);
    expect(actions.filter((action) => action === 'failed')).toHaveLength(1);
  });
});

describe('arguments of tenantctl replay', () => {
  it.each([
    [['replay'], '--tenant-id, --all-failed: exactly one of them is required'],
    [['replay', '--tenant-id', 'acme', '--all-failed'], '--tenant-id, --all-failed: exactly one of them is required'],
    [['replay', '--tenant-id', 'acme', '--wait'], '--wait: needs --tenant-id and --yes'],
    [['replay', '--all-failed', '--yes', '--wait'], '--wait: needs --tenant-id and --yes'],
    [['replay', '--tenant-id', 'A'], '--tenant-id: must have at least 3 characters'],
  ])('%j is refused', async (args, problem) => {
    const { exitCode, json } = await tenantctl(...args, '--endpoint', 'http://127.0.0.1:9', '--json');

    expect(exitCode).toBe(2);
    expect((json() as { error: { problems: string[] } }).error.problems).toContain(problem);
  });
});

describe('tenantctl executions and status', () => {
  it('show every execution of the tenant, and whether its lease is held', async () => {
    const request = aRequest({ tenantId: 'listed' });
    const failed = await aFailedOnboarding('listed');
    await startByHand(app(), JSON.parse(failed.input), 'listed-by-hand');
    await aFailedOffboardingOf('listed');

    const { json, stdout } = await tenant('executions', '--tenant-id', 'listed', '--json');
    const text = await tenant('executions', '--tenant-id', 'listed');
    const status = await tenant('status', '--tenant-id', 'listed');

    const found = json()['executions'] as Record<string, unknown>[];
    expect(found.map(({ name }) => name)).toEqual(['offboard--listed--leave-1', 'onboard--listed--request-1']);
    expect(found[0]).toMatchObject({ operation: 'offboard', status: 'FAILED', redriveCount: 0 });
    expect(found[0]).toMatchObject({ redrivableUntil: expect.any(String), error: 'QuotaExceededError' });
    expect(found[1]).toMatchObject({ executionArn: executionArnOf(app(), request), status: 'FAILED' });
    expect(stdout()).not.toContain('console.aws.amazon.com');
    expect(text.stdout()).toContain('redrivable until');
    expect(status.stdout()).toMatch(/lease +arn:\S+leave-1, since \S+, not running \(FAILED\)/);
    expect(status.stdout()).toContain('next');
  });

  it('also those that Step Functions has forgotten', async () => {
    await onboardToTheEnd(app(), aRequest({ tenantId: 'old' }));
    await days(100);

    const { json } = await tenant('executions', '--tenant-id', 'old', '--json');
    const unknown = await tenant('executions', '--tenant-id', 'nobody');

    expect(json()['executions']).toEqual([
      expect.objectContaining({ name: 'onboard--old--request-1', status: 'FORGOTTEN' }),
    ]);
    expect(unknown.exitCode).toBe(1);
  });
});

/** Of a tenant that is active already. */
async function aFailedOffboardingOf(tenantId: string) {
  app().faults.add(full('DeleteIndex'));
  await offboardToTheEnd(app(), tenantId);
}

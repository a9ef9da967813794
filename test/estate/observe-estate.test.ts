import { asleep, changeHold, offboard, onboard, onboardToTheEnd, toTheEnd } from '../../sandbox/requests';
import {
  aRequest,
  functionName,
  redriveToTheEnd,
  stateOf,
  useApp,
  withoutPausesOfTheSdk,
} from '../lifecycle/app-under-test';
import { emittedMetrics, metricId } from './emitted-metrics';

withoutPausesOfTheSdk();
const app = useApp();

const DAY = 86_400_000;
const HOUR = DAY / 24;

/** Value of a gauge now. */
async function gauges(): Promise<(name: string, dimensions?: Record<string, string>) => number | undefined> {
  await app().fireSchedule(functionName('observe-estate'));
  const metrics = emittedMetrics(app());
  return (name, dimensions = {}) =>
    metrics.get(metricId('tenant-lifecycle/dev', name, { service: 'tenant-lifecycle', ...dimensions }));
}

const refused = { kind: 'error', code: 'InvalidParameterException' } as const;

describe('the estate', () => {
  it('is observed from the first tenant to the last', async () => {
    const empty = await gauges();
    expect(empty('Tenants', { status: 'ACTIVE' })).toBe(0);

    await onboardToTheEnd(app(), aRequest({ tenantId: 'acme', tier: 'premium' }));
    await onboardToTheEnd(app(), aRequest({ tenantId: 'acme2' }));
    const active = await gauges();
    expect(active('Tenants', { status: 'ACTIVE' })).toBe(2);
    expect(active('QuotaHeadroom', { resource: 'knowledge-base' })).toBe(99);
    expect(active('FailedTenants')).toBe(0);

    app().faults.add({ operation: 'PutRetentionPolicy', when: 'before', effect: refused });
    const failed = await onboardToTheEnd(app(), aRequest({ tenantId: 'beta' }));
    await app().clock.advance(3 * HOUR);
    const oneFailed = await gauges();
    expect(oneFailed('FailedTenants')).toBe(1);
    expect(oneFailed('OldestFailureHours')).toBeCloseTo(3, 0);
    expect(oneFailed('RedriveWindowClosing')).toBe(0);
    expect(oneFailed('UnattendedTenants')).toBe(0);
    await app().clock.advance(10 * DAY);
    expect((await gauges())('RedriveWindowClosing')).toBe(1);

    await redriveToTheEnd(app(), failed.executionArn);
    const replayed = await gauges();
    expect(replayed('FailedTenants')).toBe(0);
    expect(replayed('RedriveWindowClosing')).toBe(0);
    expect(replayed('Tenants', { status: 'ACTIVE' })).toBe(3);

    const leaving = await offboard(app(), {
      tenantId: 'acme2',
      requestId: 'leave-1',
      reason: 'contract ended',
      holdSeconds: 20 * 86_400,
    });
    await asleep(app(), leaving.executionArn);
    await changeHold(app(), {
      change: 'set-legal-hold',
      tenantId: 'acme',
      requestId: 'case-1',
      requestedBy: 'counsel',
      reason: 'case 17',
    });
    await app().clock.advance(10 * DAY);
    const holding = await gauges();
    expect(holding('Holds')).toBe(1);
    expect(holding('LegalHolds')).toBe(1);
    expect(holding('OldestExecutionMinutes', { operation: 'offboard' })).toBe(0);
    expect(holding('StuckExecutions')).toBe(0);
    expect(holding('UnattendedTenants')).toBe(0);

    await app().clock.advance(11 * DAY);
    await toTheEnd(app(), leaving.executionArn);
    const gone = await gauges();
    expect(gone('Tenants', { status: 'OFFBOARDED' })).toBe(1);
    expect(gone('Holds')).toBe(0);
  });

  it('shows a tenant whose failure nobody was told of', async () => {
    app().faults.add({ operation: 'PutRetentionPolicy', when: 'before', effect: refused });
    // The start's own event, and the end's.
    app().bus.loseNext(2);
    await onboardToTheEnd(app(), aRequest({ tenantId: 'lost-one' }));
    const { status } = await stateOf(app(), 'lost-one');
    await app().clock.advance(HOUR);

    const unattended = (await gauges())('UnattendedTenants');

    expect(status).toBe('PROVISIONING');
    expect(unattended).toBe(1);
    const lines = app().services.logs.lines(`/aws/lambda/${functionName('observe-estate')}`);
    expect(lines.map((line) => JSON.parse(line)).filter(({ message }) => message === 'unattended')).toMatchObject([
      { tenantId: 'lost-one', level: 'WARN' },
    ]);
  });

  it('costs no call more for twenty tenants than for five', async () => {
    const callsOfOneRun = async () => {
      const before = app().calls.entries().length;
      await gauges();
      return app()
        .calls.entries()
        .slice(before)
        .filter(({ functionName: caller }) => caller === functionName('observe-estate'))
        .map(({ service, operation }) => `${service} ${operation}`)
        .sort();
    };
    const few = await callsOfOneRun();
    const tenants = Array.from({ length: 15 }, (_, position) => aRequest({ tenantId: `many-${position}` }));
    const started = await Promise.all(tenants.map((tenant) => onboard(app(), tenant)));
    for (const { executionArn = '' } of started) await toTheEnd(app(), executionArn);

    const many = await callsOfOneRun();

    expect(many).toEqual(few);
    expect(many.filter((call) => !/Query|GetItem|List/.test(call))).toEqual([]);
  });
});

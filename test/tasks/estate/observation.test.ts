import { type Estate, headroom, observe, type RunningExecution } from '../../../tasks/estate/observation';
import { STATUSES, type TenantStatus } from '../../../tasks/shared/tenant';
import {
  aFailure,
  aHeldTenant,
  anExecutionArnOf,
  aPurgedTenant,
  aTenantState,
  oneLegalHold,
} from '../../support/builders';

const NOW = new Date('2026-03-01T12:00:00.000Z');
const ago = ({ days = 0, hours = 0, minutes = 0 }): string =>
  new Date(NOW.getTime() - ((days * 24 + hours) * 60 + minutes) * 60_000).toISOString();

const execution = (
  operation: RunningExecution['operation'],
  since: string,
  tenantId = 'acme',
  requestId = 'request-1',
): RunningExecution => ({
  executionArn: anExecutionArnOf(`${operation}--${tenantId}--${requestId}`),
  operation,
  tenantId,
  since: new Date(since),
});

function anEstate(unsettled: Estate['unsettled'], running: Estate['running'] = []): Estate {
  const counts = Object.fromEntries(STATUSES.map((status) => [status, 0])) as Record<TenantStatus, number>;
  return { counts, unsettled, running };
}

const look = (estate: Estate, needsApproval = true) => observe(estate, NOW, { needsApproval });

const held = (changes: Parameters<typeof aHeldTenant>[0] = {}) =>
  aTenantState({ ...aHeldTenant(), updatedAt: ago({ days: 20 }), ...changes });
const sleeper = execution('offboard', ago({ days: 50 }), 'acme', 'request-2');

describe('an estate in which nothing happens', () => {
  it('has every gauge, at zero', () => {
    const { gauges, oldestExecution, concerns } = look(anEstate([]));

    expect(Object.values(gauges)).toEqual(Object.values(gauges).map(() => 0));
    expect(Object.keys(gauges)).toHaveLength(8);
    expect(oldestExecution).toEqual({ onboard: 0, offboard: 0, reinstate: 0 });
    expect(concerns).toEqual([]);
  });
});

describe('an onboarding', () => {
  const provisioning = aTenantState({ status: 'PROVISIONING', updatedAt: ago({ minutes: 30 }) });

  it('is at work since its start, and stuck after two hours', () => {
    const young = look(anEstate([provisioning], [execution('onboard', ago({ minutes: 119 }))]));
    const old = look(anEstate([provisioning], [execution('onboard', ago({ minutes: 121 }))]));

    expect([young.oldestExecution.onboard, young.gauges.StuckExecutions]).toEqual([119, 0]);
    expect([old.oldestExecution.onboard, old.gauges.StuckExecutions]).toEqual([121, 1]);
    expect(old.concerns).toEqual([
      {
        kind: 'stuck',
        tenantId: 'acme',
        executionArn: anExecutionArnOf('onboard--acme--request-1'),
        since: ago({ minutes: 121 }),
      },
    ]);
  });

  it('that no execution works for leaves its tenant unattended, after the time that lists and events take', () => {
    const minutes = (count: number) => ({ ...provisioning, updatedAt: ago({ minutes: count }) });

    expect(look(anEstate([minutes(14)])).gauges.UnattendedTenants).toBe(0);
    expect(look(anEstate([minutes(16)])).gauges.UnattendedTenants).toBe(1);
    expect(look(anEstate([minutes(16)])).concerns).toMatchObject([{ kind: 'unattended', tenantId: 'acme' }]);
  });

  it('is attended by an execution that has not taken the lease yet', () => {
    const { leaseOwner: _, ...requested } = aTenantState({ status: 'REQUESTED', updatedAt: ago({ hours: 1 }) });

    expect(look(anEstate([requested])).gauges.UnattendedTenants).toBe(1);
    expect(look(anEstate([requested], [execution('onboard', ago({ minutes: 1 }))])).gauges.UnattendedTenants).toBe(0);
  });

  it('of another tenant whose id begins alike does not count', () => {
    const other = execution('onboard', ago({ minutes: 1 }), 'acme2');

    expect(look(anEstate([provisioning], [other])).gauges.UnattendedTenants).toBe(1);
  });
});

describe('a failure', () => {
  const failed = (failedAt: string) =>
    aTenantState({ status: 'ONBOARDING_FAILED', lastFailure: aFailure({ failedAt }), updatedAt: failedAt });

  it('counts until an execution takes it up, by redrive or anew', () => {
    const tenant = failed(ago({ hours: 5 }));
    const redriven = execution('onboard', ago({ minutes: 1 }));
    const anew = execution('onboard', ago({ minutes: 1 }), 'acme', 'request-9');

    expect(look(anEstate([tenant])).gauges).toMatchObject({
      FailedTenants: 1,
      OldestFailureHours: 5,
      UnattendedTenants: 0,
    });
    for (const running of [redriven, anew])
      expect(look(anEstate([tenant], [running])).gauges).toMatchObject({ FailedTenants: 0, OldestFailureHours: 0 });
  });

  it('of an active tenant, or of a reinstatement, counts as well', () => {
    const repair = { ...failed(ago({ hours: 3 })), status: 'ACTIVE' as const };
    const reinstating = { ...failed(ago({ hours: 4 })), tenantId: 'acme2', status: 'REINSTATING' as const };

    expect(look(anEstate([repair, reinstating])).gauges).toMatchObject({
      FailedTenants: 2,
      OldestFailureHours: 4,
      UnattendedTenants: 0,
    });
  });

  it('comes close to the end of its redrive window on the tenth day', () => {
    const closing = (days: number) => look(anEstate([failed(ago({ days }))])).gauges.RedriveWindowClosing;

    expect([closing(9.9), closing(10), closing(20)]).toEqual([0, 1, 1]);
  });
});

describe('an offboarding', () => {
  it('that sleeps in its hold is neither at work nor unattended', () => {
    const tenant = held({ holdUntil: ago({ days: -5 }), purgeApproval: { by: 'ops/two', at: ago({ days: 20 }) } });

    const { gauges, oldestExecution } = look(anEstate([tenant], [sleeper]));

    expect(oldestExecution.offboard).toBe(0);
    expect(gauges).toMatchObject({ Holds: 1, PurgesAwaitingApproval: 0, StuckExecutions: 0, UnattendedTenants: 0 });
  });

  it('whose hold is over waits for the approval, where the stage asks for one', () => {
    const tenant = held({ holdUntil: ago({ days: 10 }) });

    expect(look(anEstate([tenant], [sleeper])).gauges).toMatchObject({ PurgesAwaitingApproval: 1, StuckExecutions: 0 });
    expect(look(anEstate([tenant], [sleeper]), false).gauges.PurgesAwaitingApproval).toBe(0);
  });

  it('that nothing holds back any more has a day to notice, and another one for its purge', () => {
    const free = (days: number) =>
      look(
        anEstate(
          [held({ holdUntil: ago({ days }), purgeApproval: { by: 'ops/two', at: ago({ days: 20 }) } })],
          [sleeper],
        ),
      );

    expect(free(0.9).oldestExecution.offboard).toBe(0);
    expect(free(1.5)).toMatchObject({ oldestExecution: { offboard: 12 * 60 }, gauges: { StuckExecutions: 0 } });
    expect(free(2.1).gauges.StuckExecutions).toBe(1);
  });

  it('counts that day from the last change of its record, for example the release of a legal hold', () => {
    const approved = { purgeApproval: { by: 'ops/two', at: ago({ days: 20 }) }, holdUntil: ago({ days: 10 }) };

    const released = look(anEstate([held({ ...approved, updatedAt: ago({ hours: 1 }) })], [sleeper]));
    const under = look(anEstate([held({ ...approved, legalHolds: oneLegalHold })], [sleeper]));

    expect(released.gauges).toMatchObject({ StuckExecutions: 0, LegalHolds: 0 });
    expect(under.gauges).toMatchObject({ StuckExecutions: 0, LegalHolds: 1, Holds: 1, PurgesAwaitingApproval: 0 });
  });

  it('is at work since its purge began, or since its redrive', () => {
    const purging = aTenantState({
      ...aPurgedTenant(),
      purgeStartedAt: ago({ hours: 30 }),
      updatedAt: ago({ hours: 1 }),
    });
    const redriven = execution('offboard', ago({ hours: 2 }), 'acme', 'request-2');

    expect(look(anEstate([purging], [sleeper]))).toMatchObject({
      oldestExecution: { offboard: 30 * 60 },
      gauges: { StuckExecutions: 1, Holds: 0 },
    });
    expect(look(anEstate([purging], [redriven])).oldestExecution.offboard).toBe(120);
  });
});

describe('concerns', () => {
  it('come oldest first', () => {
    const failed = (tenantId: string, hours: number) =>
      aTenantState({ tenantId, status: 'ONBOARDING_FAILED', lastFailure: aFailure({ failedAt: ago({ hours }) }) });

    const { concerns } = look(anEstate([failed('one', 1), failed('two', 3), failed('three', 2)]));

    expect(concerns.map(({ tenantId }) => tenantId)).toEqual(['two', 'three', 'one']);
  });
});

describe('headroom', () => {
  it('is the free part of each limit in percent, whether or not a place was ever taken', () => {
    expect(headroom({ keys: 1, indices: 400 }, { keys: 3, indices: 400, groups: 10 })).toEqual({
      keys: 66.7,
      indices: 0,
      groups: 100,
    });
  });

  it('is not negative beyond a limit that was lowered, and does not alarm for a quota that was closed', () => {
    expect(headroom({ keys: 5 }, { keys: 3, bases: 0 })).toEqual({ keys: 0, bases: 100 });
  });
});

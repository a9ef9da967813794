import { stateRuns } from '../../../cli/report/state-runs';
import { anExecution, eventsOf } from './an-archive';

const run = (execution: Parameters<typeof anExecution>[0], name: string) => stateRuns(anExecution(execution)).get(name);

describe('the runs of states', () => {
  it('lasts from entering to leaving', () => {
    const events = eventsOf((history) => history.entered('Claim').scheduled().succeeded().exited('Claim'));
    expect(run({ events }, 'Claim')).toEqual({
      name: 'Claim',
      outcome: 'succeeded',
      visits: 1,
      attempts: 1,
      durationMs: 3000,
      enteredAt: '1970-01-01T00:00:01.000Z',
    });
  });

  it('counts attempts and keeps the last error of a task that succeeded in the end', () => {
    const events = eventsOf((history) =>
      history.entered('Claim').scheduled().failed('ThrottledError').scheduled().succeeded().exited('Claim'),
    );
    expect(run({ events }, 'Claim')).toMatchObject({ outcome: 'succeeded', attempts: 2, error: 'ThrottledError' });
  });

  it('adds up the visits of a loop', () => {
    const events = eventsOf((history) =>
      history.entered('Wait').exited('Wait').entered('Look').exited('Look').entered('Wait').exited('Wait'),
    );
    expect(run({ events }, 'Wait')).toMatchObject({ visits: 2, durationMs: 2000, attempts: 0 });
  });

  it('tells the state that failed from the one that was cut off by it', () => {
    const events = eventsOf((history) => {
      const other = history.branch();
      history.entered('Index').scheduled();
      other.entered('Group').scheduled();
      history.failed('QuotaExceededError');
    });
    const execution = { events, status: 'FAILED', endedAt: '1970-01-01T00:00:09.000Z' };
    expect(run(execution, 'Index')).toMatchObject({ outcome: 'failed', error: 'QuotaExceededError', durationMs: 8000 });
    expect(run(execution, 'Group')).toMatchObject({ outcome: 'cut-off', durationMs: 6000 });
    expect(run(execution, 'Group')).not.toHaveProperty('error');
  });

  it('calls a task that ran out of time so', () => {
    const events = eventsOf((history) => history.entered('Index').scheduled().timedOut());
    expect(run({ events, status: 'FAILED' }, 'Index')).toMatchObject({ outcome: 'timed-out', error: 'States.Timeout' });
  });

  it('cuts off what was open when somebody stopped the execution', () => {
    const events = eventsOf((history) => history.entered('Hold'));
    expect(run({ events, status: 'ABORTED' }, 'Hold')).toMatchObject({ outcome: 'cut-off' });
  });

  it('goes on with a redriven state, which is not entered again', () => {
    const events = eventsOf((history) =>
      history
        .entered('Index')
        .scheduled()
        .failed('AccessDeniedError')
        .redriven()
        .scheduled()
        .succeeded()
        .exited('Index'),
    );
    expect(run({ events }, 'Index')).toMatchObject({ outcome: 'succeeded', visits: 1, attempts: 2 });
  });
});

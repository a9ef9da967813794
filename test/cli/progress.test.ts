import type { HistoryEvent, HistoryEventType } from '@aws-sdk/client-sfn';
import { openProgress, progressLines, seconds, trackExecution, watchExecution } from '../../cli/progress';
import { aTerminal } from './a-terminal';

const START = Date.UTC(2026, 0, 1);

/** Builds events like a history: ids count up, each is a second later than the one before. */
function aHistory() {
  const events: HistoryEvent[] = [];
  const append = (type: HistoryEventType, previousEventId: number, details: Partial<HistoryEvent> = {}): number => {
    const id = events.length + 1;
    events.push({ id, previousEventId, type, timestamp: new Date(START + events.length * 1000), ...details });
    return id;
  };
  return {
    events,
    append,
    enter: (name: string, previous: number, type: HistoryEventType = 'TaskStateEntered') =>
      append(type, previous, { stateEnteredEventDetails: { name } }),
    exit: (name: string, previous: number, type: HistoryEventType = 'TaskStateExited') =>
      append(type, previous, { stateExitedEventDetails: { name } }),
    schedule: (previous: number) => append('TaskScheduled', previous),
    fail: (previous: number, error: string, cause?: string) =>
      append('TaskFailed', previous, {
        taskFailedEventDetails: { resourceType: 'lambda', resource: 'invoke', error, ...(cause && { cause }) },
      }),
  };
}

const start = (): ReturnType<typeof aHistory> & { first: number } => {
  const history = aHistory();
  return { ...history, first: history.append('ExecutionStarted', 0) };
};

const entriesOf = (events: readonly HistoryEvent[]) => {
  const tracker = trackExecution();
  return events
    .flatMap((event) => tracker.take(event) ?? [])
    .map(({ kind, state, attempt }) => [kind, state, attempt].filter((part) => part !== undefined).join(' '));
};

describe('progress', () => {
  it('shows a state that is entered, tried and exited', () => {
    const { events, first, enter, schedule, append, exit } = start();
    const done = append('TaskSucceeded', schedule(enter('Claim tenant', first)));
    append('ExecutionSucceeded', exit('Claim tenant', done));

    expect(progressLines()(events)).toEqual([
      '      +0.0 s  started    execution',
      '      +1.0 s  started    Claim tenant',
      '      +4.0 s  done       Claim tenant (3.0 s)',
      '      +5.0 s  succeeded  execution (5.0 s)',
    ]);
  });

  it('shows the same lines however the events are dealt out', () => {
    const { events, first, enter, schedule, fail, exit } = start();
    const failed = fail(schedule(enter('Claim tenant', first)), 'ThrottledError');
    exit('Claim tenant', schedule(failed));
    const oneByOne = progressLines();

    const lines = events.flatMap((event) => oneByOne([event]));

    expect(lines).toEqual(progressLines()(events));
  });

  it('leads events of interleaved branches back to their states', () => {
    const { events, first, append, enter, schedule, fail, exit } = start();
    const together = append('ParallelStateStarted', enter('Provision resources', first, 'ParallelStateEntered'));
    const index = enter('Provision vector index', together);
    const group = enter('Provision user group', together);
    const indexCall = schedule(index);
    const groupCall = schedule(group);
    const indexFailed = fail(indexCall, 'ThrottledError', '{"errorMessage":"tenant acme: slow down"}');
    exit('Provision user group', append('TaskSucceeded', groupCall));
    const indexAgain = schedule(indexFailed);
    const last = exit('Provision vector index', append('TaskSucceeded', indexAgain));
    exit('Provision resources', append('ParallelStateSucceeded', last), 'ParallelStateExited');

    expect(entriesOf(events)).toEqual([
      'execution started',
      'started Provision resources',
      'started Provision vector index',
      'started Provision user group',
      'failed Provision vector index',
      'done Provision user group',
      'retried Provision vector index 2',
      'done Provision vector index',
      'done Provision resources',
    ]);
    expect(progressLines()(events)[4]).toContain('Provision vector index: ThrottledError: tenant acme: slow down');
  });

  it('shows what a failure stops, and the execution’s end', () => {
    const { events, first, append, enter, schedule, fail } = start();
    const together = append('ParallelStateStarted', enter('Provision resources', first, 'ParallelStateEntered'));
    const group = schedule(enter('Provision user group', together));
    const failed = fail(schedule(enter('Provision vector index', together)), 'QuotaExceededError', 'plain text');
    append('TaskStateAborted', group);
    append('ExecutionFailed', append('ParallelStateFailed', failed), {
      executionFailedEventDetails: { error: 'QuotaExceededError', cause: 'long' },
    });

    const lines = progressLines()(events);

    expect(lines.slice(-3).map((line) => line.slice(14))).toEqual([
      'failed     Provision vector index: QuotaExceededError: plain text',
      'aborted    Provision user group (not finished)',
      'failed     execution (10 s): QuotaExceededError',
    ]);
  });

  it('after a redrive, shows the task that is scheduled again and counts its attempts from one', () => {
    const { events, first, append, enter, schedule, fail, exit } = start();
    const claimed = exit('Claim tenant', enter('Claim tenant', first));
    const entered = enter('Provision vector index', claimed);
    const end = append('ExecutionFailed', fail(schedule(fail(schedule(entered), 'A')), 'A'));
    const again = schedule(append('ExecutionRedriven', end));
    exit('Provision vector index', append('TaskSucceeded', schedule(fail(again, 'A'))));

    expect(entriesOf(events).slice(-6)).toEqual([
      'execution failed',
      'execution redriven',
      'started Provision vector index',
      'failed Provision vector index',
      'retried Provision vector index 2',
      'done Provision vector index',
    ]);
  });

  it('passes through choices and shows waits', () => {
    const { events, first, enter, exit } = start();
    const choice = exit('Is it ready?', enter('Is it ready?', first, 'ChoiceStateEntered'), 'ChoiceStateExited');
    exit('Wait for it', enter('Wait for it', choice, 'WaitStateEntered'), 'WaitStateExited');

    expect(entriesOf(events).slice(1)).toEqual(['passed Is it ready?', 'started Wait for it', 'done Wait for it']);
  });

  it('knows what is running', () => {
    const { events, first, enter, exit } = start();
    const tracker = trackExecution();
    exit('Claim tenant', enter('Claim tenant', first));
    enter('Check quotas', 3);

    for (const event of events) tracker.take(event);

    expect(tracker.running()).toEqual(['Check quotas']);
  });

  it('labels lines, and decorates them on demand', () => {
    const { events, first, enter, exit } = start();
    exit('Claim tenant', enter('Claim tenant', first));

    expect(progressLines({ label: 'acme' })(events)[1]).toBe('acme       +1.0 s  started    Claim tenant');
    expect(progressLines({ decorated: true, starts: false })(events).at(-1)).toMatch(/✓.* Claim tenant/);
  });

  it.each([
    [0, '0.0 s'],
    [9_940, '9.9 s'],
    [9_960, '10 s'],
    [65_000, '1 min 5 s'],
    [3_600_000, '1 h 0 min'],
    [30 * 86_400_000, '30 d 0 h'],
  ])('%d ms are %s', (milliseconds, text) => expect(seconds(milliseconds)).toBe(text));
});

describe('a live view', () => {
  it('rewrites its footer and takes it away at the end', () => {
    jest.useFakeTimers();
    const { terminal, stdout } = aTerminal({ tty: true });
    const { events, first, enter } = start();
    enter('Claim tenant', first);
    const view = openProgress(terminal.stdout, { live: true });

    view.show(events);
    jest.advanceTimersByTime(250);
    view.close();
    jest.useRealTimers();

    expect(stdout().match(/Claim tenant/g)).toHaveLength(3);
    expect(stdout().endsWith('\r\u001b[2K')).toBe(true);
  });
});

describe('watchExecution', () => {
  const quiet = { show: () => {}, skip: () => {}, close: () => {} };
  const signal = () => new AbortController().signal;

  it('answers how the execution ended, with its events newest first', async () => {
    const { events, first, append } = start();
    append('ExecutionFailed', first, { executionFailedEventDetails: { error: 'E', cause: 'C' } });
    const pages = [events.slice(0, 1), [], events.slice(1)];

    const ending = await watchExecution(async () => pages.shift() ?? [], quiet, { intervalMs: 1, signal: signal() });

    expect(ending).toMatchObject({ status: 'FAILED', error: 'E', cause: 'C' });
    expect(ending?.events.map(({ id }) => id)).toEqual([2, 1]);
  });

  it('goes on when the execution was redriven after its end', async () => {
    const { events, first, append } = start();
    append('ExecutionSucceeded', append('ExecutionRedriven', append('ExecutionFailed', first)));
    const pages = [events.slice(0, 3), events.slice(3)];

    const ending = await watchExecution(async () => pages.shift() ?? [], quiet, { intervalMs: 1, signal: signal() });

    expect(ending?.status).toBe('SUCCEEDED');
  });

  describe('of an execution that may sleep', () => {
    const watching = (pages: (readonly HistoryEvent[])[], sleepsIn: string | undefined = 'Hold') =>
      watchExecution(async () => pages.shift() ?? [], quiet, {
        intervalMs: 1,
        signal: AbortSignal.timeout(200),
        ...(sleepsIn !== '' && { sleepsIn }),
      });
    const asleep = () => {
      const history = start();
      return { ...history, waiting: history.enter('Hold', history.first, 'WaitStateEntered') };
    };

    it('ends where it sleeps, also after it was stopped and redriven there', async () => {
      const { events, append, waiting } = asleep();
      append('ExecutionRedriven', append('ExecutionAborted', append('WaitStateAborted', waiting)));

      expect((await watching([events.slice(0, 2)]))?.status).toBe('ASLEEP');
      expect((await watching([events]))?.status).toBe('ASLEEP');
    });

    it('goes on when the time of the wait has come already', async () => {
      const { events, append, waiting, exit } = asleep();
      append('ExecutionSucceeded', exit('Hold', waiting, 'WaitStateExited'));

      expect((await watching([events.slice(0, 2), [], events.slice(2)]))?.status).toBe('SUCCEEDED');
    });

    it.each([
      ['another wait', 'Wait for knowledge base'],
      ['no wait of that kind', ''],
    ])('does not end in %s', async (_name, sleepsIn) => {
      expect(await watching([asleep().events], sleepsIn)).toBeUndefined();
    });
  });

  it('stops when it is told to, in the middle of a pause', async () => {
    const interruption = new AbortController();
    setTimeout(() => interruption.abort(), 5);

    const ending = await watchExecution(async () => [], quiet, { intervalMs: 60_000, signal: interruption.signal });

    expect(ending).toBeUndefined();
  });
});

import fc from 'fast-check';
import { TaskError } from '../../../sandbox/engine/failure';
import { Retries, retryDelay } from '../../../sandbox/engine/retry';
import { aMachine, anEngine, anError, aTask, failing, START } from './engine-under-test';

const machine = (Retry: object[], rest: object = {}) => aMachine({ Work: aTask('f', { End: true, Retry, ...rest }) });

describe('retry delays', () => {
  it.each([
    [{}, [1, 2, 4, 8]],
    [{ IntervalSeconds: 2, BackoffRate: 3 }, [2, 6, 18, 54]],
    [{ IntervalSeconds: 5, BackoffRate: 1 }, [5, 5, 5, 5]],
    [{ IntervalSeconds: 2, BackoffRate: 2, MaxDelaySeconds: 5 }, [2, 4, 5, 5]],
    [{ IntervalSeconds: 2, JitterStrategy: 'NONE' as const }, [2, 4, 8, 16]],
  ])('%j', (retrier, seconds) => {
    const delays = [1, 2, 3, 4].map((attempt) => retryDelay({ ErrorEquals: [], ...retrier }, attempt, () => 0.5));

    expect(delays).toEqual(seconds.map((each) => each * 1000));
  });

  it('with FULL jitter stay between nothing and the plain delay', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.double({ min: 1, max: 3, noNaN: true }),
        fc.integer({ min: 1, max: 10 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (IntervalSeconds, BackoffRate, attempt, drawn) => {
          const retrier = { ErrorEquals: [], IntervalSeconds, BackoffRate, MaxDelaySeconds: 300 };
          const plain = retryDelay(retrier, attempt, () => drawn);
          const jittered = retryDelay({ ...retrier, JitterStrategy: 'FULL' as const }, attempt, () => drawn);

          return jittered >= 0 && jittered <= plain && plain <= 300_000;
        },
      ),
    );
  });

  it('pass on the clock, not in real time', async () => {
    const engine = anEngine({ functions: { f: failing(3, () => anError('TransientError')) } });

    const { status, stopDate } = await engine.run(machine([{ ErrorEquals: ['TransientError'], IntervalSeconds: 60 }]));

    expect(status).toBe('SUCCEEDED');
    expect(stopDate).toEqual(new Date(START + (60 + 120 + 240) * 1000));
  });

  it('draw their jitter from the given numbers', async () => {
    const random = () => 0.25;
    const engine = anEngine({ random, functions: { f: failing(1, () => anError('TransientError')) } });
    const retrier = { ErrorEquals: ['TransientError'], IntervalSeconds: 60, JitterStrategy: 'FULL' };

    const { stopDate } = await engine.run(machine([retrier]));

    expect(stopDate).toEqual(new Date(START + 15_000));
  });
});

describe('retriers', () => {
  it('try three more times unless told otherwise', async () => {
    const engine = anEngine({ functions: { f: failing(9, () => anError('TransientError')) } });

    const description = await engine.run(machine([{ ErrorEquals: ['TransientError'] }]));

    expect(description).toMatchObject({ status: 'FAILED', error: 'TransientError' });
    expect(engine.invocations).toHaveLength(4);
  });

  it('leave alone what none of them names', async () => {
    const engine = anEngine({ functions: { f: failing(9, () => anError('ConflictError')) } });

    await engine.run(machine([{ ErrorEquals: ['TransientError'] }]));

    expect(engine.invocations).toHaveLength(1);
  });

  it('never retry with MaxAttempts 0, even if a later retrier would', async () => {
    const engine = anEngine({ functions: { f: failing(9, () => anError('ConflictError')) } });

    await engine.run(machine([{ ErrorEquals: ['ConflictError'], MaxAttempts: 0 }, { ErrorEquals: ['States.ALL'] }]));

    expect(engine.invocations).toHaveLength(1);
  });

  it('count separately', () => {
    const transient = { ErrorEquals: ['TransientError'], MaxAttempts: 2 };
    const throttled = { ErrorEquals: ['ThrottledError'], MaxAttempts: 1, IntervalSeconds: 7 };
    const retries = new Retries([transient, throttled], () => 0);

    const delays = ['TransientError', 'ThrottledError', 'TransientError', 'ThrottledError', 'TransientError'].map(
      (error) => retries.next(error),
    );

    expect(delays).toEqual([1000, 7000, 2000, undefined, undefined]);
  });

  it('give way to Catch when they are exhausted', async () => {
    const engine = anEngine({ functions: { f: failing(9, () => anError('TransientError')) } });
    const definition = aMachine({
      Work: aTask('f', {
        End: true,
        Retry: [{ ErrorEquals: ['TransientError'], MaxAttempts: 1 }],
        Catch: [{ ErrorEquals: ['TransientError'], Next: 'Caught' }],
      }),
      Caught: { Type: 'Succeed' },
    });

    const { status } = await engine.run(definition);

    expect(status).toBe('SUCCEEDED');
    expect(engine.invocations).toHaveLength(2);
  });

  it.each([
    ['States.Timeout', 'States.TaskFailed', 1],
    ['States.Timeout', 'States.Timeout', 4],
    ['States.DataLimitExceeded', 'States.ALL', 1],
    ['States.Runtime', 'States.ALL', 1],
    ['Lambda.TooManyRequestsException', 'States.ALL', 4],
    ['Lambda.TooManyRequestsException', 'States.TaskFailed', 4],
  ])('of %s by %s: %i attempts', async (error, named, attempts) => {
    const engine = anEngine({ functions: { f: failing(9, () => new TaskError(error)) } });

    await engine.run(machine([{ ErrorEquals: [named] }]));

    expect(engine.invocations).toHaveLength(attempts);
  });

  it('of a Parallel run all its branches again', async () => {
    const engine = anEngine({ functions: { b: failing(1, () => anError('TransientError')) } });
    const branches = ['a', 'b'].map((name) => aMachine({ [name]: aTask(name) }));

    const { status } = await engine.run(
      aMachine({
        Both: { Type: 'Parallel', End: true, Branches: branches, Retry: [{ ErrorEquals: ['TransientError'] }] },
      }),
    );

    expect(status).toBe('SUCCEEDED');
    expect(engine.invocations).toEqual(['a', 'b', 'a', 'b']);
  });
});

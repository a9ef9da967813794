import { VirtualClock } from '../../sandbox/virtual-clock';

const START = Date.parse('2026-01-01T00:00:00Z');
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const settle = async () => {
  for (let count = 0; count < 20; count += 1) await turn();
};

describe('VirtualClock', () => {
  it('skips a short sleep and shows the time it took', async () => {
    const clock = new VirtualClock({ start: START });

    await clock.sleep(10 * MINUTE);

    expect(clock.now()).toBe(START + 10 * MINUTE);
  });

  it('wakes sleepers in the order of their deadlines, whoever slept first', async () => {
    const clock = new VirtualClock({ start: START });
    const woken: string[] = [];
    const note = (name: string, milliseconds: number) =>
      clock.sleep(milliseconds).then(() => woken.push(`${name} at ${clock.now() - START}`));

    await Promise.all([note('slow', 3000), note('quick', 1000), note('middle', 2000)]);

    expect(woken).toEqual(['quick at 1000', 'middle at 2000', 'slow at 3000']);
  });

  it('lets a poll go round until its limit instead of reaching the limit first', async () => {
    const clock = new VirtualClock({ start: START });
    let polls = 0;
    let isOver = false;
    const poll = async () => {
      while (!isOver) {
        await clock.sleep(10_000);
        polls += 1;
      }
    };

    const polling = poll();
    await clock.sleep(5 * MINUTE - 1);
    isOver = true;
    await polling;

    expect(polls).toBe(30);
  });

  it('leaves a long sleep to advance()', async () => {
    const clock = new VirtualClock({ start: START });
    let isAwake = false;
    const sleeping = clock.sleep(30 * DAY).then(() => {
      isAwake = true;
    });

    await settle();
    expect(isAwake).toBe(false);
    expect(clock.sleepers()).toEqual([{ deadline: START + 30 * DAY }]);

    await clock.advance(29 * DAY);
    expect(isAwake).toBe(false);

    await clock.advance(DAY);
    await sleeping;
    expect(clock.now()).toBe(START + 30 * DAY);
    expect(clock.sleepers()).toEqual([]);
  });

  it('wakes work that sleeps again within the advanced span, each at its own time', async () => {
    const clock = new VirtualClock({ start: START });
    const times: number[] = [];
    const work = async () => {
      for (let day = 0; day < 5; day += 1) {
        await clock.sleep(DAY);
        times.push((clock.now() - START) / DAY);
      }
    };

    const working = work();
    await clock.advance(5 * DAY);
    await working;

    expect(times).toEqual([1, 2, 3, 4, 5]);
    expect(clock.now()).toBe(START + 5 * DAY);
  });

  it('passes long sleepers on the way of a short sleep', async () => {
    const clock = new VirtualClock({ start: START, skipUpTo: 2000 });
    const woken: string[] = [];
    const long = clock.sleep(3000).then(() => woken.push('long'));
    await clock.sleep(1500);
    await clock.sleep(2000).then(() => woken.push('short'));
    await long;

    expect(woken).toEqual(['long', 'short']);
  });

  it('rejects with an AbortError when the signal fires, and forgets the sleeper', async () => {
    const clock = new VirtualClock({ start: START });
    const abort = new AbortController();
    const sleeping = clock.sleep(DAY, abort.signal);

    abort.abort();

    await expect(sleeping).rejects.toMatchObject({ name: 'AbortError' });
    await expect(clock.sleep(1, abort.signal)).rejects.toMatchObject({ name: 'AbortError' });
    expect(clock.sleepers()).toEqual([]);
  });

  it('does not skip while somebody holds it', async () => {
    const clock = new VirtualClock({ start: START });
    const release = clock.hold();
    let isAwake = false;
    const sleeping = clock.sleep(1000).then(() => {
      isAwake = true;
    });

    await settle();
    expect(isAwake).toBe(false);

    release();
    await sleeping;
    expect(clock.now()).toBe(START + 1000);
  });

  it('serializes concurrent advances', async () => {
    const clock = new VirtualClock({ start: START });

    await Promise.all([clock.advance(DAY), clock.advance(DAY)]);

    expect(clock.now()).toBe(START + 2 * DAY);
  });

  it('adds real time when it flows, and never goes back', async () => {
    const clock = new VirtualClock({ start: START, flows: true });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const before = clock.now();

    await clock.advance(1000);

    expect(before).toBeGreaterThan(START);
    expect(clock.now()).toBeGreaterThanOrEqual(before + 1000);
  });
});

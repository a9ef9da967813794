import { inParallel, pace } from '../../cli/pace';

describe('a pace', () => {
  const beginnings = async (count: number, rate: { burst: number; perSecond: number }) => {
    const mayBegin = pace(rate);
    const began = performance.now();
    await Promise.all(Array.from({ length: count }, () => mayBegin()));
    return performance.now() - began;
  };

  it('lets as many begin at once as its burst holds', async () => {
    expect(await beginnings(20, { burst: 20, perSecond: 1 })).toBeLessThan(500);
  });

  it('lets the others begin at its rate', async () => {
    const took = await beginnings(8, { burst: 2, perSecond: 20 });

    expect(took).toBeGreaterThanOrEqual(290);
  });

  it('has its whole burst again only after a pause', async () => {
    const mayBegin = pace({ burst: 2, perSecond: 10 });
    await mayBegin();
    await mayBegin();
    const began = performance.now();

    await mayBegin();

    expect(performance.now() - began).toBeGreaterThan(80);
  });
});

describe('in parallel', () => {
  it('runs no more at a time than the limit, and answers in the order of the items', async () => {
    let running = 0;
    let most = 0;

    const results = await inParallel([30, 5, 20, 1, 10], 2, async (milliseconds) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      running -= 1;
      return milliseconds * 2;
    });

    expect(results).toEqual([60, 10, 40, 2, 20]);
    expect(most).toBe(2);
  });

  it('does nothing for no items', async () => {
    expect(await inParallel([], 5, () => Promise.reject(new Error('never')))).toEqual([]);
  });
});

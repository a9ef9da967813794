import { pace } from '../../cli/pace';

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

import { inParallel } from '../../../tasks/shared/in-parallel';

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

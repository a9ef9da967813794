/**
 * Lets things begin at a bounded rate, as the buckets of AWS do: so many at once, then so many a second.
 * @returns a function that resolves when the next one may begin
 */
export function pace({ burst, perSecond }: { readonly burst: number; readonly perSecond: number }) {
  const interval = 1000 / perSecond;
  /** When the bucket will have room for one more, if it was full at the start. */
  let next = Number.NEGATIVE_INFINITY;
  return async (): Promise<void> => {
    const now = performance.now();
    next = Math.max(next, now - burst * interval) + interval;
    if (next > now) await new Promise((resolve) => setTimeout(resolve, next - now));
  };
}

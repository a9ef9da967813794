import fc from 'fast-check';
import { canonicalJson, payloadHash } from '../../../tasks/shared/names';

/** The same value with the keys of every object in another order. */
function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, shuffled(member)]),
  );
}

describe('canonicalJson', () => {
  it('sorts keys at every depth and keeps the order of lists', () => {
    const text = canonicalJson({ b: [{ d: 1, c: 2 }, 'x'], a: null });

    expect(text).toBe('{"a":null,"b":[{"c":2,"d":1},"x"]}');
  });

  it('is the same whatever order the keys come in', () =>
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value));
      }),
    ));

  it('loses nothing', () =>
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    ));
});

describe('payloadHash', () => {
  it('is the SHA-256 of the canonical JSON', () => {
    const hash = payloadHash({ a: 1, b: 2 });

    expect(hash).toBe('43258cff783fe7036d8a43033f830adfc60ec037382473548ac742b888292777');
    expect(payloadHash({ b: 2, a: 1 })).toBe(hash);
    expect(payloadHash({ a: 1, b: 3 })).not.toBe(hash);
  });
});

/**
 * The sandbox's only source of time. Every service, the state machine engine and the bundled tasks read it, so a 30-day
 * hold takes no time and still leaves 30 days between two timestamps.
 */
export interface Clock {
  /** Virtual time, milliseconds since the epoch. Never goes back. */
  now(): number;
  /**
   * Resolves when virtual time has reached now + `milliseconds`, or rejects with an AbortError when `signal` fires.
   * Sleeps up to `skipUpTo` are skipped at once; longer ones wait for `advance`.
   */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Moves virtual time forward and wakes, in order of their deadlines, all sleepers that are due. */
  advance(milliseconds: number): Promise<void>;
}

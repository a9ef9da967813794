import type { Clock } from './clock';

export interface VirtualClockOptions {
  /** First instant. @default the real time of construction */
  readonly start?: Date | number;
  /** Longest sleep that is skipped without `advance`, milliseconds. @default 15 minutes */
  readonly skipUpTo?: number;
  /** Adds the real time that passes to virtual time, so that two timestamps differ. @default false */
  readonly flows?: boolean;
}

interface Sleeper {
  readonly deadline: number;
  readonly skippable: boolean;
  readonly wake: () => void;
}

const FIFTEEN_MINUTES = 15 * 60 * 1000;

/** Macrotask turns that woken work gets before time moves on: enough for promise chains with a few timers-free hops. */
const TURNS_PER_WAKE = 4;

/**
 * A discrete-event clock: time moves to the next deadline instead of passing. The earliest sleeper is woken first and
 * gets some turns of the event loop before the next, so a 10-second poll runs thirty times before a 5-minute limit does.
 */
export class VirtualClock implements Clock {
  readonly #skipUpTo: number;
  readonly #flowsSince: number | undefined;
  #base: number;
  /** In the order of their deadlines; equal deadlines in the order of arrival. */
  readonly #sleepers: Sleeper[] = [];
  #holds = 0;
  #skipping = false;
  #advancing: Promise<void> = Promise.resolve();

  constructor({ start = Date.now(), skipUpTo = FIFTEEN_MINUTES, flows = false }: VirtualClockOptions = {}) {
    this.#base = Number(start);
    this.#skipUpTo = skipUpTo;
    this.#flowsSince = flows ? performance.now() : undefined;
  }

  now(): number {
    return this.#base + this.#elapsed();
  }

  sleepers(): { readonly deadline: number }[] {
    return this.#sleepers.map(({ deadline }) => ({ deadline }));
  }

  /**
   * Keeps short sleeps from being skipped until the returned function is called: for real work (a task that runs in
   * another process) which must not be outrun by its own time limit. Whoever holds must not sleep on this clock meanwhile.
   */
  hold(): () => void {
    let open = true;
    this.#holds += 1;
    return () => {
      if (!open) return;
      open = false;
      this.#holds -= 1;
      this.#skip();
    };
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(abortError(signal));
        return;
      }
      const abort = () => {
        this.#sleepers.splice(this.#sleepers.indexOf(sleeper), 1);
        reject(abortError(signal));
      };
      const sleeper: Sleeper = {
        deadline: this.now() + Math.max(0, milliseconds),
        skippable: milliseconds <= this.#skipUpTo,
        wake: () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#enqueue(sleeper);
      this.#skip();
    });
  }

  advance(milliseconds: number): Promise<void> {
    this.#advancing = this.#advancing.then(() => this.#advanceTo(this.now() + Math.max(0, milliseconds)));
    return this.#advancing;
  }

  async #advanceTo(target: number): Promise<void> {
    await turns();
    for (let next = this.#sleepers[0]; next !== undefined && next.deadline <= target; next = this.#sleepers[0]) {
      this.#wakeFirst();
      await turns();
    }
    this.#moveTo(target);
  }

  /** Runs as long as a short sleep is left: time that passes for it passes for longer sleeps too. */
  #skip(): void {
    if (this.#skipping || this.#holds > 0 || !this.#sleepers.some(({ skippable }) => skippable)) return;
    this.#skipping = true;
    void turns().then(() => {
      this.#skipping = false;
      if (this.#holds === 0 && this.#sleepers.some(({ skippable }) => skippable)) this.#wakeFirst();
      this.#skip();
    });
  }

  #wakeFirst(): void {
    const sleeper = this.#sleepers.shift();
    if (sleeper === undefined) return;
    this.#moveTo(sleeper.deadline);
    sleeper.wake();
  }

  #moveTo(instant: number): void {
    this.#base += Math.max(0, instant - this.now());
  }

  #elapsed(): number {
    return this.#flowsSince === undefined ? 0 : Math.floor(performance.now() - this.#flowsSince);
  }

  #enqueue(sleeper: Sleeper): void {
    const later = this.#sleepers.findIndex(({ deadline }) => deadline > sleeper.deadline);
    this.#sleepers.splice(later === -1 ? this.#sleepers.length : later, 0, sleeper);
  }
}

function abortError(signal: AbortSignal | undefined): Error {
  return Object.assign(new Error('The sleep was aborted', { cause: signal?.reason }), {
    name: 'AbortError',
    code: 'ABORT_ERR',
  });
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < TURNS_PER_WAKE; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

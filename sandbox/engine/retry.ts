import type { Catcher, Retrier } from './definition';

/** True random numbers in production, scripted ones in tests: [0, 1). */
export type Random = () => number;

/**
 * States.ALL and States.TaskFailed leave States.Runtime and States.DataLimitExceeded alone; States.TaskFailed also leaves
 * States.Timeout alone. States.Runtime cannot even be named: it always fails the execution.
 */
export function errorMatches(errorEquals: readonly string[], error: string): boolean {
  if (error === 'States.Runtime') return false;
  if (errorEquals.includes(error)) return true;
  if (error === 'States.DataLimitExceeded') return false;
  return (
    errorEquals.includes('States.ALL') || (errorEquals.includes('States.TaskFailed') && error !== 'States.Timeout')
  );
}

/** Delay in milliseconds before the given attempt (1 = first retry). FULL jitter draws from [0, delay). */
export function retryDelay(retrier: Retrier, attempt: number, random: Random): number {
  const { IntervalSeconds = 1, BackoffRate = 2, MaxDelaySeconds = Number.POSITIVE_INFINITY, JitterStrategy } = retrier;
  const delay = Math.min(IntervalSeconds * BackoffRate ** (attempt - 1), MaxDelaySeconds) * 1000;
  return JitterStrategy === 'FULL' ? random() * delay : delay;
}

/** The retriers of one visit to a state; each counts for itself. A redrive is a new visit. */
export class Retries {
  readonly #attempts = new Map<Retrier, number>();

  constructor(
    private readonly retriers: readonly Retrier[],
    private readonly random: Random,
  ) {}

  /** Milliseconds until the next attempt, or undefined when the first retrier that matches gives up or none matches. */
  next(error: string): number | undefined {
    const retrier = this.retriers.find(({ ErrorEquals }) => errorMatches(ErrorEquals, error));
    if (retrier === undefined) return undefined;
    const attempt = (this.#attempts.get(retrier) ?? 0) + 1;
    if (attempt > (retrier.MaxAttempts ?? 3)) return undefined;
    this.#attempts.set(retrier, attempt);
    return retryDelay(retrier, attempt, this.random);
  }
}

export function catcherFor(catchers: readonly Catcher[], error: string): Catcher | undefined {
  return catchers.find(({ ErrorEquals }) => errorMatches(ErrorEquals, error));
}

/** How a state, branch or execution fails: the Error and Cause that Retry and Catch match and history shows. */
export class TaskError extends Error {
  override readonly name: string = 'TaskError';
  constructor(
    readonly error: string,
    override readonly cause: string = '',
  ) {
    super(cause === '' ? error : `${error}: ${cause}`);
  }

  /**
   * Takes whatever an invoker threw. An ordinary exception becomes what Lambda reports for it: Error = its name, Cause =
   * a JSON string.
   */
  static from(thrown: unknown): TaskError {
    if (thrown instanceof TaskError) return thrown;
    if (!(thrown instanceof Error)) return new TaskError('Error', lambdaCause('Error', String(thrown), []));
    const trace = (thrown.stack ?? '').split('\n').map((line) => line.trimEnd());
    return new TaskError(thrown.name, lambdaCause(thrown.name, thrown.message, trace));
  }
}

/** The Cause that Step Functions shows for an exception in a Lambda function. */
export function lambdaCause(errorType: string, errorMessage: string, trace: readonly string[]): string {
  return JSON.stringify({ errorType, errorMessage, trace });
}

/** A failure that the engine itself finds while it processes a state's data; the interpreter adds which state it was. */
export class StateError extends TaskError {
  override readonly name = 'StateError';
}

export type InterruptReason = 'stopped' | 'sibling failed' | 'timed out' | 'closed';

/** Thrown through states that end without an outcome of their own; no Retry and no Catch ever sees it. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  constructor(
    readonly reason: InterruptReason,
    /** Error and Cause that a StopExecution gave. */
    readonly members: { readonly error?: string; readonly cause?: string } = {},
  ) {
    super(`interrupted: ${reason}`);
  }
}

/** Most bytes of JSON that Step Functions passes between states. */
export const DATA_LIMIT_BYTES = 262_144;

/** Serializes as Step Functions does between states: what JSON cannot hold is lost, too much of it is an error. */
export function toJson(value: unknown, what: string): string {
  const json = JSON.stringify(value ?? null) ?? 'null';
  if (Buffer.byteLength(json) > DATA_LIMIT_BYTES) {
    throw new TaskError(
      'States.DataLimitExceeded',
      `The state/task '${what}' returned a result with a size exceeding the maximum number of bytes service limit.`,
    );
  }
  return json;
}

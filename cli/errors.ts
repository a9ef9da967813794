import { mapAwsError } from '../tasks/shared/aws-errors';
import { describeErrorName, TenantLifecycleError } from '../tasks/shared/errors';
import { EXIT, type ExitCode } from './exit-code';

/** Root of what tenantctl says went wrong. Shown without a stack trace. */
export abstract class TenantctlError extends Error {
  abstract override readonly name: string;
  abstract readonly exitCode: ExitCode;
  abstract readonly nextAction: string;
}

/** Arguments that cannot be acted on; lists every problem. */
export class UsageError extends TenantctlError {
  override readonly name = 'UsageError';
  readonly exitCode = EXIT.unusable;
  readonly nextAction: string;

  constructor(
    readonly problems: readonly string[],
    command?: string,
  ) {
    super(problems.join('; '));
    this.nextAction = `See npm run tenant -- ${command === undefined ? '' : `${command} `}--help.`;
  }
}

/** The place that commands are sent to cannot be used as it is; nothing was changed. */
export class TargetError extends TenantctlError {
  override readonly name = 'TargetError';
  readonly exitCode = EXIT.unusable;

  constructor(
    message: string,
    readonly nextAction: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** An AWS call failed, or was not answered. What it did is not known. */
export class UnknownOutcomeError extends TenantctlError {
  override readonly name = 'UnknownOutcomeError';
  readonly exitCode = EXIT.unknown;

  constructor(
    message: string,
    readonly nextAction: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What a function threw, as Lambda reports it. */
export class RefusedError extends TenantctlError {
  override readonly name: string;
  readonly exitCode = EXIT.refused;
  readonly nextAction: string;

  /** @param repeat how the caller sends the same request again */
  constructor(errorType: string, message: string, repeat: string) {
    super(message);
    this.name = errorType;
    const known = describeErrorName(errorType);
    const passing = known === undefined || PASSING.has(known.errorClass);
    this.nextAction = passing ? `Send the same request again, it starts nothing twice: ${repeat}` : known.nextAction;
  }
}

/** At the front door there is no execution to redrive: the request itself is repeated. */
const PASSING: ReadonlySet<string> = new Set(['throttled', 'transient', 'not-ready', 'timeout']);

/** An error as it is shown, in text and as JSON. */
export interface ErrorReport {
  readonly name: string;
  readonly message: string;
  readonly problems?: readonly string[];
  readonly nextAction: string;
}

export function reportOf(error: unknown): { report: ErrorReport; exitCode: ExitCode } {
  const mapped = mapAwsError(error, undefined);
  if (mapped instanceof UsageError) {
    const { name, message, problems, nextAction, exitCode } = mapped;
    return { report: { name, message, problems, nextAction }, exitCode };
  }
  if (mapped instanceof TenantctlError) {
    const { name, message, nextAction, exitCode } = mapped;
    return { report: { name, message, nextAction }, exitCode };
  }
  if (mapped instanceof TenantLifecycleError) {
    const { name, message, nextAction } = mapped;
    return { report: { name, message, nextAction }, exitCode: EXIT.refused };
  }
  return {
    report: {
      name: mapped instanceof Error ? mapped.name : 'Error',
      message: mapped instanceof Error ? mapped.message : String(mapped),
      nextAction: 'This is a fault of tenantctl: repeat the command with TENANTCTL_DEBUG=1 and report what it prints.',
    },
    exitCode: EXIT.unknown,
  };
}

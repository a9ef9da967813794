import { ulid } from 'ulid';
import type * as z from 'zod';
import { OnboardRequest } from '../../tasks/lifecycle/contract';
import { failureOf } from '../../tasks/lifecycle/failure';
import { describeErrorName } from '../../tasks/shared/errors';
import { executionNameOf } from '../../tasks/shared/names';
import { check, defineCommand, type Scope } from '../command';
import { EXIT, type ExitCode } from '../exit-code';
import { type Colors, printable } from '../output';
import { principalOf } from '../principal';
import { type Ending, openProgress, watchExecution } from '../progress';
import type { Answer, Target } from '../target';

interface Input {
  readonly request: Omit<z.output<typeof OnboardRequest>, 'requestedBy'>;
  readonly wait: boolean;
}

/** What the request's fields are called on the command line. */
const FLAGS = { displayName: '--name' };

/** Requests a tenant through the front door, as a signup back end does. */
export const onboard = defineCommand<Input>({
  name: 'onboard',
  summary: 'Request a tenant; the same request may be sent again and starts nothing twice.',

  configure(command) {
    command
      .option('--tenant-id <id>', '3 to 36 lower-case letters, digits and single hyphens; never reused')
      .option('--name <name>', 'display name')
      .option('--admin-email <address>', 'e-mail address of the first admin')
      .option('--tier <tier>', 'standard or premium')
      .option('--request-id <id>', 'idempotency key (default: a new one)')
      .option('--wait', 'show progress until the execution has ended');
  },

  parse({ tenantId, name, adminEmail, tier, requestId = ulid().toLowerCase(), wait, ...others }) {
    const request = { operation: 'onboard', tenantId, requestId, displayName: name, adminEmail, tier, ...others };
    // Who asks is known only once AWS has been asked.
    const checked = check(OnboardRequest, { ...request, requestedBy: 'tenantctl' }, FLAGS);
    return 'problems' in checked ? checked : { input: { request: checked.input, wait: wait === true } };
  },

  async run({ request, wait }, scope) {
    const target = await scope.openTarget();
    const send = await sender(target, request, scope);
    const accepted = await send();
    const { executionArn } = accepted;
    if (!wait || executionArn === undefined || accepted.alreadyActive) {
      scope.output.result(accepted, answerLines(accepted, scope.output.colors, scope.targetArguments));
      return exitCodeOf(accepted);
    }
    const ending = await watch(executionArn, target, scope);
    if (ending === undefined) {
      scope.output.result(accepted, interruptedLines(accepted, scope.targetArguments));
      return EXIT.interrupted;
    }
    const answer = {
      ...(await settled(send, ending)),
      repeated: accepted.repeated,
      executionStatus: ending.status,
    };
    const failure = ending.status === 'SUCCEEDED' ? undefined : failureIn(ending, executionArn);
    const exitCode = exitCodeOf(answer);
    const { colors } = scope.output;
    scope.output.result(
      { ...answer, ...(failure && { failure }) },
      failure === undefined || exitCode === EXIT.done
        ? answerLines(answer, colors, scope.targetArguments)
        : failureLines(answer, failure, colors),
    );
    return exitCode;
  },
});

/** Returns how to send the request, the first time and again: the same request gets its tenant's status as of now. */
async function sender(
  target: Target,
  request: Input['request'],
  { targetArguments }: Scope,
): Promise<() => Promise<Answer>> {
  const requestedBy = principalOf(await target.callerArn());
  const repeat = `repeat the command with --request-id ${request.requestId}${targetArguments}.`;
  return () => target.requestOperation({ ...request, requestedBy }, repeat);
}

async function watch(executionArn: string, target: Target, scope: Scope): Promise<Ending | undefined> {
  const { output } = scope;
  output.note(`${executionNameOf(executionArn)}`);
  const interruption = new AbortController();
  const stopListening = scope.onInterrupt(() => interruption.abort());
  try {
    return await watchExecution(target.historyOf(executionArn), openProgress(output.progress, { live: output.live }), {
      intervalMs: POLL_MS,
      signal: interruption.signal,
    });
  } finally {
    stopListening();
  }
}

/** GetExecutionHistory has a bucket of 400 calls per account that refills by 20 a second: a few watchers fit beside the rest. */
const POLL_MS = 500;

/** The tenant's status follows the end of a failed execution through EventBridge, usually within a second. */
async function settled(send: () => Promise<Answer>, ending: Ending): Promise<Answer> {
  for (let left = SETTLE_ATTEMPTS; ; left -= 1) {
    const answer = await send();
    if (ending.status === 'SUCCEEDED' || left <= 1 || !UNDER_WAY.has(answer.status)) return answer;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

const SETTLE_ATTEMPTS = 20;
const UNDER_WAY: ReadonlySet<string> = new Set(['REQUESTED', 'PROVISIONING']);

/** An execution that failed, of a tenant that another one has made ACTIVE since, is no failure any more. */
function exitCodeOf({ status, executionStatus }: Answer): ExitCode {
  if (status === 'ACTIVE') return EXIT.done;
  return executionStatus === undefined || executionStatus === 'RUNNING' ? EXIT.done : EXIT.refused;
}

/** What the outcome recorder writes on the tenant, from the same history. */
function failureIn({ status, error, cause, events }: Ending, executionArn: string) {
  const failure = failureOf(events, { status, error, cause });
  const known = describeErrorName(failure.error);
  return {
    ...failure,
    errorClass: known?.errorClass ?? 'unexpected',
    nextAction: known?.nextAction ?? 'Read the function’s log for the cause, correct it, then redrive the execution.',
    executionArn,
  };
}
export type OnboardFailure = ReturnType<typeof failureIn>;

export function answerLines(answer: Answer, { bold, dim, green, red }: Colors, targetArguments: string): string[] {
  const { tenantId, requestId, status, executionArn, executionStatus } = answer;
  const ok = exitCodeOf(answer) === EXIT.done;
  const lines = [`${ok ? green('✓') : red('✗')} ${bold(tenantId)} is ${bold(status)}${remark(answer)}`];
  lines.push(`  ${dim('request')}    ${requestId}`);
  if (executionArn !== undefined) {
    lines.push(`  ${dim('execution')}  ${executionArn}${executionStatus === undefined ? '' : ` (${executionStatus})`}`);
  }
  if (status !== 'ACTIVE') lines.push(`  ${dim('next')}       ${followUp(tenantId, targetArguments)}`);
  return lines;
}

function remark({ alreadyActive, repeated }: Answer): string {
  if (alreadyActive) return ': it was already, nothing was started';
  return repeated ? ': this request was accepted before, nothing was started again' : '';
}

function interruptedLines({ tenantId }: Answer, targetArguments: string): string[] {
  return [`Stopped watching; the execution goes on. Look with: ${followUp(tenantId, targetArguments)}`];
}

const followUp = (tenantId: string, targetArguments: string): string =>
  `npm run tenant -- status --tenant-id ${tenantId}${targetArguments}`;

export function failureLines({ tenantId, status }: Answer, failure: OnboardFailure, colors: Colors): string[] {
  const { bold, dim, red } = colors;
  return [
    `${red('✗')} ${bold(tenantId)} is ${bold(status)}: it failed at "${printable(failure.step)}", attempt ${failure.attempt}`,
    `  ${dim('error')}      ${printable(failure.error)} (${failure.errorClass})`,
    `  ${dim('message')}    ${printable(failure.message)}`,
    `  ${dim('execution')}  ${failure.executionArn}`,
    `  ${dim('next')}       ${printable(failure.nextAction)}`,
  ];
}

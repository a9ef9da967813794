import type { HistoryEvent } from '@aws-sdk/client-sfn';
import { failureOf } from '../tasks/lifecycle/failure';
import { adviceOn } from '../tasks/shared/errors';
import { executionNameOf, STOPPED_BY_APP } from '../tasks/shared/names';
import type { TenantStatus } from '../tasks/shared/tenant';
import { followUp, repeatOf, type Scope } from './command';
import { EXIT, type ExitCode } from './exit-code';
import { type Colors, printable } from './output';
import { principalOf } from './principal';
import { type Ending, openProgress, watchExecution } from './progress';
import type { Answer, OperationRequest, Target } from './target';

/** A request as it is parsed: who asks is known only once AWS has been asked. */
export type Unsigned<Request> = Request extends unknown ? Omit<Request, 'requestedBy'> : never;

/** What a command that starts an execution waits for, and how it tells what became of it. */
export interface Operation {
  /** Statuses that a failed execution leaves behind until its end is recorded on the tenant, usually within a second. */
  readonly underWay: readonly TenantStatus[];
  /** Wait state in which the execution may sleep for days: waiting ends there. */
  readonly sleepsIn?: string;
  exitCodeOf(answer: Answer): ExitCode;
  lines(answer: Answer, colors: Colors, targetArguments: string): string[];
}

/** Sends a request through the front door, as a signup back end does, and with `wait` follows its execution. */
export async function runOperation(
  request: Unsigned<OperationRequest>,
  { wait }: { readonly wait: boolean },
  operation: Operation,
  scope: Scope,
): Promise<ExitCode> {
  const { output, targetArguments } = scope;
  const target = await scope.openTarget();
  const send = await sender(target, request, scope);
  const show = (answer: Answer): ExitCode => {
    output.result(answer, operation.lines(answer, output.colors, targetArguments));
    return operation.exitCodeOf(answer);
  };

  const accepted = await send();
  const { executionArn, repeated } = accepted;
  if (!wait || executionArn === undefined || accepted.alreadyActive) return show(accepted);
  const ending = await watch(executionArn, operation, target, scope);
  if (ending === undefined) {
    output.result(accepted, [
      `Stopped watching; the execution goes on. Look with: ${followUp(accepted.tenantId, targetArguments)}`,
    ]);
    return EXIT.interrupted;
  }
  if (ending.status === 'ASLEEP') return show({ ...(await send()), repeated });

  // The request's own execution, also where the answer does not name it any more.
  const watched = { repeated, executionArn, executionStatus: ending.status };
  const answer = { ...(await settled(send, ending, operation)), ...watched };
  const exitCode = operation.exitCodeOf(answer);
  if (ending.status === 'SUCCEEDED') return show(answer);
  const failure = failureIn(ending, executionArn);
  output.result(
    { ...answer, failure },
    exitCode === EXIT.done
      ? operation.lines(answer, output.colors, targetArguments)
      : failureLines(answer, failure, output.colors),
  );
  return exitCode;
}

/** Returns how to send the request, the first time and again: the same request gets its tenant's status as of now. */
async function sender(
  target: Target,
  request: Unsigned<OperationRequest>,
  { targetArguments }: Scope,
): Promise<() => Promise<Answer>> {
  const requestedBy = principalOf(await target.callerArn());
  return () => target.requestOperation({ ...request, requestedBy }, repeatOf(request.requestId, targetArguments));
}

export interface Watch {
  readonly sleepsIn?: string;
  /** Answers the events since its last call. @default reads from the start */
  readonly read?: () => Promise<readonly HistoryEvent[]>;
  /** What it has answered before, oldest first. */
  readonly earlier?: readonly HistoryEvent[];
}

/** Shows an execution until it ends or sleeps; undefined when Ctrl-C came first. */
export async function watch(
  executionArn: string,
  { sleepsIn, read, earlier }: Watch,
  target: Target,
  scope: Scope,
): Promise<Ending | undefined> {
  const { output } = scope;
  output.note(`${executionNameOf(executionArn)}`);
  const interruption = new AbortController();
  const stopListening = scope.onInterrupt(() => interruption.abort());
  try {
    const events = read ?? target.historyOf(executionArn);
    return await watchExecution(events, openProgress(output.progress, { live: output.live }), {
      intervalMs: POLL_MS,
      signal: interruption.signal,
      ...(sleepsIn !== undefined && { sleepsIn }),
      ...(earlier !== undefined && { earlier }),
    });
  } finally {
    stopListening();
  }
}

/** GetExecutionHistory has a bucket of 400 calls per account that refills by 20 a second: a few watchers fit beside the rest. */
const POLL_MS = 500;

/** The tenant's status follows the end of a failed execution through EventBridge, usually within a second. */
async function settled(send: () => Promise<Answer>, ending: Ending, { underWay }: Operation): Promise<Answer> {
  const recorded = ending.status === 'SUCCEEDED' || SUPERSEDED.includes(ending.error ?? '');
  for (let left = SETTLE_ATTEMPTS; ; left -= 1) {
    const answer = await send();
    if (recorded || left <= 1 || !underWay.some((status) => status === answer.status)) return answer;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

const SETTLE_ATTEMPTS = 20;

/** A successor goes on with the tenant. */
const SUPERSEDED: readonly string[] = [STOPPED_BY_APP.holdShortened, STOPPED_BY_APP.suspendedAgain];

/** What the outcome recorder writes on the tenant, from the same history. */
export function failureIn({ status, error, cause, events }: Ending, executionArn: string) {
  const failure = failureOf(events, { status, error, cause });
  return { ...failure, ...adviceOn(failure.error), executionArn };
}
export type OperationFailure = ReturnType<typeof failureIn>;

/** An execution that failed, of a tenant that another one has brought where it should be since, is no failure any more. */
export const exitCodeFor =
  (goal: TenantStatus) =>
  ({ status, executionStatus }: Answer): ExitCode => {
    if (status === goal) return EXIT.done;
    return executionStatus === undefined || executionStatus === 'RUNNING' ? EXIT.done : EXIT.refused;
  };

/** `✓ acme is ACTIVE: it was already, nothing was started` */
export function headline({ tenantId, status }: Answer, ok: boolean, remark: string, colors: Colors): string {
  const { bold, green, red } = colors;
  return `${ok ? green('✓') : red('✗')} ${bold(tenantId)} is ${bold(status)}${remark === '' ? '' : `: ${remark}`}`;
}

export const REPEATED = 'this request was accepted before, nothing was started again';

/** What a command that makes a tenant ACTIVE answers. */
export function answerLines(answer: Answer, colors: Colors, targetArguments: string): string[] {
  const { tenantId, requestId, status, executionArn, executionStatus, alreadyActive, repeated } = answer;
  const { dim } = colors;
  const remark = alreadyActive ? 'it was already, nothing was started' : repeated ? REPEATED : '';
  const lines = [headline(answer, exitCodeFor('ACTIVE')(answer) === EXIT.done, remark, colors)];
  lines.push(`  ${dim('request')}    ${requestId}`);
  if (executionArn !== undefined) lines.push(`  ${dim('execution')}  ${executionOf(executionArn, executionStatus)}`);
  if (status !== 'ACTIVE') lines.push(`  ${dim('next')}       ${followUp(tenantId, targetArguments)}`);
  return lines;
}

export const executionOf = (executionArn: string, executionStatus?: string): string =>
  `${executionArn}${executionStatus === undefined ? '' : ` (${executionStatus})`}`;

export function failureLines(
  { tenantId, status }: Pick<Answer, 'tenantId' | 'status'>,
  failure: OperationFailure,
  colors: Colors,
): string[] {
  const { bold, dim, red } = colors;
  return [
    `${red('✗')} ${bold(tenantId)} is ${bold(status)}: it failed at "${printable(failure.step)}", attempt ${failure.attempt}`,
    `  ${dim('error')}      ${printable(failure.error)} (${failure.errorClass})`,
    `  ${dim('message')}    ${printable(failure.message)}`,
    `  ${dim('execution')}  ${failure.executionArn}`,
    `  ${dim('next')}       ${printable(failure.nextAction)}`,
  ];
}

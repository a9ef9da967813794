import { z } from 'zod';
import { HOLD_STATE } from '../../tasks/lifecycle/offboarding-contract';
import { inParallel } from '../../tasks/shared/in-parallel';
import { clientToken } from '../../tasks/shared/names';
import { TenantId, type TenantStatus } from '../../tasks/shared/tenant';
import { check, defineCommand, followUp, type Parsed, type Scope, tenantCommand, withProblems } from '../command';
import { reportOf } from '../errors';
import type { Executions } from '../executions';
import { EXIT, type ExitCode } from '../exit-code';
import { type Colors, facts, printable } from '../output';
import { pace } from '../pace';
import { principalOf } from '../principal';
import { type PlannedFailure, planReplay, type ReplayPlan } from '../replay-plan';
import type { Target } from '../target';
import { failureIn, failureLines, type Watch, watch } from '../waiting';

const Input = z.strictObject({
  tenantId: z.optional(TenantId),
  allFailed: z.boolean().default(false),
  yes: z.boolean().default(false),
  force: z.boolean().default(false),
  wait: z.boolean().default(false),
});
type Input = z.output<typeof Input>;

/** Lets a failed operation go on: by a redrive where that is possible and enough, else by a new execution. */
export const replay = defineCommand<Input>({
  name: 'replay',
  summary: 'Let a failed operation go on: redrive it, or start it anew. Shows what it would do; --yes does it.',

  configure(command) {
    command
      .option('--tenant-id <id>', 'the tenant')
      .option('--all-failed', 'every tenant whose last operation failed')
      .option('--yes', 'do it')
      .option('--force', 'also replay what would fail again')
      .option('--wait', 'with --tenant-id and --yes: show progress until the execution has ended');
  },

  parse(options): Parsed<Input> {
    const checked = check(Input, options);
    const { tenantId, allFailed, yes, wait } = options;
    const problems = [
      ...((tenantId === undefined) === (allFailed === true)
        ? []
        : ['--tenant-id, --all-failed: exactly one of them is required']),
      ...(wait === true && (yes !== true || allFailed === true) ? ['--wait: needs --tenant-id and --yes'] : []),
    ];
    return withProblems(checked, problems);
  },

  async run({ tenantId, ...input }, scope) {
    const target = await scope.openTarget();
    const replayer = await openReplayer(target, input, scope);
    return tenantId === undefined
      ? await replayAllFailed(replayer, input, target, scope)
      : await replayOne(replayer, tenantId, input, target, scope);
  },
});

/** What became of a tenant's replay. */
interface Replayed extends ReplayPlan {
  /** Execution that goes on: the old one, or the new one. */
  readonly goesOnAs?: string;
}

interface Replayer {
  plan(tenantId: string): Promise<ReplayPlan>;
  carryOut(plan: ReplayPlan): Promise<Replayed>;
  readonly executions: Executions;
}

async function openReplayer(
  target: Target,
  { force }: Pick<Input, 'force'>,
  { targetArguments }: Scope,
): Promise<Replayer> {
  const executions = target.executions();
  const registry = await target.registry();
  let requestedBy: Promise<string> | undefined;

  async function startAnew(plan: ReplayPlan): Promise<Replayed> {
    const { tenantId, requestId = '', executionArn = '' } = plan;
    requestedBy ??= target.callerArn().then(principalOf);
    const answer = await target.requestOperation(
      { operation: 'replay', tenantId, requestId, executionArn, requestedBy: await requestedBy },
      `repeat the command: ${tenantCommand(`replay --tenant-id ${tenantId} --yes`, targetArguments)}`,
    );
    if (answer.executionArn === undefined) return { ...plan, action: 'nothing', why: `the tenant is ${answer.status}` };
    return { ...plan, goesOnAs: answer.executionArn };
  }

  return {
    executions,
    plan: async (tenantId) =>
      planReplay(tenantId, await registry.getTenant(tenantId), executions, { force, now: () => target.now() }),

    async carryOut(plan) {
      const { action, executionArn = '', redriveCount = 0 } = plan;
      if (action === 'start-anew') return await startAnew(plan);
      if (action !== 'redrive') return plan;
      // The same token for everybody who has seen this failure: its redrive is asked for once.
      const { refused } = await executions.redrive(executionArn, clientToken(executionArn, String(redriveCount)));
      if (refused === undefined) return { ...plan, goesOnAs: executionArn };
      const now = await executions.describe(executionArn);
      if (now?.status === 'RUNNING') return { ...plan, action: 'nothing', why: 'somebody else has just redriven it' };
      return await startAnew({ ...plan, action: 'start-anew', why: `it cannot be redriven: ${refused}` });
    },
  };
}

async function replayOne(
  { plan, carryOut, executions }: Replayer,
  tenantId: string,
  { yes, wait }: Input | Omit<Input, 'tenantId'>,
  target: Target,
  scope: Scope,
): Promise<ExitCode> {
  const { output } = scope;
  const planned = await plan(tenantId);
  if (!yes) {
    output.result({ ...planned, dryRun: true }, planLines(planned, output.colors, scope.targetArguments));
    return exitCodeOf(planned);
  }
  const following = wait && planned.action === 'redrive' ? await readSoFar(planned, target) : {};
  const replayed = await carryOut(planned);
  const { goesOnAs, executionArn } = replayed;
  if (!wait || goesOnAs === undefined) {
    output.result(replayed, replayedLines(replayed, output.colors, scope.targetArguments));
    return exitCodeOf(replayed);
  }
  const ending = await watch(
    goesOnAs,
    { sleepsIn: HOLD_STATE, ...(goesOnAs === executionArn && following) },
    target,
    scope,
  );
  if (ending === undefined) {
    output.result(replayed, replayedLines(replayed, output.colors, scope.targetArguments));
    return EXIT.interrupted;
  }
  const end = await executions.describe(goesOnAs);
  const registry = await target.registry();
  const status = (await registry.getTenant(tenantId)).state?.status ?? planned.status;
  const answer = { ...replayed, status, executionStatus: end?.status ?? ending.status };
  if (ending.status === 'SUCCEEDED' || ending.status === 'ASLEEP') {
    const asleep = ending.status === 'ASLEEP' ? ': its execution sleeps until the end of the hold' : '';
    output.result(answer, [
      `${output.colors.green('✓')} ${output.colors.bold(tenantId)} is ${output.colors.bold(status)}${asleep}`,
    ]);
    return EXIT.done;
  }
  const failure = failureIn(ending, goesOnAs);
  output.result({ ...answer, failure }, failureLines(answer, failure, output.colors));
  return EXIT.refused;
}

/** The history of an execution that is about to be redriven: what comes after it is what the redrive does. */
async function readSoFar({ executionArn = '' }: ReplayPlan, target: Target): Promise<Watch> {
  const read = target.historyOf(executionArn);
  return { read, earlier: await read() };
}

const exitCodeOf = ({ action }: ReplayPlan): ExitCode => (action === 'refuse' ? EXIT.refused : EXIT.done);

/**
 * Statuses of tenants whose last operation may have failed: a failed reinstatement leaves its status as it is, and so does a
 * failed repair. Of the ACTIVE, who are many, the registry sends only those with something the matter.
 */
const FAILED: readonly TenantStatus[] = ['ONBOARDING_FAILED', 'OFFBOARDING_FAILED', 'REINSTATING', 'ACTIVE'];

/** Tenants at a time. */
const AT_ONCE = 8;

/**
 * Up to four DescribeExecution a tenant, whose bucket holds 250 calls and refills by 10 a second (15 in large Regions)
 * [service-quotas]: 50 tenants at once, then 2 a second leave something to the app itself.
 */
const BUDGET = { burst: 50, perSecond: 2 };

async function replayAllFailed(
  { plan, carryOut }: Replayer,
  { yes }: Pick<Input, 'yes'>,
  target: Target,
  { output }: Scope,
): Promise<ExitCode> {
  const registry = await target.registry();
  const surveys = await Promise.all(FAILED.map((status) => registry.survey(status, true)));
  const failed = surveys.flatMap(({ tenants }) => tenants).filter(({ lastFailure }) => lastFailure !== undefined);
  const mayBegin = pace(BUDGET);
  const replays = await inParallel(failed, AT_ONCE, async ({ tenantId, status }) => {
    await mayBegin();
    const result = await resultOf(tenantId, status, async () => {
      const planned = await plan(tenantId);
      return yes ? await carryOut(planned) : planned;
    });
    output.note(replayLine(result, yes, output.colors));
    return result;
  });
  const count = (...actions: readonly string[]) => replays.filter(({ action }) => actions.includes(action)).length;
  const summary = {
    failed: replays.length,
    redriven: count('redrive'),
    startedAnew: count('start-anew'),
    nothingToDo: count('nothing'),
    notReplayed: count('refuse', 'failed'),
  };
  output.result({ dryRun: !yes, replays, summary }, [summaryLine(summary, yes)]);
  return summary.notReplayed > 0 ? EXIT.refused : EXIT.done;
}

interface NotReplayed {
  readonly tenantId: string;
  readonly status: TenantStatus;
  readonly action: 'failed';
  readonly why: string;
  readonly failure?: undefined;
}

/** One tenant's trouble is not the others'. */
async function resultOf(
  tenantId: string,
  status: TenantStatus,
  run: () => Promise<Replayed>,
): Promise<Replayed | NotReplayed> {
  try {
    return await run();
  } catch (error) {
    const { name, message, nextAction } = reportOf(error).report;
    return { tenantId, status, action: 'failed', why: `${name}: ${message}. ${nextAction}` };
  }
}

const WORDS = {
  redrive: ['would be redriven', 'redriven'],
  'start-anew': ['would be started anew', 'started anew'],
  refuse: ['would not be replayed', 'not replayed'],
  nothing: ['nothing to replay', 'nothing to replay'],
  failed: ['could not be replayed', 'could not be replayed'],
} as const;

const wordsOf = (action: keyof typeof WORDS, done: boolean): string => WORDS[action][done ? 1 : 0];

export function replayLine(
  { tenantId, status, action, why, failure }: Replayed | NotReplayed,
  done: boolean,
  colors: Colors,
): string {
  const bad = action === 'refuse' || action === 'failed';
  const words = wordsOf(action, done);
  const what = failure === undefined ? '' : ` (${printable(`${failure.error} at ${failure.step}`)})`;
  return `${colors.bold(tenantId)} ${status}${what}: ${bad ? colors.red(words) : words}: ${printable(why)}`;
}

function summaryLine(
  { failed, redriven, startedAnew, nothingToDo, notReplayed }: Readonly<Record<string, number>>,
  done: boolean,
): string {
  if (failed === 0) return 'No tenant has a failed operation.';
  const would = done ? '' : ' would be';
  return `${failed} failed:${would} ${redriven} redriven, ${startedAnew} started anew; ${nothingToDo} need nothing, ${notReplayed} not replayed.${done ? '' : ' Nothing was done: --yes does it.'}`;
}

function planLines(plan: ReplayPlan, colors: Colors, targetArguments: string): string[] {
  const acts = plan.action === 'redrive' || plan.action === 'start-anew';
  return [
    `${colors.bold(plan.tenantId)} is ${colors.bold(plan.status)}`,
    ...facts(
      [
        ...failureFacts(plan.failure),
        ['request', plan.requestId && `${plan.requestId} (${plan.operation})`],
        ['execution', plan.executionArn && `${plan.executionArn} (${plan.executionStatus})`],
        ['replay', `${wordsOf(plan.action, false)}: ${plan.why}`],
        ['to do it', acts ? tenantCommand(`replay --tenant-id ${plan.tenantId} --yes`, targetArguments) : undefined],
      ],
      colors,
    ),
  ];
}

const failureFacts = (failure: PlannedFailure | undefined): readonly (readonly [string, string | undefined])[] => [
  ['step', failure?.step],
  ['error', failure && `${failure.error} (${failure.errorClass})`],
  ['message', failure?.message],
  ['next', failure?.nextAction],
];

function replayedLines(replayed: Replayed, colors: Colors, targetArguments: string): string[] {
  const { tenantId, action, why, goesOnAs, failure } = replayed;
  return [
    `${colors.bold(tenantId)}: ${wordsOf(action, true)}: ${printable(why)}`,
    ...facts(
      [
        ...(action === 'refuse' ? failureFacts(failure) : []),
        ['execution', goesOnAs ?? replayed.executionArn],
        ['look', followUp(tenantId, targetArguments)],
      ],
      colors,
    ),
  ];
}

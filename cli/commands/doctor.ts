import { ulid } from 'ulid';
import { z } from 'zod';
import type { DoctorReport, Finding, Repair } from '../../tasks/doctor/finding';
import { HOLD_STATE } from '../../tasks/lifecycle/offboarding-contract';
import { inParallel } from '../../tasks/shared/in-parallel';
import { TenantId } from '../../tasks/shared/tenant';
import { check, defineCommand, type Parsed, type Scope, tenantCommand, withProblems } from '../command';
import { reportOf, UnknownOutcomeError } from '../errors';
import { EXIT, type ExitCode } from '../exit-code';
import { knownState } from '../known-tenant';
import { type Colors, printable, table } from '../output';
import { principalOf } from '../principal';
import { type Ending, watchExecution } from '../progress';
import type { Target } from '../target';

const Input = z.strictObject({
  tenantId: z.optional(TenantId),
  repair: z.boolean().default(false),
  yes: z.boolean().default(false),
});
type Input = z.output<typeof Input>;

/** Compares the registry with what exists, and on demand repairs what the app's own steps can repair. */
export const doctor = defineCommand<Input>({
  name: 'doctor',
  summary:
    'Examine one tenant, or all of them and the account; --repair shows what can be repaired, with --yes does it.',

  configure(command) {
    command
      .option('--tenant-id <id>', 'the tenant (default: all, and the account)')
      .option('--repair', 'repair what an onboarding, a suspension or the end of an orphaned key repairs')
      .option('--yes', 'with --repair: do it, then examine again');
  },

  parse(options): Parsed<Input> {
    const { repair, yes } = options;
    return withProblems(check(Input, options), yes === true && repair !== true ? ['--yes: needs --repair'] : []);
  },

  async run({ tenantId, repair, yes }, scope) {
    const target = await scope.openTarget();
    const patient = tenantId === undefined ? {} : { tenantId };
    if (tenantId !== undefined) knownState(tenantId, await (await target.registry()).getTenant(tenantId));
    const report = await examine(patient, target, scope);
    if (report === undefined) return EXIT.interrupted;
    const jobs = jobsOf(report);
    if (!repair || !yes) {
      scope.output.result({ ...report, ...(repair && { dryRun: true, repairs: jobs }) }, [
        ...reportLines(report, scope.output.colors),
        ...(repair ? jobLines(jobs, patient, scope) : []),
      ]);
      return exitCodeOf(report);
    }
    const repairs = await carryOut(jobs, target, scope);
    const left = jobs.length === 0 ? report : await examine(patient, target, scope);
    if (left === undefined) return EXIT.interrupted;
    const { colors } = scope.output;
    scope.output.result({ ...left, repairs }, [
      ...repairs.map((done) => repairLine(done, colors)),
      ...reportLines(left, colors),
    ]);
    return exitCodeOf(left);
  },
});

/** Findings are left. */
const exitCodeOf = (report: DoctorReport): ExitCode => (findingsIn(report) === 0 ? EXIT.done : EXIT.refused);

const findingsIn = ({ counts }: DoctorReport): number => Object.values(counts).reduce((sum, count) => sum + count, 0);

const Summary = z.looseObject({ report: z.string() });

/** Undefined when Ctrl-C came first. */
async function examine(
  patient: { readonly tenantId?: string },
  target: Target,
  scope: Scope,
): Promise<DoctorReport | undefined> {
  const executionArn = await target.startExamination(patient, `doctor--${ulid().toLowerCase()}`);
  const ending = await followed(executionArn, {}, target, scope);
  if (ending === undefined) return undefined;
  const { status, output } = (await target.executions().describe(executionArn)) ?? {};
  const summary = status === 'SUCCEEDED' ? Summary.safeParse(JSON.parse(output ?? '{}')) : undefined;
  if (summary?.success !== true) {
    throw new UnknownOutcomeError(
      `the examination ended ${status ?? 'unknown'}: ${ending.error ?? ''}`,
      `Look at ${executionArn}; redrive it, or repeat the command.`,
    );
  }
  return await target.doctorReport(summary.data.report);
}

/** Follows an execution without showing it; undefined when Ctrl-C came first. */
async function followed(
  executionArn: string,
  { sleepsIn }: { readonly sleepsIn?: string },
  target: Target,
  scope: Scope,
): Promise<Ending | undefined> {
  const interruption = new AbortController();
  const stopListening = scope.onInterrupt(() => interruption.abort());
  try {
    return await watchExecution(target.historyOf(executionArn), UNSEEN, {
      intervalMs: POLL_MS,
      signal: interruption.signal,
      ...(sleepsIn !== undefined && { sleepsIn }),
    });
  } finally {
    stopListening();
  }
}

const UNSEEN = { show: () => {}, skip: () => {}, close: () => {} };
const POLL_MS = 500;

/** One repair: all that an onboarding or a suspension repairs of a tenant at once, or one key. */
interface Job {
  readonly repair: Exclude<Repair, 'none'>;
  readonly tenantId?: string;
  readonly keyArn?: string;
  readonly findings: readonly Finding[];
}

function jobsOf({ tenants, account }: DoctorReport): readonly Job[] {
  const ofTenants = tenants.flatMap(({ tenantId, findings }) =>
    (['onboard', 'suspend'] as const).flatMap((repair): Job[] => {
      const repaired = findings.filter((finding) => finding.repair === repair);
      return repaired.length === 0 ? [] : [{ repair, tenantId, findings: repaired }];
    }),
  );
  const keys = account.flatMap((finding): Job[] =>
    finding.repair === 'retire-key' && finding.physicalId !== undefined
      ? [{ repair: finding.repair, keyArn: finding.physicalId, findings: [finding] }]
      : [],
  );
  return [...ofTenants, ...keys];
}

/** Onboardings at once: CreateKey and its like allow five requests a second. */
const AT_ONCE = 3;

interface Done extends Job {
  readonly outcome: string;
  readonly ok: boolean;
}

async function carryOut(jobs: readonly Job[], target: Target, scope: Scope): Promise<readonly Done[]> {
  const requestedBy = principalOf(await target.callerArn());
  return await inParallel(jobs, AT_ONCE, async (job): Promise<Done> => {
    try {
      const outcome = await perform(job, requestedBy, target, scope);
      const done = { ...job, outcome, ok: true };
      scope.output.note(repairLine(done, scope.output.colors));
      return done;
    } catch (error) {
      // One tenant's trouble is not the others'.
      const { name, message, nextAction } = reportOf(error).report;
      return { ...job, outcome: `${name}: ${message}. ${nextAction}`, ok: false };
    }
  });
}

async function perform(
  { repair, tenantId = '', keyArn = '' }: Job,
  requestedBy: string,
  target: Target,
  scope: Scope,
): Promise<string> {
  const requestId = ulid().toLowerCase();
  const repeat = 'repeat the command: what was repaired meanwhile is not repaired again.';
  switch (repair) {
    case 'retire-key': {
      const { deletionDate } = await target.retireOrphanedKey({ keyArn, requestId, requestedBy }, repeat);
      return `disabled; KMS destroys it on ${deletionDate} unless its deletion is cancelled`;
    }
    case 'onboard': {
      const { executionArn } = await target.requestOperation(
        { operation: 'repair', tenantId, requestId, requestedBy },
        repeat,
      );
      return executionArn === undefined ? 'nothing was started' : await endOf(executionArn, {}, target, scope);
    }
    case 'suspend': {
      const registry = await target.registry();
      const before = (await registry.getTenant(tenantId)).state?.generation ?? 0;
      await target.changeHold({ change: 'suspend-again', tenantId, requestId, requestedBy }, repeat);
      const successor = await ownerAfter(before, tenantId, target);
      return successor === undefined
        ? 'its execution has not begun yet; look with tenantctl status'
        : await endOf(successor, { sleepsIn: HOLD_STATE }, target, scope);
    }
  }
}

async function endOf(
  executionArn: string,
  watch: { sleepsIn?: string },
  target: Target,
  scope: Scope,
): Promise<string> {
  const ending = await followed(executionArn, watch, target, scope);
  if (ending === undefined) return `goes on as ${executionArn}`;
  if (ending.status === 'SUCCEEDED') return `done by ${executionArn}`;
  if (ending.status === 'ASLEEP') return `blocked again by ${executionArn}, which sleeps until the end of the hold`;
  throw new UnknownOutcomeError(
    `${executionArn} ended ${ending.status}: ${ending.error ?? ''}`,
    'Look with tenantctl status, then tenantctl replay.',
  );
}

/** The successor's claim, usually within a second. */
const CLAIM_ATTEMPTS = 40;

async function ownerAfter(generation: number, tenantId: string, target: Target): Promise<string | undefined> {
  const registry = await target.registry();
  for (let left = CLAIM_ATTEMPTS; left > 0; left -= 1) {
    const { state } = await registry.getTenant(tenantId);
    if (state !== undefined && state.generation > generation) return state.leaseOwner;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return undefined;
}

export function reportLines(report: DoctorReport, colors: Colors): string[] {
  const { examined, unexamined, tenants, account } = report;
  const rows = [
    ...tenants.flatMap(({ tenantId, findings }) => findings.map((finding) => rowOf(tenantId, finding))),
    ...account.map((finding) => rowOf('(account)', finding)),
  ];
  const mark = rows.length === 0 ? colors.green('✓') : colors.red('✗');
  const seen = `${examined} examined${unexamined === 0 ? '' : `, ${unexamined} could not be`}`;
  const headline = `${mark} ${rows.length === 0 ? 'Nothing differs from the registry' : `${rows.length} finding${rows.length === 1 ? '' : 's'}`}; tenants: ${seen}`;
  return rows.length === 0
    ? [headline]
    : [headline, ...table(['TENANT', 'KIND', 'RESOURCE', 'FINDING', 'REPAIR'], rows, colors)];
}

const rowOf = (tenantId: string, { kind, resource, message, repair }: Finding): string[] => [
  tenantId,
  kind,
  resource,
  message,
  repair === 'none' ? 'by hand' : repair,
];

const WORDS: Readonly<Record<Job['repair'], string>> = {
  onboard: 'is onboarded again, which brings back what is missing or altered',
  suspend: 'is suspended again; its hold ends when it did',
  'retire-key': 'is disabled, and its deletion scheduled in 30 days',
};

function jobLines(jobs: readonly Job[], { tenantId }: { tenantId?: string }, { targetArguments }: Scope): string[] {
  if (jobs.length === 0) return ['Nothing of it can be repaired from here: see docs/runbook.md.'];
  const patient = tenantId === undefined ? '' : ` --tenant-id ${tenantId}`;
  return [
    'Would be repaired:',
    ...jobs.map(({ repair, tenantId: of, keyArn }) => `  ${of ?? keyArn} ${WORDS[repair]}`),
    `Nothing was done. To do it: ${tenantCommand(`doctor${patient} --repair --yes`, targetArguments)}`,
  ];
}

export const repairLine = ({ repair, tenantId, keyArn, outcome, ok }: Done, colors: Colors): string =>
  `${ok ? colors.green('✓') : colors.red('✗')} ${colors.bold(tenantId ?? keyArn ?? '')} ${repair}: ${printable(outcome)}`;

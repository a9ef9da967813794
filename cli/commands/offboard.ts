import { ulid } from 'ulid';
import type * as z from 'zod';
import { OffboardRequest } from '../../tasks/lifecycle/contract';
import { ApprovePurge, HOLD_STATE } from '../../tasks/lifecycle/offboarding-contract';
import { check, defineCommand, followUp, type Parsed, tenantCommand, withProblems } from '../command';
import { NOT_A_DURATION, secondsOf } from '../duration';
import { EXIT, type ExitCode } from '../exit-code';
import { type Colors, facts } from '../output';
import type { Answer } from '../target';
import { executionOf, exitCodeFor, headline, type Operation, REPEATED, runOperation, type Unsigned } from '../waiting';
import { legalHoldFact, sendHoldChange } from './hold-change';

interface Input {
  readonly request: Unsigned<z.output<typeof OffboardRequest>>;
  readonly wait: boolean;
}

const OFFBOARDING: Operation = {
  underWay: ['OFFBOARDING', 'PURGING'],
  sleepsIn: HOLD_STATE,
  exitCodeOf,
  lines: offboardLines,
};

const FLAGS = { holdSeconds: '--hold' };

/** Requests an offboarding through the front door. */
export const offboard = defineCommand<Input>({
  name: 'offboard',
  summary: 'Block a tenant at once, and destroy it after a hold.',

  configure(command) {
    command
      .option('--tenant-id <id>', 'the tenant')
      .option('--reason <text>', 'why; kept with the evidence, so it names cases, not people')
      .option('--hold <duration>', 'for example 30d or 12h (default: as the stage says)')
      .option('--request-id <id>', 'idempotency key (default: a new one)')
      .option('--wait', 'show progress until the tenant sleeps in its hold or is OFFBOARDED');
  },

  parse({ tenantId, reason, hold, requestId = ulid().toLowerCase(), wait, ...others }) {
    const holdSeconds = hold === undefined ? undefined : secondsOf(hold);
    const request = { operation: 'offboard', tenantId, requestId, reason, ...others, requestedBy: 'tenantctl' };
    const checked = check(OffboardRequest, { ...request, ...(holdSeconds !== undefined && { holdSeconds }) }, FLAGS);
    const parsed: Parsed<Input> =
      'problems' in checked ? checked : { input: { request: checked.input, wait: wait === true } };
    return withProblems(parsed, hold !== undefined && holdSeconds === undefined ? [`--hold: ${NOT_A_DURATION}`] : []);
  },

  run: ({ request, wait }, scope) => runOperation(request, { wait }, OFFBOARDING, scope),
});

/** Another execution of the offboarding goes on: the hold was shortened, or a long one handed over. */
const goesOnElsewhere = ({ status, executionStatus }: Answer): boolean =>
  ['OFFBOARDING', 'PURGING'].includes(status) && ['SUCCEEDED', 'ABORTED'].includes(executionStatus ?? '');

function exitCodeOf(answer: Answer): ExitCode {
  return goesOnElsewhere(answer) ? EXIT.done : exitCodeFor('OFFBOARDED')(answer);
}

/** What became of an offboarding; of one in its hold, also how to change it. */
export function offboardLines(answer: Answer, colors: Colors, targetArguments: string): string[] {
  const { tenantId, requestId, status, executionArn, executionStatus, holdUntil, legalHolds, tombstone } = answer;
  const tell = (command: string, ...options: readonly string[]) =>
    tenantCommand([command, `--tenant-id ${tenantId}`, ...options].join(' '), targetArguments);
  const held = holdUntil !== undefined;
  const lines = [
    headline(answer, exitCodeOf(answer) === EXIT.done, remarkOn(answer), colors),
    ...facts(
      [
        ['request', requestId],
        ['execution', executionArn && executionOf(executionArn, executionStatus)],
        ['hold until', holdUntil],
        ['legal hold', legalHoldFact(legalHolds)],
        ['closed', tombstone?.['closedAt']],
        ['evidence', tombstone && `${tombstone['evidenceKey']} (SHA-256 ${tombstone['evidenceSha256']})`],
        ['key gone on', tombstone?.['encryptionKeyDeletionDate']],
        ['next', held || status === 'OFFBOARDED' ? undefined : followUp(tenantId, targetArguments)],
      ],
      colors,
    ),
  ];
  if (!held) return lines;
  return [
    ...lines,
    '',
    '  Blocked, nothing destroyed yet. Nothing is lost by leaving now: the execution sleeps until the hold ends, looks',
    '  again once a day while a legal hold or a missing approval keeps it, and goes on by itself. To change it:',
    ...facts(
      [
        ['extend', tell('hold extend', '--by 10d')],
        ['cancel', tell('hold cancel', '--reason "…"')],
        ['approve', `${tell('offboard approve')}  (where the stage asks for it, by somebody else)`],
        ['look', tell('status')],
      ],
      colors,
    ),
  ];
}

function remarkOn(answer: Answer): string {
  const { status, executionArn, repeated } = answer;
  if (status === 'OFFBOARDED' && executionArn === undefined) return 'it was already, nothing was started';
  if (goesOnElsewhere(answer)) return 'its hold was changed, and another execution goes on with it';
  return repeated ? REPEATED : '';
}

type Approval = Unsigned<z.output<typeof ApprovePurge>>;

/** The second principal's word, where the stage asks for one. */
export const offboardApprove = defineCommand<Approval>({
  name: 'offboard approve',
  summary: 'Approve the purge of an offboarding that somebody else has requested.',

  configure(command) {
    command
      .option('--tenant-id <id>', 'the tenant')
      .option('--request-id <id>', 'idempotency key (default: a new one)');
  },

  parse: ({ tenantId, requestId = ulid().toLowerCase(), ...others }) =>
    check(ApprovePurge, { change: 'approve-purge', tenantId, requestId, ...others, requestedBy: 'tenantctl' }),

  run: sendHoldChange,
});

import { ulid } from 'ulid';
import type * as z from 'zod';
import { ReinstateRequest } from '../../tasks/lifecycle/contract';
import { ExtendHold, LegalHold, ReleaseLegalHold, SetHold } from '../../tasks/lifecycle/offboarding-contract';
import { check, defineCommand, type Parsed, withProblems } from '../command';
import { NOT_A_DURATION, secondsOf } from '../duration';
import { answerLines, exitCodeFor, type Operation, runOperation, type Unsigned } from '../waiting';
import { sendHoldChange } from './hold-change';

interface Cancel {
  readonly request: Unsigned<z.output<typeof ReinstateRequest>>;
  readonly wait: boolean;
}

/** A reinstatement that fails stays REINSTATING: there is no other status to wait for. */
const REINSTATEMENT: Operation = { underWay: [], exitCodeOf: exitCodeFor('ACTIVE'), lines: answerLines };

/** Brings a tenant back during its hold. */
export const holdCancel = defineCommand<Cancel>({
  name: 'hold cancel',
  summary: 'Cancel an offboarding during its hold: the tenant comes back with all its data.',

  configure(command) {
    command
      .option('--tenant-id <id>', 'the tenant')
      .option('--reason <text>', 'why; kept in the audit trail')
      .option('--request-id <id>', 'idempotency key (default: a new one)')
      .option('--wait', 'show progress until the execution has ended');
  },

  parse({ tenantId, reason, requestId = ulid().toLowerCase(), wait, ...others }) {
    const request = { operation: 'reinstate', tenantId, requestId, reason, ...others };
    const checked = check(ReinstateRequest, { ...request, requestedBy: 'tenantctl' });
    return 'problems' in checked ? checked : { input: { request: checked.input, wait: wait === true } };
  },

  run: ({ request, wait }, scope) => runOperation(request, { wait }, REINSTATEMENT, scope),
});

const SET_FLAGS = { inSeconds: '--by' };

/** Moves the end of a hold, to a later or an earlier time. */
export const holdSet = defineCommand<Unsigned<z.output<typeof SetHold>>>({
  name: 'hold set',
  summary: 'Set the end of a hold, later or earlier, not below the stage’s shortest.',

  configure(command) {
    command
      .option('--tenant-id <id>', 'the tenant')
      .option('--until <instant>', 'new end, ISO 8601, for example 2027-01-31T00:00:00Z')
      .option('--by <duration>', 'or how long from now, for example 30d or 12h')
      .option('--request-id <id>', 'idempotency key (default: a new one)');
  },

  parse({ tenantId, until, by, requestId = ulid().toLowerCase(), ...others }) {
    const inSeconds = secondsOf(by);
    const change = { change: 'set-hold', tenantId, requestId, ...others, requestedBy: 'tenantctl' };
    // Of two ends, or of none, the contract would say the same in the names of its fields.
    const end = until === undefined ? { inSeconds: inSeconds ?? 0 } : { until };
    return withProblems(check(SetHold, { ...change, ...end }, SET_FLAGS), [
      ...((until === undefined) === (by === undefined) ? ['--until, --by: exactly one of them is required'] : []),
      ...(by !== undefined && inSeconds === undefined ? [`--by: ${NOT_A_DURATION}`] : []),
    ]);
  },

  run: sendHoldChange,
});

const EXTEND_FLAGS = { bySeconds: '--by' };

/** Makes a hold longer, never shorter. */
export const holdExtend = defineCommand<Unsigned<z.output<typeof ExtendHold>>>({
  name: 'hold extend',
  summary: 'Make a hold longer by a duration, counted from its end; it never becomes shorter.',

  configure(command) {
    command
      .option('--tenant-id <id>', 'the tenant')
      .option('--by <duration>', 'for example 10d or 12h')
      .option('--request-id <id>', 'idempotency key (default: a new one)');
  },

  parse({ tenantId, by, requestId = ulid().toLowerCase(), ...others }) {
    const change = { change: 'extend-hold', tenantId, requestId, ...others, requestedBy: 'tenantctl' };
    const bySeconds = by === undefined ? undefined : secondsOf(by);
    // A duration that cannot be read is reported as such, not as one that is missing.
    const readable = by === undefined || bySeconds !== undefined;
    return withProblems(
      check(ExtendHold, { ...change, bySeconds: readable ? bySeconds : 1 }, EXTEND_FLAGS),
      readable ? [] : [`--by: ${NOT_A_DURATION}`],
    );
  },

  run: sendHoldChange,
});

const RELEASE_FLAGS = { legalHoldId: '--hold-id' };

type Legal = Unsigned<z.output<typeof LegalHold> | z.output<typeof ReleaseLegalHold>>;

/** Sets or releases a legal hold: while it stands, nothing of the tenant is destroyed, whatever else is over. */
export const holdLegal = defineCommand<Legal>({
  name: 'hold legal',
  summary: 'Set (--on) or release (--off) a legal hold. Each is released by its own id; others stay.',

  configure(command) {
    command
      .option('--tenant-id <id>', 'the tenant')
      .option('--on', 'set it')
      .option('--off', 'release the one that --hold-id names')
      .option('--hold-id <id>', 'with --off: request id under which the hold was set, see status')
      .option('--reason <text>', 'why; kept in the audit trail')
      .option('--request-id <id>', 'idempotency key (default: a new one)');
  },

  parse({ tenantId, on, off, holdId: legalHoldId, reason, requestId = ulid().toLowerCase(), ...others }) {
    const common = { tenantId, requestId, reason, ...others, requestedBy: 'tenantctl' };
    const checked: Parsed<Legal> =
      on === true
        ? check(LegalHold, { change: 'set-legal-hold', ...common })
        : check(ReleaseLegalHold, { change: 'release-legal-hold', ...common, legalHoldId }, RELEASE_FLAGS);
    return withProblems(checked, [
      ...((on === true) === (off === true) ? ['--on, --off: exactly one of them is required'] : []),
      ...(on === true && legalHoldId !== undefined
        ? ['--hold-id: only with --off; a new hold has its request id']
        : []),
    ]);
  },

  run: sendHoldChange,
});

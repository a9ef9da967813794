import { ulid } from 'ulid';
import type * as z from 'zod';
import { ReinstateRequest } from '../../tasks/lifecycle/contract';
import { LegalHold, ReleaseLegalHold, SetHold } from '../../tasks/lifecycle/offboarding-contract';
import { check, defineCommand, type Parsed } from '../command';
import { EXIT } from '../exit-code';
import { facts } from '../output';
import { principalOf } from '../principal';
import { holdLines } from './hold-lines';

type Cancel = Omit<z.output<typeof ReinstateRequest>, 'requestedBy'>;

/** Brings a tenant back during its hold. */
export const holdCancel = defineCommand<Cancel>({
  name: 'hold cancel',
  summary: 'Cancel an offboarding during its hold: the tenant comes back with all its data.',

  configure(command) {
    command
      .option('--tenant-id <id>', 'the tenant')
      .option('--reason <text>', 'why; kept in the audit trail')
      .option('--request-id <id>', 'idempotency key (default: a new one)');
  },

  parse: ({ tenantId, reason, requestId = ulid().toLowerCase(), ...others }) =>
    check(ReinstateRequest, {
      operation: 'reinstate',
      tenantId,
      requestId,
      reason,
      ...others,
      requestedBy: 'tenantctl',
    }),

  async run(request, { output, openTarget, targetArguments }) {
    const target = await openTarget();
    const requestedBy = principalOf(await target.callerArn());
    const answer = await target.requestOperation(
      { ...request, requestedBy },
      `repeat the command with --request-id ${request.requestId}${targetArguments}.`,
    );
    output.result(answer, [
      `${output.colors.bold(answer.tenantId)} is ${output.colors.bold(answer.status)}`,
      ...facts(
        [
          ['request', answer.requestId],
          ['execution', answer.executionArn],
          ['next', `npm run tenant -- status --tenant-id ${answer.tenantId}${targetArguments}`],
        ],
        output.colors,
      ),
    ]);
    return EXIT.done;
  },
});

type Set = Omit<z.output<typeof SetHold>, 'requestedBy'>;

/** Extends or shortens a hold. */
export const holdSet = defineCommand<Set>({
  name: 'hold set',
  summary: 'Extend or shorten a hold, not below the stage’s minimum.',

  configure(command) {
    command
      .option('--tenant-id <id>', 'the tenant')
      .option('--until <instant>', 'new end, ISO 8601, for example 2027-01-31T00:00:00Z')
      .option('--request-id <id>', 'idempotency key (default: a new one)');
  },

  parse: ({ tenantId, until, requestId = ulid().toLowerCase(), ...others }) =>
    check(SetHold, { change: 'set-hold', tenantId, requestId, until, ...others, requestedBy: 'tenantctl' }),

  async run(change, { output, openTarget }) {
    const target = await openTarget();
    const answer = await target.changeHold({ ...change, requestedBy: principalOf(await target.callerArn()) });
    output.result(answer, holdLines(answer, output.colors));
    return EXIT.done;
  },
});

type Legal = Omit<z.output<typeof LegalHold> | z.output<typeof ReleaseLegalHold>, 'requestedBy'>;

/** Sets or releases a legal hold: while it stands, nothing of the tenant is destroyed, whatever else is over. */
export const holdLegal = defineCommand<Legal>({
  name: 'hold legal',
  summary: 'Set (--on) or release (--off) a legal hold.',

  configure(command) {
    command
      .option('--tenant-id <id>', 'the tenant')
      .option('--on', 'set it')
      .option('--off', 'release it')
      .option('--reason <text>', 'why; kept in the audit trail')
      .option('--request-id <id>', 'idempotency key (default: a new one)');
  },

  parse({ tenantId, on, off, reason, requestId = ulid().toLowerCase(), ...others }): Parsed<Legal> {
    const common = { tenantId, requestId, reason, ...others, requestedBy: 'tenantctl' };
    const checked =
      on === true
        ? check(LegalHold, { change: 'set-legal-hold', ...common })
        : check(ReleaseLegalHold, { change: 'release-legal-hold', ...common });
    if ((on === true) !== (off === true)) return checked;
    return {
      problems: ['--on, --off: exactly one of them is required', ...('problems' in checked ? checked.problems : [])],
    };
  },

  async run(change, { output, openTarget }) {
    const target = await openTarget();
    const answer = await target.changeHold({ ...change, requestedBy: principalOf(await target.callerArn()) });
    output.result(answer, holdLines(answer, output.colors));
    return EXIT.done;
  },
});

import { ulid } from 'ulid';
import * as z from 'zod';
import { OffboardRequest } from '../../tasks/lifecycle/contract';
import { ApprovePurge } from '../../tasks/lifecycle/offboarding-contract';
import { check, defineCommand } from '../command';
import { EXIT } from '../exit-code';
import { facts } from '../output';
import { principalOf } from '../principal';
import { holdLines } from './hold-lines';

const UNITS = { s: 1, h: 3600, d: 86_400 } as const;

/** `30d`, `12h`, `90s` or `0`, in seconds. */
export const Duration = z
  .string()
  .regex(/^(\d+[shd]|0)$/, 'must be a duration such as 30d, 12h or 0')
  .transform((text) => Number.parseInt(text, 10) * (UNITS[text.slice(-1) as keyof typeof UNITS] ?? 0));

type Offboard = Omit<z.output<typeof OffboardRequest>, 'requestedBy'>;

const FLAGS = { holdSeconds: '--hold' };

/** Requests an offboarding through the front door. Answers at once: the execution sleeps through its hold. */
export const offboard = defineCommand<Offboard>({
  name: 'offboard',
  summary: 'Block a tenant at once, and destroy it after a hold.',

  configure(command) {
    command
      .option('--tenant-id <id>', 'the tenant')
      .option('--reason <text>', 'why; kept with the evidence, so it names cases, not people')
      .option('--hold <duration>', 'for example 30d or 12h (default: as the stage says)')
      .option('--request-id <id>', 'idempotency key (default: a new one)');
  },

  parse({ tenantId, reason, hold, requestId = ulid().toLowerCase(), ...others }) {
    const duration = hold === undefined ? undefined : Duration.safeParse(hold);
    // A duration that cannot be read is reported together with everything else.
    const holdSeconds = duration === undefined ? {} : { holdSeconds: duration.success ? duration.data : Number.NaN };
    const request = { operation: 'offboard', tenantId, requestId, reason, ...holdSeconds, ...others };
    const checked = check(OffboardRequest, { ...request, requestedBy: 'tenantctl' }, FLAGS);
    if (!('problems' in checked)) return checked;
    const unreadable = duration?.success === false;
    return {
      problems: checked.problems.map((problem) =>
        unreadable && problem.startsWith('--hold') ? '--hold: must be a duration such as 30d, 12h or 0' : problem,
      ),
    };
  },

  async run(request, { output, openTarget, targetArguments }) {
    const target = await openTarget();
    const requestedBy = principalOf(await target.callerArn());
    const answer = await target.requestOperation(
      { ...request, requestedBy },
      `repeat the command with --request-id ${request.requestId}${targetArguments}.`,
    );
    const { tombstone, executionArn } = answer;
    output.result(answer, [
      `${output.colors.bold(answer.tenantId)} is ${output.colors.bold(answer.status)}${answer.repeated ? ' (this request was accepted before)' : ''}`,
      ...facts(
        [
          ['request', answer.requestId],
          ['execution', executionArn],
          ['closed', tombstone?.['closedAt']],
          ['evidence', tombstone?.['evidenceKey']],
          [
            'next',
            tombstone === undefined
              ? `npm run tenant -- status --tenant-id ${answer.tenantId}${targetArguments}`
              : undefined,
          ],
        ],
        output.colors,
      ),
    ]);
    return EXIT.done;
  },
});

type Approval = Omit<z.output<typeof ApprovePurge>, 'requestedBy'>;

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

  async run(change, { output, openTarget }) {
    const target = await openTarget();
    const answer = await target.changeHold({ ...change, requestedBy: principalOf(await target.callerArn()) });
    output.result(answer, holdLines(answer, output.colors));
    return EXIT.done;
  },
});

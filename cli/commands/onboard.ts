import { ulid } from 'ulid';
import type * as z from 'zod';
import { OnboardRequest } from '../../tasks/lifecycle/contract';
import { check, defineCommand } from '../command';
import { answerLines, exitCodeFor, type Operation, runOperation, type Unsigned } from '../waiting';

interface Input {
  readonly request: Unsigned<z.output<typeof OnboardRequest>>;
  readonly wait: boolean;
}

const ONBOARDING: Operation = {
  underWay: ['REQUESTED', 'PROVISIONING'],
  exitCodeOf: exitCodeFor('ACTIVE'),
  lines: answerLines,
};

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

  run: ({ request, wait }, scope) => runOperation(request, { wait }, ONBOARDING, scope),
});

import type { Description } from '../../sandbox/engine/executions';
import { changeHold, offboard, reinstate } from '../../sandbox/requests';
import type { Sandbox } from '../../sandbox/sandbox';
import { ERRORS } from '../../tasks/shared/errors';
import { endStateOf, registryItems, stateOf } from '../lifecycle/app-under-test';
import {
  answered,
  type CallFault,
  type Journey,
  problemsWithFaultyCalls,
  roundsOf,
  tenantOfRound,
  type Undisturbed,
} from '../lifecycle/faults-under-test';
import { anActiveTenant, bytesOf, DAY, dataOf, enabledUsers, keyStates, pass, quiet } from './offboarding-under-test';

/**
 * Everything that the two machines and the hold do to a premium tenant: blocked, put under legal hold and released,
 * reinstated; blocked again for longer than an execution may last, handed over, the hold brought forward, and purged.
 */
export const comeAndGo: Journey = {
  prepare: (sandbox, tenantId) => anActiveTenant(sandbox, tenantId, 'premium'),

  async run(sandbox, tenantId) {
    const problems: string[] = [];
    const is = (what: string, holds: boolean) => {
      if (!holds) problems.push(`not so: ${what}`);
    };
    const before = await dataOf(sandbox, tenantId);
    const held = async () => (await dataOf(sandbox, tenantId)) === before;
    const leave = async (requestId: string, days: number) => {
      const request = { tenantId, requestId, reason: 'contract ended', holdSeconds: days * DAY, requestedBy: 'alice' };
      await untilAnswered(() => offboard(sandbox, request));
      await operate(sandbox, tenantId);
      is(`${requestId} blocks the tenant`, isBlocked(sandbox, tenantId) && (await held()));
    };
    const change = (requestId: string, what: object) =>
      untilAnswered(() => changeHold(sandbox, { tenantId, requestId, requestedBy: 'counsel', ...what }));

    await leave('leave-1', 30);
    await change('case-1', { change: 'set-legal-hold', reason: 'case 42' });
    // Between two looks at the hold: a look during the cancellation would fail instead of being stopped.
    await pass(sandbox, 30.5 * DAY);
    await operate(sandbox, tenantId);
    is('the legal hold keeps the data', await held());
    await untilAnswered(() => reinstate(sandbox, { tenantId, requestId: 'stay', reason: 'contract renewed' }));
    await operate(sandbox, tenantId);
    const { status } = await stateOf(sandbox, tenantId);
    is('the tenant is back', status === 'ACTIVE' && !isBlocked(sandbox, tenantId) && (await held()));
    await change('case-2', { change: 'release-legal-hold', legalHoldId: 'case-1', reason: 'case 42 closed' });

    await leave('leave-2', 400);
    await pass(sandbox, 310 * DAY);
    await operate(sandbox, tenantId);
    is('the successor holds', isBlocked(sandbox, tenantId) && (await held()));
    const until = new Date(sandbox.clock.now() + 2 * DAY * 1000).toISOString();
    await change('sooner', { change: 'set-hold', until });
    await operate(sandbox, tenantId);
    await pass(sandbox, 3 * DAY);
    await operate(sandbox, tenantId);
    const end = await stateOf(sandbox, tenantId);
    is(`the tenant is gone (${end.lastFailure?.error}: ${end.lastFailure?.message})`, end.status === 'OFFBOARDED');
    return problems;
  },

  /** How many redrives and successors it took, and so how much each of them removed, may differ; what is there may not. */
  async endStateOf(sandbox, tenantId) {
    const lines = (await endStateOf(sandbox, tenantId)).map((line) =>
      line
        .replace(/-g\d+\b/g, '-g<n>')
        .replace(/(generation\\*": ?)\d+/g, '$1<n>')
        .replace(/(\\?"removed\\?": ?)\d+/g, '$1<n>'),
    );
    return [...new Set(lines)];
  },
};

/** Neither a user nor a key works. */
const isBlocked = (sandbox: Sandbox, tenantId: string): boolean =>
  enabledUsers(sandbox, tenantId).length === 0 && !keyStates(sandbox, tenantId).includes('Enabled');

/** The caller sends again what was not answered, and also, after the repair, what was refused. */
const untilAnswered = <T>(send: () => Promise<T>): Promise<T> => answered(send, REPAIRED);
const REPAIRED = new Set([
  ...ERRORS.map((ErrorType) => new ErrorType('').name),
  'Runtime.ExitError',
  'Sandbox.Timedout',
]);

/** More than any function makes different calls. */
const REDRIVES = 100;

/** The operator redrives what the registry says has failed: the tenant's operation, or one that could not even begin. */
async function operate(sandbox: Sandbox, tenantId: string): Promise<void> {
  for (let redrives = 0; redrives < REDRIVES; redrives += 1) {
    await quiet(sandbox);
    const { lastFailure } = await stateOf(sandbox, tenantId);
    const operations = (await registryItems(sandbox, tenantId)).filter(({ outcome }) => outcome === 'FAILED');
    const failed = [lastFailure?.executionArn, ...operations.map(({ executionArn }) => executionArn)].find(
      (arn) => typeof arn === 'string' && isRedrivable(sandbox.machines.describe(arn)),
    );
    if (failed === undefined) return;
    sandbox.machines.redrive(String(failed));
  }
}

/** What has lost its lease is left alone, as its error says. */
const isRedrivable = ({ status, error }: Description): boolean =>
  status === 'FAILED' && error !== 'StaleExecutionError';

/** One tenant per round, beside one that nothing may touch: its id begins with the ids of all of them. */
export async function problemsBesideANeighbour(
  sandbox: Sandbox,
  undisturbed: Undisturbed,
  label: string,
  fault: CallFault,
): Promise<string[]> {
  const neighbour = tenantOfRound(label, roundsOf(undisturbed).length);
  await anActiveTenant(sandbox, neighbour, 'premium');
  const before = await bytesOf(sandbox, neighbour);
  const problems = await problemsWithFaultyCalls(sandbox, undisturbed, label, fault);
  return (await bytesOf(sandbox, neighbour)) === before ? problems : [...problems, `${neighbour} was touched`];
}

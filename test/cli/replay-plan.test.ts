import type { DescribeExecutionOutput } from '@aws-sdk/client-sfn';
import type { Executions } from '../../cli/executions';
import { planReplay } from '../../cli/replay-plan';
import type { Failure, TenantState } from '../../tasks/shared/registry';
import {
  aHeldTenant,
  anExecutionArn,
  anExecutionArnOf,
  anOperation,
  aPurgedTenant,
  aTenantState,
} from '../support/builders';

const OFFBOARDING = anExecutionArnOf('offboard--acme--request-2');
const NOW = new Date('2026-03-01T00:00:00.000Z');

const aFailure = (changes: Partial<Failure> = {}): Failure => ({
  step: 'Claim purge',
  error: 'PurgeNotAllowedError',
  errorClass: 'hold',
  message: 'not yet',
  attempt: 1,
  executionArn: OFFBOARDING,
  redriveCount: 0,
  nextAction: 'Look at the hold.',
  failedAt: '2026-02-28T00:00:00.000Z',
  ...changes,
});

const anExecution = (changes: Partial<DescribeExecutionOutput> = {}): DescribeExecutionOutput => ({
  executionArn: OFFBOARDING,
  stateMachineArn: 'machine',
  status: 'FAILED',
  input: '{"requestId":"request-2","tenantId":"acme"}',
  startDate: new Date('2026-01-02T00:00:00.000Z'),
  redriveCount: 0,
  redriveStatus: 'REDRIVABLE',
  ...changes,
});

/** Executions as Step Functions has them; nothing may be redriven by a plan. */
const executionsWith = (known: readonly DescribeExecutionOutput[], runsCurrent = true): Executions => ({
  describe: async (arn) => known.find(({ executionArn }) => executionArn === arn),
  history: async () => [],
  runsCurrentDefinition: async () => runsCurrent,
  redrive: () => Promise.reject(new Error('a plan only reads')),
  list: async () => [],
});

const plan = (
  changes: Partial<TenantState>,
  executions: Executions = executionsWith([anExecution()]),
  {
    force = false,
    operation = anOperation({ requestId: 'request-2', operation: 'offboard', executionArn: OFFBOARDING }),
  } = {},
) =>
  planReplay(
    'acme',
    {
      state: aTenantState({ lastFailure: aFailure(), ...changes }),
      operations: [anOperation(), operation],
      resources: [],
    },
    executions,
    { force, now: async () => NOW },
  );

const held = (changes: Partial<TenantState> = {}) => aHeldTenant({ status: 'OFFBOARDING_FAILED', ...changes });
const approved = { purgeApproval: { by: 'ops/two', at: '2026-01-03T00:00:00.000Z' } };
const validation = { lastFailure: aFailure({ error: 'RejectedCallError', errorClass: 'validation' }) };
const legalHolds = { 'hold-17': { by: 'counsel', reason: 'case 17', since: '2026-02-01T00:00:00.000Z' } };

describe('a plan of a replay', () => {
  it.each<[string, Partial<TenantState>, string, string]>([
    [
      'its hold is not over',
      held({ ...approved, holdUntil: '2026-04-01T00:00:00.000Z' }),
      'refuse',
      'the hold ends 2026-04-01',
    ],
    ['nobody has approved the purge', held(), 'refuse', 'nobody has approved the purge'],
    ['hold and approval are as they must be now', held(approved), 'redrive', 'redrivable'],
    ['a legal hold stands', held({ ...approved, legalHolds }), 'refuse', 'legal hold hold-17 stands since 2026-02-01'],
    [
      'the legal hold of its purge was released',
      aPurgedTenant({ status: 'OFFBOARDING_FAILED', lastFailure: aFailure({ error: 'LegalHoldError' }) }),
      'redrive',
      'redrivable',
    ],
    ['it is stale', held({ lastFailure: aFailure({ errorClass: 'stale' }) }), 'refuse', 'a newer execution acts'],
    ['it was invalid', held(validation), 'refuse', 'not possible as it stands'],
  ])('of an offboarding when %s', async (_, state, action, why) => {
    expect(await plan(state)).toMatchObject({ action, why: expect.stringContaining(why) });
  });

  it('is carried out with force also when it would fail again', async () => {
    expect(await plan(held(validation), undefined, { force: true })).toMatchObject({ action: 'redrive' });
  });

  it.each<[string, Partial<DescribeExecutionOutput>, string, string]>([
    ['is running', { status: 'RUNNING' }, 'nothing', 'running'],
    ['has succeeded', { status: 'SUCCEEDED' }, 'nothing', 'succeeded'],
    ['timed out', { status: 'TIMED_OUT' }, 'redrive', 'redrivable'],
    [
      'is too old',
      { redriveStatus: 'NOT_REDRIVABLE', redriveStatusReason: 'Execution redrivable period exceeded' },
      'start-anew',
      'period exceeded',
    ],
  ])('goes by whether the execution %s', async (_, changes, action, why) => {
    const executions = executionsWith([anExecution(changes)]);

    expect(await plan(held(approved), executions)).toMatchObject({ action, why: expect.stringContaining(why) });
  });

  it('starts anew what runs an old definition, and what is forgotten', async () => {
    expect(await plan(held(approved), executionsWith([anExecution()], false))).toMatchObject({ action: 'start-anew' });
    expect(await plan(held(approved), executionsWith([]))).toMatchObject({
      action: 'start-anew',
      executionStatus: 'FORGOTTEN',
      executionArn: OFFBOARDING,
    });
  });

  it('is of the successor that took an offboarding over, also before it has claimed the tenant', async () => {
    const successor = `${OFFBOARDING}-g2`;
    const executions = executionsWith([
      anExecution({ status: 'SUCCEEDED' }),
      anExecution({ executionArn: successor, startDate: new Date('2026-02-20T00:00:00.000Z') }),
    ]);
    const { leaseOwner: _released, ...released } = held(approved);

    const planned = await plan({ ...released, leaseOwner: undefined as never }, executions);

    expect(planned).toMatchObject({ executionArn: successor, action: 'redrive' });
  });

  it('is of the newest execution that has not come to claim the tenant', async () => {
    const replayed = `${OFFBOARDING}-r1`;
    const executions = executionsWith([
      anExecution(),
      anExecution({ executionArn: replayed, startDate: new Date('2026-02-20T00:00:00.000Z') }),
    ]);
    const operation = anOperation({ requestId: 'request-2', operation: 'offboard', executionArn: replayed });

    expect(await plan(held(approved), executions, { operation })).toMatchObject({ executionArn: replayed });
  });

  it('is not of an execution of another request', async () => {
    const executions = executionsWith([
      anExecution(),
      anExecution({ executionArn: anExecutionArn(), input: '{"requestId":"request-1","tenantId":"acme"}' }),
    ]);

    expect(await plan(held({ ...approved, leaseOwner: anExecutionArn() }), executions)).toMatchObject({
      executionArn: OFFBOARDING,
    });
  });

  it('says that a request was never started', async () => {
    const executions = executionsWith([]);
    const state = { status: 'REQUESTED', leaseOwner: undefined as never, lastFailure: undefined as never } as const;

    expect(await plan(state, executions)).toMatchObject({
      action: 'refuse',
      why: expect.stringContaining('send the request'),
    });
  });

  it.each([
    ['ACTIVE', { status: 'ACTIVE', leaseOwner: undefined as never, lastFailure: undefined as never }],
    ['OFFBOARDED', aPurgedTenant({ status: 'OFFBOARDED' })],
  ] as const)('has nothing to do for a tenant that is %s', async (status, state) => {
    expect(await plan(state)).toMatchObject({ action: 'nothing', why: `the tenant is ${status}` });
  });
});

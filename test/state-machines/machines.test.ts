import validate from 'asl-validator';
import { CONTRACTS } from '../../infra/contracts';
import { ACCESS_CONTRACTS } from '../../tasks/access/contract';
import { MEMBERSHIP_CONTRACTS } from '../../tasks/membership/contract';
import { ERRORS } from '../../tasks/shared/errors';
import { aStage, propertiesOf } from '../infra/a-stage';
import { defaultPath, functionsOf, longest, statesOf, synthesizedDefinition } from './definition';

/** Error names that Lambda and Step Functions themselves report [concepts-error-handling, bp-lambda-serviceexception]. */
const AWS_ERRORS = [
  'Lambda.AWSLambdaException',
  'Lambda.ClientExecutionTimeoutException',
  'Lambda.SdkClientException',
  'Lambda.ServiceException',
  'Lambda.TooManyRequestsException',
  'Lambda.Unknown',
  'Runtime.ExitError',
  'Sandbox.Timedout',
  'States.Timeout',
];

const MACHINES = ['onboard-tenant', 'offboard-tenant', 'reinstate-tenant'] as const;
const definitions = MACHINES.map((name) => [name, synthesizedDefinition(name)] as const);
const [[, onboard], [, offboard], [, reinstate]] = definitions as [
  (typeof definitions)[number],
  (typeof definitions)[number],
  (typeof definitions)[number],
];
const allTasks = definitions
  .flatMap(([, definition]) => statesOf(definition))
  .filter(([, { Type }]) => Type === 'Task');

describe.each(definitions)('%s', (_machine, definition) => {
  const states = statesOf(definition);
  const tasks = states.filter(([, { Type }]) => Type === 'Task');

  it('is valid Amazon States Language', () => {
    const result = validate(structuredClone(definition), { checkPaths: true, checkArn: true });

    expect(result.errorsText('\n')).toBe('');
    expect(result.isValid).toBe(true);
  });

  it('names states uniquely, in at most 40 characters', () => {
    const names = states.map(([name]) => name);

    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => name.length > 40)).toEqual([]);
  });

  it('comments itself and every state', () => {
    expect(definition.Comment).toMatch(/redrive/);
    expect(states.filter(([, { Comment }]) => !Comment).map(([name]) => name)).toEqual([]);
  });

  it('ends failed where it failed: nothing catches, nothing is a Fail state', () => {
    expect(states.filter(([, { Type, Catch }]) => Type === 'Fail' || Catch !== undefined)).toEqual([]);
  });

  it.each(tasks)('waits in "%s" longer than its function may run', (_, { TimeoutSeconds, Parameters }) => {
    const functions = propertiesOf(aStage('dev'), 'AWS::Lambda::Function');
    const [, called] =
      functions.find(([, { FunctionName }]) => Parameters?.FunctionName.endsWith(`:${FunctionName}`)) ?? [];

    expect(TimeoutSeconds).toBeGreaterThan(Number(called?.['Timeout']));
  });

  it.each(tasks)('gives "%s" ids only', (name, { Parameters }) => {
    const ids = ['executionArn.$', 'generation.$', 'request.$', 'requestId.$', 'step', 'tenantId.$'];
    const allowed = name === 'Suspend users' ? [...ids, 'progress.$'] : ids;

    expect(Object.keys(Parameters?.Payload ?? {}).filter((key) => !allowed.includes(key))).toEqual([]);
    expect(Parameters?.Payload['step']).toBe(name);
  });

  it('repeats every task by the same rules', () => {
    const rules = new Set(tasks.map(([, { Retry }]) => JSON.stringify(Retry)));

    expect(rules.size).toBe(1);
  });
});

describe('the machines', () => {
  it('have a state for every contract but those outside of them', () => {
    const all = [...definitions.map(([, definition]) => definition), synthesizedDefinition('examine-tenants')];
    const called = new Set(all.flatMap((definition) => [...functionsOf(definition)]));
    const outside = [
      'request-operation',
      'record-outcome',
      'change-hold',
      'archive-execution',
      'reconcile-archive',
      'observe-estate',
      'retire-orphaned-key',
      'issue-tenant-claim',
      'issue-tenant-credentials',
      'switch-tenant',
      ...[...ACCESS_CONTRACTS, ...MEMBERSHIP_CONTRACTS].map(({ name }) => name),
    ];

    expect([...called].sort()).toEqual(
      CONTRACTS.map(({ name }) => name)
        .filter((name) => !outside.includes(name))
        .sort(),
    );
  });

  it('repeat every task by the same rules', () => {
    expect(new Set(allTasks.map(([, { Retry }]) => JSON.stringify(Retry))).size).toBe(1);
  });

  it('are bounded in time, the offboarding below the year after which AWS ends it', () => {
    expect([onboard, offboard, reinstate].map(({ TimeoutSeconds }) => TimeoutSeconds)).toEqual([
      86_400,
      364 * 86_400,
      86_400,
    ]);
  });

  it('take few transitions', () => {
    const wait = ['Wait for knowledge base', 'Provision knowledge base', 'Is knowledge base ready?'];

    expect(statesOf(onboard).map(([name]) => name)).toEqual(expect.arrayContaining(wait));
    expect(longest(onboard) + wait.length).toBeLessThanOrEqual(20);
    expect(defaultPath(offboard).length).toBeLessThanOrEqual(25);
    expect(longest(reinstate)).toBeLessThanOrEqual(25);
  });

  it('destroy in an order in which nothing loses what its own deletion needs', () => {
    const steps = defaultPath(offboard).filter((name) =>
      /^(Suspend|Hold|Check|Claim|Restore|Destroy|Disable|Prove|Seal|Close)/.test(name),
    );

    expect(steps.filter((name) => !name.includes(':'))).toEqual([
      'Claim offboarding',
      'Suspend users',
      'Suspend encryption key',
      'Hold',
      'Check hold',
      'Claim purge',
      'Restore encryption key',
      'Destroy knowledge base',
      'Disable encryption key for good',
      'Destroy vector index',
      'Destroy storage prefix',
      'Destroy data partition',
      'Destroy user group',
      'Prove tenant is gone',
      'Destroy encryption key',
      'Seal audit log',
      'Close tenant',
    ]);
  });

  it('sleep until an instant that the record says, and lead every way to destruction through Claim purge', () => {
    const ways = Object.entries(offboard.States).filter(([name, { Next, Default, Choices = [] }]) =>
      [Next, Default, ...Choices.map((choice) => choice.Next)].some((to) => to === 'Restore encryption key')
        ? name
        : '',
    );

    expect(offboard.States['Hold']).toMatchObject({ Type: 'Wait', TimestampPath: '$.holdUntil' });
    expect(ways.map(([name]) => name)).toEqual(['Claim purge']);
  });
});

describe('the shared retriers', () => {
  const retriers = allTasks[0]?.[1].Retry ?? [];
  const named = retriers.flatMap(({ ErrorEquals }) => ErrorEquals);
  const ours: readonly string[] = ERRORS.map((ErrorType) => new ErrorType('').name);

  it('name only errors that exist', () => {
    expect(named.filter((name) => !ours.includes(name) && !AWS_ERRORS.includes(name))).toEqual([]);
  });

  it('decide about every error of ours', () => {
    expect(ours.filter((name) => !named.includes(name))).toEqual([]);
  });

  it('decide about each name once', () => {
    expect(new Set(named).size).toBe(named.length);
  });

  it.each([
    ['VerificationFailedError', 105],
    ['AccessDeniedError', 465],
  ])('give consistency its time, and end: %s after %i s', (name, seconds) => {
    const {
      IntervalSeconds = 0,
      BackoffRate = 1,
      MaxAttempts = 0,
    } = retriers.find(({ ErrorEquals }) => ErrorEquals.includes(name)) ?? {};

    const waits = Array.from({ length: MaxAttempts }, (_, attempt) => IntervalSeconds * BackoffRate ** attempt);
    expect(waits.reduce((sum, wait) => sum + wait, 0)).toBe(seconds);
  });

  it('leave unexpected errors alone', () => {
    expect(named).not.toContain('States.ALL');
    expect(named).not.toContain('States.TaskFailed');
  });
});

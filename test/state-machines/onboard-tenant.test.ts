import validate from 'asl-validator';
import { CONTRACTS } from '../../infra/contracts';
import { ERRORS } from '../../tasks/shared/errors';
import { aStage, propertiesOf } from '../infra/a-stage';
import { type Definition, type State, statesOf, synthesizedDefinition } from './definition';

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

const definition = synthesizedDefinition();
const states = statesOf(definition);
const tasks = states.filter(([, { Type }]) => Type === 'Task');

describe('onboard-tenant', () => {
  it('is valid Amazon States Language', () => {
    const result = validate(structuredClone(definition), { checkPaths: true, checkArn: true });

    expect(result.errorsText('\n')).toBe('');
    expect(result.isValid).toBe(true);
  });

  it('has a state for every contract but those outside the machine', () => {
    const outside = ['Request operation', 'Record outcome'];

    expect(tasks.map(([name]) => name).sort()).toEqual(
      CONTRACTS.map(({ stateName }) => stateName)
        .filter((name) => !outside.includes(name))
        .sort(),
    );
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

  it('is bounded in time', () => {
    expect(definition.TimeoutSeconds).toBe(86_400);
  });

  it.each(tasks)('waits in "%s" longer than its function may run', (_, { TimeoutSeconds, Parameters }) => {
    const functions = propertiesOf(aStage('dev'), 'AWS::Lambda::Function');
    const [, called] =
      functions.find(([, { FunctionName }]) => Parameters?.FunctionName.endsWith(`:${FunctionName}`)) ?? [];

    expect(TimeoutSeconds).toBeGreaterThan(Number(called?.['Timeout']));
  });

  it.each(tasks)('gives "%s" ids only', (name, { Parameters }) => {
    const allowed = ['executionArn.$', 'generation.$', 'request.$', 'requestId.$', 'step', 'tenantId.$'];

    expect(Object.keys(Parameters?.Payload ?? {}).filter((key) => !allowed.includes(key))).toEqual([]);
    expect(Parameters?.Payload['step']).toBe(name);
  });

  it('repeats every task by the same rules', () => {
    const rules = new Set(tasks.map(([, { Retry }]) => JSON.stringify(Retry)));

    expect(rules.size).toBe(1);
  });

  it('takes at most 20 transitions for a premium tenant whose knowledge base is waited for once', () => {
    const wait = ['Wait for knowledge base', 'Provision knowledge base', 'Is knowledge base ready?'];

    expect(statesOf(definition).map(([name]) => name)).toEqual(expect.arrayContaining(wait));
    expect(longest(definition) + wait.length).toBeLessThanOrEqual(20);
  });
});

describe('the shared retriers', () => {
  const retriers = tasks[0]?.[1].Retry ?? [];
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
    const { IntervalSeconds = 0, BackoffRate = 1, MaxAttempts = 0 } =
      retriers.find(({ ErrorEquals }) => ErrorEquals.includes(name)) ?? {};

    const waits = Array.from({ length: MaxAttempts }, (_, attempt) => IntervalSeconds * BackoffRate ** attempt);
    expect(waits.reduce((sum, wait) => sum + wait, 0)).toBe(seconds);
  });

  it('leave unexpected errors alone', () => {
    expect(named).not.toContain('States.ALL');
    expect(named).not.toContain('States.TaskFailed');
  });
});

/** Transitions of the longest way through, each state entered once. */
function longest({ StartAt, States }: Definition): number {
  const from = (name: string | undefined, seen: readonly string[]): number => {
    const state = name === undefined || seen.includes(name) ? undefined : States[name];
    if (name === undefined || state === undefined) return 0;
    const inside = (state.Branches ?? []).reduce((sum, branch) => sum + longest(branch), 0);
    return 1 + inside + Math.max(0, ...next(state).map((following) => from(following, [...seen, name])));
  };
  return from(StartAt, []);
}

const next = ({ Next, Default, Choices = [] }: State): readonly string[] =>
  [Next, Default, ...Choices.map(({ Next: chosen }) => chosen)].filter((name) => name !== undefined);

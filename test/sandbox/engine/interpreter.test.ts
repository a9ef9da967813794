import { lambdaCause, TaskError } from '../../../sandbox/engine/failure';
import {
  aLatch,
  aMachine,
  anEngine,
  anError,
  anInvoke,
  aTask,
  DAY,
  EXECUTION_ARN,
  MACHINE_ARN,
  START,
  settle,
} from './engine-under-test';

const output = (description: { output?: string }) => JSON.parse(description.output ?? 'null');

describe('Task', () => {
  it('passes payload and result through all five filters', async () => {
    const engine = anEngine({ functions: { provision: (payload) => ({ got: payload, noise: 1 }) } });
    const state = anInvoke('provision', {
      End: true,
      InputPath: '$.tenant',
      Parameters: { FunctionName: 'provision', Payload: { 'tenantId.$': '$.id' } },
      ResultSelector: { 'answer.$': '$.Payload.got' },
      ResultPath: '$.provision',
      OutputPath: '$.provision.answer',
    });

    const description = await engine.run(aMachine({ Provision: state }), { tenant: { id: 'acme' } });

    expect(output(description)).toEqual({ tenantId: 'acme' });
  });

  it('puts the result into the raw input, not into what InputPath selected', async () => {
    const engine = anEngine();
    const state = aTask('echo', { End: true, InputPath: '$.inner', ResultPath: '$.result' });

    const description = await engine.run(aMachine({ Echo: state }), { inner: { a: 1 }, outer: 2 });

    expect(output(description)).toEqual({ inner: { a: 1 }, outer: 2, result: { a: 1 } });
  });

  it('answers like lambda:invoke', async () => {
    const description = await anEngine().run(aMachine({ Echo: anInvoke('echo') }), { a: 1 });

    expect(output(description)).toEqual({ ExecutedVersion: '$LATEST', Payload: { a: 1 }, StatusCode: 200 });
  });

  it('tells the invoker who asks and for how long', async () => {
    const seen: unknown[] = [];
    const engine = anEngine({ functions: { f: (_payload, { signal: _signal, ...request }) => seen.push(request) } });

    await engine.run(aMachine({ Work: anInvoke('f', { End: true, TimeoutSeconds: 30 }) }), { a: 1 });

    const functionName = 'arn:aws:lambda:eu-central-1:111122223333:function:f';
    expect(seen).toEqual([
      { functionName, payload: { a: 1 }, executionArn: `${EXECUTION_ARN}:test`, stateName: 'Work', timeoutSeconds: 30 },
    ]);
  });

  it.each([
    [
      { at: new Date(0), gone: undefined, bad: Number.NaN },
      { at: '1970-01-01T00:00:00.000Z', bad: null },
    ],
    [undefined, null],
    [new Map([[1, 2]]), {}],
  ])('passes on only what JSON holds of %p', async (result, expected) => {
    const engine = anEngine({ functions: { f: () => result } });

    expect(output(await engine.run(aMachine({ Work: aTask('f') })))).toEqual(expected);
  });

  it('does not share its payload with the function', async () => {
    const engine = anEngine({ functions: { f: (payload) => Object.assign(payload as object, { spoilt: true }) } });

    const description = await engine.run(aMachine({ Work: aTask('f', { End: true, ResultPath: null }) }), { a: 1 });

    expect(output(description)).toEqual({ a: 1 });
  });

  it('fails with the name of what the function threw, and a JSON Cause', async () => {
    const engine = anEngine({ functions: { f: () => Promise.reject(anError('QuotaError', 'too many')) } });

    const { status, error, cause } = await engine.run(aMachine({ Work: aTask('f') }));

    expect({ status, error }).toEqual({ status: 'FAILED', error: 'QuotaError' });
    expect(JSON.parse(cause ?? '')).toMatchObject({
      errorType: 'QuotaError',
      errorMessage: 'too many',
      trace: expect.any(Array),
    });
  });

  it('fails as the invoker says', async () => {
    const cause = lambdaCause('Runtime.ExitError', 'RequestId: … Error: Runtime exited', []);
    const engine = anEngine({ functions: { f: () => Promise.reject(new TaskError('Runtime.ExitError', cause)) } });

    expect(await engine.run(aMachine({ Work: aTask('f') }))).toMatchObject({
      status: 'FAILED',
      error: 'Runtime.ExitError',
      cause,
    });
  });

  it('times out after TimeoutSeconds although the function runs on', async () => {
    const latch = aLatch();
    const engine = anEngine({ functions: { f: () => latch.opened } });

    const description = await engine.run(aMachine({ Work: anInvoke('f', { End: true, TimeoutSeconds: 1 }) }));
    latch.open('too late');
    await settle();

    expect(description).toMatchObject({ status: 'FAILED', error: 'States.Timeout' });
    expect(engine.trace(description.executionArn)).toContain('TaskTimedOut');
    expect(engine.engine.describe(description.executionArn).status).toBe('FAILED');
  });

  it('takes its timeout from the input', async () => {
    const engine = anEngine({ functions: { f: (_payload, { timeoutSeconds }) => timeoutSeconds } });
    const state = aTask('f', { End: true, TimeoutSecondsPath: '$.limit' });

    expect(output(await engine.run(aMachine({ Work: state }), { limit: 12 }))).toBe(12);
  });

  it.each<[string, object]>([
    ['result', aTask('big')],
    ['input after Parameters', aTask('f', { End: true, Parameters: { 'twice.$': "States.Format('{}{}', $.x, $.x)" } })],
    ['output', aTask('f', { End: true, Parameters: { 'x.$': '$.x' }, ResultPath: '$.result' })],
  ])('fails with States.DataLimitExceeded when its %s exceeds 256 KiB', async (_what, state) => {
    const engine = anEngine({ functions: { big: () => 'x'.repeat(262_144) } });

    const description = await engine.run(aMachine({ Work: state }), { x: 'x'.repeat(140_000) });

    expect(description).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' });
  });

  it('passes exactly 256 KiB', async () => {
    const engine = anEngine({ functions: { big: () => 'x'.repeat(262_142) } });

    expect(await engine.run(aMachine({ Work: aTask('big') }))).toMatchObject({ status: 'SUCCEEDED' });
  });
});

describe('Catch', () => {
  const caught = (errors: string[], rest: object = {}) =>
    aMachine({
      Work: aTask('f', { End: true, Catch: [{ ErrorEquals: errors, Next: 'Caught', ...rest }] }),
      Caught: { Type: 'Pass', End: true },
    });
  const throwing = (error: string) => ({ functions: { f: () => Promise.reject(new TaskError(error, 'because')) } });

  it('hands Error and Cause to its target', async () => {
    const description = await anEngine(throwing('QuotaError')).run(
      caught(['QuotaError'], { ResultPath: '$.failure' }),
      { a: 1 },
    );

    expect(output(description)).toEqual({ a: 1, failure: { Error: 'QuotaError', Cause: 'because' } });
  });

  it.each([
    ['QuotaError', ['States.ALL'], true],
    ['QuotaError', ['States.TaskFailed'], true],
    ['QuotaError', ['Other', 'QuotaError'], true],
    ['QuotaError', ['quotaerror'], false],
    ['States.Timeout', ['States.ALL'], true],
    ['States.Timeout', ['States.Timeout'], true],
    ['States.Timeout', ['States.TaskFailed'], false],
    ['States.DataLimitExceeded', ['States.ALL'], false],
    ['States.DataLimitExceeded', ['States.TaskFailed'], false],
    ['States.DataLimitExceeded', ['States.DataLimitExceeded'], true],
    ['States.Runtime', ['States.ALL'], false],
    ['States.Runtime', ['States.TaskFailed'], false],
    ['States.Runtime', ['States.Runtime'], false],
  ])('of %s by %j: %s', async (error, errors, isCaught) => {
    const { status } = await anEngine(throwing(error)).run(caught(errors));

    expect(status).toBe(isCaught ? 'SUCCEEDED' : 'FAILED');
  });

  it('names state and event of what the engine itself finds wrong', async () => {
    const state = aTask('f', { End: true, Parameters: { 'x.$': '$.missing' } });

    const { error, cause } = await anEngine().run(aMachine({ Work: state }));

    expect(error).toBe('States.Runtime');
    expect(cause).toBe(
      "An error occurred while executing the state 'Work' (entered at the event id #2). The JSONPath '$.missing' specified for the field 'x.$' could not be found in the input '{}'",
    );
  });
});

describe('Choice', () => {
  const input = {
    s: 'b',
    n: 2,
    t: true,
    nil: null,
    at: '2030-01-01T00:00:00Z',
    other: 'b',
    two: 2,
    later: '2030-01-01T02:00:00+01:00',
  };

  it.each<[object, boolean]>([
    [{ Variable: '$.s', StringEquals: 'b' }, true],
    [{ Variable: '$.s', StringEqualsPath: '$.other' }, true],
    [{ Variable: '$.s', StringLessThan: 'c' }, true],
    [{ Variable: '$.s', StringGreaterThanEqualsPath: '$.other' }, true],
    [{ Variable: '$.n', NumericEquals: 2 }, true],
    [{ Variable: '$.n', NumericGreaterThan: 2 }, false],
    [{ Variable: '$.n', NumericLessThanEqualsPath: '$.two' }, true],
    [{ Variable: '$.s', NumericEquals: 2 }, false],
    [{ Variable: '$.t', BooleanEquals: true }, true],
    [{ Variable: '$.t', BooleanEqualsPath: '$.t' }, true],
    [{ Variable: '$.at', TimestampEquals: '2030-01-01T01:00:00+01:00' }, true],
    [{ Variable: '$.at', TimestampLessThanPath: '$.later' }, true],
    [{ Variable: '$.s', TimestampLessThan: '2030-01-01T00:00:00Z' }, false],
    [{ Variable: '$.s', IsPresent: true }, true],
    [{ Variable: '$.missing', IsPresent: false }, true],
    [{ Variable: '$.nil', IsPresent: true }, true],
    [{ Variable: '$.nil', IsNull: true }, true],
    [{ Variable: '$.s', IsString: true }, true],
    [{ Variable: '$.n', IsNumeric: false }, false],
    [{ Variable: '$.t', IsBoolean: true }, true],
    [{ Variable: '$.at', IsTimestamp: true }, true],
    [{ Variable: '$.s', IsTimestamp: false }, true],
    [{ Variable: '$.at', StringMatches: '2030-*T*Z' }, true],
    [{ Variable: '$.at', StringMatches: '2030.*' }, false],
    [{ Variable: '$.s', StringMatches: '\\*' }, false],
    [
      {
        And: [
          { Variable: '$.s', StringEquals: 'b' },
          { Variable: '$.n', NumericEquals: 3 },
        ],
      },
      false,
    ],
    [
      {
        Or: [
          { Variable: '$.s', StringEquals: 'x' },
          { Variable: '$.n', NumericEquals: 2 },
        ],
      },
      true,
    ],
    [{ Not: { Variable: '$.s', StringEquals: 'x' } }, true],
    [
      {
        And: [
          { Variable: '$.missing', IsPresent: true },
          { Variable: '$.missing', StringEquals: 'x' },
        ],
      },
      false,
    ],
  ])('%j is %s', async (rule, holds) => {
    const definition = aMachine({
      Choose: { Type: 'Choice', Choices: [{ ...rule, Next: 'Yes' }], Default: 'No' },
      Yes: { Type: 'Pass', Result: true, End: true },
      No: { Type: 'Pass', Result: false, End: true },
    });

    expect(output(await anEngine().run(definition, input))).toBe(holds);
  });

  it.each([
    [{ Variable: '$.s', StringEquals: 'x' }, 'States.NoChoiceMatched'],
    [{ Variable: '$.missing', StringEquals: 'x' }, 'States.Runtime'],
    [{ Variable: '$.s', StringEqualsPath: '$.missing' }, 'States.Runtime'],
  ])('without Default, %j fails with %s', async (rule, error) => {
    const definition = aMachine({
      Choose: { Type: 'Choice', Choices: [{ ...rule, Next: 'Yes' }] },
      Yes: { Type: 'Succeed' },
    });

    expect(await anEngine().run(definition, input)).toMatchObject({ status: 'FAILED', error });
  });
});

describe('Wait', () => {
  const waiting = (fields: object) => aMachine({ Hold: { Type: 'Wait', End: true, ...fields } });

  it.each([
    [{ Seconds: 90 }, 90_000],
    [{ SecondsPath: '$.seconds' }, 60_000],
    [{ Timestamp: '2030-01-01T00:05:00Z' }, 300_000],
    [{ TimestampPath: '$.until' }, 120_000],
    [{ Timestamp: '2029-01-01T00:00:00Z' }, 0],
    [{ Seconds: 0 }, 0],
  ])('%j takes as long in virtual time', async (fields, milliseconds) => {
    const engine = anEngine();

    const { status, stopDate } = await engine.run(waiting(fields), { seconds: 60, until: '2030-01-01T00:02:00Z' });

    expect(status).toBe('SUCCEEDED');
    expect(stopDate?.getTime()).toBe(START + milliseconds);
  });

  it('holds 31 days, longer than a Node timer can', async () => {
    const { register, start, clock, engine } = anEngine();
    register(waiting({ Timestamp: '2030-02-01T00:00:00Z' }));
    const arn = start();

    await clock.advance(31 * DAY - 1000);
    const before = engine.describe(arn).status;
    await clock.advance(1000);
    const after = await engine.settled(arn);

    expect(before).toBe('RUNNING');
    expect(after).toMatchObject({ status: 'SUCCEEDED', stopDate: new Date('2030-02-01T00:00:00Z') });
  });

  it.each([{ SecondsPath: '$.s' }, { TimestampPath: '$.s' }])(
    '%j of nonsense fails with States.Runtime',
    async (fields) => {
      expect(await anEngine().run(waiting(fields), { s: 'soon' })).toMatchObject({
        status: 'FAILED',
        error: 'States.Runtime',
      });
    },
  );
});

describe('Pass, Succeed and Fail', () => {
  it('Pass makes its result from Result or Parameters', async () => {
    const definition = aMachine({
      First: { Type: 'Pass', Result: { b: 2 }, ResultPath: '$.fixed', Next: 'Second' },
      Second: { Type: 'Pass', Parameters: { 'c.$': '$.fixed.b' }, Next: 'Third' },
      Third: { Type: 'Succeed', OutputPath: '$.c' },
    });

    expect(output(await anEngine().run(definition, { a: 1 }))).toBe(2);
  });

  it('Fail ends the execution with its Error and Cause', async () => {
    const definition = aMachine({
      Give_up: { Type: 'Fail', Error: 'QuotaError', CausePath: "States.Format('{} is full', $.pool)" },
    });

    expect(await anEngine().run(definition, { pool: 'A' })).toMatchObject({
      status: 'FAILED',
      error: 'QuotaError',
      cause: 'A is full',
    });
  });

  it('Fail needs neither', async () => {
    const { status, error } = await anEngine().run(aMachine({ Give_up: { Type: 'Fail' } }));

    expect({ status, error }).toEqual({ status: 'FAILED', error: undefined });
  });
});

describe('the context object', () => {
  it('knows execution, state machine and state', async () => {
    const state = aTask('echo', { End: true, Parameters: { 'context.$': '$$' } });

    const description = await anEngine().run(aMachine({ Work: state }), { a: 1 });

    expect(output(description).context).toEqual({
      Execution: {
        Id: `${EXECUTION_ARN}:test`,
        Input: { a: 1 },
        Name: 'test',
        RoleArn: 'arn:aws:iam::111122223333:role/onboard-tenant',
        StartTime: '2030-01-01T00:00:00.000Z',
        RedriveCount: 0,
      },
      StateMachine: { Id: MACHINE_ARN, Name: 'onboard-tenant' },
      State: { Name: 'Work', EnteredTime: '2030-01-01T00:00:00.000Z', RetryCount: 0 },
    });
  });

  it('counts retries of the state', async () => {
    const counts: unknown[] = [];
    const engine = anEngine({
      functions: {
        f: (payload) => {
          counts.push(payload);
          throw anError('TransientError');
        },
      },
    });
    const state = aTask('f', {
      End: true,
      Parameters: { 'count.$': '$$.State.RetryCount' },
      Retry: [{ ErrorEquals: ['TransientError'], MaxAttempts: 2 }],
    });

    await engine.run(aMachine({ Work: state }));

    expect(counts).toEqual([{ count: 0 }, { count: 1 }, { count: 2 }]);
  });
});

describe('TimeoutSeconds of the machine', () => {
  it('ends a Wait that would take longer', async () => {
    const definition = aMachine({ Hold: { Type: 'Wait', Seconds: 600, End: true } }, { TimeoutSeconds: 60 });

    const { status, stopDate } = await anEngine().run(definition);

    expect(status).toBe('TIMED_OUT');
    expect(stopDate).toEqual(new Date(START + 60_000));
  });

  it('drops the result of a task that took longer', async () => {
    const latch = aLatch();
    const { register, start, clock, engine, ...rest } = anEngine({ functions: { slow: () => latch.opened } });
    register(aMachine({ Work: aTask('slow') }, { TimeoutSeconds: 60 }));
    const arn = start();

    await clock.advance(61_000);
    latch.open('done');

    expect(await engine.settled(arn)).toMatchObject({ status: 'TIMED_OUT' });
    expect(rest.trace(arn)).toEqual([
      'ExecutionStarted',
      'TaskStateEntered Work',
      'LambdaFunctionScheduled',
      'LambdaFunctionStarted',
      'TaskStateAborted',
      'ExecutionTimedOut',
    ]);
  });

  it('is one year when nothing else is said', async () => {
    const { register, start, clock, engine } = anEngine();
    register(aMachine({ Hold: { Type: 'Wait', Timestamp: '2032-01-01T00:00:00Z', End: true } }));
    const arn = start();

    await clock.advance(366 * DAY);

    expect(await engine.settled(arn)).toMatchObject({ status: 'TIMED_OUT', stopDate: new Date(START + 365 * DAY) });
  });
});

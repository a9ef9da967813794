import {
  aLatch,
  aMachine,
  anEngine,
  anError,
  aTask,
  DAY,
  EXECUTION_ARN,
  failing,
  MACHINE_ARN,
  START,
  settle,
} from './engine-under-test';

const pass = aMachine({ Work: { Type: 'Pass', End: true } });
const hold = aMachine({ Hold: { Type: 'Wait', Timestamp: '2030-02-01T00:00:00Z', End: true } });
const refusal = (code: string) => expect.objectContaining({ name: 'ServiceError', code });

describe('start', () => {
  it('answers before anything has run', async () => {
    const { engine, register, trace } = anEngine();
    register(pass);

    const answer = engine.start({ stateMachineArn: MACHINE_ARN, name: 'onboard--acme--1', input: '{"a":1}' });
    const before = trace(answer.executionArn);

    expect(answer).toEqual({ executionArn: `${EXECUTION_ARN}:onboard--acme--1`, startDate: new Date(START) });
    expect(before).toEqual(['ExecutionStarted']);
    expect(await engine.settled(answer.executionArn)).toMatchObject({
      status: 'SUCCEEDED',
      input: '{"a":1}',
      output: '{"a":1}',
    });
  });

  it('makes up a name and takes {} for no input', async () => {
    const { engine, register } = anEngine();
    register(pass);

    const { executionArn } = engine.start({ stateMachineArn: MACHINE_ARN });

    expect(executionArn).toMatch(/:execution:onboard-tenant:[0-9a-f-]{36}$/);
    expect(await engine.settled(executionArn)).toMatchObject({ input: '{}' });
  });

  it.each([
    '',
    'a'.repeat(81),
    'a b',
    'a/b',
    'a:b',
    'a<b',
    'a}b',
    'a*b',
    'a"b',
    'a#b',
    'a%b',
    'a\\b',
    'a^b',
    'a|b',
    'a~b',
    'a`b',
    'a$b',
    'a&b',
    'a,b',
    'a;b',
    'a\u0007b',
    'a\tb',
  ])('refuses the name %j', (name) => {
    const { register, start } = anEngine();
    register(pass);

    expect(() => start({}, name)).toThrow(refusal('InvalidName'));
  });

  it.each(['a'.repeat(80), 'onboard--acme--01J', 'a_b.c', "a'b(c)!", 'ü'])('accepts the name %j', (name) => {
    const { register, start } = anEngine();
    register(pass);

    expect(start({}, name)).toBe(`${EXECUTION_ARN}:${name}`);
  });

  it.each(['', '{', 'tenantId', "{'a':1}"])('refuses the input %j', (input) => {
    const { engine, register } = anEngine();
    register(pass);

    expect(() => engine.start({ stateMachineArn: MACHINE_ARN, input })).toThrow(refusal('InvalidExecutionInput'));
  });

  it('refuses more than 256 KiB of input', () => {
    const { register, start } = anEngine();
    register(pass);

    expect(() => start('x'.repeat(262_144))).toThrow(refusal('ValidationException'));
  });

  it('knows its machines', () => {
    const { engine } = anEngine();

    expect(() => engine.start({ stateMachineArn: MACHINE_ARN })).toThrow(refusal('StateMachineDoesNotExist'));
    expect(() => engine.start({ stateMachineArn: 'onboard-tenant' })).toThrow(refusal('InvalidArn'));
  });

  it('is the same request again while the execution runs with the same input', async () => {
    const { engine, register, clock } = anEngine();
    register(hold);
    const request = { stateMachineArn: MACHINE_ARN, name: 'once', input: '{"a":1}' };
    const first = engine.start(request);
    await clock.advance(DAY);

    expect(engine.start(request)).toEqual(first);
    expect(() => engine.start({ ...request, input: '{"a":2}' })).toThrow(refusal('ExecutionAlreadyExists'));
    expect(() => engine.start({ ...request, input: '{"a": 1}' })).toThrow(refusal('ExecutionAlreadyExists'));
  });

  it('may use a name again 90 days after its execution closed', async () => {
    const { run, start, clock, engine } = anEngine();
    const { executionArn } = await run(pass);
    await clock.advance(90 * DAY - 1);

    expect(() => start()).toThrow(refusal('ExecutionAlreadyExists'));
    await clock.advance(1);
    expect(start()).toBe(executionArn);
    expect(engine.describe(executionArn).startDate).toEqual(new Date(START + 90 * DAY));
  });

  it('runs no express machine', () => {
    expect(() => anEngine().register(pass, { type: 'EXPRESS' })).toThrow(/express|EXPRESS/);
  });
});

describe('history and description', () => {
  it('are forgotten 90 days after the end', async () => {
    const { run, clock, engine } = anEngine();
    const { executionArn } = await run(pass);
    await clock.advance(90 * DAY);

    expect(() => engine.describe(executionArn)).toThrow(refusal('ExecutionDoesNotExist'));
    expect(() => engine.history(executionArn)).toThrow(refusal('ExecutionDoesNotExist'));
    expect(engine.list({ stateMachineArn: MACHINE_ARN }).items).toEqual([]);
  });

  it('stay while the execution runs, however long', async () => {
    const { register, start, clock, engine } = anEngine();
    register(aMachine({ Hold: { Type: 'Wait', Timestamp: '2030-08-01T00:00:00Z', End: true } }));
    const arn = start();
    await clock.advance(120 * DAY);

    expect(engine.describe(arn).status).toBe('RUNNING');
  });
});

describe('stop', () => {
  it('ends a Wait at once', async () => {
    const { register, start, clock, engine, trace } = anEngine();
    register(hold);
    const arn = start();
    await clock.advance(DAY);

    const { stopDate } = await engine.stop(arn, 'Cancelled', 'the customer stays');

    expect(stopDate).toEqual(new Date(START + DAY));
    expect(engine.describe(arn)).toMatchObject({
      status: 'ABORTED',
      error: 'Cancelled',
      cause: 'the customer stays',
      stopDate,
      redriveStatus: 'REDRIVABLE',
    });
    expect(trace(arn)).toEqual(['ExecutionStarted', 'WaitStateEntered Hold', 'WaitStateAborted', 'ExecutionAborted']);
    expect(clock.sleepers()).toEqual([]);
  });

  it('does not stop a function that runs, but drops its result', async () => {
    const latch = aLatch();
    let aborted: boolean | undefined;
    const { register, start, engine, trace } = anEngine({
      functions: {
        f: async (_payload, { signal }) => {
          await latch.opened;
          aborted = signal.aborted;
        },
      },
    });
    register(aMachine({ Work: aTask('f', { Next: 'More' }), More: aTask('more') }));
    const arn = start();
    await settle();

    await engine.stop(arn);
    latch.open();
    await settle();

    expect(aborted).toBe(false);
    expect(trace(arn).slice(-2)).toEqual(['TaskStateAborted', 'ExecutionAborted']);
  });

  it('stops before the first state, too', async () => {
    const { register, start, engine, invocations } = anEngine();
    register(aMachine({ Work: aTask('f') }));
    const arn = start();

    await engine.stop(arn);

    expect(engine.describe(arn).status).toBe('ABORTED');
    expect(invocations).toEqual([]);
  });

  it('changes nothing after the end', async () => {
    const { run, engine, clock } = anEngine();
    const { executionArn, stopDate } = await run(pass);
    await clock.advance(1000);

    expect(await engine.stop(executionArn)).toEqual({ stopDate });
    expect(engine.describe(executionArn).status).toBe('SUCCEEDED');
  });
});

describe('list', () => {
  const populated = async () => {
    const engine = anEngine({ functions: { f: failing(2, () => anError('TransientError')) } });
    engine.register(aMachine({ Work: aTask('f') }));
    const arns: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      arns.push(engine.start({}, name));
      await engine.engine.settled(arns.at(-1) ?? '');
    }
    await engine.redrive(arns[0] ?? '');
    return engine;
  };
  const names = ({ items }: { items: readonly { name: string }[] }) => items.map(({ name }) => name);

  it('shows the latest first, filtered by status and by redrive', async () => {
    const { engine } = await populated();
    const list = (filter: object) => names(engine.list({ stateMachineArn: MACHINE_ARN, ...filter }));

    expect(list({})).toEqual(['c', 'b', 'a']);
    expect(list({ statusFilter: 'FAILED' })).toEqual(['b']);
    expect(list({ statusFilter: 'SUCCEEDED' })).toEqual(['c', 'a']);
    expect(list({ redriveFilter: 'REDRIVEN' })).toEqual(['a']);
    expect(list({ redriveFilter: 'NOT_REDRIVEN' })).toEqual(['c', 'b']);
  });

  it('pages, and new executions shift nothing', async () => {
    const { engine, start } = await populated();
    const first = engine.list({ stateMachineArn: MACHINE_ARN, maxResults: 2 });
    start({}, 'd');

    const second = engine.list({ stateMachineArn: MACHINE_ARN, maxResults: 2, nextToken: first.nextToken ?? '' });

    expect([names(first), names(second), second.nextToken]).toEqual([['c', 'b'], ['a'], undefined]);
    expect(() => engine.list({ stateMachineArn: MACHINE_ARN, nextToken: 'nonsense' })).toThrow(refusal('InvalidToken'));
    expect(() => engine.list({ stateMachineArn: MACHINE_ARN, maxResults: 1001 })).toThrow(
      refusal('ValidationException'),
    );
  });
});

describe('status changes', () => {
  it('look like the detail of the EventBridge event', async () => {
    const { run, statuses } = anEngine({ functions: { f: () => Promise.reject(anError('QuotaError')) } });

    await run(aMachine({ Work: aTask('f') }), { a: 1 });

    const common = {
      executionArn: `${EXECUTION_ARN}:test`,
      stateMachineArn: MACHINE_ARN,
      name: 'test',
      startDate: START,
      input: '{"a":1}',
      inputDetails: { included: true },
      output: null,
      outputDetails: null,
    };
    expect(statuses).toEqual([
      { ...common, status: 'RUNNING', stopDate: null, error: null, cause: null },
      { ...common, status: 'FAILED', stopDate: START, error: 'QuotaError', cause: expect.any(String) },
    ]);
  });

  it('drop the input when input and output are too large, then the output', async () => {
    const { run, statuses } = anEngine();

    await run(pass, 'x'.repeat(200_000));

    expect(statuses.at(-1)).toMatchObject({
      input: null,
      inputDetails: { included: false },
      output: expect.any(String),
      outputDetails: { included: true },
    });
  });

  it('survive a listener that throws', async () => {
    const error = jest.spyOn(console, 'error').mockImplementation(() => {});
    const engine = anEngine();
    const stopListening = engine.engine.onStatusChange(() => {
      throw new Error('listener');
    });

    const { status } = await engine.run(pass);
    stopListening();

    expect(status).toBe('SUCCEEDED');
    expect(error).toHaveBeenCalled();
    error.mockRestore();
  });
});

describe('transitions', () => {
  it('count states entered, retries and redrives', async () => {
    const { run, engine, redrive } = anEngine({ functions: { b: failing(3, () => anError('TransientError')) } });
    const branch = aMachine({
      B: aTask('b', { End: true, Retry: [{ ErrorEquals: ['TransientError'], MaxAttempts: 2 }] }),
    });
    const { executionArn } = await run(
      aMachine({ A: aTask('a', { Next: 'All' }), All: { Type: 'Parallel', Branches: [branch], End: true } }),
    );
    const before = engine.transitions(executionArn);

    await redrive(executionArn);

    expect(before).toBe(3 + 2);
    expect(engine.transitions(executionArn)).toBe(3 + 2 + 1);
  });
});

describe('close', () => {
  it('lets go of what runs: functions hear of it, executions stay RUNNING, waiters are told', async () => {
    let signalled = false;
    const { engine, register, start, clock, trace } = anEngine({
      functions: {
        f: (_payload, { signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              signalled = true;
              reject(new Error('closing'));
            });
          }),
      },
    });
    const branches = [hold, aMachine({ Work: aTask('f') })];
    register(aMachine({ All: { Type: 'Parallel', Branches: branches, End: true } }));
    const arn = start();
    const settled = engine.settled(arn).catch((error: unknown) => error);
    await settle();

    await engine.close();

    expect(signalled).toBe(true);
    expect(clock.sleepers()).toEqual([]);
    expect(await settled).toMatchObject({ code: 'ServiceUnavailable' });
    expect(engine.describe(arn).status).toBe('RUNNING');
    expect(trace(arn).at(-1)).toBe('LambdaFunctionStarted');
    expect(() => start({}, 'another')).toThrow(refusal('ServiceUnavailable'));
  });
});

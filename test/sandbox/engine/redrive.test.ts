import { aLatch, aMachine, anEngine, anError, aTask, DAY, failing, START, settle } from './engine-under-test';

const output = (description: { output?: string }) => JSON.parse(description.output ?? 'null');

const refusal = (message: string) => expect.objectContaining({ code: 'ExecutionNotRedrivable', message });

const twoTasks = aMachine({ A: aTask('a', { Next: 'B' }), B: aTask('b') });

describe('what a redrive does per state', () => {
  it('Task: it is scheduled again with the same input, and what went before is not', async () => {
    const inputs: unknown[] = [];
    const fail = failing(1, () => anError('TransientError'));
    const b = (payload: unknown) => {
      inputs.push(payload);
      return fail();
    };
    const engine = anEngine({ functions: { b } });
    const { executionArn } = await engine.run(twoTasks, { tenantId: 'acme' });

    const redriven = await engine.redrive(executionArn);

    expect(redriven).toMatchObject({ status: 'SUCCEEDED', output: '"done"' });
    expect(engine.invocations).toEqual(['a', 'b', 'b']);
    expect(inputs).toEqual([{ tenantId: 'acme' }, { tenantId: 'acme' }]);
    expect(engine.trace(executionArn)).toEqual([
      'ExecutionStarted',
      'TaskStateEntered A',
      'LambdaFunctionScheduled',
      'LambdaFunctionStarted',
      'LambdaFunctionSucceeded',
      'TaskStateExited A',
      'TaskStateEntered B',
      'LambdaFunctionScheduled',
      'LambdaFunctionStarted',
      'LambdaFunctionFailed',
      'ExecutionFailed',
      'ExecutionRedriven',
      'LambdaFunctionScheduled',
      'LambdaFunctionStarted',
      'LambdaFunctionSucceeded',
      'TaskStateExited B',
      'ExecutionSucceeded',
    ]);
  });

  it('Task: its retries start from zero', async () => {
    const engine = anEngine({ functions: { a: failing(5, () => anError('TransientError')) } });
    const retry = [{ ErrorEquals: ['TransientError'], MaxAttempts: 2 }];
    const { executionArn } = await engine.run(aMachine({ A: aTask('a', { End: true, Retry: retry }) }));

    const redriven = await engine.redrive(executionArn);

    expect(redriven.status).toBe('SUCCEEDED');
    expect(engine.invocations).toHaveLength(6);
  });

  it('Choice: its rules are evaluated again', async () => {
    const engine = anEngine();
    const choice = {
      Type: 'Choice',
      Choices: [{ Variable: '$$.Execution.RedriveCount', NumericEquals: 1, Next: 'Done' }],
    };
    const { executionArn, error } = await engine.run(aMachine({ Choose: choice, Done: { Type: 'Succeed' } }));

    const redriven = await engine.redrive(executionArn);

    expect(error).toBe('States.NoChoiceMatched');
    expect(redriven.status).toBe('SUCCEEDED');
  });

  it('Wait: a Timestamp that has passed meanwhile is left at once', async () => {
    const engine = anEngine();
    engine.register(aMachine({ Hold: { Type: 'Wait', Timestamp: '2030-01-11T00:00:00Z', End: true } }));
    const arn = engine.start();
    await settle();
    await engine.engine.stop(arn);
    await engine.clock.advance(13 * DAY);

    const redriven = await engine.redrive(arn);

    expect(redriven).toMatchObject({ status: 'SUCCEEDED', stopDate: new Date(START + 13 * DAY) });
  });

  it('Wait: Seconds are waited for again in full', async () => {
    const engine = anEngine({ skipUpTo: 0 });
    engine.register(aMachine({ Hold: { Type: 'Wait', Seconds: 100, End: true } }));
    const arn = engine.start();
    await engine.clock.advance(90_000);
    await engine.engine.stop(arn);
    engine.engine.redrive(arn);
    await engine.clock.advance(90_000);
    const status = engine.engine.describe(arn).status;

    await engine.clock.advance(10_000);

    expect(status).toBe('RUNNING');
    expect(await engine.engine.settled(arn)).toMatchObject({ stopDate: new Date(START + 190_000) });
  });

  it('Pass: it is not repeated when a later state failed', async () => {
    const engine = anEngine({ functions: { b: failing(1, () => anError('TransientError')) } });
    const pass = { Type: 'Pass', Parameters: { 'made.$': 'States.UUID()' }, ResultPath: '$.id', Next: 'B' };
    const definition = aMachine({ Make_id: pass, B: aTask('b', { End: true, ResultPath: null }) });
    const { executionArn } = await engine.run(definition);

    await engine.redrive(executionArn);

    expect(engine.trace(executionArn).filter((each) => each === 'PassStateEntered Make_id')).toHaveLength(1);
  });

  it('Fail: it fails again, also after a Catch, so that the caught task is never repeated', async () => {
    const engine = anEngine({ functions: { a: failing(1, () => anError('TransientError')) } });
    const definition = aMachine({
      A: aTask('a', { End: true, Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Give up' }] }),
      'Give up': { Type: 'Fail', Error: 'OnboardingFailed' },
    });
    const { executionArn } = await engine.run(definition);

    const redriven = await engine.redrive(executionArn);

    expect(redriven).toMatchObject({ status: 'FAILED', error: 'OnboardingFailed' });
    expect(engine.invocations).toEqual(['a']);
  });

  it('Parallel: branches that succeeded keep their results, branches in flight run their task again', async () => {
    const latch = aLatch();
    const engine = anEngine({
      functions: { failing: failing(1, () => anError('TransientError'), 'second try'), slow: () => latch.opened },
    });
    const branches = [
      aMachine({ quick: aTask('quick') }),
      aMachine({ before: aTask('before', { Next: 'slow' }), slow: aTask('slow') }),
      aMachine({ hold: { Type: 'Wait', Seconds: 1, Next: 'failing' }, failing: aTask('failing') }),
    ];
    const definition = aMachine({ All: { Type: 'Parallel', Branches: branches, End: true } });
    const failed = await engine.run(definition, 'in');
    latch.open('ran twice');

    const redriven = await engine.redrive(failed.executionArn);

    expect(failed.error).toBe('TransientError');
    expect(output(redriven)).toEqual(['in', 'ran twice', 'second try']);
    expect(engine.invocations.slice(0, 3)).toEqual(['quick', 'before', 'slow']);
    expect(engine.invocations.slice(3)).toEqual(['failing', 'slow', 'failing']);
  });

  it('Parallel: all branches again when their data was too large', async () => {
    const size = { bytes: 200_000 };
    const engine = anEngine({ functions: { a: () => 'x'.repeat(size.bytes), b: () => 'x'.repeat(size.bytes) } });
    const branches = ['a', 'b'].map((name) => aMachine({ [name]: aTask(name) }));
    const { executionArn, error } = await engine.run(
      aMachine({ Both: { Type: 'Parallel', Branches: branches, End: true } }),
    );
    size.bytes = 10;

    const redriven = await engine.redrive(executionArn);

    expect(error).toBe('States.DataLimitExceeded');
    expect(redriven.status).toBe('SUCCEEDED');
    expect(engine.invocations).toEqual(['a', 'b', 'a', 'b']);
  });
});

describe('redrive', () => {
  it('can be repeated, and the context object counts along', async () => {
    const seen: unknown[] = [];
    const fail = failing(2, () => anError('TransientError'));
    const a = (payload: unknown) => {
      seen.push(payload);
      return fail();
    };
    const engine = anEngine({ functions: { a } });
    const parameters = { 'count.$': '$$.Execution.RedriveCount', 'start.$': '$$.Execution.StartTime' };
    const { executionArn } = await engine.run(aMachine({ A: aTask('a', { End: true, Parameters: parameters }) }));
    await engine.clock.advance(DAY);

    const first = await engine.redrive(executionArn);
    const second = await engine.redrive(executionArn);

    expect([first, second]).toMatchObject([
      { status: 'FAILED', redriveCount: 1, redriveDate: new Date(START + DAY), redriveStatus: 'REDRIVABLE' },
      { status: 'SUCCEEDED', redriveCount: 2, startDate: new Date(START), redriveStatus: 'NOT_REDRIVABLE' },
    ]);
    const start = '2030-01-01T00:00:00.000Z';
    expect(seen).toEqual([0, 1, 2].map((count) => ({ count, start })));
    expect(engine.statuses.map(({ status }) => status)).toEqual([
      'RUNNING',
      'FAILED',
      'RUNNING',
      'FAILED',
      'RUNNING',
      'SUCCEEDED',
    ]);
  });

  it('knows its own time only after the first redrive', async () => {
    const engine = anEngine();
    const task = aTask('echo', { End: true, Parameters: { 'at.$': '$$.Execution.RedriveTime' } });
    const { executionArn, error } = await engine.run(aMachine({ A: task }));

    const redriven = await engine.redrive(executionArn);

    expect(error).toBe('States.Runtime');
    expect(output(redriven)).toEqual({ at: '2030-01-01T00:00:00.000Z' });
  });

  it('goes on with the definition of the start, also when the machine has changed', async () => {
    const engine = anEngine({ functions: { b: failing(1, () => anError('TransientError'), 'old machine') } });
    const { executionArn } = await engine.run(twoTasks);
    engine.register(aMachine({ New: { Type: 'Pass', Result: 'new machine', End: true } }));

    expect(output(await engine.redrive(executionArn))).toBe('old machine');
  });

  it('starts the timeout of the machine anew', async () => {
    const engine = anEngine({ functions: { b: failing(1, () => anError('TransientError')) } });
    const definition = aMachine(
      {
        Hold: { Type: 'Wait', Seconds: 50, Next: 'B' },
        B: aTask('b', { Next: 'Rest' }),
        Rest: { Type: 'Wait', Seconds: 50, End: true },
      },
      { TimeoutSeconds: 60 },
    );
    const { executionArn } = await engine.run(definition);

    expect(await engine.redrive(executionArn)).toMatchObject({
      status: 'SUCCEEDED',
      stopDate: new Date(START + 100_000),
    });
  });

  it.each(['ABORTED', 'TIMED_OUT'])('continues executions that are %s', async (status) => {
    const latch = aLatch();
    const engine = anEngine({ functions: { b: () => latch.opened } });
    engine.register({ ...twoTasks, TimeoutSeconds: 60 });
    const arn = engine.start();
    await settle();
    if (status === 'ABORTED') await engine.engine.stop(arn);
    else await engine.clock.advance(60_000);
    latch.open('done');
    const before = await engine.engine.settled(arn);

    const redriven = await engine.redrive(arn);

    expect(before.status).toBe(status);
    expect(redriven.status).toBe('SUCCEEDED');
    expect(engine.invocations).toEqual(['a', 'b', 'b']);
  });

  it('is refused while the execution runs, and after it succeeded', async () => {
    const engine = anEngine();
    engine.register(twoTasks);
    const arn = engine.start();

    expect(() => engine.engine.redrive(arn)).toThrow(refusal('Execution is RUNNING and cannot be redriven'));
    await engine.engine.settled(arn);
    expect(() => engine.engine.redrive(arn)).toThrow(refusal('Execution is SUCCEEDED and cannot be redriven'));
  });

  it('is possible for 14 days after the end', async () => {
    const engine = anEngine({ functions: { a: failing(2, () => anError('TransientError')) } });
    const { executionArn } = await engine.run(aMachine({ A: aTask('a') }));
    await engine.clock.advance(14 * DAY);
    const lastMoment = await engine.redrive(executionArn);
    await engine.clock.advance(14 * DAY + 1000);

    expect(lastMoment.redriveCount).toBe(1);
    expect(() => engine.engine.redrive(executionArn)).toThrow(refusal('Execution redrivable period exceeded'));
    expect(engine.engine.describe(executionArn)).toMatchObject({
      redriveStatus: 'NOT_REDRIVABLE',
      redriveStatusReason: 'Execution redrivable period exceeded',
    });
  });

  it('is refused when the execution has been open for a year', async () => {
    const engine = anEngine();
    engine.register(aMachine({ Hold: { Type: 'Wait', Timestamp: '2032-01-01T00:00:00Z', End: true } }));
    const arn = engine.start();
    await engine.clock.advance(365 * DAY);
    await engine.engine.settled(arn);

    expect(() => engine.engine.redrive(arn)).toThrow(refusal('Execution has exceeded the max execution time'));
  });

  it('is refused when the history is full', async () => {
    const engine = anEngine();
    const choices = [
      { Variable: '$', IsNull: true, Next: 'End' },
      { Variable: '$', IsPresent: true, Next: 'More' },
    ];
    const loop = aMachine({
      Again: { Type: 'Choice', Choices: choices },
      More: { Type: 'Pass', Next: 'Again' },
      End: { Type: 'Succeed' },
    });

    const { executionArn, status, cause } = await engine.run(loop);

    expect({ status, cause }).toEqual({
      status: 'FAILED',
      cause: expect.stringContaining('maximum number of history events (25000)'),
    });
    expect(engine.engine.history(executionArn, { reverseOrder: true, maxResults: 1 }).items).toMatchObject([
      { id: 25_000, type: 'ExecutionFailed' },
    ]);
    expect(() => engine.engine.redrive(executionArn)).toThrow(refusal('Execution history event limit exceeded'));
  });

  it('is one redrive for the same client token within 15 minutes', async () => {
    const engine = anEngine({ functions: { a: failing(3, () => anError('TransientError')) } });
    const { executionArn } = await engine.run(aMachine({ A: aTask('a') }));

    const first = engine.engine.redrive(executionArn, 'token');
    const whileRunning = engine.engine.redrive(executionArn, 'token');
    await engine.engine.settled(executionArn);
    await engine.clock.advance(15 * 60_000);
    const afterwards = engine.engine.redrive(executionArn, 'token');
    await engine.clock.advance(1000);
    const expired = engine.engine.redrive(executionArn, 'token');

    expect([whileRunning, afterwards]).toEqual([first, first]);
    expect(expired).not.toEqual(first);
    expect(engine.engine.describe(executionArn).redriveCount).toBe(2);
  });
});

describe('a fault at any invocation', () => {
  const task = (name: string, rest: object) => [
    name,
    aTask(name, { ResultPath: `$.${name}`, Parameters: {}, ...rest }),
  ];
  const chain = (...names: string[]) =>
    aMachine(
      Object.fromEntries(
        names.map((name, index) => task(name, index < names.length - 1 ? { Next: names[index + 1] } : { End: true })),
      ),
    );
  const inner = aMachine({
    Inner: { Type: 'Parallel', Branches: [chain('d', 'e'), chain('f')], ResultPath: '$.inner', Next: 'g' },
    g: aTask('g', { End: true, ResultPath: '$.g', Parameters: {} }),
  });
  const definition = aMachine({
    a: aTask('a', { Next: 'Outer', ResultPath: '$.a', Parameters: {} }),
    Outer: { Type: 'Parallel', Branches: [chain('b', 'c'), inner, chain('h')], ResultPath: '$.outer', Next: 'i' },
    i: aTask('i', { End: true, ResultPath: '$.i', Parameters: {} }),
  });
  const names = [...'abcdefghi'];

  it.each(names)(
    'of %s is made good by a redrive: the same output, and nothing that had succeeded runs again',
    async (faulty) => {
      const succeeded: string[] = [];
      let faults = 1;
      const perform = (name: string) => async () => {
        // Branches of different lengths are in flight at different steps.
        for (let turn = 0; turn < name.charCodeAt(0) % 3; turn += 1) await settle();
        if (name === faulty && faults-- > 0) throw anError('TransientError');
        return name;
      };
      const engine = anEngine({ functions: Object.fromEntries(names.map((name) => [name, perform(name)])) });
      engine.engine.onHistoryEvent((_arn, { type, stateExitedEventDetails: exited }) => {
        if (type === 'TaskStateExited') succeeded.push(exited?.name ?? '');
      });

      const failed = await engine.run(definition, {});
      const redriven = await engine.redrive(failed.executionArn);
      const faultless = await anEngine({
        functions: Object.fromEntries(names.map((name) => [name, () => name])),
      }).run(definition, {});

      expect(failed.status).toBe('FAILED');
      expect(redriven.output).toBe(faultless.output);
      expect([...succeeded].sort()).toEqual(names);
    },
  );
});

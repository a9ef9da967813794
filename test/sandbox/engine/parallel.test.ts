import { aLatch, aMachine, anEngine, anError, aTask, EXECUTION_ARN, failing, settle } from './engine-under-test';

const output = (description: { output?: string }) => JSON.parse(description.output ?? 'null');

const aParallel = (Branches: object[], rest: object = {}) =>
  aMachine({ Provision: { Type: 'Parallel', Branches, End: true, ...rest } });
const aBranch = (...names: string[]) =>
  aMachine(
    Object.fromEntries(
      names.map((name, index) => [
        name,
        aTask(name, index === names.length - 1 ? { End: true } : { Next: names[index + 1] }),
      ]),
    ),
  );

describe('Parallel', () => {
  it('gives every branch the same input and collects outputs in order', async () => {
    const engine = anEngine({ functions: { b: () => 'b was here' } });

    const description = await engine.run(aParallel([aBranch('a'), aBranch('b')], { ResultPath: '$.both' }), { x: 1 });

    expect(output(description)).toEqual({ x: 1, both: [{ x: 1 }, 'b was here'] });
  });

  it('runs its branches at the same time', async () => {
    const [a, b] = [aLatch(), aLatch()];
    const meet = (mine: typeof a, other: typeof a) => async () => {
      other.open();
      await mine.opened;
    };
    const engine = anEngine({ functions: { a: meet(a, b), b: meet(b, a) } });

    expect(await engine.run(aParallel([aBranch('a'), aBranch('b')]))).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('keeps Execution.Input that of the execution inside branches', async () => {
    const branch = aMachine({ a: aTask('a', { End: true, Parameters: { 'input.$': '$$.Execution.Input' } }) });

    const description = await anEngine().run(aParallel([branch], { Parameters: { narrow: true } }), {
      tenantId: 'acme',
    });

    expect(output(description)).toEqual([{ input: { tenantId: 'acme' } }]);
  });

  it('fails with the error of the first branch that fails', async () => {
    const engine = anEngine({ functions: { b: failing(9, () => anError('BucketPolicyError')) } });

    const description = await engine.run(aParallel([aBranch('a'), aBranch('b')]));

    expect(description).toMatchObject({ status: 'FAILED', error: 'BucketPolicyError' });
  });

  it('lets a sibling that is in flight run on, drops its result and enters no further state of it', async () => {
    const latch = aLatch();
    let finished = false;
    const engine = anEngine({
      functions: {
        slow: async () => {
          await latch.opened;
          finished = true;
          return 'late';
        },
        b: failing(9, () => anError('BucketPolicyError')),
      },
    });
    const description = await engine.run(aParallel([aBranch('slow', 'next'), aBranch('b')]));
    const before = engine.trace(description.executionArn);

    latch.open();
    await settle();

    expect(finished).toBe(true);
    expect(engine.invocations).toEqual(['slow', 'b']);
    expect(engine.trace(description.executionArn)).toEqual(before);
    expect(before).toEqual([
      'ExecutionStarted',
      'ParallelStateEntered Provision',
      'ParallelStateStarted',
      'TaskStateEntered slow',
      'LambdaFunctionScheduled',
      'LambdaFunctionStarted',
      'TaskStateEntered b',
      'LambdaFunctionScheduled',
      'LambdaFunctionStarted',
      'LambdaFunctionFailed',
      'TaskStateAborted',
      'ParallelStateFailed',
      'ExecutionFailed',
    ]);
  });

  it('wakes a sibling that waits', async () => {
    const engine = anEngine({ functions: { b: failing(9, () => anError('BucketPolicyError')) } });
    const hold = aMachine({ Hold: { Type: 'Wait', Timestamp: '2030-03-01T00:00:00Z', End: true } });

    const { executionArn, status } = await engine.run(aParallel([hold, aBranch('b')]));

    expect(status).toBe('FAILED');
    expect(engine.trace(executionArn)).toContain('WaitStateAborted');
    expect(engine.clock.sleepers()).toEqual([]);
  });

  it('goes on when a branch catches its own failure', async () => {
    const engine = anEngine({ functions: { b: failing(9, () => anError('QuotaError')) } });
    const branch = aMachine({
      b: aTask('b', { End: true, Catch: [{ ErrorEquals: ['QuotaError'], ResultPath: null, Next: 'Without' }] }),
      Without: { Type: 'Pass', Result: 'without b', End: true },
    });

    expect(output(await engine.run(aParallel([aBranch('a'), branch]), 1))).toEqual([1, 'without b']);
  });

  it('can be caught as a whole', async () => {
    const engine = anEngine({ functions: { b: failing(9, () => anError('QuotaError')) } });
    const definition = aMachine({
      Provision: {
        Type: 'Parallel',
        Branches: [aBranch('a'), aBranch('b')],
        End: true,
        Catch: [{ ErrorEquals: ['QuotaError'], ResultPath: '$.failure', Next: 'Explain' }],
      },
      Explain: { Type: 'Pass', OutputPath: '$.failure.Error', End: true },
    });

    expect(output(await engine.run(definition))).toBe('QuotaError');
  });

  it('nests, and a failure goes all the way up', async () => {
    const engine = anEngine({ functions: { c: failing(9, () => anError('DeepError')) } });
    const inner = aMachine({ Inner: { Type: 'Parallel', Branches: [aBranch('b'), aBranch('c')], End: true } });

    const { executionArn, error } = await engine.run(aParallel([aBranch('a'), inner]));

    expect(error).toBe('DeepError');
    expect(engine.trace(executionArn).filter((each) => each === 'ParallelStateFailed')).toHaveLength(2);
  });
});

describe('inline Map', () => {
  const aMap = (rest: object = {}, processor: object = aMachine({ each: aTask('each') })) =>
    aMachine({ Every: { Type: 'Map', ItemProcessor: processor, End: true, ...rest } });

  it('works on every item in order', async () => {
    const selector = { 'index.$': '$$.Map.Item.Index', 'id.$': '$$.Map.Item.Value.id', 'common.$': '$.common' };

    const description = await anEngine().run(aMap({ ItemsPath: '$.items', ItemSelector: selector }), {
      common: 'x',
      items: [{ id: 'a' }, { id: 'b' }],
    });

    expect(output(description)).toEqual([
      { index: 0, id: 'a', common: 'x' },
      { index: 1, id: 'b', common: 'x' },
    ]);
  });

  it('keeps to MaxConcurrency', async () => {
    let running = 0;
    let most = 0;
    const engine = anEngine({
      functions: {
        each: async (payload) => {
          most = Math.max(most, ++running);
          await settle();
          running -= 1;
          return payload;
        },
      },
    });

    const description = await engine.run(aMap({ MaxConcurrency: 2 }), [1, 2, 3, 4, 5]);

    expect(output(description)).toEqual([1, 2, 3, 4, 5]);
    expect(most).toBe(2);
  });

  it('has nothing to do without items', async () => {
    expect(output(await anEngine().run(aMap(), []))).toEqual([]);
  });

  it('fails on what is no list', async () => {
    expect(await anEngine().run(aMap(), {})).toMatchObject({ status: 'FAILED', error: 'States.Runtime' });
  });

  it('fails with its first failed iteration, and a redrive repeats only what did not succeed', async () => {
    const seen: unknown[] = [];
    const fail = failing(1, () => anError('ItemError'));
    const engine = anEngine({
      functions: {
        each: (payload) => {
          seen.push(payload);
          if (payload === 'b') fail();
          return payload;
        },
      },
    });
    const failed = await engine.run(aMap({ MaxConcurrency: 1 }), ['a', 'b', 'c']);

    const redriven = await engine.redrive(failed.executionArn);

    expect(failed).toMatchObject({ status: 'FAILED', error: 'ItemError' });
    expect(output(redriven)).toEqual(['a', 'b', 'c']);
    expect(seen).toEqual(['a', 'b', 'b', 'c']);
  });
});

describe('distributed Map', () => {
  const aMap = (rest: object = {}) =>
    aMachine({
      Every: {
        Type: 'Map',
        Label: 'Tenants',
        ItemProcessor: {
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
          ...aMachine({ each: aTask('each') }),
        },
        End: true,
        ...rest,
      },
    });
  const mapRunOf = (
    events: readonly { mapRunStartedEventDetails?: { mapRunArn?: string | undefined } | undefined }[],
  ) => events.flatMap(({ mapRunStartedEventDetails: details }) => details?.mapRunArn ?? [])[0] ?? '';

  it('gives every item an execution of its own', async () => {
    const engine = anEngine();

    const { executionArn, ...description } = await engine.run(aMap(), ['a', 'b']);
    const mapRunArn = mapRunOf(engine.events(executionArn));
    const children = engine.engine.list({ mapRunArn }).items;

    expect(output(description)).toEqual(['a', 'b']);
    expect(mapRunArn).toMatch(/^arn:aws:states:eu-central-1:111122223333:mapRun:onboard-tenant\/Tenants:/);
    expect(children.map(({ status, input }) => ({ status, input }))).toEqual([
      { status: 'SUCCEEDED', input: '"b"' },
      { status: 'SUCCEEDED', input: '"a"' },
    ]);
    expect(children[0]?.executionArn).toMatch(/:execution:onboard-tenant\/Tenants:/);
    expect(engine.trace(executionArn)).toEqual([
      'ExecutionStarted',
      'MapStateEntered Every',
      'MapStateStarted',
      'MapRunStarted',
      'MapRunSucceeded',
      'MapStateSucceeded',
      'MapStateExited Every',
      'ExecutionSucceeded',
    ]);
  });

  it('does not tolerate a failure unless told to', async () => {
    const engine = anEngine({ functions: { each: failing(1, () => anError('ItemError')) } });

    const description = await engine.run(aMap({ MaxConcurrency: 1 }), ['a', 'b']);

    expect(description).toMatchObject({ status: 'FAILED', error: 'States.ExceedToleratedFailureThreshold' });
    expect(engine.invocations).toHaveLength(1);
  });

  it.each([
    [{ ToleratedFailureCount: 1 }, 1, 'SUCCEEDED'],
    [{ ToleratedFailureCount: 1 }, 2, 'FAILED'],
    [{ ToleratedFailurePercentage: 50 }, 2, 'SUCCEEDED'],
    [{ ToleratedFailurePercentage: 50 }, 3, 'FAILED'],
    [{ ToleratedFailurePercentage: 100 }, 4, 'SUCCEEDED'],
  ])('%j of 4 items with %i failures: %s', async (tolerance, failures, status) => {
    const engine = anEngine({ functions: { each: failing(failures, () => anError('ItemError'), 'ok') } });

    const description = await engine.run(aMap({ ...tolerance, MaxConcurrency: 1 }), [1, 2, 3, 4]);

    expect(description.status).toBe(status);
    if (status === 'SUCCEEDED') expect(output(description)).toEqual(Array(4 - failures).fill('ok'));
  });

  it('is redriven as one Map Run: only children that did not succeed run again, under their own names', async () => {
    const engine = anEngine({ functions: { each: failing(1, () => anError('ItemError'), 'ok') } });
    const failed = await engine.run(aMap({ MaxConcurrency: 1 }), ['a', 'b']);
    const mapRunArn = mapRunOf(engine.events(failed.executionArn));
    const [child] = engine.engine.list({ mapRunArn }).items;

    const redriven = await engine.redrive(failed.executionArn);

    expect(child).toMatchObject({ status: 'FAILED', redriveStatus: 'REDRIVABLE_BY_MAP_RUN' });
    expect(() => engine.engine.redrive(child?.executionArn ?? '')).toThrow(
      expect.objectContaining({ code: 'ExecutionNotRedrivable' }),
    );
    expect(output(redriven)).toEqual(['ok', 'ok']);
    expect(engine.engine.describe(child?.executionArn ?? '')).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1 });
    expect(engine.engine.list({ mapRunArn }).items).toHaveLength(2);
    expect(engine.trace(failed.executionArn)).toContain('MapRunRedriven');
  });

  it('stops its children when it is stopped', async () => {
    const latch = aLatch();
    const engine = anEngine({ functions: { each: () => latch.opened } });
    engine.register(aMap());
    const arn = engine.start(['a', 'b']);
    await settle();

    await engine.engine.stop(arn);

    expect(engine.statuses.filter(({ status }) => status === 'ABORTED')).toHaveLength(3);
    expect(engine.engine.describe(`${EXECUTION_ARN}:test`).status).toBe('ABORTED');
  });
});

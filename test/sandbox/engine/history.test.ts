import { aMachine, anEngine, anError, anInvoke, aTask, failing, START } from './engine-under-test';

const timestamp = new Date(START);
const lambda = { resourceType: 'lambda', resource: 'invoke' };
const inputDetails = { truncated: false };
const outputDetails = { truncated: false };
/** [id, previousEventId, type] of every event. */
const lineage = (events: readonly { id: number; previousEventId: number; type: string }[]) =>
  events.map(({ id, previousEventId, type }) => [id, previousEventId, type]);

describe('history', () => {
  it('of a lambda:invoke task has the shape of AWS', async () => {
    const { run, events } = anEngine({ functions: { f: () => 'ok' } });

    const { executionArn } = await run(
      aMachine({ Work: anInvoke('f', { End: true, TimeoutSeconds: 30, OutputPath: '$.Payload' }) }),
      { a: 1 },
    );

    const parameters = JSON.stringify({
      FunctionName: 'arn:aws:lambda:eu-central-1:111122223333:function:f',
      Payload: { a: 1 },
    });
    const output = JSON.stringify({ ExecutedVersion: '$LATEST', Payload: 'ok', StatusCode: 200 });
    expect(events(executionArn)).toEqual([
      {
        id: 1,
        previousEventId: 0,
        timestamp,
        type: 'ExecutionStarted',
        executionStartedEventDetails: {
          input: '{"a":1}',
          inputDetails,
          roleArn: 'arn:aws:iam::111122223333:role/onboard-tenant',
        },
      },
      {
        id: 2,
        previousEventId: 0,
        timestamp,
        type: 'TaskStateEntered',
        stateEnteredEventDetails: { name: 'Work', input: '{"a":1}', inputDetails },
      },
      {
        id: 3,
        previousEventId: 2,
        timestamp,
        type: 'TaskScheduled',
        taskScheduledEventDetails: { ...lambda, region: 'eu-central-1', parameters, timeoutInSeconds: 30 },
      },
      { id: 4, previousEventId: 3, timestamp, type: 'TaskStarted', taskStartedEventDetails: lambda },
      {
        id: 5,
        previousEventId: 4,
        timestamp,
        type: 'TaskSucceeded',
        taskSucceededEventDetails: { ...lambda, output, outputDetails },
      },
      {
        id: 6,
        previousEventId: 5,
        timestamp,
        type: 'TaskStateExited',
        stateExitedEventDetails: { name: 'Work', output: '"ok"', outputDetails },
      },
      {
        id: 7,
        previousEventId: 6,
        timestamp,
        type: 'ExecutionSucceeded',
        executionSucceededEventDetails: { output: '"ok"', outputDetails },
      },
    ]);
  });

  it('of a function as resource has Lambda events', async () => {
    const { run, events } = anEngine({ functions: { f: () => 'ok' } });

    const { executionArn } = await run(aMachine({ Work: aTask('f', { End: true, TimeoutSeconds: 9 }) }), { a: 1 });

    expect(events(executionArn).slice(2, 5)).toEqual([
      {
        id: 3,
        previousEventId: 2,
        timestamp,
        type: 'LambdaFunctionScheduled',
        lambdaFunctionScheduledEventDetails: {
          resource: 'arn:aws:lambda:eu-central-1:111122223333:function:f',
          input: '{"a":1}',
          inputDetails,
          timeoutInSeconds: 9,
        },
      },
      { id: 4, previousEventId: 3, timestamp, type: 'LambdaFunctionStarted' },
      {
        id: 5,
        previousEventId: 4,
        timestamp,
        type: 'LambdaFunctionSucceeded',
        lambdaFunctionSucceededEventDetails: { output: '"ok"', outputDetails },
      },
    ]);
  });

  it('links a retry to the failure before it', async () => {
    const { run, events } = anEngine({ functions: { f: failing(1, () => anError('TransientError', 'once')) } });

    const { executionArn } = await run(
      aMachine({ Work: anInvoke('f', { End: true, Retry: [{ ErrorEquals: ['TransientError'] }] }) }),
    );

    expect(lineage(events(executionArn))).toEqual([
      [1, 0, 'ExecutionStarted'],
      [2, 0, 'TaskStateEntered'],
      [3, 2, 'TaskScheduled'],
      [4, 3, 'TaskStarted'],
      [5, 4, 'TaskFailed'],
      [6, 5, 'TaskScheduled'],
      [7, 6, 'TaskStarted'],
      [8, 7, 'TaskSucceeded'],
      [9, 8, 'TaskStateExited'],
      [10, 9, 'ExecutionSucceeded'],
    ]);
    const { taskFailedEventDetails: failed } = events(executionArn)[4] ?? {};
    expect(failed).toEqual({ ...lambda, error: 'TransientError', cause: expect.any(String) });
    expect(JSON.parse(failed?.cause ?? '')).toEqual({
      errorType: 'TransientError',
      errorMessage: 'once',
      trace: expect.any(Array),
    });
  });

  it('keeps one lineage per branch', async () => {
    const { run, events } = anEngine();
    const branches = ['A', 'B'].map((name) => aMachine({ [name]: { Type: 'Pass', End: true } }));

    const { executionArn } = await run(aMachine({ Both: { Type: 'Parallel', Branches: branches, End: true } }));

    const byType = new Map(lineage(events(executionArn)).map(([id, previous, type]) => [`${type}#${id}`, previous]));
    expect(Object.fromEntries(byType)).toEqual({
      'ExecutionStarted#1': 0,
      'ParallelStateEntered#2': 0,
      'ParallelStateStarted#3': 2,
      'PassStateEntered#4': 3,
      'PassStateEntered#5': 3,
      'PassStateExited#6': 4,
      'PassStateExited#7': 5,
      'ParallelStateSucceeded#8': 7,
      'ParallelStateExited#9': 8,
      'ExecutionSucceeded#10': 9,
    });
  });

  it('goes on in the lineage of the state that a redrive repeats', async () => {
    const { run, events, redrive } = anEngine({ functions: { f: failing(1, () => anError('TransientError')) } });
    const { executionArn } = await run(aMachine({ Work: anInvoke('f') }));

    await redrive(executionArn);

    expect(lineage(events(executionArn)).slice(4, 9)).toEqual([
      [5, 4, 'TaskFailed'],
      [6, 5, 'ExecutionFailed'],
      [7, 6, 'ExecutionRedriven'],
      [8, 7, 'TaskScheduled'],
      [9, 8, 'TaskStarted'],
    ]);
    expect(events(executionArn)[6]).toMatchObject({ executionRedrivenEventDetails: { redriveCount: 1 } });
  });

  it('names iterations of a Map', async () => {
    const { run, events } = anEngine({ functions: { f: failing(1, () => anError('ItemError')) } });
    const definition = aMachine({
      Every: { Type: 'Map', MaxConcurrency: 1, ItemProcessor: aMachine({ Work: aTask('f') }), End: true },
    });

    const { executionArn } = await run(definition, ['x']);

    const details = events(executionArn).map(
      ({
        type,
        mapStateStartedEventDetails: map,
        mapIterationStartedEventDetails: started,
        mapIterationFailedEventDetails: failed,
      }) => [type, map ?? started ?? failed],
    );
    expect(details).toContainEqual(['MapStateStarted', { length: 1 }]);
    expect(details).toContainEqual(['MapIterationStarted', { name: 'Every', index: 0 }]);
    expect(details).toContainEqual(['MapIterationFailed', { name: 'Every', index: 0 }]);
    expect(details.map(([type]) => type)).toContain('MapStateFailed');
  });

  it('is read in pages, in either order', async () => {
    const { run, engine } = anEngine();
    const { executionArn } = await run(aMachine({ Work: aTask('f') }));
    const ids = (request: object) => {
      const { items, nextToken } = engine.history(executionArn, request);
      return { ids: items.map(({ id }) => id), nextToken: nextToken ?? '' };
    };

    const first = ids({ maxResults: 5 });
    const last = ids({ maxResults: 5, reverseOrder: true });

    expect([first.ids, ids({ maxResults: 5, nextToken: first.nextToken }).ids]).toEqual([
      [1, 2, 3, 4, 5],
      [6, 7],
    ]);
    expect([last.ids, ids({ maxResults: 5, reverseOrder: true, nextToken: last.nextToken }).ids]).toEqual([
      [7, 6, 5, 4, 3],
      [2, 1],
    ]);
  });

  it('leaves inputs and outputs out on request', async () => {
    const { run, engine } = anEngine();
    const { executionArn } = await run(aMachine({ Work: anInvoke('f') }), { secret: 'x' });

    const { items } = engine.history(executionArn, { includeExecutionData: false });

    expect(JSON.stringify(items)).not.toContain('secret');
    expect(items[1]).toMatchObject({ type: 'TaskStateEntered', stateEnteredEventDetails: { name: 'Work' } });
  });

  it('is told as it happens', async () => {
    const told: [string, string][] = [];
    const engine = anEngine();
    engine.engine.onHistoryEvent((arn, { type }) => told.push([arn, type]));

    const { executionArn } = await engine.run(aMachine({ Work: aTask('f') }));

    expect(told).toEqual(engine.events(executionArn).map(({ type }) => [executionArn, type]));
  });
});

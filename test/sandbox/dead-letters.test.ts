import {
  type DeployedFunction,
  type EventInvokeConfig,
  type FailureRecord,
  LocalFunctionHost,
} from '../../sandbox/runtime/function-host';
import { VirtualClock } from '../../sandbox/virtual-clock';
import { aBundle, removeBundles } from './runtime/a-bundle';

afterAll(removeBundles);

/** Sends one event to a function that always fails; how often it ran, and what its destination got. */
async function failing(config: EventInvokeConfig) {
  const clock = new VirtualClock({ start: Date.parse('2030-01-01T00:00:00Z') });
  const records: FailureRecord[] = [];
  let runs = 0;
  const host = new LocalFunctionHost({
    clock,
    region: 'eu-central-1',
    endpointUrl: () => 'http://127.0.0.1:1',
    log: () => {
      runs += 1;
    },
  });
  const task: DeployedFunction = {
    name: 'task',
    arn: 'arn:aws:lambda:eu-central-1:111122223333:function:task',
    runtime: 'nodejs24.x',
    handler: 'index.handler',
    timeout: 30,
    memorySize: 256,
    codeDirectory: aBundle(
      'exports.handler = async () => { console.log("ran"); throw new TypeError("cannot be recorded") }',
    ),
    variables: {},
    logGroup: '/aws/lambda/task',
  };
  host.deploy(task);
  host.configureEventInvoke('task', { onFailure: (record) => records.push(record), ...config });
  await host.invoke('task', { detail: 'event' }, { invocationType: 'Event', requestId: 'request-1' });
  await host.settled();
  return { runs, records };
}

describe('an event that a function fails on for good', () => {
  it('reaches the on-failure destination as Lambda’s invocation record', async () => {
    const { records } = await failing({});

    expect(records).toEqual([
      {
        version: '1.0',
        timestamp: '2030-01-01T00:03:00.000Z',
        requestContext: {
          requestId: 'request-1',
          functionArn: 'arn:aws:lambda:eu-central-1:111122223333:function:task:$LATEST',
          condition: 'RetriesExhausted',
          approximateInvokeCount: 3,
        },
        requestPayload: { detail: 'event' },
        responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
        responsePayload: {
          errorType: 'TypeError',
          errorMessage: 'cannot be recorded',
          trace: expect.arrayContaining(['TypeError: cannot be recorded']),
        },
      },
    ]);
  });

  it.each([
    ['not again when no retry is configured', { maximumRetryAttempts: 0 }, 1, 'RetriesExhausted'],
    ['as often as is configured', { maximumRetryAttempts: 1 }, 2, 'RetriesExhausted'],
    ['only while it is young enough', { maximumEventAgeInSeconds: 90 }, 2, 'EventAgeExceeded'],
  ])('is tried %s', async (_what, config, times, condition) => {
    const { runs, records } = await failing(config);

    expect(runs).toBe(times);
    expect(records).toMatchObject([{ requestContext: { condition, approximateInvokeCount: times } }]);
  });

  it('is lost without a destination', async () => {
    const { runs, records } = await failing({ onFailure: undefined });

    expect(runs).toBe(3);
    expect(records).toEqual([]);
  });
});

import {
  DescribeExecutionCommand,
  DescribeStateMachineCommand,
  DescribeStateMachineForExecutionCommand,
  ExecutionAlreadyExists,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  ListTagsForResourceCommand,
  paginateGetExecutionHistory,
  RedriveExecutionCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import type { Endpoint } from '../../../sandbox/aws/endpoint';
import { createSfn } from '../../../sandbox/aws/sfn';
import { StateMachines } from '../../../sandbox/engine/executions';
import { anEstate, clientFor, DAY, startedEndpoint } from './an-estate';

const stateMachineArn = 'arn:aws:states:eu-central-1:111122223333:stateMachine:onboard-tenant';
const roleArn = 'arn:aws:iam::111122223333:role/onboard-tenant';
const definition = JSON.stringify({
  StartAt: 'Hold',
  States: {
    Hold: { Type: 'Wait', TimestampPath: '$.until', Next: 'Provision' },
    Provision: {
      Type: 'Task',
      Resource: 'arn:aws:states:::lambda:invoke',
      Parameters: { FunctionName: 'provision', 'Payload.$': '$' },
      OutputPath: '$.Payload',
      End: true,
    },
  },
});

describe('Step Functions', () => {
  const estate = anEstate();
  let faults: Error[];
  let machines: StateMachines;
  let endpoint: Endpoint;
  let client: SFNClient;

  beforeEach(async () => {
    faults = [];
    machines = new StateMachines({
      ...estate,
      invoke: async ({ payload }) => {
        const fault = faults.shift();
        if (fault) throw fault;
        return payload;
      },
    });
    machines.register({
      arn: stateMachineArn,
      name: 'onboard-tenant',
      roleArn,
      definition,
      type: 'STANDARD',
      tags: { app: 'lifecycle' },
    });
    endpoint = await startedEndpoint({ estate, services: [createSfn(machines)] });
    client = new SFNClient(clientFor(endpoint));
  });

  afterEach(async () => {
    client.destroy();
    await machines.close();
    await endpoint.stop();
  });

  const now = () => new Date(estate.clock.now()).toISOString();
  const started = async (name: string, until = now()) => {
    const input = JSON.stringify({ tenantId: 'acme', until });
    const { executionArn = '' } = await client.send(new StartExecutionCommand({ stateMachineArn, name, input }));
    return executionArn;
  };

  it('runs an execution from start to output', async () => {
    const startDate = new Date(estate.clock.now());

    const executionArn = await started('one');
    await machines.settled(executionArn);
    const description = await client.send(new DescribeExecutionCommand({ executionArn }));

    expect(description).toMatchObject({
      executionArn: 'arn:aws:states:eu-central-1:111122223333:execution:onboard-tenant:one',
      stateMachineArn,
      name: 'one',
      status: 'SUCCEEDED',
      startDate,
      stopDate: startDate,
      inputDetails: { included: true },
      redriveCount: 0,
      redriveStatus: 'NOT_REDRIVABLE',
      redriveStatusReason: 'Execution is SUCCEEDED and cannot be redriven',
    });
    expect(JSON.parse(description.output ?? '')).toMatchObject({ tenantId: 'acme' });
  });

  it('answers a repeated start, and refuses the name for other input', async () => {
    const until = new Date(estate.clock.now() + DAY).toISOString();
    const executionArn = await started('twice', until);

    expect(await started('twice', until)).toBe(executionArn);
    await expect(started('twice')).rejects.toBeInstanceOf(ExecutionAlreadyExists);
  });

  it('redrives a failed execution', async () => {
    faults.push(Object.assign(new Error('no'), { name: 'TransientError' }));
    const executionArn = await started('failed');
    await machines.settled(executionArn);
    const failed = await client.send(new DescribeExecutionCommand({ executionArn }));

    const { redriveDate } = await client.send(new RedriveExecutionCommand({ executionArn, clientToken: 'token' }));
    await machines.settled(executionArn);

    expect(failed).toMatchObject({ status: 'FAILED', error: 'TransientError', redriveStatus: 'REDRIVABLE' });
    expect(await client.send(new DescribeExecutionCommand({ executionArn }))).toMatchObject({
      status: 'SUCCEEDED',
      redriveCount: 1,
      redriveDate,
    });
    await expect(client.send(new RedriveExecutionCommand({ executionArn }))).rejects.toMatchObject({
      name: 'ExecutionNotRedrivable',
    });
  });

  it('stops a waiting execution', async () => {
    const executionArn = await started('stopped', new Date(estate.clock.now() + 31 * DAY).toISOString());

    const { stopDate } = await client.send(
      new StopExecutionCommand({ executionArn, error: 'Cancelled', cause: 'why' }),
    );

    expect(await client.send(new DescribeExecutionCommand({ executionArn }))).toMatchObject({
      status: 'ABORTED',
      stopDate,
      error: 'Cancelled',
      cause: 'why',
    });
  });

  it('pages through the history', async () => {
    const executionArn = await started('paged');
    await machines.settled(executionArn);
    const types: unknown[] = [];

    for await (const { events } of paginateGetExecutionHistory({ client, pageSize: 3 }, { executionArn })) {
      types.push(...(events ?? []).map(({ type }) => type));
    }
    const [last] = (
      await client.send(
        new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, includeExecutionData: false }),
      )
    ).events ?? [undefined];

    expect(types).toEqual([
      'ExecutionStarted',
      'WaitStateEntered',
      'WaitStateExited',
      'TaskStateEntered',
      'TaskScheduled',
      'TaskStarted',
      'TaskSucceeded',
      'TaskStateExited',
      'ExecutionSucceeded',
    ]);
    expect(last).toMatchObject({ type: 'ExecutionSucceeded', timestamp: expect.any(Date), previousEventId: 8 });
    expect(last?.executionSucceededEventDetails?.output).toBeUndefined();
  });

  it('lists executions by status', async () => {
    faults.push(new Error('no'));
    for (const name of ['a', 'b']) await machines.settled(await started(name));

    const all = await client.send(new ListExecutionsCommand({ stateMachineArn }));
    const failed = await client.send(new ListExecutionsCommand({ stateMachineArn, statusFilter: 'FAILED' }));

    expect(all.executions?.map(({ name, status }) => [name, status])).toEqual([
      ['b', 'SUCCEEDED'],
      ['a', 'FAILED'],
    ]);
    expect(failed.executions?.map(({ name }) => name)).toEqual(['a']);
  });

  it('describes machines, also as they were when an execution started', async () => {
    const executionArn = await started('old');
    await machines.settled(executionArn);
    const changed = definition.replace('"provision"', '"provision-2"');
    machines.register({ arn: stateMachineArn, name: 'onboard-tenant', roleArn, definition: changed, type: 'STANDARD' });

    const current = await client.send(new DescribeStateMachineCommand({ stateMachineArn }));
    const former = await client.send(new DescribeStateMachineForExecutionCommand({ executionArn }));
    const { stateMachines } = await client.send(new ListStateMachinesCommand({}));

    expect(current).toMatchObject({
      name: 'onboard-tenant',
      type: 'STANDARD',
      status: 'ACTIVE',
      definition: changed,
      roleArn,
    });
    expect(former).toMatchObject({ stateMachineArn, definition });
    expect(stateMachines).toMatchObject([{ stateMachineArn, name: 'onboard-tenant', type: 'STANDARD' }]);
  });

  it('lists tags', async () => {
    const { tags } = await client.send(new ListTagsForResourceCommand({ resourceArn: stateMachineArn }));

    expect(tags).toEqual([{ key: 'app', value: 'lifecycle' }]);
  });

  it.each([
    [
      'ExecutionDoesNotExist',
      () => new DescribeExecutionCommand({ executionArn: stateMachineArn.replace('stateMachine', 'execution') }),
    ],
    ['StateMachineDoesNotExist', () => new DescribeStateMachineCommand({ stateMachineArn: `${stateMachineArn}-2` })],
    ['InvalidArn', () => new StopExecutionCommand({ executionArn: 'one' })],
    ['InvalidName', () => new StartExecutionCommand({ stateMachineArn, name: 'a b' })],
    ['InvalidExecutionInput', () => new StartExecutionCommand({ stateMachineArn, input: '{' })],
    ['InvalidToken', () => new ListExecutionsCommand({ stateMachineArn, nextToken: 'x' })],
  ])('reports %s', async (name, command) => {
    await expect(client.send(command() as DescribeExecutionCommand)).rejects.toMatchObject({ name });
  });
});

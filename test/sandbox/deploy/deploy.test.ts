import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServices } from '../../../sandbox/aws';
import { type AssemblyStack, readAssembly, type TemplateResource } from '../../../sandbox/deploy/assembly';
import { deploy } from '../../../sandbox/deploy/deploy';
import type { DeploymentTarget } from '../../../sandbox/deploy/resource-types';
import { StateMachines } from '../../../sandbox/engine/executions';
import { EventBus } from '../../../sandbox/events';
import { Authorizer } from '../../../sandbox/iam/authorizer';
import { Directory } from '../../../sandbox/iam/directory';
import { Sessions } from '../../../sandbox/iam/sessions';
import { LocalFunctionHost } from '../../../sandbox/runtime/function-host';
import { Schedules } from '../../../sandbox/schedules';
import { VirtualClock } from '../../../sandbox/virtual-clock';
import { aBundle, removeBundles } from '../runtime/a-bundle';

afterAll(removeBundles);

const roleArn = (name: string) => `arn:aws:iam::111122223333:role/${name}`;

const allow = (Action: string, Resource: string) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action, Resource }],
});

const aPermission: TemplateResource = {
  Type: 'AWS::Lambda::Permission',
  Properties: {
    FunctionName: { 'Fn::GetAtt': ['Task', 'Arn'] },
    Action: 'lambda:InvokeFunction',
    Principal: 'events.amazonaws.com',
    SourceArn: { 'Fn::GetAtt': ['Rule', 'Arn'] },
  },
};

const trustOf = (Service: string) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service }, Action: 'sts:AssumeRole' }],
});

function aTarget(): DeploymentTarget {
  const clock = new VirtualClock();
  const estate = { clock, accountId: '111122223333', region: 'eu-central-1' };
  const services = createServices(estate);
  const directory = new Directory();
  for (const name of ['lambda', 'states']) {
    directory.addRole({ arn: roleArn(name), name, trust: trustOf(`${name}.amazonaws.com`) });
  }
  directory.attach('queues', allow('sqs:*', 'arn:aws:sqs:eu-central-1:111122223333:*'), ['lambda']);
  directory.addRole({
    arn: roleArn('rule'),
    name: 'rule',
    trust: trustOf('events.amazonaws.com'),
    policies: {
      start: allow('states:StartExecution', 'arn:aws:states:eu-central-1:111122223333:stateMachine:nightly'),
    },
  });
  return {
    directory,
    iam: new Authorizer({ estate, services, directory }, new Sessions(estate)),
    estate,
    services,
    functions: new LocalFunctionHost({
      clock,
      region: estate.region,
      endpointUrl: () => 'http://127.0.0.1:1',
      log: (group, stream, line) => services.logs.append(group, stream, line),
    }),
    machines: new StateMachines({ ...estate, invoke: async () => null }),
    bus: new EventBus(),
    schedules: new Schedules(estate),
    recorded: [],
  };
}

const aStack = (
  Resources: Readonly<Record<string, TemplateResource>>,
  rest: Partial<AssemblyStack['template']> & { name?: string; assets?: ReadonlyMap<string, string> } = {},
): AssemblyStack => {
  const { name = 'stack', assets = new Map<string, string>(), ...template } = rest;
  return { name, assets, template: { Resources, ...template } };
};

const aFunction = (changes: object = {}): TemplateResource => ({
  Type: 'AWS::Lambda::Function',
  Properties: {
    FunctionName: 'task',
    Code: { S3Key: 'hash.zip' },
    Handler: 'index.handler',
    Runtime: 'nodejs24.x',
    Role: roleArn('lambda'),
    ...changes,
  },
});

describe('a deployment', () => {
  it('makes each resource after those it refers to, whatever their order', async () => {
    const target = aTarget();
    const stack = aStack(
      {
        Alias: { Type: 'AWS::KMS::Alias', Properties: { AliasName: 'alias/one', TargetKeyId: { Ref: 'Key' } } },
        Key: { Type: 'AWS::KMS::Key', Properties: { EnableKeyRotation: true } },
      },
      { Outputs: { KeyArn: { Value: { 'Fn::GetAtt': ['Key', 'Arn'] } }, Region: { Value: { Ref: 'AWS::Region' } } } },
    );

    const outputs = await deploy([stack], target);

    const key = target.services.kms.describe('alias/one');
    expect(key.rotates).toBe(true);
    expect(outputs).toEqual({ stack: { KeyArn: key.arn, Region: 'eu-central-1' } });
  });

  it('hands values from stack to stack', async () => {
    const target = aTarget();
    const first = aStack(
      { Key: { Type: 'AWS::KMS::Key' } },
      { name: 'first', Outputs: { Key: { Value: { Ref: 'Key' }, Export: { Name: 'first:Key' } } } },
    );
    const alias = { AliasName: 'alias/two', TargetKeyId: { 'Fn::ImportValue': 'first:Key' } };
    const second = aStack({ Alias: { Type: 'AWS::KMS::Alias', Properties: alias } }, { name: 'second' });

    await deploy([first, second], target);

    expect(target.services.kms.describe('alias/two').id).toBe(target.services.kms.keys()[0]?.id);
  });

  it.each([
    [
      'an unknown resource type',
      { Thing: { Type: 'AWS::ApiGateway::RestApi' } },
      'does not deploy AWS::ApiGateway::RestApi (Thing)',
    ],
    [
      'an unknown attribute',
      {
        Key: { Type: 'AWS::KMS::Key' },
        Alias: {
          Type: 'AWS::KMS::Alias',
          Properties: { AliasName: 'alias/x', TargetKeyId: { 'Fn::GetAtt': ['Key', 'Odd'] } },
        },
      },
      'does not know attribute Odd of AWS::KMS::Key',
    ],
    [
      'a reference to nothing',
      { Alias: { Type: 'AWS::KMS::Alias', Properties: { AliasName: 'alias/x', TargetKeyId: { Ref: 'Nothing' } } } },
      'there is no resource Nothing',
    ],
    [
      'an import of nothing',
      {
        Alias: {
          Type: 'AWS::KMS::Alias',
          Properties: { AliasName: 'alias/x', TargetKeyId: { 'Fn::ImportValue': 'y' } },
        },
      },
      'nothing exports y',
    ],
    ['a function without code', { Task: aFunction() }, 'function task: its code is no asset of the assembly'],
    [
      'a rule with another target than a function or a state machine',
      { Rule: { Type: 'AWS::Events::Rule', Properties: { EventPattern: {}, Targets: [{ Arn: 'arn:aws:sns:x' }] } } },
      'delivers to Lambda functions, state machines and queues, not to arn:aws:sns:x',
    ],
    [
      'a target that gets a part of the event',
      {
        Rule: {
          Type: 'AWS::Events::Rule',
          Properties: { EventPattern: {}, Targets: [{ Arn: 'arn:aws:lambda:x:1:function:f', InputPath: '$.detail' }] },
        },
      },
      "does not know a target's InputPath",
    ],
    [
      'a state machine that the engine would run otherwise',
      {
        Machine: {
          Type: 'AWS::StepFunctions::StateMachine',
          Properties: {
            DefinitionString: '{"StartAt":"A","States":{}}',
            RoleArn: roleArn('states'),
          },
        },
      },
      /A/,
    ],
  ])('refuses %s', async (_what, resources, message) => {
    const deployed = deploy([aStack(resources as Record<string, TemplateResource>)], aTarget());

    await expect(deployed).rejects.toThrow(message);
  });

  it('names what has no name after stack and logical id', async () => {
    const target = aTarget();

    await deploy([aStack({ Files: { Type: 'AWS::S3::Bucket' }, Log: { Type: 'AWS::Logs::LogGroup' } })], target);

    expect(target.services.s3.bucket('stack-files')).toBeDefined();
    expect(target.services.logs.group('stack-Log')).toBeDefined();
  });
});

describe('a deployed function', () => {
  const withDestination = (code: string) =>
    aStack(
      {
        Task: aFunction({ Environment: { Variables: { QUEUE: { Ref: 'Letters' } } } }),
        Letters: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'letters' } },
        Config: {
          Type: 'AWS::Lambda::EventInvokeConfig',
          Properties: {
            FunctionName: { Ref: 'Task' },
            Qualifier: '$LATEST',
            DestinationConfig: { OnFailure: { Destination: { 'Fn::GetAtt': ['Letters', 'Arn'] } } },
          },
        },
        Rule: {
          Type: 'AWS::Events::Rule',
          Properties: {
            EventPattern: { source: ['test'] },
            Targets: [{ Arn: { 'Fn::GetAtt': ['Task', 'Arn'] }, Id: 'Target0' }],
          },
        },
        Permission: aPermission,
      },
      { assets: new Map([['hash', aBundle(code)]]) },
    );
  const anEvent = {
    version: '0',
    id: 'event-1',
    source: 'test',
    'detail-type': 'Test',
    account: '111122223333',
    region: 'eu-central-1',
    time: '2030-01-01T00:00:00Z',
    resources: [],
    detail: {},
  } as const;

  it('gets the events of its rule', async () => {
    const target = aTarget();
    await deploy(
      [withDestination('exports.handler = async (event) => console.log(event.id, process.env.QUEUE)')],
      target,
    );

    target.bus.publish(anEvent);
    await target.functions.settled();

    expect(target.services.logs.lines('/aws/lambda/task')).toEqual([
      'event-1 https://sqs.eu-central-1.amazonaws.com/111122223333/letters',
    ]);
  });

  it('sends what failed for good to its destination', async () => {
    const target = aTarget();
    await deploy([withDestination('exports.handler = async () => { throw new Error("no") }')], target);

    target.bus.publish(anEvent);
    await target.functions.settled();

    const messages = target.services.sqs.queue('arn:aws:sqs:eu-central-1:111122223333:letters')?.messages ?? [];
    expect(messages.map(({ body }) => JSON.parse(body))).toMatchObject([
      { requestPayload: { id: 'event-1' }, responsePayload: { errorMessage: 'no' } },
    ]);
  });
});

describe('a scheduled rule', () => {
  const machine = JSON.stringify({
    StartAt: 'End',
    States: { End: { Type: 'Succeed', Comment: 'There is nothing to do.' } },
  });
  const scheduled = (properties: object = {}) =>
    aStack(
      {
        Task: aFunction(),
        Machine: {
          Type: 'AWS::StepFunctions::StateMachine',
          Properties: {
            StateMachineName: 'nightly',
            DefinitionString: machine,
            RoleArn: roleArn('states'),
          },
        },
        Permission: aPermission,
        Rule: {
          Type: 'AWS::Events::Rule',
          Properties: {
            Name: 'every-night',
            ScheduleExpression: 'rate(1 day)',
            Targets: [
              { Id: 'Task', Arn: { 'Fn::GetAtt': ['Task', 'Arn'] } },
              { Id: 'Machine', Arn: { Ref: 'Machine' }, Input: '{"mode":"nightly"}', RoleArn: roleArn('rule') },
            ],
            ...properties,
          },
        },
      },
      {
        assets: new Map([['hash', aBundle('exports.handler = async (event) => console.log(JSON.stringify(event))')]]),
      },
    );

  it('fires when told to: functions get the event, state machines the input of their target', async () => {
    const target = aTarget();
    await deploy([scheduled()], target);
    await (target.estate.clock as VirtualClock).advance(3 * 86_400_000);
    const before = target.services.logs.lines('/aws/lambda/task');

    target.schedules.fire('every-night');
    await target.functions.settled();

    const [line = ''] = target.services.logs.lines('/aws/lambda/task');
    const [execution] = target.machines.list({ stateMachineArn: target.machines.machines[0]?.arn ?? '' }).items;
    expect(before).toEqual([]);
    expect(JSON.parse(line)).toMatchObject({
      source: 'aws.events',
      'detail-type': 'Scheduled Event',
      resources: ['arn:aws:events:eu-central-1:111122223333:rule/every-night'],
      detail: {},
    });
    expect(execution?.input).toBe('{"mode":"nightly"}');
    await target.machines.close();
  });

  it('hears no event of the bus', async () => {
    const target = aTarget();
    await deploy([scheduled()], target);

    target.bus.publish({
      version: '0',
      id: 'event-1',
      source: 'test',
      'detail-type': 'Test',
      account: '111122223333',
      region: 'eu-central-1',
      time: '2030-01-01T00:00:00Z',
      resources: [],
      detail: {},
    });
    await target.functions.settled();

    expect(target.services.logs.lines('/aws/lambda/task')).toEqual([]);
  });

  it('is not fired when it is disabled or unknown', async () => {
    const target = aTarget();
    await deploy([scheduled({ State: 'DISABLED' })], target);

    expect(() => target.schedules.fire('every-night')).toThrow('rule every-night is disabled');
    expect(() => target.schedules.fire('every-day')).toThrow(
      'no scheduled rule every-day is deployed; there are: every-night',
    );
    expect(target.schedules.list()).toEqual([{ name: 'every-night', expression: 'rate(1 day)', enabled: false }]);
  });
});

describe('a resource that does nothing here', () => {
  it('is recorded with its properties', async () => {
    const target = aTarget();

    await deploy(
      [
        aStack({
          Alarm: {
            Type: 'AWS::CloudWatch::Alarm',
            Properties: { AlarmName: 'too-much', AlarmActions: [{ Ref: 'Topic' }], Threshold: 1 },
          },
          Both: {
            Type: 'AWS::CloudWatch::CompositeAlarm',
            Properties: { AlarmRule: { 'Fn::Join': ['', ['ALARM("', { 'Fn::GetAtt': ['Alarm', 'Arn'] }, '")']] } },
          },
          Board: { Type: 'AWS::CloudWatch::Dashboard', Properties: { DashboardName: 'board', DashboardBody: '{}' } },
          Topic: { Type: 'AWS::SNS::Topic', Properties: { TopicName: 'alarms' } },
          Policy: { Type: 'AWS::SNS::TopicPolicy', Properties: { Topics: [{ Ref: 'Topic' }] } },
          Pager: { Type: 'AWS::SNS::Subscription', Properties: { TopicArn: { Ref: 'Topic' } } },
          Query: {
            Type: 'AWS::Logs::QueryDefinition',
            Properties: { Name: 'by tenant', QueryString: 'fields @message' },
          },
          Filter: { Type: 'AWS::Logs::MetricFilter', Properties: { FilterName: 'errors' } },
        }),
      ],
      target,
    );

    expect(target.recorded.find(({ name }) => name === 'too-much')?.properties).toEqual({
      AlarmName: 'too-much',
      AlarmActions: ['arn:aws:sns:eu-central-1:111122223333:alarms'],
      Threshold: 1,
    });
    expect(target.recorded.map(({ type, name }) => `${type} ${name}`)).toEqual([
      'AWS::SNS::Topic alarms',
      'AWS::CloudWatch::Alarm too-much',
      'AWS::CloudWatch::CompositeAlarm stack-Both',
      'AWS::CloudWatch::Dashboard board',
      'AWS::Logs::QueryDefinition by tenant',
      'AWS::Logs::MetricFilter errors',
    ]);
  });
});

describe('a deployed queue', () => {
  const withConsumer = (code: string, mapping: object = {}) =>
    aStack(
      {
        Dead: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'dead' } },
        Letters: {
          Type: 'AWS::SQS::Queue',
          Properties: {
            QueueName: 'letters',
            VisibilityTimeout: 720,
            RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': ['Dead', 'Arn'] }, maxReceiveCount: 3 },
          },
        },
        Policy: {
          Type: 'AWS::SQS::QueuePolicy',
          Properties: {
            Queues: [{ Ref: 'Letters' }],
            PolicyDocument: {
              Version: '2012-10-17',
              Statement: [
                {
                  Effect: 'Allow',
                  Principal: { Service: 'events.amazonaws.com' },
                  Action: 'sqs:SendMessage',
                  Resource: { 'Fn::GetAtt': ['Letters', 'Arn'] },
                  Condition: { ArnEquals: { 'aws:SourceArn': { 'Fn::GetAtt': ['Rule', 'Arn'] } } },
                },
              ],
            },
          },
        },
        Task: aFunction(),
        Mapping: {
          Type: 'AWS::Lambda::EventSourceMapping',
          Properties: {
            EventSourceArn: { 'Fn::GetAtt': ['Letters', 'Arn'] },
            FunctionName: { Ref: 'Task' },
            BatchSize: 10,
            FunctionResponseTypes: ['ReportBatchItemFailures'],
            ScalingConfig: { MaximumConcurrency: 2 },
            ...mapping,
          },
        },
        Rule: {
          Type: 'AWS::Events::Rule',
          Properties: {
            EventPattern: { source: ['test'] },
            Targets: [{ Arn: { 'Fn::GetAtt': ['Letters', 'Arn'] }, Id: 'Target0' }],
          },
        },
      },
      { assets: new Map([['hash', aBundle(code)]]) },
    );
  const event = (id: string) =>
    ({
      version: '0',
      id,
      source: 'test',
      'detail-type': 'Test',
      account: '111122223333',
      region: 'eu-central-1',
      time: '2030-01-01T00:00:00Z',
      resources: [],
      detail: {},
    }) as const;
  const left = (target: DeploymentTarget, name: string) =>
    target.services.sqs
      .queue(`arn:aws:sqs:eu-central-1:111122223333:${name}`)
      ?.messages.map(({ body }) => JSON.parse(body).id);

  it('takes the events of a rule to the function that it is mapped to', async () => {
    const target = aTarget();
    await deploy(
      [
        withConsumer(
          'exports.handler = async ({ Records: [{ body, eventSource }] }) => console.log(JSON.parse(body).id, eventSource)',
        ),
      ],
      target,
    );

    target.bus.publish(event('event-1'));
    await target.services.sqs.settled();

    expect(target.services.logs.lines('/aws/lambda/task')).toEqual(['event-1 aws:sqs']);
    expect(left(target, 'letters')).toEqual([]);
  });

  it.each([
    ['reports', 'return { batchItemFailures: [{ itemIdentifier: messageId }] }'],
    ['throws on', 'throw new Error("no")'],
    ['answers a nonsense report about', 'return { batchItemFailures: [{}] }'],
  ])('gives up what the function %s', async (_what, answer) => {
    const target = aTarget();
    await deploy(
      [withConsumer(`exports.handler = async ({ Records: [{ messageId }] }) => { console.log("ran"); ${answer}; }`)],
      target,
    );

    target.bus.publish(event('event-1'));
    await target.services.sqs.settled();

    expect(target.services.logs.lines('/aws/lambda/task')).toHaveLength(3);
    expect(left(target, 'letters')).toEqual([]);
    expect(left(target, 'dead')).toEqual(['event-1']);
  });

  it('refuses what it would do otherwise', async () => {
    const filtered = withConsumer('exports.handler = async () => {}', { FilterCriteria: { Filters: [] } });

    await expect(deploy([filtered], aTarget())).rejects.toThrow('knows nothing of FilterCriteria');
  });
});

describe('reading an assembly', () => {
  it('needs one', () => {
    const directory = mkdtempSync(join(tmpdir(), 'no-assembly-'));

    expect(() => readAssembly(directory)).toThrow(`${directory} holds no cloud assembly; synthesize the app first`);

    rmSync(directory, { recursive: true });
  });
});

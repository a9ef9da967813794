import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServices } from '../../../sandbox/aws';
import { type AssemblyStack, readAssembly, type TemplateResource } from '../../../sandbox/deploy/assembly';
import { deploy } from '../../../sandbox/deploy/deploy';
import type { DeploymentTarget } from '../../../sandbox/deploy/resource-types';
import { StateMachines } from '../../../sandbox/engine/executions';
import { EventBus } from '../../../sandbox/events';
import { LocalFunctionHost } from '../../../sandbox/runtime/function-host';
import { VirtualClock } from '../../../sandbox/virtual-clock';
import { aBundle, removeBundles } from '../runtime/a-bundle';

afterAll(removeBundles);

function aTarget(): DeploymentTarget {
  const clock = new VirtualClock();
  const estate = { clock, accountId: '111122223333', region: 'eu-central-1' };
  const services = createServices(estate);
  return {
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
    queues: new Map(),
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
      'a rule with another target than a function',
      { Rule: { Type: 'AWS::Events::Rule', Properties: { EventPattern: {}, Targets: [{ Arn: 'arn:aws:sqs:x' }] } } },
      'delivers to Lambda functions only',
    ],
    [
      'a state machine that the engine would run otherwise',
      {
        Machine: {
          Type: 'AWS::StepFunctions::StateMachine',
          Properties: { DefinitionString: '{"StartAt":"A","States":{}}', RoleArn: 'arn:aws:iam::111122223333:role/r' },
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

    const messages = target.queues.get('arn:aws:sqs:eu-central-1:111122223333:letters') ?? [];
    expect(messages.map(({ body }) => JSON.parse(body))).toMatchObject([
      { requestPayload: { id: 'event-1' }, responsePayload: { errorMessage: 'no' } },
    ]);
  });
});

describe('reading an assembly', () => {
  it('needs one', () => {
    const directory = mkdtempSync(join(tmpdir(), 'no-assembly-'));

    expect(() => readAssembly(directory)).toThrow(`${directory} holds no cloud assembly; synthesize the app first`);

    rmSync(directory, { recursive: true });
  });
});

import { Match } from 'aws-cdk-lib/assertions';
import { ALARMS, DEAD_LETTER_QUEUES } from '../../infra/constructs/alarms';
import { addStage } from '../../infra/stage';
import { METRICS } from '../../tasks/shared/metrics';
import { anApp, aStage, everyStage, propertiesOf, type Resource } from './a-stage';

interface Alarm {
  readonly AlarmName: string;
  readonly AlarmDescription: string;
  readonly TreatMissingData: string;
  readonly AlarmActions: readonly unknown[];
  readonly OKActions: readonly unknown[];
}

const alarmsOf = (stage: 'dev' | 'staging' | 'prod') =>
  propertiesOf(aStage(stage), 'AWS::CloudWatch::Alarm').map(([, properties]) => properties as unknown as Alarm);

describe.each(everyStage)('the alarms of %s', (stage) => {
  it('are those of the list', () => {
    const names = alarmsOf(stage).map(({ AlarmName }) => AlarmName);

    expect(names.sort()).toEqual(ALARMS.map(({ name }) => `tenant-lifecycle-${stage}-${name}`).sort());
  });

  it('tell the one topic when it begins and when it is over', () => {
    const [topic] = propertiesOf(aStage(stage), 'AWS::SNS::Topic');

    for (const { AlarmActions, OKActions } of alarmsOf(stage)) {
      expect(AlarmActions).toEqual([{ Ref: topic?.[0] }]);
      expect(OKActions).toEqual(AlarmActions);
    }
  });
});

describe('every alarm', () => {
  it('says in a sentence what has happened, and links to its heading in the runbook', () => {
    for (const { AlarmName, AlarmDescription } of alarmsOf('prod')) {
      const name = AlarmName.replace('tenant-lifecycle-prod-', '');
      expect(AlarmDescription).toMatch(/^[A-Z].{30,}\. What to do: /);
      expect(AlarmDescription.endsWith(`docs/runbook.md#${name}`)).toBe(true);
    }
  });

  it('treats silence as bad only where a scheduled task has fallen silent', () => {
    const breaching = alarmsOf('prod').filter(({ TreatMissingData }) => TreatMissingData === 'breaching');

    expect(breaching.map(({ AlarmName }) => AlarmName)).toEqual(
      ['estate-not-observed', 'archive-not-reconciled', 'tenants-not-examined'].map(
        (name) => `tenant-lifecycle-prod-${name}`,
      ),
    );
  });

  it('has a rule behind it that makes its task speak', () => {
    const scheduled = propertiesOf(aStage('prod'), 'AWS::Events::Rule').filter(
      ([, { ScheduleExpression }]) => ScheduleExpression !== undefined,
    );

    expect(scheduled.map(([, { Name, ScheduleExpression }]) => [Name, ScheduleExpression])).toContainEqual([
      'tenant-lifecycle-prod-observe-estate',
      'rate(15 minutes)',
    ]);
  });
});

describe('every dead-letter queue', () => {
  /** Queues that something sends what it could not do to. */
  const deadLetterQueues = (): readonly string[] => {
    const { resources } = aStage('prod');
    const targets = Object.values(resources).flatMap(({ Properties }: Resource) => [
      ...[
        ...JSON.stringify(Properties).matchAll(
          /"(?:deadLetterTargetArn|Destination|DeadLetterConfig)":(?:\{"Arn":)?\{"Fn::GetAtt":\["(\w+)"/g,
        ),
      ],
    ]);
    const ids = new Set(targets.map(([, id]) => id ?? ''));
    return [...ids].map((id) => String(resources[id]?.Properties['QueueName']).replace('tenant-lifecycle-prod-', ''));
  };

  it('has an alarm', () => {
    expect(deadLetterQueues().length).toBeGreaterThan(0);
    expect([...deadLetterQueues()].sort()).toEqual(DEAD_LETTER_QUEUES.map(({ name }) => name).sort());
  });
});

describe('the topic', () => {
  const { lifecycle } = aStage('prod');

  it('is encrypted under a key that CloudWatch may use, for alarms of this account only', () => {
    lifecycle.hasResourceProperties('AWS::SNS::Topic', {
      TopicName: 'tenant-lifecycle-prod-alarms',
      KmsMasterKeyId: Match.anyValue(),
    });
    const ofThisAccount = { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } };
    lifecycle.hasResourceProperties('AWS::KMS::Key', {
      EnableKeyRotation: true,
      KeyPolicy: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Condition: ofThisAccount,
          }),
        ]),
      },
    });
    lifecycle.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: 'sns:Publish',
            Effect: 'Allow',
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Condition: ofThisAccount,
          }),
        ]),
      },
    });
  });

  it('has the subscription that the context asks for, and none without', () => {
    const stacks = addStage(
      anApp('dev', { alarmEmail: 'oncall@example.com', runbookUrl: 'https://wiki.example/runbook' }),
    );
    const resources = Object.values(
      (stacks.lifecycle.node.root as ReturnType<typeof anApp>).synth().getStackByName(stacks.lifecycle.stackName)
        .template['Resources'] as Record<string, Resource>,
    );

    const subscriptions = resources.filter(({ Type }) => Type === 'AWS::SNS::Subscription');
    const [alarm] = resources.filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm');
    expect(subscriptions.map(({ Properties }) => [Properties['Protocol'], Properties['Endpoint']])).toEqual([
      ['email', 'oncall@example.com'],
    ]);
    expect(String(alarm?.Properties['AlarmDescription'])).toContain('https://wiki.example/runbook#');
    aStage('dev').lifecycle.resourceCountIs('AWS::SNS::Subscription', 0);
  });
});

describe('the dashboard', () => {
  const body = JSON.stringify(propertiesOf(aStage('prod'), 'AWS::CloudWatch::Dashboard'));

  it('shows every gauge and every alarm', () => {
    const hidden = Object.values(METRICS).filter((name) => !body.includes(name));
    const alarms = Object.entries(aStage('prod').resources).filter(([, { Type }]) => Type === 'AWS::CloudWatch::Alarm');

    expect(hidden).toEqual([]);
    expect(alarms.filter(([id]) => !body.includes(id)).map(([id]) => id)).toEqual([]);
  });
});

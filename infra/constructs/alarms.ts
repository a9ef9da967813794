import { Stack } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { reconcileArchive } from '../../tasks/audit-archive/contract';
import type { FindingKind } from '../../tasks/doctor/finding';
import { observeEstate } from '../../tasks/estate/contract';
import { REDRIVE_WARNING_DAYS } from '../../tasks/estate/observation';
import { TENANT_RESOURCES } from '../../tasks/resources';
import { AuditChainBrokenError, ThrottledError } from '../../tasks/shared/errors';
import { METRICS } from '../../tasks/shared/metrics';
import { appId } from '../../tasks/shared/names';
import type { StageConfig } from '../config';
import {
  DAILY,
  functionThrottles,
  gauge,
  lowest,
  type MetricSources,
  messagesIn,
  ofMachines,
  QUARTER,
  SHORTLY,
  sum,
  taskRuns,
} from './metrics';
import { PlatformKey } from './platform-key';

/** One alarm; its heading in docs/runbook.md has the same name. */
export interface AlarmDefinition {
  readonly name: string;
  /** First sentence of its description. */
  readonly meaning: string;
  readonly metric: (sources: MetricSources) => IMetric;
  /** It alarms at this value and above; `below`: under it. */
  readonly threshold: number;
  readonly below?: true;
  /** How many of the last periods must be so. @default 1 of 1 */
  readonly periods?: { readonly bad: number; readonly of: number };
  /**
   * What silence means. `fine`: the service reports only when there is something to report. `unchanged`: a gauge of a scheduled
   * task, whose own absence has an alarm. `bad`: the silence is what the alarm is about.
   */
  readonly silence: 'fine' | 'unchanged' | 'bad';
}

/** Percent of a quota that must stay free: enough for the weeks that raising one may take. */
const HEADROOM_PERCENT = 20;

/** Every throttled call is retried for minutes; more of them within a quarter of an hour are no accident. */
const THROTTLED_RUNS = 5;

/** Dead-letter queues, by name without app and stage. */
export const DEAD_LETTER_QUEUES: readonly { name: string; meaning: string }[] = [
  {
    name: 'audit-archive-failed',
    meaning: 'The history of an ended execution could not be archived; its message waits in a queue.',
  },
  {
    name: 'unrecorded-outcomes',
    meaning: 'The end of an execution could not be recorded on its tenant; the event waits in a queue.',
  },
];

/** Step Functions forgets an execution 90 days after its end; the last ten are for whoever has to repair the archive. */
const ARCHIVE_DEADLINE_DAYS = 80;

/** Every alarm there is. */
export const ALARMS: readonly AlarmDefinition[] = [
  {
    name: 'failed-execution',
    meaning: 'An execution has failed or timed out, and waits for a redrive.',
    metric: (sources) =>
      sum(
        ['ExecutionsFailed', 'ExecutionsTimedOut'].flatMap((name) => ofMachines(sources, name)),
        'failed executions',
      ),
    threshold: 1,
    silence: 'fine',
  },
  {
    name: 'stuck-execution',
    meaning: 'An execution has been at work for longer than its operation takes.',
    metric: (sources) => gauge(sources, METRICS.stuckExecutions),
    threshold: 1,
    silence: 'unchanged',
  },
  {
    name: 'unattended-tenant',
    meaning: 'A tenant is in the middle of an operation and no running execution works for it.',
    metric: (sources) => gauge(sources, METRICS.unattendedTenants),
    threshold: 1,
    periods: { bad: 2, of: 2 },
    silence: 'unchanged',
  },
  {
    name: 'redrive-window-closing',
    meaning: `An execution failed ${REDRIVE_WARNING_DAYS} days ago or earlier and was not replayed; after 14 days it cannot be redriven.`,
    metric: (sources) => gauge(sources, METRICS.redriveWindowClosing),
    threshold: 1,
    silence: 'unchanged',
  },
  {
    name: 'quota-headroom-low',
    meaning: `Less than ${HEADROOM_PERCENT} % of a quota is free; when nothing is, onboardings are refused.`,
    metric: (sources) =>
      lowest(
        TENANT_RESOURCES.filter(({ quota }) => quota !== undefined).map(({ type }) =>
          gauge(sources, METRICS.quotaHeadroom, { dimensions: { resource: type } }),
        ),
        'lowest headroom, percent',
      ),
    threshold: HEADROOM_PERCENT,
    below: true,
    silence: 'unchanged',
  },
  {
    name: 'functions-throttled',
    meaning: 'Lambda throttles functions of this account and Region; they share one concurrency limit.',
    metric: () => functionThrottles(),
    threshold: 1,
    periods: { bad: 2, of: 3 },
    silence: 'fine',
  },
  {
    name: 'executions-throttled',
    meaning: 'Step Functions throttles the state transitions of executions, which slows all of them.',
    metric: (sources) => sum(ofMachines(sources, 'ExecutionThrottled'), 'throttled transitions'),
    threshold: 1,
    periods: { bad: 2, of: 3 },
    silence: 'fine',
  },
  {
    name: 'aws-calls-throttled',
    meaning: 'AWS throttles calls of the tasks; they are retried, and fail for good after about a quarter of an hour.',
    metric: (sources) => taskRuns(sources, { outcome: new ThrottledError('').name }, QUARTER),
    threshold: THROTTLED_RUNS,
    silence: 'fine',
  },
  {
    name: 'estate-not-observed',
    meaning: 'The gauges that other alarms rest on are not emitted any more.',
    metric: (sources) => taskRuns(sources, { step: observeEstate.stateName, outcome: 'Success' }, QUARTER),
    threshold: 1,
    below: true,
    periods: { bad: 3, of: 3 },
    silence: 'bad',
  },
  {
    name: 'archive-behind',
    meaning: 'An execution that ended more than a day ago is not in the audit archive, and could not be put there.',
    metric: (sources) => gauge(sources, METRICS.oldestUnarchived, { period: DAILY }),
    threshold: 1,
    silence: 'unchanged',
  },
  {
    name: 'archive-deadline',
    meaning: `An execution that ended ${ARCHIVE_DEADLINE_DAYS} days ago is not in the audit archive; Step Functions forgets it after 90 days.`,
    metric: (sources) => gauge(sources, METRICS.oldestUnarchived, { period: DAILY }),
    threshold: ARCHIVE_DEADLINE_DAYS,
    silence: 'unchanged',
  },
  {
    name: 'audit-chain-broken',
    meaning:
      'A record of a tenant’s audit chain is missing or was altered: somebody has written or deleted in the audit bucket.',
    metric: (sources) => taskRuns(sources, { outcome: new AuditChainBrokenError('').name }, QUARTER),
    threshold: 1,
    silence: 'fine',
  },
  {
    name: 'archive-not-reconciled',
    meaning: 'For two days nobody has looked whether all ended executions are in the audit archive.',
    metric: (sources) => taskRuns(sources, { step: reconcileArchive.stateName, outcome: 'Success' }, DAILY),
    threshold: 1,
    below: true,
    periods: { bad: 2, of: 2 },
    silence: 'bad',
  },
  {
    name: 'tenants-not-examined',
    meaning: 'For two days no examination has compared the tenants and the account with the registry.',
    // Not the runs of its last step: an examination of one tenant ends with it, too, and emits no gauges.
    metric: (sources) =>
      gauge(sources, METRICS.orphanedKeys, { period: DAILY }).with({ statistic: Stats.SAMPLE_COUNT }),
    threshold: 1,
    below: true,
    periods: { bad: 2, of: 2 },
    silence: 'bad',
  },
  {
    name: 'unexamined-tenant',
    meaning: 'The daily examination went through, and could not examine a tenant, or any of them.',
    metric: (sources) =>
      gauge(sources, METRICS.doctorFindings, {
        dimensions: { kind: 'unexamined' satisfies FindingKind },
        period: DAILY,
      }),
    threshold: 1,
    silence: 'unchanged',
  },
  ...DEAD_LETTER_QUEUES.map(
    ({ name, meaning }): AlarmDefinition => ({
      name,
      meaning,
      metric: (sources) => messagesIn(sources, name, SHORTLY),
      threshold: 1,
      silence: 'fine',
    }),
  ),
  {
    name: 'orphaned-key',
    meaning: 'A KMS key that this app made belongs to no tenant.',
    metric: (sources) => gauge(sources, METRICS.orphanedKeys, { period: DAILY }),
    threshold: 1,
    silence: 'unchanged',
  },
];

const SILENCE: Readonly<Record<AlarmDefinition['silence'], TreatMissingData>> = {
  fine: TreatMissingData.NOT_BREACHING,
  unchanged: TreatMissingData.IGNORE,
  bad: TreatMissingData.BREACHING,
};

export const alarmName = ({ app }: Pick<StageConfig, 'app'>, { name }: Pick<AlarmDefinition, 'name'>): string =>
  `${appId(app)}-${name}`;

export interface AlarmsProps {
  readonly config: StageConfig;
  readonly sources: MetricSources;
}

/** All alarms of a stage, wired to one topic. They say when it is over, too. */
export class Alarms extends Construct {
  readonly topic: Topic;
  readonly alarms: readonly Alarm[];

  constructor(scope: Construct, id: string, { config, sources }: AlarmsProps) {
    super(scope, id);
    this.topic = alarmTopic(this, config);
    const action = new SnsAction(this.topic);
    this.alarms = ALARMS.map((definition) => {
      const { name, meaning, metric, threshold, below, periods = { bad: 1, of: 1 }, silence } = definition;
      const alarm = new Alarm(this, name, {
        alarmName: alarmName(config, definition),
        alarmDescription: `${meaning} What to do: ${config.runbookUrl}#${name}`,
        metric: metric(sources),
        threshold,
        comparisonOperator:
          below === true
            ? ComparisonOperator.LESS_THAN_THRESHOLD
            : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        evaluationPeriods: periods.of,
        datapointsToAlarm: periods.bad,
        treatMissingData: SILENCE[silence],
      });
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
      return alarm;
    });
  }
}

/** CloudWatch cannot publish to a topic under the AWS managed key, hence a key of our own [SNS, key management]. */
function alarmTopic(scope: Construct, config: StageConfig): Topic {
  const { account } = Stack.of(scope);
  const cloudWatch = new ServicePrincipal('cloudwatch.amazonaws.com', {
    conditions: { StringEquals: { 'aws:SourceAccount': account } },
  });
  const { key } = new PlatformKey(scope, 'Key', { config, purpose: 'alarms', retain: config.retain });
  key.addToResourcePolicy(
    new PolicyStatement({
      sid: 'PublishAlarms',
      effect: Effect.ALLOW,
      principals: [cloudWatch],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      resources: ['*'],
    }),
  );
  const topic = new Topic(scope, 'Topic', {
    topicName: `${appId(config.app)}-alarms`,
    displayName: `${appId(config.app)} alarms`,
    masterKey: key,
    enforceSSL: true,
  });
  topic.addToResourcePolicy(
    new PolicyStatement({
      sid: 'PublishAlarms',
      effect: Effect.ALLOW,
      principals: [cloudWatch],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
    }),
  );
  if (config.alarmEmail !== undefined) topic.addSubscription(new EmailSubscription(config.alarmEmail));
  return topic;
}

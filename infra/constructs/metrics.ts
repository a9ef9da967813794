import { Duration } from 'aws-cdk-lib';
import { type IMetric, MathExpression, Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { TaskContract } from '../../tasks/shared/contract';
import { type Dimensions, METRICS, type MetricName } from '../../tasks/shared/metrics';
import { type App, appId } from '../../tasks/shared/names';

/** What metrics are about: one app and stage, and the ARNs of its machines by what they do. */
export interface MetricSources {
  readonly app: App;
  readonly stateMachineArns: Readonly<Record<string, string>>;
}

/** Namespace of the functions' own metrics, POWERTOOLS_METRICS_NAMESPACE. */
export const metricsNamespace = ({ name, stage }: App): string => `${name}/${stage}`;

export const SHORTLY = Duration.minutes(5);
/** As often as the estate is observed. */
export const QUARTER = Duration.minutes(15);
/** As often as the archive is reconciled and the tenants are examined. */
export const DAILY = Duration.days(1);

/** A gauge of this app's functions; its highest value within the period. */
export const gauge = (
  { app }: MetricSources,
  metricName: MetricName,
  { dimensions = {}, period = QUARTER }: { dimensions?: Dimensions; period?: Duration } = {},
): Metric =>
  new Metric({
    namespace: metricsNamespace(app),
    metricName,
    dimensionsMap: { service: app.name, ...dimensions },
    statistic: Stats.MAXIMUM,
    period,
    label: Object.values(dimensions)[0] ?? metricName,
  });

/** How often the tasks ended so: one outcome of all steps, or of one. */
export const taskRuns = (
  { app }: MetricSources,
  { outcome, step }: { outcome: string; step?: TaskContract['stateName'] },
  period: Duration,
): Metric =>
  new Metric({
    namespace: metricsNamespace(app),
    metricName: METRICS.stepDuration,
    dimensionsMap: { service: app.name, ...(step !== undefined && { step }), outcome },
    statistic: Stats.SAMPLE_COUNT,
    period,
    label: `${step ?? 'all steps'}: ${outcome}`,
  });

/** A metric of each state machine, by Step Functions itself. */
export const ofMachines = (
  { stateMachineArns }: MetricSources,
  metricName: string,
  period = SHORTLY,
): readonly Metric[] =>
  Object.entries(stateMachineArns).map(
    ([machine, StateMachineArn]) =>
      new Metric({
        namespace: 'AWS/States',
        metricName,
        dimensionsMap: { StateMachineArn },
        statistic: Stats.SUM,
        period,
        label: `${machine} ${metricName}`,
      }),
  );

export const messagesIn = ({ app }: MetricSources, queue: string, period = SHORTLY): Metric =>
  new Metric({
    namespace: 'AWS/SQS',
    metricName: 'ApproximateNumberOfMessagesVisible',
    dimensionsMap: { QueueName: `${appId(app)}-${queue}` },
    statistic: Stats.MAXIMUM,
    period,
    label: queue,
  });

/** All functions of the account in this Region: they share one concurrency limit. */
export const functionThrottles = (period = SHORTLY): Metric =>
  new Metric({ namespace: 'AWS/Lambda', metricName: 'Throttles', statistic: Stats.SUM, period, label: 'functions' });

export const sum = (metrics: readonly IMetric[], label: string, period = SHORTLY): MathExpression =>
  combined((names) => names.join(' + '), metrics, label, period);

export const lowest = (metrics: readonly IMetric[], label: string, period = QUARTER): MathExpression =>
  combined((names) => `MIN([${names.join(', ')}])`, metrics, label, period);

function combined(
  expressionOf: (names: readonly string[]) => string,
  metrics: readonly IMetric[],
  label: string,
  period: Duration,
): MathExpression {
  const usingMetrics = Object.fromEntries(metrics.map((metric, position) => [`m${position}`, metric]));
  return new MathExpression({ expression: expressionOf(Object.keys(usingMetrics)), usingMetrics, label, period });
}

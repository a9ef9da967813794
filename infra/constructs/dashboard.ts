import { Duration } from 'aws-cdk-lib';
import {
  AlarmStatusWidget,
  Dashboard as CloudWatchDashboard,
  GraphWidget,
  type IAlarm,
  type IMetric,
  type IWidget,
  MathExpression,
  SingleValueWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { TENANT_RESOURCES } from '../../tasks/resources';
import { ThrottledError } from '../../tasks/shared/errors';
import { METRICS } from '../../tasks/shared/metrics';
import { appId } from '../../tasks/shared/names';
import { OPERATIONS, STATUSES } from '../../tasks/shared/tenant';
import type { StageConfig } from '../config';
import {
  DAILY,
  functionThrottles,
  gauge,
  type MetricSources,
  messagesIn,
  metricsNamespace,
  ofMachines,
  QUARTER,
  SHORTLY,
  taskRuns,
} from './metrics';

export interface DashboardProps {
  readonly config: StageConfig;
  readonly sources: MetricSources;
  readonly alarms: readonly IAlarm[];
  readonly queues: readonly string[];
}

const HALF = 12;
const THIRD = 8;

/** What an operator looks at first: what is wrong, then what goes on, then what is running short. */
export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, { config, sources, alarms, queues }: DashboardProps) {
    super(scope, id);
    const dashboard = new CloudWatchDashboard(this, 'Dashboard', {
      dashboardName: appId(config.app),
      defaultInterval: Duration.days(1),
    });
    for (const row of rows(sources, alarms, queues)) dashboard.addWidgets(...row);
  }
}

function rows(sources: MetricSources, alarms: readonly IAlarm[], queues: readonly string[]): IWidget[][] {
  const value = (name: Parameters<typeof gauge>[1]) => gauge(sources, name);
  const machines = (...names: string[]) => names.flatMap((name) => ofMachines(sources, name));
  return [
    [new AlarmStatusWidget({ title: 'Alarms', alarms: [...alarms], width: 24, height: 3 })],
    [
      new SingleValueWidget({
        title: 'Tenants',
        width: 24,
        metrics: STATUSES.map((status) => gauge(sources, METRICS.tenants, { dimensions: { status } })),
      }),
    ],
    [
      graph('Executions that succeeded', HALF, machines('ExecutionsSucceeded')),
      graph('Executions that failed, timed out, were stopped', HALF, [
        ...machines('ExecutionsFailed', 'ExecutionsTimedOut', 'ExecutionsAborted'),
      ]),
    ],
    [
      graph('Mean duration by step, ms', HALF, [
        search(sources, ['step'], `MetricName="${METRICS.stepDuration}"`, 'Average'),
      ]),
      graph('Task runs by outcome', HALF, [
        search(sources, ['outcome'], `MetricName="${METRICS.stepDuration}"`, 'SampleCount'),
      ]),
    ],
    [
      graph(
        'Oldest execution at work, minutes',
        THIRD,
        OPERATIONS.map((operation) => gauge(sources, METRICS.oldestExecution, { dimensions: { operation } })),
      ),
      graph('Oldest failure not replayed, hours', THIRD, [value(METRICS.oldestFailure)]),
      graph('Stuck, unattended, failed', THIRD, [
        value(METRICS.stuckExecutions),
        value(METRICS.unattendedTenants),
        value(METRICS.failedTenants),
        value(METRICS.redriveWindowClosing),
      ]),
    ],
    [
      graph('Holds', HALF, [value(METRICS.holds), value(METRICS.legalHolds), value(METRICS.purgesAwaitingApproval)]),
      graph(
        'Quota headroom, percent',
        HALF,
        TENANT_RESOURCES.filter(({ quota }) => quota !== undefined).map(({ type }) =>
          gauge(sources, METRICS.quotaHeadroom, { dimensions: { resource: type } }),
        ),
      ),
    ],
    [
      graph('Archive lag', HALF, [
        gauge(sources, METRICS.unarchivedExecutions, { period: DAILY }),
        gauge(sources, METRICS.oldestUnarchived, { period: DAILY }),
      ]),
      graph('Doctor', HALF, [
        search(sources, ['kind'], `MetricName="${METRICS.doctorFindings}"`, 'Maximum'),
        gauge(sources, METRICS.orphanedKeys, { period: DAILY }),
      ]),
    ],
    [
      graph('Throttled', HALF, [
        functionThrottles(),
        ...machines('ExecutionThrottled'),
        taskRuns(sources, { outcome: new ThrottledError('').name }, SHORTLY),
      ]),
      graph(
        'Messages in dead-letter queues',
        HALF,
        queues.map((queue) => messagesIn(sources, queue)),
      ),
    ],
  ];
}

const graph = (title: string, width: number, left: IMetric[]): GraphWidget =>
  new GraphWidget({ title, width, left, leftYAxis: { min: 0 }, period: QUARTER });

/** Every metric of our namespace with exactly these dimensions: a new step needs no change here. */
const search = (
  { app }: MetricSources,
  dimensions: readonly string[],
  wanted: string,
  statistic: string,
): MathExpression =>
  new MathExpression({
    expression: `SEARCH('{${[`"${metricsNamespace(app)}"`, 'service', ...dimensions].join(',')}} ${wanted}', '${statistic}', ${QUARTER.toSeconds()})`,
    usingMetrics: {},
    label: '',
    period: QUARTER,
  });

import { DeleteObjectCommand, ListObjectVersionsCommand, S3Client } from '@aws-sdk/client-s3';
import { ALARMS } from '../../infra/constructs/alarms';
import { onboardToTheEnd } from '../../sandbox/requests';
import { chainPrefix } from '../../tasks/shared/names';
import { aRequest, useApp, withoutPausesOfTheSdk } from '../lifecycle/app-under-test';
import { emittedMetrics, fireAllSchedules, metricId } from './emitted-metrics';

withoutPausesOfTheSdk();
const app = useApp();

interface Metric {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions?: readonly { readonly Name: string; readonly Value: string }[];
}

/** What one deployed alarm watches, its expression's parts included. */
function metricsOf(alarm: Metric & { Metrics?: { MetricStat?: { Metric: Metric } }[] }): readonly Metric[] {
  const parts = alarm.Metrics?.flatMap(({ MetricStat }) => MetricStat?.Metric ?? []);
  return parts ?? [alarm];
}

const dimensionsOf = ({ Dimensions = [] }: Metric): Record<string, string> =>
  Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value]));

/** Whether AWS emits it by itself, for a resource that exists. */
function existsOnAws({ Namespace, ...metric }: Metric): boolean {
  const { StateMachineArn, QueueName, ...others } = dimensionsOf({ Namespace, ...metric });
  if (Object.keys(others).length > 0) return false;
  switch (Namespace) {
    case 'AWS/States':
      return app().machines.machines.some(({ arn }) => arn === StateMachineArn);
    case 'AWS/SQS':
      return app()
        .services.sqs.queues()
        .some(({ name }) => name === QueueName);
    // Of all functions together.
    case 'AWS/Lambda':
      return StateMachineArn === undefined && QueueName === undefined;
    default:
      return false;
  }
}

beforeAll(async () => {
  app().faults.add({ operation: 'CreateAlias', when: 'before', effect: { kind: 'throttle' }, times: 3 });
  await onboardToTheEnd(app(), aRequest({ tenantId: 'acme', tier: 'premium' }));
  await fireAllSchedules(app());
  await removeAuditChain('acme');
  await app().clock.advance(2 * 86_400_000);
  await fireAllSchedules(app());
});

/** As somebody might who may bypass GOVERNANCE mode. */
async function removeAuditChain(tenantId: string): Promise<void> {
  const s3 = new S3Client({ ...app().clientConfig, forcePathStyle: true });
  const Bucket = app().output('AuditBucketName');
  const { Versions = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket, Prefix: chainPrefix(tenantId) }));
  for (const { Key, VersionId } of Versions)
    await s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId, BypassGovernanceRetention: true }));
  s3.destroy();
}

describe('the deployed alarms', () => {
  it.each(ALARMS.map(({ name }) => [name]))('%s watches metrics that somebody emits', (name) => {
    const alarm = app().recorded('AWS::CloudWatch::Alarm').get(`tenant-lifecycle-dev-${name}`);
    const emitted = emittedMetrics(app());

    const watched = metricsOf(alarm);
    const unknown = watched.filter(
      (metric) =>
        !emitted.has(metricId(metric.Namespace, metric.MetricName, dimensionsOf(metric))) && !existsOnAws(metric),
    );

    expect(watched.length).toBeGreaterThan(0);
    expect(unknown).toEqual([]);
  });

  it('are told to the topic', () => {
    const [topic] = app().recorded('AWS::SNS::Topic').keys();
    const actions = [...app().recorded('AWS::CloudWatch::Alarm').values()].flatMap(({ AlarmActions }) => AlarmActions);

    expect(new Set(actions)).toEqual(new Set([`arn:aws:sns:us-east-1:000000000000:${topic}`]));
  });
});

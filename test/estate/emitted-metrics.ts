import type { Sandbox } from '../../sandbox/sandbox';

/** A metric as CloudWatch tells metrics apart: namespace, name, and dimensions with their values. */
export type MetricId = string;

export const metricId = (namespace: string, name: string, dimensions: Readonly<Record<string, string>>): MetricId =>
  [
    namespace,
    name,
    ...Object.entries(dimensions)
      .sort()
      .map((pair) => pair.join('=')),
  ].join(' ');

interface Directive {
  readonly Namespace: string;
  readonly Dimensions: readonly (readonly string[])[];
  readonly Metrics: readonly { readonly Name: string }[];
}

/** Last value of every metric that the functions have emitted so far, read from their logs as CloudWatch reads them. */
export function emittedMetrics({ services }: Sandbox): ReadonlyMap<MetricId, number> {
  const metrics = new Map<MetricId, number>();
  const lines = services.logs
    .groups()
    .filter(({ name }) => name.startsWith('/aws/lambda/'))
    .flatMap(({ name }) => services.logs.lines(name))
    .filter((line) => line.includes('"_aws"'));
  for (const line of lines) {
    const { _aws, ...members } = JSON.parse(line) as { _aws: { CloudWatchMetrics: Directive[] } } & Record<
      string,
      unknown
    >;
    for (const { Namespace, Dimensions, Metrics } of _aws.CloudWatchMetrics) {
      for (const names of Dimensions) {
        const dimensions = Object.fromEntries(names.map((name) => [name, String(members[name])]));
        for (const { Name } of Metrics) metrics.set(metricId(Namespace, Name, dimensions), Number(members[Name]));
      }
    }
  }
  return metrics;
}

/** Fires every scheduled rule once, and waits for what it starts. */
export async function fireAllSchedules(sandbox: Sandbox): Promise<void> {
  for (const { name } of sandbox.schedules.list()) await sandbox.fireSchedule(name);
  const running = sandbox.machines.machines.flatMap(
    ({ arn }) => sandbox.machines.list({ stateMachineArn: arn, statusFilter: 'RUNNING' }).items,
  );
  // Executions that rules start have the event's id for a name; those of tenants have names of ours, and may sleep.
  const started = running.filter(({ name }) => !name.includes('--'));
  await Promise.all(started.map(({ executionArn }) => sandbox.machines.settled(executionArn)));
  await sandbox.settled();
}

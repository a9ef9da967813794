import '../../sandbox/quiet';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { onboardToTheEnd } from '../../sandbox/requests';
import { Sandbox } from '../../sandbox/sandbox';
import { synthesize } from '../../sandbox/synthesize';
import { LIFECYCLE_CONTRACTS } from '../../tasks/lifecycle/contract';
import { TENANT_RESOURCES } from '../../tasks/resources';
import type { Tier } from '../../tasks/shared/tenant';
import { coldRequireTimes } from './cold-require';

const ROOT = join(__dirname, '../..');

/** Tenants that are there already when the cost of one more is measured a second time, without `--tenants N`. */
const MANY = 1000;
/** Onboardings at once while the estate is filled. */
const CONCURRENCY = 20;

/** Measures and prints one JSON document. Reports only: machines differ, so nothing here passes or fails. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { tenants: { type: 'string' } } });
  const many = Number(values.tenants ?? MANY);
  if (!Number.isInteger(many) || many < 1)
    throw new Error(`--tenants must be a positive number, not ${values.tenants}`);
  const began = performance.now();
  // The dev domain takes 400 indices; the bench wants a thousand.
  const assembly = await synthesize({
    output: join(ROOT, 'build/bench-assembly'),
    context: { quotaLimits: { 'vector-index': 100_000 } },
  });
  const synthSeconds = seconds(began);

  const sandbox = await Sandbox.start({ assembly });
  await onboardOne(sandbox, 'warm-up-standard', 'standard');
  await onboardOne(sandbox, 'warm-up-premium', 'premium');
  const costWithNone = await costs(sandbox, 'early');
  const filling = performance.now();
  await fill(sandbox, many);
  const onboardingsPerSecond = round(many / seconds(filling));
  const costWithMany = await costs(sandbox, 'late');
  await sandbox.stop();

  const contracts = [...TENANT_RESOURCES.map(({ provision }) => provision), ...LIFECYCLE_CONTRACTS];
  const tasks = coldRequireTimes(Object.fromEntries(contracts.map(({ name, entry }) => [name, entry])));
  console.log(
    JSON.stringify(
      {
        node: process.version,
        synthSeconds: round(synthSeconds),
        onboardingsPerSecond,
        callsPerOnboarding: {
          [`with ${0} tenants`]: costWithNone,
          [`with ${many} tenants`]: costWithMany,
          equal: JSON.stringify(costWithNone) === JSON.stringify(costWithMany),
        },
        tasks,
        worstColdRequireRatio: Math.max(...tasks.map(({ ratio }) => ratio)),
      },
      null,
      2,
    ),
  );
}

/** AWS calls by service, and state transitions, of one onboarding per tier. */
async function costs(sandbox: Sandbox, prefix: string) {
  const cost: Record<string, unknown> = {};
  for (const tier of ['standard', 'premium'] as const) {
    sandbox.calls.clear();
    const executionArn = await onboardOne(sandbox, `${prefix}-${tier}`, tier);
    const calls: Record<string, number> = {};
    for (const { service } of sandbox.calls.entries()) calls[service] = (calls[service] ?? 0) + 1;
    cost[tier] = {
      transitions: sandbox.machines.transitions(executionArn),
      calls: Object.fromEntries(Object.entries(calls).sort()),
    };
  }
  return cost;
}

async function fill(sandbox: Sandbox, count: number): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      next += 1;
      await onboardOne(sandbox, `tenant-${next}`, 'standard');
      sandbox.calls.clear();
      if (next % 100 === 0) process.stderr.write(`${next} of ${count} tenants\n`);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

async function onboardOne(sandbox: Sandbox, tenantId: string, tier: Tier): Promise<string> {
  const end = await onboardToTheEnd(sandbox, {
    tenantId,
    requestId: 'bench',
    displayName: 'Bench',
    adminEmail: `admin@${tenantId}.example`,
    tier,
  });
  if (end.status !== 'SUCCEEDED') throw new Error(`${tenantId}: ${end.status} ${end.error} ${end.cause}`);
  return end.executionArn;
}

const seconds = (since: number): number => (performance.now() - since) / 1000;
const round = (value: number): number => Math.round(value * 100) / 100;

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

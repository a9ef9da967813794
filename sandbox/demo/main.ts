import '../quiet';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { progressLines } from '../../cli/progress';
import { takeInventory } from '../inventory';
import { type OnboardRequest, onboard, RefusedError, toTheEnd } from '../requests';
import { Sandbox } from '../sandbox';
import { synthesize } from '../synthesize';
import { writeAuditReport } from './audit-report';
import { failAndRedrive } from './fail-and-redrive';
import { offboardAndReinstate } from './offboard';
import { stage } from './stage';
import { describeTenants } from './tenant-table';
import { trespass } from './trespass';

/** Everything the demo showed, as data for `--json`. */
interface Result {
  readonly facts: Record<string, boolean>;
  counts?: Readonly<Record<string, number>>;
  report?: string;
  tenants?: readonly { tenantId: string; tier: string; status: string }[];
}

const ACME: OnboardRequest = {
  tenantId: 'acme',
  requestId: 'signup-1',
  displayName: 'Acme Clinic',
  adminEmail: 'ada@acme.example',
  tier: 'premium',
};
const ACME2: OnboardRequest = {
  tenantId: 'acme2',
  requestId: 'signup-2',
  displayName: 'Acme Two Clinic',
  adminEmail: 'bob@acme2.example',
  tier: 'standard',
};

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { json: { type: 'string' } } });
  const began = performance.now();
  stage.title(
    'Tenant lifecycle: the synthesized app, running on this machine',
    'Unmodified state machine and task bundles against an embedded AWS; no account, no network. Waits take no time.',
  );
  const assembly = await synthesize();
  const sandbox = await Sandbox.start({ assembly });
  const { length } = sandbox.functions.functions();
  stage.say(
    `synthesized and deployed in ${seconds(began)} s: ${length} functions, ${sandbox.machines.machines.length} state machines, at ${sandbox.endpoint.url}`,
  );

  const result: Result = { facts: {} };
  const prove = (fact: string, holds: boolean) => {
    result.facts[fact] = stage.fact(holds, fact);
  };
  const stopWatching = watch(sandbox);
  try {
    stage.act(1, 'Onboard acme and acme2 at once (one id is a prefix of the other)');
    const ends = await Promise.all([ACME, ACME2].map((request) => run(sandbox, request)));
    await describeTenants(sandbox);
    prove(
      'both tenants are ACTIVE',
      ends.every(({ status }) => status === 'SUCCEEDED'),
    );

    stage.act(2, 'Send the request again, then another one under the same id');
    await repeatAndConflict(sandbox, prove);

    stage.act(3, 'Creating the index fails for a third tenant; redrive');
    await failAndRedrive(sandbox, prove);

    stage.act(4, 'A user of acme2 tries to reach acme');
    await trespass(sandbox, prove);

    stage.act(5, 'Offboard acme after a hold of 30 days; beta changes its mind');
    await offboardAndReinstate(sandbox, prove);

    stage.act(6, 'Count what exists in every store, beside the registry');
    const inventory = await takeInventory(sandbox);
    stage.table(
      ['resource', 'count'],
      Object.entries(inventory.counts).map(([kind, count]) => [kind, String(count)]),
    );
    prove(
      `orphans: ${inventory.orphans.length}, duplicates: ${inventory.duplicates.length}, missing: ${inventory.missing.length}`,
      inventory.orphans.length + inventory.duplicates.length + inventory.missing.length === 0,
    );
    Object.assign(result, { counts: inventory.counts, tenants: inventory.tenants });

    stage.act(7, 'An auditor asks what was done for acme, which is gone');
    result.report = await writeAuditReport(sandbox, prove);
  } finally {
    stopWatching();
    await sandbox.stop();
  }
  const held = Object.values(result.facts).every(Boolean);
  stage.say(
    `\n   ${held ? 'All of it held' : 'Something did not hold'}, in ${seconds(began)} s. Open ${result.report ?? 'nothing'} in a browser. Next: npm start, then npm run tenant -- --help`,
  );
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`);
  process.exitCode = held ? 0 : 1;
}

async function run(sandbox: Sandbox, request: OnboardRequest) {
  const { executionArn = '' } = await onboard(sandbox, request);
  return await toTheEnd(sandbox, executionArn);
}

async function repeatAndConflict(sandbox: Sandbox, prove: (fact: string, holds: boolean) => void): Promise<void> {
  const before = await takeInventory(sandbox);
  const started = sandbox.calls.countBy('sfn/StartExecution');
  const again = await onboard(sandbox, ACME);
  stage.say(
    `same requestId, same payload → ${again.status}, ${again.executionArn?.split(':').at(-1)}, repeated: ${again.repeated}`,
  );
  const after = await takeInventory(sandbox);
  prove(
    'nothing was started or made twice',
    again.repeated &&
      sandbox.calls.countBy('sfn/StartExecution') === started &&
      after.found.length === before.found.length,
  );
  try {
    await onboard(sandbox, { ...ACME, tier: 'standard' });
    prove('another payload under the same requestId is refused', false);
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    stage.say(`same requestId, other tier     → ${error.message}`);
    prove('another payload under the same requestId is refused', error.errorType === 'RequestConflictError');
  }
}

/** Prints each execution's progress as its history grows. */
function watch({ machines }: Sandbox): () => void {
  const renderers = new Map<string, ReturnType<typeof progressLines>>();
  return machines.onHistoryEvent((executionArn, event) => {
    const tenantId = executionArn.split('--')[1] ?? '';
    const render =
      renderers.get(executionArn) ??
      progressLines({ decorated: stage.decorated, label: tenantId.padEnd(6), starts: false });
    renderers.set(executionArn, render);
    for (const line of render([event])) stage.say(line);
  });
}

const seconds = (since: number): string => ((performance.now() - since) / 1000).toFixed(1);

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});

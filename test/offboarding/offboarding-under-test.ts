import { createHash } from 'node:crypto';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { Description } from '../../sandbox/engine/executions';
import { changeHold, offboard, onboardToTheEnd, toTheEnd } from '../../sandbox/requests';
import type { Sandbox } from '../../sandbox/sandbox';
import { snapshotOf } from '../../sandbox/snapshot';
import { storagePrefix, TENANT_TAG } from '../../tasks/shared/names';
import type { Tier } from '../../tasks/shared/tenant';
import { aRequest, stateOf } from '../lifecycle/app-under-test';

export const DAY = 86_400;
const MS = 1000;

/** An ACTIVE tenant with an object of its own beside what onboarding makes. */
export async function anActiveTenant(sandbox: Sandbox, tenantId: string, tier: Tier = 'standard'): Promise<void> {
  const { status, error, cause } = await onboardToTheEnd(sandbox, aRequest({ tenantId, tier }));
  if (status !== 'SUCCEEDED') throw new Error(`${tenantId}: onboarding ended ${status}: ${error} ${cause}`);
  await putObject(sandbox, `${storagePrefix(tenantId)}record.txt`, `record of ${tenantId}`);
}

export async function putObject(sandbox: Sandbox, Key: string, Body: string): Promise<void> {
  const s3 = new S3Client(sandbox.clientConfig);
  await s3.send(new PutObjectCommand({ Bucket: sandbox.output('DataBucketName'), Key, Body }));
  s3.destroy();
}

/** Starts an offboarding and waits until it sleeps in its hold (or has ended). */
export async function startOffboarding(
  sandbox: Sandbox,
  tenantId: string,
  { requestId = 'leave-1', holdSeconds = 30 * DAY }: { requestId?: string; holdSeconds?: number } = {},
): Promise<string> {
  const { executionArn } = await offboard(sandbox, {
    tenantId,
    requestId,
    reason: 'contract ended',
    holdSeconds,
    requestedBy: 'alice',
  });
  await quiet(sandbox);
  return executionArn;
}

/** Offboards without a hold, to the end of the purge. */
export async function offboardToTheEnd(sandbox: Sandbox, tenantId: string, requestId = 'leave-1') {
  const { executionArn } = await offboard(sandbox, {
    tenantId,
    requestId,
    reason: 'contract ended',
    holdSeconds: 0,
    requestedBy: 'alice',
  });
  return await toTheEnd(sandbox, executionArn);
}

let changes = 0;
/** Every change is a request of its own. */
function nextChange(): number {
  changes += 1;
  return changes;
}

export const change = (
  sandbox: Sandbox,
  tenantId: string,
  what: string,
  more: Readonly<Record<string, unknown>> = {},
) =>
  changeHold(sandbox, {
    change: what,
    tenantId,
    requestId: `${what}-${nextChange()}`,
    requestedBy: 'counsel',
    ...more,
  });

export const setLegalHold = (sandbox: Sandbox, tenantId: string, requestId = 'case-1') =>
  change(sandbox, tenantId, 'set-legal-hold', { reason: 'case 42', requestId });
export const releaseLegalHold = (sandbox: Sandbox, tenantId: string, requestId = 'case-2') =>
  change(sandbox, tenantId, 'release-legal-hold', { reason: 'case 42 closed', requestId, legalHoldId: 'case-1' });

/** Executions of all machines, latest start first. */
export const executions = (sandbox: Sandbox): Description[] =>
  sandbox.machines.machines.flatMap(({ arn }) => {
    const all: Description[] = [];
    let nextToken: string | undefined;
    do {
      const page = sandbox.machines.list({ stateMachineArn: arn, maxResults: 1000, ...(nextToken && { nextToken }) });
      all.push(...page.items);
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    return all;
  });

const sleeps = (sandbox: Sandbox, executionArn: string): boolean => {
  const { items } = sandbox.machines.history(executionArn, { reverseOrder: true, maxResults: 1000 });
  // A redrive goes on waiting without entering the state again.
  const last = items.find(({ type }) => !['ExecutionRedriven', 'ExecutionAborted', 'WaitStateAborted'].includes(type));
  return last?.type === 'WaitStateEntered' && last.stateEnteredEventDetails?.name === 'Hold';
};

/** Resolves when every execution has ended or sleeps in its hold, and every outcome is recorded. */
export async function quiet(sandbox: Sandbox): Promise<void> {
  for (let calm = 0; calm < 2; ) {
    await sandbox.settled();
    // Nobody wakes a long sleeper whose time came while real time went by.
    if (due(sandbox)) await sandbox.clock.advance(0);
    const awake = sandbox.machines.machines
      .flatMap(({ arn }) => sandbox.machines.list({ stateMachineArn: arn, statusFilter: 'RUNNING' }).items)
      .filter(({ executionArn }) => !sleeps(sandbox, executionArn));
    calm = awake.length === 0 ? calm + 1 : 0;
    await new Promise((resolve) => setTimeout(resolve, calm > 0 ? 1 : 5));
  }
}

const due = (sandbox: Sandbox): boolean => (sandbox.clock.sleepers()[0]?.deadline ?? Infinity) <= sandbox.clock.now();

/** Lets the time pass, stopping at every sleeper, so that nothing that wakes is outrun. */
export async function pass(sandbox: Sandbox, seconds: number): Promise<void> {
  const { clock } = sandbox;
  const target = clock.now() + seconds * MS;
  await quiet(sandbox);
  for (;;) {
    const next = clock.sleepers()[0]?.deadline ?? Infinity;
    await clock.advance(Math.max(0, Math.min(next, target) - clock.now()));
    await quiet(sandbox);
    if (next >= target) return;
  }
}

/** All that exists of one tenant, to the last byte. */
export const bytesOf = async (sandbox: Sandbox, tenantId: string): Promise<string> =>
  JSON.stringify(await snapshotOf(sandbox, tenantId));

/** What the tenant itself stores. */
export const dataOf = async (sandbox: Sandbox, tenantId: string): Promise<string> =>
  JSON.stringify(await snapshotOf(sandbox, tenantId, { data: true }));

export const keyStates = (sandbox: Sandbox, tenantId: string): string[] =>
  sandbox.services.kms
    .keys()
    .filter(({ tags }) => tags.get(TENANT_TAG) === tenantId)
    .map(({ state }) => state);

export const enabledUsers = (sandbox: Sandbox, tenantId: string): string[] =>
  [...sandbox.services.cognito.userPool(sandbox.output('UserPoolId')).users.values()]
    .filter(({ groups, enabled }) => groups.has(tenantId) && enabled)
    .map(({ username }) => username);

export interface Evidence {
  readonly tenantId: string;
  readonly execution: string;
  readonly proof: { readonly stores: readonly string[]; readonly hits: number };
  readonly resources: readonly {
    readonly type: string;
    readonly phase: string;
    readonly destroyedBy?: string;
    readonly destroyedAt?: string;
    readonly deletionDate?: string;
    readonly removed?: number;
  }[];
}

/** The evidence that the tombstone names, and the hash of what is stored there. */
export async function evidenceOf(sandbox: Sandbox, tenantId: string): Promise<{ evidence: Evidence; sha256: string }> {
  const { tombstone } = await stateOf(sandbox, tenantId);
  const s3 = new S3Client(sandbox.clientConfig);
  const { Body } = await s3.send(
    new GetObjectCommand({ Bucket: sandbox.output('AuditBucketName'), Key: tombstone?.evidenceKey ?? '' }),
  );
  const text = (await Body?.transformToString()) ?? '';
  s3.destroy();
  return { evidence: JSON.parse(text) as Evidence, sha256: createHash('sha256').update(text).digest('hex') };
}

/** Names of the states that were entered, in order. */
export const statesOf = (sandbox: Sandbox, executionArn: string): string[] =>
  sandbox.machines
    .history(executionArn, { maxResults: 1000 })
    .items.flatMap(({ stateEnteredEventDetails }) => stateEnteredEventDetails?.name ?? []);

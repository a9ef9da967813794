import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { takeInventory } from '../../sandbox/inventory';
import { changeHold, invokeFrontDoor, RefusedError } from '../../sandbox/requests';
import type { Sandbox } from '../../sandbox/sandbox';
import { snapshotOf } from '../../sandbox/snapshot';
import { destroyEncryptionKey, restoreEncryptionKey, suspendEncryptionKey } from '../../tasks/encryption-key/contract';
import {
  activateTenant,
  checkQuotas,
  claimTenant,
  requestOperation,
  verifyTenant,
} from '../../tasks/lifecycle/contract';
import { isSettled } from '../../tasks/lifecycle/current-execution';
import {
  changeHold as changeHoldContract,
  checkHold,
  claimOffboarding,
  claimPurge,
  claimReinstatement,
  closeTenant,
  proveTenantGone,
} from '../../tasks/lifecycle/offboarding-contract';
import { RESOURCES, TEARDOWN } from '../../tasks/resources';
import { ERRORS } from '../../tasks/shared/errors';
import { legalHoldsOf } from '../../tasks/shared/legal-holds';
import { partitionKey, STOPPED_BY_APP, storagePrefix } from '../../tasks/shared/names';
import type { OperationRecord, TenantState } from '../../tasks/shared/registry';
import { verifyIsolation } from '../../tasks/tenant-access/contract';
import { restoreUsers, suspendUsers } from '../../tasks/user-group/contract';
import { aRequest, functionName, registryItem } from '../lifecycle/app-under-test';
import { DAY, enabledUsers, executions, keyStates, pass, putObject, quiet } from './offboarding-under-test';

/** Whatever confuses a tenant with one whose id begins like its own is seen. */
const NAMES = ['acme', 'acme2', 'acme-2'] as const;
type Name = (typeof NAMES)[number];

/** A tenant with a knowledge base among them, whose deletion needs the key. */
const tierOf = (name: Name) => (name === 'acme' ? 'premium' : 'standard');

const days = (least: number, most: number) => fc.integer({ min: least, max: most });
const named = <const Kind extends string>(kind: Kind) => fc.constant({ kind });
const timed = <const Kind extends string>(kind: Kind, least: number, most: number) =>
  fc.record({ kind: fc.constant(kind), days: days(least, most) });

const action = fc.oneof(
  { weight: 1, arbitrary: named('onboard') },
  { weight: 3, arbitrary: timed('offboard', 0, 20) },
  { weight: 2, arbitrary: named('cancel') },
  { weight: 1, arbitrary: timed('end the hold in', 0, 40) },
  { weight: 1, arbitrary: timed('extend the hold by', 1, 20) },
  { weight: 3, arbitrary: named('set legal hold') },
  { weight: 2, arbitrary: named('release legal hold') },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('approve'), by: fc.constantFrom('alice', 'bob') }) },
  { weight: 4, arbitrary: named('redrive') },
  { weight: 1, arbitrary: named('replay') },
  { weight: 1, arbitrary: named('send the last request again') },
  { weight: 4, arbitrary: timed('let time pass', 1, 35) },
);
type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never;

const ONBOARDING = [
  claimTenant,
  checkQuotas,
  ...RESOURCES.map(({ provision }) => provision),
  verifyTenant,
  verifyIsolation,
];
const BLOCKING = [claimOffboarding, suspendUsers, suspendEncryptionKey];
const PURGING = [
  checkHold,
  claimPurge,
  restoreEncryptionKey,
  ...TEARDOWN.map(({ destroy }) => destroy),
  proveTenantGone,
  destroyEncryptionKey,
  closeTenant,
];
const REINSTATING = [
  claimReinstatement,
  ...RESOURCES.map(({ provision }) => provision),
  verifyTenant,
  verifyIsolation,
  restoreUsers,
  activateTenant,
];

/** Functions that an action makes run, at once or as soon as the hold is over. */
function struckBy({ kind }: Action): readonly { readonly name: string }[] {
  if (kind === 'onboard') return [requestOperation, ...ONBOARDING, activateTenant];
  if (kind === 'offboard') return [requestOperation, ...BLOCKING, ...PURGING];
  if (kind === 'cancel') return [requestOperation, ...REINSTATING];
  if (/hold|approve/.test(kind)) return [changeHoldContract, ...BLOCKING];
  return [...PURGING, ...PURGING, ...REINSTATING, ...BLOCKING];
}

/** Once, which a retry repairs, or for as long as the command is carried out, so that the execution fails. */
const KEEPS = 50;
const fault = fc.record({
  what: fc.constantFrom('crash', 'reset'),
  times: fc.constantFrom(1, KEEPS, KEEPS),
  /** Calls that the function makes unharmed before. */
  skip: fc.nat(6),
  struck: fc.nat(),
});
type Fault = typeof fault extends fc.Arbitrary<infer Value> ? Value : never;

const command = (): fc.Arbitrary<Command> =>
  fc.record({ action, fault: fc.option(fault, { freq: 2, nil: undefined }) });
interface Command {
  readonly action: Action;
  readonly fault: Fault | undefined;
}

/** What seldom comes about by chance: a purge that stops before the data are gone, and what people do then. */
const interrupted: fc.Arbitrary<readonly Command[]> = fc
  .record({
    planned: fc.record({
      what: fc.constant('crash'),
      times: fc.constant(KEEPS),
      skip: fc.nat(4),
      struck: fc.integer({ min: PURGING.indexOf(claimPurge), max: PURGING.indexOf(proveTenantGone) - 1 }),
    }),
    first: fc.constantFrom('set legal hold', 'set legal hold', 'release legal hold', 'cancel'),
    second: fc.constantFrom('redrive', 'replay', 'let time pass'),
    others: fc.array(command(), { maxLength: 2 }),
  })
  .map(({ planned, first, second, others }) => [
    { action: { kind: 'offboard', days: 1 }, fault: undefined },
    { action: { kind: 'approve', by: 'bob' }, fault: undefined },
    { action: { kind: 'let time pass', days: 2 }, fault: planned },
    { action: { kind: first }, fault: undefined },
    { action: second === 'let time pass' ? { kind: second, days: 2 } : { kind: second }, fault: undefined },
    ...others,
  ]);

/** Some commands for the same tenant. */
const scene = fc.record({
  name: fc.constantFrom(...NAMES),
  commands: fc.oneof<fc.Arbitrary<readonly Command[]>[]>(
    fc.array(command(), { minLength: 1, maxLength: 3 }),
    interrupted,
  ),
});

/** One life of three tenants. */
export const lives = fc.record({
  /** Is not onboarded before the first command. */
  late: fc.subarray([...NAMES], { maxLength: 1 }),
  scenes: fc.array(scene, { minLength: 5, maxLength: 7 }),
  /** Which of the two operators' ways is tried first in the end. */
  replays: fc.boolean(),
});
export type Life = typeof lives extends fc.Arbitrary<infer Value> ? Value : never;

/** A tenant as it is in the registry and in the services. */
interface Look {
  readonly state: TenantState | undefined;
  /** Items and object versions, bytes and all. */
  readonly data: ReadonlySet<string>;
  readonly users: readonly string[];
  readonly keys: readonly string[];
}

interface Tenant {
  readonly tenantId: string;
  readonly tier: 'standard' | 'premium';
  look: Look;
  planted: boolean;
  /** Ids of the legal holds that were set and that nobody has asked to release. */
  readonly legalHolds: Set<string>;
  /** Sent last, to the function that takes it. */
  request?: { readonly operation: string } & Readonly<Record<string, unknown>>;
}

interface World {
  readonly sandbox: Sandbox;
  /** Whether a purge needs the approval of a second person. */
  readonly approval: boolean;
  readonly tenants: readonly Tenant[];
  /** A fault is, or was, planned: functions may have died. */
  disturbed: boolean;
}

let worlds = 0;
let requests = 0;

/** Lives it, and throws when anything is not as it must be. */
export async function live(sandbox: Sandbox, approval: boolean, { late, scenes, replays }: Life): Promise<void> {
  worlds += 1;
  const tenants = NAMES.map((name): Tenant & { name: Name } => ({
    name,
    tenantId: `r${worlds}-${name}`,
    tier: tierOf(name),
    look: { state: undefined, data: new Set(), users: [], keys: [] },
    planted: false,
    legalHolds: new Set(),
  }));
  const world: World = { sandbox, approval, tenants, disturbed: false };
  for (const tenant of tenants) if (!late.includes(tenant.name)) await send(world, tenant, onboarding(tenant));
  await check(world, 'at the beginning');
  const commands = scenes.flatMap((each) => each.commands.map((one) => ({ name: each.name, ...one })));
  for (const [step, { name, action: asked, fault: planned }] of commands.entries()) {
    const tenant = tenants.find((one) => one.name === name);
    if (tenant === undefined) throw new Error(`nobody is called ${name}`);
    if (planned !== undefined) {
      const { what, times, skip, struck } = planned;
      const functions = struckBy(asked);
      const { name: task = '' } = functions[struck % functions.length] ?? {};
      world.disturbed = true;
      sandbox.faults.add({ functionName: functionName(task), when: 'after', skip, times, effect: { kind: what } });
    }
    await perform(world, tenant, asked);
    sandbox.faults.clear();
    await check(world, `step ${step}, ${asked.kind} ${name}`);
  }
  for (const tenant of tenants) await driveHome(world, tenant, replays);
  const { orphans, duplicates, missing } = await takeInventory(sandbox);
  const irregular = [...orphans, ...duplicates];
  if (irregular.length + missing.length > 0)
    throw new Error(`at the end: irregular ${JSON.stringify(irregular)}, missing ${missing.join(', ')}`);
}

const nextId = (): string => {
  requests += 1;
  return `request-${requests}`;
};

const onboarding = ({ tenantId, tier }: Pick<Tenant, 'tenantId' | 'tier'>) => ({
  operation: 'onboard',
  requestedBy: 'signup',
  ...aRequest({ tenantId, tier, requestId: nextId() }),
});

async function perform(world: World, tenant: Tenant, asked: Action): Promise<void> {
  const { tenantId } = tenant;
  const ids = { tenantId, requestId: nextId(), requestedBy: 'alice' };
  const change = (what: string, more: object = {}) =>
    send(world, tenant, { ...ids, operation: '', change: what, ...more });
  switch (asked.kind) {
    case 'onboard':
      return await send(world, tenant, onboarding(tenant));
    case 'offboard':
      return await send(world, tenant, {
        ...ids,
        operation: 'offboard',
        reason: 'contract ended',
        holdSeconds: asked.days * DAY,
      });
    case 'cancel':
      return await send(world, tenant, { ...ids, operation: 'reinstate', reason: 'contract renewed' });
    case 'end the hold in':
      return await change('set-hold', { inSeconds: asked.days * DAY });
    case 'extend the hold by':
      return await change('extend-hold', { bySeconds: asked.days * DAY });
    case 'set legal hold':
      return await change('set-legal-hold', { reason: 'case 42' });
    case 'release legal hold':
      return await change('release-legal-hold', {
        reason: 'case 42 closed',
        legalHoldId: legalHoldsOf((await stateOf(world.sandbox, tenantId)) ?? {})[0]?.id ?? 'none',
      });
    case 'approve':
      return await change('approve-purge', { requestedBy: asked.by });
    case 'send the last request again':
      if (tenant.request !== undefined) await send(world, tenant, tenant.request);
      return;
    case 'redrive':
      await redrive(world, tenantId);
      return;
    case 'replay':
      return await replay(world, tenant);
    case 'let time pass':
      await pass(world.sandbox, asked.days * DAY);
  }
}

const TYPED: ReadonlySet<string | undefined> = new Set(ERRORS.map((ErrorType) => new ErrorType('').name));
/** What a function that dies or hangs is reported as. */
const DEATHS: ReadonlySet<string | undefined> = new Set(['Runtime.ExitError', 'Sandbox.Timedout']);

const isTyped = ({ disturbed }: World, error: string | undefined): boolean =>
  TYPED.has(error) || (disturbed && DEATHS.has(error));

/** A refusal under one of the errors' names is an answer. */
async function send(world: World, tenant: Tenant, request: NonNullable<Tenant['request']>): Promise<void> {
  tenant.request = request;
  const { operation, ...change } = request;
  // A release whose answer is lost may have been made.
  if (change['change'] === 'release-legal-hold') tenant.legalHolds.delete(String(change['legalHoldId']));
  try {
    if (!('change' in change)) await invokeFrontDoor(world.sandbox, request);
    else {
      const { legalHolds } = (await changeHold(world.sandbox, change)) as { legalHolds: readonly string[] };
      const requestId = String(change['requestId']);
      if (legalHolds.includes(requestId)) tenant.legalHolds.add(requestId);
    }
  } catch (error) {
    if (!(error instanceof RefusedError) || !isTyped(world, error.errorType)) throw error;
  }
  await quiet(world.sandbox);
}

const executionsOf = ({ sandbox }: World, tenantId: string) =>
  executions(sandbox).filter(({ input }) => JSON.parse(input ?? '{}')['tenantId'] === tenantId);

/** Any execution of the tenant may be redriven, also one that was replaced: the latest that can be. */
async function redrive(world: World, tenantId: string): Promise<boolean> {
  const { machines } = world.sandbox;
  const latest = executionsOf(world, tenantId)
    .filter(({ redriveStatus, error }) => redriveStatus === 'REDRIVABLE' && error !== 'StaleExecutionError')
    .sort((a, b) => Number(b.stopDate) - Number(a.stopDate))[0];
  if (latest === undefined) return false;
  machines.redrive(latest.executionArn);
  await quiet(world.sandbox);
  return true;
}

async function replay(world: World, tenant: Tenant): Promise<void> {
  const { tenantId } = tenant;
  const state = await stateOf(world.sandbox, tenantId);
  const executionArn = state?.lastFailure?.executionArn ?? state?.leaseOwner;
  if (state === undefined || executionArn === undefined) return;
  const requestId = state.offboarding?.requestId ?? state.requestId;
  await send(world, tenant, { operation: 'replay', tenantId, requestId, executionArn, requestedBy: 'ops' });
}

const stateOf = async (sandbox: Sandbox, tenantId: string) =>
  (await registryItem(sandbox, tenantId, 'STATE')) as unknown as TenantState | undefined;

async function lookAt({ sandbox }: World, tenantId: string): Promise<Look> {
  const { items, objects } = await snapshotOf(sandbox, tenantId, { data: true });
  return {
    state: await stateOf(sandbox, tenantId),
    data: new Set([...items, ...objects.map((object) => JSON.stringify(object))]),
    users: enabledUsers(sandbox, tenantId),
    keys: keyStates(sandbox, tenantId),
  };
}

/** Looks at every tenant again. What was ACTIVE is given data. */
async function check(world: World, at: string): Promise<void> {
  for (const tenant of world.tenants) {
    const before = tenant.look;
    const after = await lookAt(world, tenant.tenantId);
    const problems = [
      ...lost(world, before, after),
      ...unblocked(world, tenant, after),
      ...wrong(tenant, before, after),
    ];
    for (const { status, error, name } of executionsOf(world, tenant.tenantId)) {
      const stopped = status === 'ABORTED' && Object.values<string | undefined>(STOPPED_BY_APP).includes(error);
      const failed = status === 'FAILED' && isTyped(world, error);
      if (!stopped && !failed && !['RUNNING', 'SUCCEEDED'].includes(status))
        problems.push(`${name} ${status}: ${error}`);
    }
    if (problems.length > 0)
      throw new Error(`${at}: ${tenant.tenantId}: ${problems.join('; ')}; it is ${JSON.stringify(after.state)}`);
    if (after.state?.status === 'ACTIVE' && !tenant.planted) {
      await plant(world, tenant.tenantId);
      tenant.planted = true;
    }
    tenant.look = await lookAt(world, tenant.tenantId);
  }
}

async function plant({ sandbox }: World, tenantId: string): Promise<void> {
  await putObject(sandbox, `${storagePrefix(tenantId)}record.txt`, `record of ${tenantId}`);
  const dynamodb = new DynamoDBClient(sandbox.clientConfig);
  await dynamodb.send(
    new PutItemCommand({
      TableName: sandbox.output('DataTableName'),
      Item: {
        pk: { S: partitionKey(tenantId) },
        sk: { S: 'RECORD' },
        tenantKey: { S: partitionKey(tenantId) },
      },
    }),
  );
  dynamodb.destroy();
}

/** Data may go only in a purge, which may begin only when nothing holds it, and goes on only without a legal hold. */
function lost({ approval }: World, before: Look, after: Look): string[] {
  const problems: string[] = [];
  const gone = [...before.data].filter((one) => !after.data.has(one));
  const { purgeStartedAt, holdUntil, purgeApproval, offboarding, legalHolds = {} } = after.state ?? {};
  if (gone.length > 0 && purgeStartedAt === undefined) problems.push(`lost without a purge: ${gone.join(', ')}`);
  const heldThroughout = Object.keys(before.state?.legalHolds ?? {}).some((id) => id in legalHolds);
  if (gone.length > 0 && heldThroughout) problems.push(`lost under a legal hold: ${gone.join(', ')}`);
  if (before.state?.purgeStartedAt !== undefined && before.state.purgeStartedAt !== purgeStartedAt)
    problems.push('its purge was forgotten');
  if (purgeStartedAt === undefined || before.state?.purgeStartedAt !== undefined) return problems;
  if (heldThroughout) problems.push('its purge began under a legal hold');
  if (holdUntil === undefined || purgeStartedAt < holdUntil) problems.push(`its purge began before ${holdUntil}`);
  if (approval && (purgeApproval === undefined || purgeApproval.by === offboarding?.requestedBy))
    problems.push(`its purge was approved by ${purgeApproval?.by}`);
  return problems;
}

const BLOCK = 'Block tenant';
const FOR_GOOD = 'Disable encryption key for good';

/** A tenant that is leaving: nobody of its own comes in, and its key works only for the deletion of its knowledge base. */
function unblocked(world: World, { tenantId }: Tenant, { state, users, keys }: Look): string[] {
  if (state?.offboarding === undefined) return [];
  let blocked = false;
  /** When the last step that locks the key ended, and the last that unlocks it began, milliseconds. */
  let locked = 0;
  let unlocked = 0;
  for (const { executionArn, input } of executionsOf(world, tenantId)) {
    if (JSON.parse(input ?? '{}')['requestId'] !== state.offboarding.requestId) continue;
    const { items } = world.sandbox.machines.history(executionArn, { maxResults: 1000 });
    for (const { timestamp, stateEnteredEventDetails: entered, stateExitedEventDetails: exited } of items) {
      if (exited?.name === BLOCK) blocked = true;
      if (exited?.name === BLOCK || exited?.name === FOR_GOOD) locked = Math.max(locked, Number(timestamp));
      if (entered?.name === restoreEncryptionKey.stateName) unlocked = Math.max(unlocked, Number(timestamp));
    }
  }
  if (!blocked) return [];
  const problems: string[] = [];
  if (users.length > 0) problems.push(`is blocked, and ${users.length} of its users are enabled`);
  const needed = state.purgeStartedAt !== undefined && unlocked >= locked;
  if (!needed && keys.includes('Enabled')) problems.push('is blocked, and its key is usable');
  return problems;
}

/** What a status promises of the tenant's resources. */
function wrong({ planted, legalHolds }: Tenant, before: Look, { state, data, users, keys }: Look): string[] {
  if (state === undefined) return before.state === undefined ? [] : ['its record is gone'];
  const { status, purgeStartedAt } = state;
  const problems: string[] = [];
  for (const id of legalHolds) if (!(id in (state.legalHolds ?? {}))) problems.push(`its legal hold ${id} is gone`);
  if (before.state?.status === 'OFFBOARDED' && status !== 'OFFBOARDED') problems.push('it came back');
  if (purgeStartedAt !== undefined && !['PURGING', 'OFFBOARDING_FAILED', 'OFFBOARDED'].includes(status))
    problems.push(`its purge has started, and it is ${status}`);
  if (status === 'OFFBOARDED' && (data.size > 0 || users.length > 0 || keys.some((key) => key !== 'PendingDeletion')))
    problems.push(`it is OFFBOARDED with ${data.size} of its data, ${users.length} users, keys ${keys.join(', ')}`);
  if (!isSettled(state) || status !== 'ACTIVE') return problems;
  if (users.length !== 1 || keys.join() !== 'Enabled')
    problems.push(`it is ACTIVE with ${users.length} users, keys ${keys.join(', ')}`);
  if (planted && [...data].filter((one) => one.includes('record.txt') || one.includes('"RECORD"')).length < 2)
    problems.push('it is ACTIVE without its data');
  return problems;
}

/** More than any tenant needs: each round does all that people would try one after another. */
const ROUNDS = 6;

/** Brings a tenant, from wherever it is, to where nothing is left to do, with what the registry says and commands alone. */
async function driveHome(world: World, tenant: Tenant, replays: boolean): Promise<void> {
  const { sandbox } = world;
  const { tenantId } = tenant;
  const trail: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const state = await stateOf(sandbox, tenantId);
    if (state === undefined ? tenant.request === undefined : isSettled(state)) return;
    trail.push(`${state?.status} ${state?.lastFailure?.step} ${state?.lastFailure?.error}`);
    const ids = { tenantId, requestId: nextId() };
    const change = { ...ids, operation: '', requestedBy: 'carol' };
    for (const { id: legalHoldId } of legalHoldsOf(state ?? {}))
      await send(world, tenant, {
        ...change,
        requestId: nextId(),
        change: 'release-legal-hold',
        legalHoldId,
        reason: 'all cases closed',
      });
    await send(world, tenant, await requestOf(world, tenant, state));
    if (world.approval && state?.offboarding !== undefined && state.purgeApproval === undefined)
      await send(world, tenant, { ...change, requestId: nextId(), change: 'approve-purge' });
    if (replays) await replay(world, tenant);
    else if (!(await redrive(world, tenantId))) await replay(world, tenant);
    const now = await stateOf(sandbox, tenantId);
    const left = (Date.parse(now?.holdUntil ?? '') - sandbox.clock.now()) / 1000;
    await pass(sandbox, Math.max(Number.isNaN(left) ? 0 : left, 0) + DAY);
    await check(world, `driving ${tenantId} home`);
  }
  const { status } = (await stateOf(sandbox, tenantId)) ?? {};
  if (status !== 'OFFBOARDED' && status !== 'ACTIVE')
    throw new Error(`${tenantId} cannot be brought to an end: ${trail.join(' → ')} → ${status}`);
}

/** The request that the tenant waits for, as the registry has it; a request that was not answered may be half recorded. */
async function requestOf({ sandbox }: World, tenant: Tenant, state: TenantState | undefined) {
  const { tenantId } = tenant;
  if (state?.offboarding !== undefined) {
    const { requestId, requestedBy, reason } = state.offboarding;
    const recorded = (await registryItem(sandbox, tenantId, `OPERATION#${requestId}`)) as OperationRecord | undefined;
    const holdSeconds = recorded?.holdSeconds ?? 0;
    return { operation: 'offboard', tenantId, requestId, requestedBy, reason, holdSeconds };
  }
  if (state?.status === 'REINSTATING')
    return { operation: 'reinstate', tenantId, requestId: nextId(), requestedBy: 'ops', reason: 'contract renewed' };
  return onboarding(tenant);
}

import { DeleteItemCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { UNUSED_GRANTS, type UnusedGrant } from '../../infra/unused-grants';
import {
  asleep,
  callOperation,
  changeHold,
  examine,
  invoke,
  offboard,
  onboard,
  onboardToTheEnd,
  reinstate,
  toTheEnd,
} from '../../sandbox/requests';
import { refresh, signIn } from '../../sandbox/sign-in';
import { appId, partitionKey } from '../../tasks/shared/names';
import {
  APP,
  aRequest,
  executionArnOf,
  functionName,
  redriveToTheEnd,
  startByHand,
  useApp,
  withoutPausesOfTheSdk,
} from './app-under-test';

withoutPausesOfTheSdk();
const app = useApp();

beforeAll(useEveryPath);

/** The ordinary way, the repeated one, and those after lost answers and manual changes. */
async function useEveryPath(): Promise<void> {
  const { faults, services } = app();
  await onboardToTheEnd(app(), aRequest({ tenantId: 'standard-one' }));
  const premium = aRequest({ tenantId: 'premium-one', tier: 'premium' });
  await onboardToTheEnd(app(), premium);
  await onboard(app(), premium);
  await refresh(app(), await signIn(app(), premium.adminEmail), { session_id: 'one-without-a-choice' });
  await callEveryOperation(premium.adminEmail);
  const input = { tenantId: 'premium-one', requestId: 'request-1' };
  for (const { tags, arn } of services.kms.keys()) {
    if (tags.get('tenant-id') === 'premium-one') Object.assign(services.kms.describe(arn), { state: 'Disabled' });
  }
  await startByHand(app(), input, 'again');
  await forgetKnowledgeBase('premium-one');
  await startByHand(app(), input, 'and-again');

  const lost = { when: 'after', effect: { kind: 'reset' }, times: 3 } as const;
  for (const operation of ['CreateKey', 'CreateAlias', 'CreateKnowledgeBase', 'CreateDataSource', 'CreateIndex']) {
    faults.add({ ...lost, operation });
  }
  await onboardToTheEnd(app(), aRequest({ tenantId: 'lossy-one', tier: 'premium' }));
  faults.clear();

  const denied = { kind: 'error', code: 'InvalidParameterException' } as const;
  faults.add({ operation: 'PutRetentionPolicy', when: 'before', effect: denied });
  const failed = await onboardToTheEnd(app(), aRequest({ tenantId: 'failed-one' }));
  await onboard(app(), aRequest({ tenantId: 'failed-one', requestId: 'request-2' }));
  await app().machines.settled(executionArnOf(app(), { tenantId: 'failed-one', requestId: 'request-2' }));
  await redriveToTheEnd(app(), failed.executionArn);
  await offboardOnEveryPath();
  await startByHand(app(), { nobody: true }, 'of-nobody');
  // What the reconciliation has to find.
  app().bus.loseNext(2);
  await startByHand(app(), { nobody: true }, 'of-nobody-untold');
  await startByHand(app(), input, 'untold');
  for (const { name } of app().schedules.list()) await app().fireSchedule(name);
  await examineEverything();
}

/** By its owner, done; and refused, which is audited. By somebody who is invited, made an owner, and removed. */
async function callEveryOperation(email: string): Promise<void> {
  const { accessToken } = await signIn(app(), email);
  const role = { roleId: 'reader', permissions: ['documents:read'] };
  const invited = 'invited@premium-one.example';
  const invitation = { email: invited, roles: ['reader'] };
  const call = async (operation: string, input: object): Promise<unknown> => {
    const answer = await callOperation(app(), operation, { accessToken, ...input });
    await callOperation(app(), operation, { accessToken, ...input, tenantId: 'standard-one' }).catch(() => {});
    return answer;
  };
  await call('define-role', { requestId: 'role-1', ...role });
  await call('define-role', { requestId: 'role-2', ...role, version: 1 });
  await call('list-roles', {});
  await call('issue-tenant-credentials', {});
  const { physicalId: sub } = (await call('invite-member', { requestId: 'in-1', ...invitation })) as {
    physicalId: string;
  };
  const { accessToken: theirs } = await signIn(app(), invited);
  await callOperation(app(), 'list-own-memberships', { accessToken: theirs });
  await call('change-member-roles', { requestId: 'change-1', sub, roles: ['owner'], version: 1 });
  const accept = { accessToken: theirs, requestId: 'accept-1', tenantId: 'premium-one' };
  await callOperation(app(), 'accept-invitation', accept);
  await callOperation(app(), 'switch-tenant', { accessToken: theirs, tenantId: 'premium-one' });
  await call('list-members', {});
  await call('change-member-roles', { requestId: 'change-2', sub, roles: ['member'], version: 3 });
  await call('change-member-roles', { requestId: 'change-3', sub, roles: ['owner'], version: 4 });
  await call('remove-member', { requestId: 'remove-1', sub, version: 5 });
  await call('remove-role', { requestId: 'role-3', roleId: role.roleId, version: 2 });
}

/** Findings everywhere, so that the parts of the report are written and read, and an orphaned key that is retired. */
async function examineEverything(): Promise<void> {
  const { kms, cognito } = app().services;
  const keyArn = kms.createKey({ tags: { 'tenant-id': 'nobody', 'managed-by': appId(APP) } });
  const blocked = { tenantId: 'lossy-one', requestId: 'leave-1', reason: 'contract ended', holdSeconds: 9_000_000 };
  await asleep(app(), (await offboard(app(), blocked)).executionArn);
  const again = { change: 'suspend-again', tenantId: 'lossy-one', requestId: 'again-1', requestedBy: 'operator' };
  await changeHold(app(), again);
  await leaseOwnerAsleep('lossy-one');
  const group = cognito.userPool(app().output('UserPoolId')).groups.get('standard-one');
  Object.assign(group ?? {}, { description: 'Somebody else’s' });
  await app().clock.advance(2 * DAYS);
  await examine(app());
  const alias = `alias/${appId(APP)}/tenant/standard-one`;
  const denied = { kind: 'error', code: 'ValidationException', status: 400 } as const;
  app().faults.add({ operation: 'DescribeKey', input: alias, when: 'before', effect: denied, times: 100 });
  await examine(app());
  app().faults.clear();
  await invoke(app(), 'RetireOrphanedKeyFunctionName', { keyArn, requestId: 'retire-1', requestedBy: 'operator' });
}

const DAYS = 86_400_000;

/** A hold that is shortened, outlives its execution, is cancelled; a purge of a tenant with data, and of a half-made one. */
async function offboardOnEveryPath(): Promise<void> {
  const leave = (tenantId: string, requestId: string, holdSeconds: number) =>
    offboard(app(), { tenantId, requestId, reason: 'contract ended', holdSeconds });
  const year = 365 * 86_400;
  joinAlso('standard-one', 'premium-one');
  const cancelled = await leave('standard-one', 'leave-1', year);
  await asleep(app(), cancelled.executionArn);
  const shortened = await leave('premium-one', 'leave-1', year);
  await asleep(app(), shortened.executionArn);
  const back = await reinstate(app(), { tenantId: 'standard-one', requestId: 'stay-1', reason: 'contract renewed' });
  await toTheEnd(app(), back.executionArn);

  const until = new Date(app().clock.now() + DAYS).toISOString();
  const change = { tenantId: 'premium-one', requestId: 'sooner', requestedBy: 'operator' };
  await changeHold(app(), { ...change, change: 'set-hold', until });
  await leaseOwnerAsleep('premium-one');
  await app().clock.advance(2 * DAYS);
  await leaseOwnerGone('premium-one');

  const long = await leave('failed-one', 'leave-1', year);
  await asleep(app(), long.executionArn);
  await app().clock.advance(301 * DAYS);
  await toTheEnd(app(), long.executionArn);
}

/** Users of one tenant become users of another too: whoever is suspended for both is restored for both. */
function joinAlso(tenantId: string, other: string): void {
  const { users } = app().services.cognito.userPool(app().output('UserPoolId'));
  for (const { groups } of users.values()) if (groups.has(tenantId)) groups.add(other);
}

const leaseOwnerOf = async (tenantId: string) =>
  (await app().services.dynamodb.dump(app().output('RegistryTableName'))).find(
    (item) => item['sk'] === 'STATE' && item['tenantId'] === tenantId,
  )?.['leaseOwner'] as string | undefined;

async function leaseOwnerAsleep(tenantId: string): Promise<void> {
  for (let owner = await leaseOwnerOf(tenantId); ; owner = await leaseOwnerOf(tenantId)) {
    if (owner?.includes('-g') && app().machines.describe(owner).status === 'RUNNING') return asleep(app(), owner);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function leaseOwnerGone(tenantId: string): Promise<void> {
  const owner = await leaseOwnerOf(tenantId);
  if (owner !== undefined) await toTheEnd(app(), owner);
}

/** As after a restore of the registry from a backup: the next execution has to find what is there. */
async function forgetKnowledgeBase(tenantId: string): Promise<void> {
  const client = new DynamoDBClient(app().clientConfig);
  const Key = { pk: { S: partitionKey(tenantId) }, sk: { S: 'RESOURCE#knowledge-base' } };
  await client.send(new DeleteItemCommand({ TableName: app().output('RegistryTableName'), Key }));
}

describe('the role of every function', () => {
  it('allows what the function calls, but for what verify-isolation tries because it must be denied', () => {
    const denied = app()
      .calls.entries()
      .flatMap((call) => (call.denied === undefined || isProbe(call.denied.principal) ? [] : [call.denied]));

    expect(denied).toEqual([]);
  });

  it('is used by its function', () => {
    const callers = new Set(
      app()
        .calls.entries()
        .map(({ functionName: caller }) => caller),
    );

    expect(
      app()
        .functions.functions()
        .map(({ name }) => name)
        .filter((name) => !callers.has(name)),
    ).toEqual([]);
  });

  it('allows nothing that no call ever used, but for a reason that still holds', () => {
    const unused = unusedGrants();
    const unexplained = unused.filter((grant) => !UNUSED_GRANTS.some((entry) => explains(entry, grant)));
    const stale = UNUSED_GRANTS.filter((entry) => !unused.some((grant) => explains(entry, grant)));

    expect(unexplained).toEqual([]);
    expect(stale).toEqual([]);
  });
});

/** A session that verify-isolation has started, or its attempt to start one without a tenant. */
const isProbe = (principal: string): boolean =>
  new RegExp(`assumed-role/${functionName('')}(tenant-access/.*@verify-isolation|verify-isolation/.*)$`).test(
    principal,
  );

interface Grant {
  readonly role: string;
  readonly action: string;
  readonly resource: string;
}

/** With the ids of keys replaced by what the keys are for. */
function unusedGrants(): Grant[] {
  const { kms } = app().services;
  const keyArn = (purpose: string) => kms.describe(`alias/${appId(APP)}/platform/${purpose}`).arn;
  const kinds = new Map([
    [keyArn('registry'), 'table keys'],
    [keyArn('data'), 'table keys'],
    [keyArn('audit'), 'audit key'],
  ]);
  const records = new RegExp(`^arn:aws:s3:::${app().output('AuditBucketName')}/audit/.+\\.json$`);
  const kindOf = (resource: string) => {
    if (resource.endsWith(':key/*')) return 'tenant keys';
    return kinds.get(resource) ?? (records.test(resource) ? 'audit records' : resource);
  };
  return app()
    .iam.unusedGrants()
    .map(({ role, action, resources }) => ({
      role: role.replace(functionName(''), ''),
      action,
      resource: [...new Set(resources.map(kindOf))].join(', '),
    }));
}

function explains(entry: UnusedGrant, { role, action, resource }: Grant): boolean {
  const ofRole = entry.role.startsWith('*') ? role.endsWith(entry.role.slice(1)) : role === entry.role;
  return ofRole && entry.action === action && (entry.resource === undefined || entry.resource === resource);
}

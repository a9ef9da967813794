import {
  AdminDeleteUserCommand,
  AdminDisableUserCommand,
  AdminEnableUserCommand,
  AdminGetUserCommand,
  AdminUserGlobalSignOutCommand,
  CognitoIdentityProviderClient,
  DeleteGroupCommand,
  ListUsersInGroupCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import type { Membership } from '../../../tasks/membership/memberships';
import type { SuspendUsersInput } from '../../../tasks/user-group/contract';
import * as destroy from '../../../tasks/user-group/destroy';
import * as restore from '../../../tasks/user-group/restore';
import * as suspend from '../../../tasks/user-group/suspend';
import { serveAuditLog } from '../../support/audit-log';
import { aLostAnswer, anAwsError } from '../../support/aws-errors';
import {
  aContext,
  aHeldTenant,
  aLedgerItem,
  aMembershipItem,
  anOffboardingInput,
  anOwnersItem,
  aProfileItem,
  aPurgedTenant,
  aStateItem,
  MEMBERSHIP_TABLE,
  oneLegalHold,
  PERSONAL,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';
import { type PoolUser, serveUserPool } from '../../support/user-pool';

const dynamodb = mockClient(DynamoDBDocumentClient);
const cognito = mockClient(CognitoIdentityProviderClient);
const s3 = mockClient(S3Client);
serveAuditLog();
let tables: Tables;

const USERS: Readonly<Record<string, Partial<PoolUser>>> = {
  one: {},
  two: {},
  both: { groups: ['acme', 'acme2'] },
  before: { enabled: false },
  other: { groups: ['acme2'] },
};
const enabled = (users: ReadonlyMap<string, PoolUser>) =>
  [...users].filter(([, user]) => user.enabled).map(([sub]) => sub);
const item = (sk: string) => tables.get(REGISTRY_TABLE, 'TENANT#acme', sk);
const run = (task: { handler: typeof suspend.handler }, tenantId = 'acme') =>
  task.handler(anOffboardingInput({ tenantId }), aContext());
const neighbourIs = (changes: Parameters<typeof aStateItem>[0]) =>
  tables.put(REGISTRY_TABLE, { ...aStateItem({ ...changes, tenantId: 'acme2' }), pk: 'TENANT#acme2' });

beforeEach(async () => {
  captureOutput();
  setEnvironment();
  dynamodb.reset();
  cognito.reset();
  s3.reset();
  tables = await serveTables(dynamodb, REGISTRY_TABLE, MEMBERSHIP_TABLE);
  await tables.put(REGISTRY_TABLE, aStateItem(aHeldTenant()));
  await neighbourIs({ status: 'ACTIVE' });
});

afterEach(() => jest.restoreAllMocks());

describe('suspend-users', () => {
  type Progress = NonNullable<SuspendUsersInput['progress']>;
  const runWith = (progress: Progress) =>
    suspend.handler({ ...anOffboardingInput(), progress }, aContext()) as Promise<{
      ready: boolean;
      progress?: Progress;
    }>;
  /** As the machine does: each run goes on where the one before ended. */
  async function runToTheEnd(progress: Progress = {}) {
    const answers = [await runWith(progress)];
    for (let last = answers[0]; last?.ready === false; last = answers.at(-1))
      answers.push(await runWith(last.progress ?? {}));
    return answers;
  }

  it('disables and signs out the users of this tenant alone, and only signs out those of another that is active', async () => {
    const { users } = serveUserPool(cognito, USERS);

    expect(await run(suspend)).toEqual({ physicalId: 'acme', ready: true });

    expect(enabled(users)).toEqual(['both', 'other']);
    expect(cognito.commandCalls(AdminUserGlobalSignOutCommand).map((call) => call.args[0].input.Username)).toEqual([
      'one',
      'two',
      'both',
    ]);
  });

  it('changes nothing the second time', async () => {
    serveUserPool(cognito, USERS);
    await run(suspend);
    const calls = cognito.commandCalls(AdminUserGlobalSignOutCommand).length;

    await run(suspend);

    expect(cognito.commandCalls(AdminUserGlobalSignOutCommand)).toHaveLength(calls);
  });

  it('goes on over more users than one run does, also when they belong to several tenants', async () => {
    const many = Object.fromEntries(Array.from({ length: 450 }, (_, n) => [`u${n}`, { groups: ['acme', 'acme2'] }]));
    serveUserPool(cognito, many);

    const answers = await runToTheEnd();

    expect(answers.map(({ ready }) => ready)).toEqual([false, false, true]);
    expect(cognito.commandCalls(AdminDisableUserCommand)).toHaveLength(0);
    expect(cognito.commandCalls(AdminUserGlobalSignOutCommand)).toHaveLength(450);
  });

  it('lists the pages before those that are left only once more in the end', async () => {
    serveUserPool(cognito, Object.fromEntries(Array.from({ length: 420 }, (_, n) => [`u${n}`, {}])));

    await runToTheEnd();

    // Two users on a page.
    expect(cognito.commandCalls(ListUsersInGroupCommand)).toHaveLength(2 * 210);
  });

  it('ends a run also when there is nothing to do but look', async () => {
    const subs = Array.from({ length: 2100 }, (_, n) => `u${n}`);
    serveUserPool(cognito, Object.fromEntries(subs.map((sub) => [sub, {}])));
    await tables.put(
      REGISTRY_TABLE,
      ...subs.map((sub) => ({ pk: 'TENANT#acme', sk: `SUSPENDED#${sub}`, phase: 'SIGNED_OUT' })),
    );

    const answers = await runToTheEnd();

    expect(answers.map(({ ready, progress }) => [ready, progress])).toEqual([
      [false, { from: '2000' }],
      [false, { from: '1900', again: true }],
      [true, undefined],
    ]);
  });

  it('finds who joined behind the pages of an earlier run, from a call that had begun before the block', async () => {
    const many = Object.fromEntries(Array.from({ length: 250 }, (_, n) => [`u${n}`, {}]));
    const { users } = serveUserPool(cognito, { late: { groups: [] }, ...many });
    const first = await runWith({});
    (users.get('late') as PoolUser).groups = ['acme'];

    await runToTheEnd(first.progress);

    expect(enabled(users)).toEqual([]);
  });

  it('begins again at the start with a page that Cognito no longer knows', async () => {
    const { users } = serveUserPool(cognito, USERS);
    cognito.on(ListUsersInGroupCommand, { NextToken: 'old' }).rejects(anAwsError('InvalidParameterException'));

    expect(await runToTheEnd({ from: 'old' })).toMatchObject([{ ready: true }]);

    expect(enabled(users)).toEqual(['both', 'other']);
  });

  it('leaves the other users alone once the hold is cancelled', async () => {
    const { users } = serveUserPool(cognito, USERS);
    cognito.on(AdminUserGlobalSignOutCommand).callsFake(async () => {
      await tables.put(REGISTRY_TABLE, aStateItem({ ...aHeldTenant(), status: 'REINSTATING', generation: 2 }));
      return {};
    });

    await expect(run(suspend)).rejects.toMatchObject({ name: 'StaleExecutionError' });

    expect(enabled(users)).toEqual(['two', 'both', 'other']);
    expect(await item('SUSPENDED#two')).toBeUndefined();
    expect(cognito.commandCalls(AdminUserGlobalSignOutCommand)).toHaveLength(1);
  });

  it('disables again a user that a reinstatement had enabled before it died', async () => {
    const { users } = serveUserPool(cognito, USERS);
    await run(suspend);
    (users.get('one') as PoolUser).enabled = true;

    await run(suspend);

    expect(enabled(users)).toEqual(['both', 'other']);
  });

  it('finds the members of a tenant whose group somebody has deleted, also over several runs', async () => {
    const subs = Array.from({ length: 450 }, (_, n) => `u${1000 + n}`);
    const { users, groups } = serveUserPool(cognito, Object.fromEntries(subs.map((sub) => [sub, { groups: [] }])));
    groups.delete('acme');
    await tables.put(
      MEMBERSHIP_TABLE,
      ...subs.map((sub, n) => aMembershipItem({ sub, status: n % 2 === 0 ? 'ACTIVE' : 'INVITED' })),
    );

    const answers = await runToTheEnd();

    expect(answers.map(({ ready }) => ready)).toEqual([false, true]);
    expect(enabled(users)).toEqual([]);
    expect(cognito.commandCalls(AdminUserGlobalSignOutCommand)).toHaveLength(450);
    await runToTheEnd();
    expect(cognito.commandCalls(AdminUserGlobalSignOutCommand)).toHaveLength(450);
  });

  it('asks for no user twice whom the group has', async () => {
    serveUserPool(cognito, USERS);
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ sub: 'one' }), aMembershipItem({ sub: 'gone' }));

    expect(await run(suspend)).toMatchObject({ ready: true });

    expect(cognito.commandCalls(AdminGetUserCommand).map((call) => call.args[0].input.Username)).toEqual(['gone']);
  });

  it('has nothing to do for a group that was never made, but not in a pool that is not there', async () => {
    const pool = serveUserPool(cognito, USERS);
    pool.groups.delete('acme');
    expect(await run(suspend)).toMatchObject({ ready: true });

    pool.exists = false;

    await expect(run(suspend)).rejects.toMatchObject({ name: 'MissingDependencyError' });
  });
});

describe('a user whose membership in another tenant its group does not show', () => {
  const memberOf = (tenantId: string, status: Membership['status']) =>
    tables.put(MEMBERSHIP_TABLE, aMembershipItem({ sub: 'one', tenantId, status }));
  const purging = () => tables.put(REGISTRY_TABLE, aStateItem(aPurgedTenant()));

  it.each(['ACTIVE', 'INVITED'] as const)('is %s there: stays enabled, and is not deleted', async (status) => {
    const { users, groups } = serveUserPool(cognito, { one: {} });
    groups.delete('acme2');
    await memberOf('acme', 'ACTIVE');
    await memberOf('acme2', status);

    await run(suspend);
    await purging();
    expect(await run(destroy)).toMatchObject({ gone: true });

    expect([...users]).toEqual([['one', { enabled: true, groups: [] }]]);
    expect(await tables.get(MEMBERSHIP_TABLE, 'USER#one', 'TENANT#acme')).toBeUndefined();
  });

  it('is REMOVED there: disabled and deleted', async () => {
    const { users } = serveUserPool(cognito, { one: {} });
    await memberOf('acme2', 'REMOVED');

    await run(suspend);
    expect(enabled(users)).toEqual([]);
    await purging();
    await run(destroy);

    expect([...users]).toEqual([]);
  });

  it('is enabled again with this tenant although that one’s suspension had disabled them', async () => {
    const { users } = serveUserPool(cognito, { one: { enabled: false } });
    await memberOf('acme2', 'ACTIVE');
    await tables.put(
      REGISTRY_TABLE,
      { pk: 'TENANT#acme2', sk: 'SUSPENDED#one', phase: 'DONE' },
      { pk: 'TENANT#acme', sk: 'SUSPENDED#one', phase: 'SIGNED_OUT' },
      aStateItem({ ...aHeldTenant(), status: 'REINSTATING' }),
    );

    await run(restore);

    expect(enabled(users)).toEqual(['one']);
  });

  it('is not in the way of a purge when this tenant’s own group is lost', async () => {
    const { users, groups } = serveUserPool(cognito, { one: { groups: ['acme2'] }, two: { groups: [] } });
    groups.delete('acme');
    await memberOf('acme', 'ACTIVE');
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ sub: 'two' }));
    await purging();

    expect(await run(destroy)).toMatchObject({ gone: true });

    expect([...users.keys()]).toEqual(['one']);
  });

  it('is deleted when both tenants are purged at the same time', async () => {
    const { users } = serveUserPool(cognito, { one: { groups: [] }, two: { groups: [] } });
    await memberOf('acme', 'ACTIVE');
    await memberOf('acme2', 'ACTIVE');
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ sub: 'two' }));
    await purging();
    await neighbourIs(aPurgedTenant());
    const isAboutTwo = (operation: string, { ExpressionAttributeValues }: Record<string, unknown>) =>
      operation === 'Query' && Object.values(ExpressionAttributeValues as object).includes('USER#two');
    tables.before(isAboutTwo, () => run(destroy, 'acme2'));

    await run(destroy);

    expect([...users]).toEqual([]);
  });
});

describe('a user of two tenants which are both offboarded', () => {
  const stateIs = (changes: Parameters<typeof aStateItem>[0]) => tables.put(REGISTRY_TABLE, aStateItem(changes));
  let users: Map<string, PoolUser>;
  const isEnabled = () => users.get('both')?.enabled;

  beforeEach(async () => {
    ({ users } = serveUserPool(cognito, USERS));
    await run(suspend);
    await neighbourIs(aHeldTenant());
  });

  it('is enabled as long as one of them is active, and disabled when the last one leaves', async () => {
    expect(isEnabled()).toBe(true);

    await run(suspend, 'acme2');

    expect(isEnabled()).toBe(false);
  });

  it.each(['acme', 'acme2'])('is enabled again with %s, whichever comes back', async (tenantId) => {
    await run(suspend, 'acme2');
    await (tenantId === 'acme' ? stateIs : neighbourIs)({ ...aHeldTenant(), status: 'REINSTATING' });

    await run(restore, tenantId);
    await run(restore, tenantId);

    expect(isEnabled()).toBe(true);
  });

  it('is noted by both also when the second finds them disabled by the first', async () => {
    (users.get('both') as PoolUser).groups = ['acme'];
    await stateIs(aHeldTenant());
    await tables.put(REGISTRY_TABLE, { pk: 'TENANT#acme', sk: 'SUSPENDED#both', phase: 'DONE' });
    Object.assign(users.get('both') as PoolUser, { groups: ['acme', 'acme2'], enabled: false });

    await run(suspend, 'acme2');
    await neighbourIs({ ...aHeldTenant(), status: 'REINSTATING' });
    await run(restore, 'acme2');

    expect(isEnabled()).toBe(true);
  });

  it('stays disabled with the second if somebody disabled them after the first came back', async () => {
    await run(suspend, 'acme2');
    await stateIs({ ...aHeldTenant(), status: 'REINSTATING' });
    await run(restore);
    await stateIs({ status: 'ACTIVE' });
    (users.get('both') as PoolUser).enabled = false;
    await neighbourIs({ ...aHeldTenant(), status: 'REINSTATING' });

    await run(restore, 'acme2');

    expect(isEnabled()).toBe(false);
  });

  it('is enabled with the one that comes back although the one that disabled them is gone', async () => {
    await run(suspend, 'acme2');
    await neighbourIs(aPurgedTenant());
    await run(destroy, 'acme2');
    expect(users.get('both')).toEqual({ enabled: false, groups: ['acme'] });
    await stateIs({ ...aHeldTenant(), status: 'REINSTATING' });

    await run(restore);

    expect(isEnabled()).toBe(true);
  });
});

describe('restore-users', () => {
  const reinstating = () => tables.put(REGISTRY_TABLE, aStateItem({ ...aHeldTenant(), status: 'REINSTATING' }));

  it('enables whom the suspension disabled, and leaves disabled who was so before', async () => {
    const { users } = serveUserPool(cognito, USERS);
    await run(suspend);
    await reinstating();

    expect(await run(restore)).toEqual({ physicalId: 'acme', ready: true });
    expect(await run(restore)).toEqual({ physicalId: 'acme', ready: true });

    expect(enabled(users)).toEqual(['one', 'two', 'both', 'other']);
    expect(await item('SUSPENDED#one')).toBeUndefined();
  });

  it('also knows users whose suspension died between note and act', async () => {
    const { users } = serveUserPool(cognito, USERS);
    cognito.on(AdminUserGlobalSignOutCommand).rejectsOnce(aLostAnswer());
    await expect(run(suspend)).rejects.toMatchObject({ name: 'TransientError' });
    expect(await item('SUSPENDED#one')).toMatchObject({ phase: 'INTENT' });
    await reinstating();

    await run(restore);

    expect(users.get('one')?.enabled).toBe(true);
  });

  it('leaves a user of several tenants alone whom somebody else disabled meanwhile', async () => {
    const { users } = serveUserPool(cognito, USERS);
    await run(suspend);
    (users.get('both') as PoolUser).enabled = false;
    await reinstating();

    await run(restore);

    expect(users.get('both')?.enabled).toBe(false);
  });

  it('enables nobody any more once the tenant is blocked again', async () => {
    const { users } = serveUserPool(cognito, USERS);
    await run(suspend);
    await reinstating();
    cognito.on(AdminEnableUserCommand).callsFake(async ({ Username }) => {
      (users.get(Username) as PoolUser).enabled = true;
      await tables.put(REGISTRY_TABLE, aStateItem({ ...aHeldTenant(), generation: 2 }));
      return {};
    });

    await expect(run(restore)).rejects.toMatchObject({ name: 'StaleExecutionError' });

    // In the order of the notes.
    expect(enabled(users)).toEqual(['one', 'both', 'other']);
    expect(await item('SUSPENDED#two')).toMatchObject({ phase: 'DONE' });
  });

  it('passes over users deleted meanwhile', async () => {
    const { users } = serveUserPool(cognito, USERS);
    await run(suspend);
    users.delete('one');
    await reinstating();

    expect(await run(restore)).toMatchObject({ ready: true });
  });
});

describe('destroy-user-group', () => {
  beforeEach(() => tables.put(REGISTRY_TABLE, aStateItem(aPurgedTenant())));

  it('deletes users of this tenant alone, takes the others out, and deletes the group', async () => {
    const { users, groups } = serveUserPool(cognito, USERS);
    await tables.put(REGISTRY_TABLE, { pk: 'TENANT#acme', sk: 'SUSPENDED#one', phase: 'DONE' });

    expect(await run(destroy)).toEqual({ physicalId: 'acme', gone: true, removed: 4 });

    expect([...users]).toEqual([
      ['both', { enabled: true, groups: ['acme2'] }],
      ['other', { enabled: true, groups: ['acme2'] }],
    ]);
    expect([...groups]).toEqual(['acme2']);
    expect(await item('SUSPENDED#one')).toBeUndefined();
    expect(await item('RESOURCE#user-group')).toMatchObject({ phase: 'DESTROYED', removed: 4 });
  });

  it('deletes all memberships in the tenant, its owners and the choices of sessions, and none of another tenant', async () => {
    serveUserPool(cognito, USERS);
    const kept = aMembershipItem({ sub: 'both', tenantId: 'acme2' });
    await tables.put(
      MEMBERSHIP_TABLE,
      ...Object.keys(USERS).map((sub) => aMembershipItem({ sub })),
      { pk: 'USER#both', sk: 'SESSION#one', tenantKey: 'TENANT#acme', tenantId: 'acme' },
      anOwnersItem(),
      kept,
      anOwnersItem(['both'], 'acme2'),
    );

    expect(await run(destroy)).toMatchObject({ gone: true });

    for (const sub of Object.keys(USERS))
      expect(await tables.get(MEMBERSHIP_TABLE, `USER#${sub}`, 'TENANT#acme')).toBeUndefined();
    expect(await tables.get(MEMBERSHIP_TABLE, 'USER#both', 'SESSION#one')).toBeUndefined();
    expect(await tables.get(MEMBERSHIP_TABLE, 'TENANT#acme', 'OWNERS')).toBeUndefined();
    expect(await tables.get(MEMBERSHIP_TABLE, 'USER#both', 'TENANT#acme2')).toEqual(kept);
    expect(await tables.get(MEMBERSHIP_TABLE, 'TENANT#acme2', 'OWNERS')).toBeDefined();
  });

  it('deletes former members who have no other tenant, before the membership that names them', async () => {
    const { users } = serveUserPool(cognito, {
      former: { groups: [] },
      elsewhere: { groups: ['acme2'] },
      neighbour: { groups: [] },
    });
    await tables.put(
      MEMBERSHIP_TABLE,
      ...['former', 'elsewhere', 'gone'].map((sub) => aMembershipItem({ sub, status: 'REMOVED', roles: [] })),
      aMembershipItem({ sub: 'neighbour', tenantId: 'acme2', status: 'REMOVED' }),
      { pk: 'USER#neighbour', sk: 'SESSION#one', tenantKey: 'TENANT#acme', tenantId: 'acme' },
    );
    tables.fail((operation) => operation === 'BatchWrite', aLostAnswer());
    await expect(run(destroy)).rejects.toThrow();

    expect(await run(destroy)).toMatchObject({ gone: true });

    expect([...users.keys()]).toEqual(['elsewhere', 'neighbour']);
    expect(await tables.get(MEMBERSHIP_TABLE, 'USER#former', 'TENANT#acme')).toBeUndefined();
    expect(await tables.get(MEMBERSHIP_TABLE, 'USER#neighbour', 'TENANT#acme2')).toBeDefined();
  });

  it('is done when all is gone already, and says so again', async () => {
    const pool = serveUserPool(cognito, { other: { groups: ['acme2'] } });
    pool.groups.delete('acme');

    expect(await run(destroy)).toMatchObject({ gone: true, removed: 0 });
    expect(await run(destroy)).toMatchObject({ gone: true, removed: 0 });
    expect([...pool.users.keys()]).toEqual(['other']);
  });

  it('does not take a missing pool for a missing group', async () => {
    serveUserPool(cognito, USERS).exists = false;

    await expect(run(destroy)).rejects.toMatchObject({ name: 'MissingDependencyError' });
    expect(await item('RESOURCE#user-group')).toBeUndefined();
  });

  it('deletes a first admin who never joined, unless another tenant’s attribute is on them', async () => {
    await tables.put(REGISTRY_TABLE, aProfileItem(), aLedgerItem({ type: 'first-admin', physicalId: 'admin' }));
    const theirs = serveUserPool(cognito, { admin: { groups: [], tenantId: 'acme2', email: PERSONAL.adminEmail } });
    await run(destroy);
    expect([...theirs.users.keys()]).toEqual(['admin']);

    const ours = serveUserPool(cognito, { admin: { groups: [], tenantId: 'acme', email: PERSONAL.adminEmail } });
    await run(destroy);

    expect([...ours.users.keys()]).toEqual([]);
    expect(await item('RESOURCE#first-admin')).toMatchObject({ phase: 'DESTROYED' });
  });

  it('stops between two pages when a legal hold is set', async () => {
    const { users } = serveUserPool(cognito, USERS);
    let deletions = 0;
    cognito.on(AdminDeleteUserCommand).callsFake(async ({ Username }) => {
      users.delete(Username);
      deletions += 1;
      if (deletions === 2)
        await tables.put(REGISTRY_TABLE, aStateItem({ ...aPurgedTenant(), legalHolds: oneLegalHold }));
    });

    await expect(run(destroy)).rejects.toMatchObject({ name: 'LegalHoldError' });

    expect([...users.keys()]).toEqual(['both', 'before', 'other']);
    expect(cognito.commandCalls(DeleteGroupCommand)).toHaveLength(0);
  });

  it('goes on with memberships whose users are gone from the group', async () => {
    const subs = Array.from({ length: 250 }, (_, n) => `u${n}`);
    const { users } = serveUserPool(cognito, Object.fromEntries(subs.map((sub) => [sub, { groups: [] }])));
    await tables.put(MEMBERSHIP_TABLE, ...subs.map((sub) => aMembershipItem({ sub, status: 'REMOVED' })));

    expect(await run(destroy)).toEqual({ physicalId: 'acme', gone: false, removed: 240 });
    expect(await run(destroy)).toEqual({ physicalId: 'acme', gone: true, removed: 10 });

    expect(users.size).toBe(0);
  });

  it('goes on page by page', async () => {
    const many = Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`u${n}`, {}]));
    const { users } = serveUserPool(cognito, many);

    expect(await run(destroy)).toEqual({ physicalId: 'acme', gone: false, removed: 8 });
    expect(await run(destroy)).toEqual({ physicalId: 'acme', gone: true, removed: 3 });

    expect(users.size).toBe(0);
    expect(await item('RESOURCE#user-group')).toMatchObject({ removed: 11 });
  });
});

import {
  CognitoIdentityProviderClient,
  DeleteGroupCommand,
  UpdateGroupCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { callOperation, invokeFrontDoor, onboardToTheEnd, reinstate, toTheEnd } from '../../sandbox/requests';
import { claimsOf, refresh, signIn, type Tokens } from '../../sandbox/sign-in';
import { aRequest, useApp } from '../lifecycle/app-under-test';
import { DAY, offboardToTheEnd, startOffboarding } from '../offboarding/offboarding-under-test';

const app = useApp();
const owners = new Map<string, Tokens>();
const GRACE = 'grace@elsewhere.example';

const call = <Answer = { physicalId: string; version: number }>(
  operation: string,
  { accessToken }: Pick<Tokens, 'accessToken'>,
  input: object = {},
) => callOperation(app(), operation, { accessToken, ...input }) as Promise<Answer>;
const owner = (tenantId: string): Tokens => owners.get(tenantId) as Tokens;
const subOf = ({ accessToken }: Tokens): string => String(claimsOf(accessToken)['sub']);
const tenantOf = ({ accessToken, idToken }: Tokens) =>
  [accessToken, idToken].map((token) => claimsOf(token)['tenant_id']);
const pool = () => app().services.cognito.userPool(app().output('UserPoolId'));
const invite = (tenantId: string, requestId: string, roles: readonly string[] = ['member'], email = GRACE) =>
  call('invite-member', owner(tenantId), { requestId, email, roles });
const accept = (tokens: Tokens, tenantId: string, requestId = `accept-${tenantId}`) =>
  call('accept-invitation', tokens, { requestId, tenantId });
type Switched = { readonly clientMetadata: Readonly<Record<string, string>> };
/** As an application does: choose, then refresh with what it was told. */
const switchTo = async (tokens: Tokens, tenantId: string): Promise<[Tokens, Switched['clientMetadata']]> => {
  const { clientMetadata } = await call<Switched>('switch-tenant', tokens, { tenantId });
  return [await refresh(app(), tokens, clientMetadata), clientMetadata];
};
const memberItems = async (tenantId: string) =>
  (await app().services.dynamodb.dump(app().output('MembershipTableName'))).filter(
    ({ tenantKey }) => tenantKey === `TENANT#${tenantId}`,
  );

beforeAll(async () => {
  for (const tenantId of ['acme', 'acme2', 'away', 'leaving', 'gone']) {
    const request = aRequest({ tenantId });
    expect(await onboardToTheEnd(app(), request)).toMatchObject({ status: 'SUCCEEDED' });
    owners.set(tenantId, await signIn(app(), request.adminEmail));
  }
});

describe('a user who is invited', () => {
  let grace: Tokens;

  it('signs in to accept, and to nothing else', async () => {
    await invite('acme', 'invite-1');
    grace = await signIn(app(), GRACE);

    expect(tenantOf(grace)).toEqual([undefined, undefined]);
    expect(claimsOf(grace.idToken)).not.toHaveProperty('cognito:groups');
    await expect(call('list-members', grace)).rejects.toThrow('ForbiddenError');
    await expect(call('switch-tenant', grace, { tenantId: 'acme' })).rejects.toThrow('ForbiddenError');
    await expect(accept(grace, 'acme2')).rejects.toThrow('no invitation');
    expect(await call('list-own-memberships', grace)).toEqual({
      memberships: [{ tenantId: 'acme', status: 'INVITED', roles: ['member'], version: 1, current: false }],
    });

    await accept(grace, 'acme');

    grace = await refresh(app(), grace);
    expect(tenantOf(grace)).toEqual(['acme', 'acme']);
    const { members } = await call<{ members: { sub: string; roles: string[] }[] }>('list-members', grace);
    expect(members.map(({ roles }) => roles).sort()).toEqual([['member'], ['owner']]);
  });

  it('gains nothing by the roles of another tenant, and nothing by asking for more', async () => {
    const sub = subOf(grace);

    await expect(
      call('change-member-roles', grace, { requestId: 'more-1', sub, roles: ['owner'], version: 2 }),
    ).rejects.toThrow('may not members:change');
    await expect(
      call('invite-member', grace, { requestId: 'more-2', email: 'mallory@evil.example', roles: ['owner'] }),
    ).rejects.toThrow('may not members:invite');
    await expect(
      call('change-member-roles', owner('acme2'), { requestId: 'theirs', sub, roles: ['member'], version: 2 }),
    ).rejects.toThrow('VersionConflictError');
    await expect(call('remove-member', owner('acme2'), { requestId: 'theirs-2', sub, version: 2 })).rejects.toThrow(
      'VersionConflictError',
    );
  });

  it('is, in two tabs, in two tenants at once, whichever refreshes last', async () => {
    await invite('acme2', 'invite-1');
    await accept(grace, 'acme2');
    const tab = await signIn(app(), GRACE);

    const [one, choiceOfOne] = await switchTo(grace, 'acme');
    const [two, choiceOfTwo] = await switchTo(tab, 'acme2');
    expect([tenantOf(one), tenantOf(two)]).toEqual([
      ['acme', 'acme'],
      ['acme2', 'acme2'],
    ]);
    expect(claimsOf(two.accessToken)['cognito:groups']).toEqual(['acme2']);

    const again = await refresh(app(), one, choiceOfOne);
    expect(tenantOf(again)).toEqual(['acme', 'acme']);
    // The other session's choice is no secret worth anything: it is the same user's.
    expect(tenantOf(await refresh(app(), two, choiceOfTwo))).toEqual(['acme2', 'acme2']);
    // What was issued before stays what it was: the tenant is in the token, not with the user.
    expect(tenantOf(grace)).toEqual(['acme', 'acme']);
    await expect(call('list-members', again, { tenantId: 'acme2' })).rejects.toThrow('TenantMismatchError');
    grace = again;
  });

  it('begins the next session where they last were', async () => {
    await switchTo(await signIn(app(), GRACE), 'acme2');

    expect(tenantOf(await signIn(app(), GRACE))).toEqual(['acme2', 'acme2']);
  });

  it('is out at once when they are removed, and keeps the other tenant', async () => {
    const [there] = await switchTo(await signIn(app(), GRACE), 'acme');

    await call('remove-member', owner('acme'), { requestId: 'remove-1', sub: subOf(grace), version: 2 });

    // The token is genuine and has not expired.
    await expect(call('list-members', there)).rejects.toThrow('is no member');
    await expect(refresh(app(), there, { tenant_id: 'acme' })).rejects.toThrow('no member');
    await expect(call('switch-tenant', there, { tenantId: 'acme' })).rejects.toThrow('ForbiddenError');
    expect(pool().users.get(subOf(grace))?.groups).toEqual(new Set(['acme2']));
    expect(tenantOf(await refresh(app(), there, { tenant_id: 'acme2' }))).toEqual(['acme2', 'acme2']);
  });

  it('is signed out when no tenant is left', async () => {
    const there = await signIn(app(), GRACE);
    const { members } = await call<{ members: { sub: string; version: number }[] }>('list-members', owner('acme2'));
    const { version } = members.find(({ sub }) => sub === subOf(there)) ?? {};

    await call('remove-member', owner('acme2'), { requestId: 'remove-1', sub: subOf(there), version });

    await expect(refresh(app(), there)).rejects.toThrow('Refresh Token has been revoked');
    await expect(signIn(app(), GRACE)).rejects.toThrow('no tenant');
  });

  it('comes back by a new invitation only', async () => {
    await expect(invite('acme', 'invite-1')).rejects.toThrow('withdrawn');
    await invite('acme', 'invite-2');
    const back = await signIn(app(), GRACE);
    await accept(back, 'acme', 'accept-2');

    expect(tenantOf(await refresh(app(), back))).toEqual(['acme', 'acme']);
  });
});

it('a tenant always has an owner', async () => {
  const sub = subOf(owner('acme'));
  await expect(call('remove-member', owner('acme'), { requestId: 'leave', sub, version: 1 })).rejects.toThrow(
    'LastOwnerError',
  );
  const { physicalId: other } = await invite('acme', 'invite-3', ['owner'], 'second@acme.example');
  const second = await signIn(app(), 'second@acme.example');
  await expect(
    call('change-member-roles', owner('acme'), { requestId: 'demote', sub, roles: ['member'], version: 1 }),
  ).rejects.toThrow('LastOwnerError');
  await accept(second, 'acme');
  const accepted = await refresh(app(), second);

  const results = await Promise.allSettled([
    call('remove-member', owner('acme'), { requestId: 'race-1', sub: other, version: 2 }),
    call('remove-member', accepted, { requestId: 'race-2', sub, version: 1 }),
  ]);

  const items = await memberItems('acme');
  const left = items.filter(({ roles, status }) => status === 'ACTIVE' && (roles as string[]).includes('owner'));
  expect(left).toHaveLength(1);
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const counted = items.find(({ sk }) => sk === 'OWNERS')?.['owners'];
  expect(counted).toEqual([left[0]?.['sub']]);
});

describe('a user of two tenants', () => {
  const EMAIL = 'both@elsewhere.example';
  let both: Tokens;

  beforeAll(async () => {
    await invite('away', 'invite-1', ['member'], EMAIL);
    await invite('acme2', 'invite-2', ['member'], EMAIL);
    both = await signIn(app(), EMAIL);
    for (const tenantId of ['away', 'acme2']) await accept(both, tenantId);
  });

  it('cannot choose the one that is on hold, keeps the other, and has both again after its reinstatement', async () => {
    await startOffboarding(app(), 'away', { holdSeconds: 30 * DAY });
    const there = await signIn(app(), EMAIL);
    expect(tenantOf(there)).toEqual(['acme2', 'acme2']);
    await expect(call('switch-tenant', there, { tenantId: 'away' })).rejects.toThrow('away is not ACTIVE');
    await expect(refresh(app(), there, { tenant_id: 'away' })).rejects.toThrow('away is not ACTIVE');

    const { executionArn } = await reinstate(app(), { tenantId: 'away', requestId: 'stay', reason: 'renewed' });
    expect(await toTheEnd(app(), executionArn)).toMatchObject({ status: 'SUCCEEDED' });

    const [back] = await switchTo(there, 'away');
    expect(tenantOf(back)).toEqual(['away', 'away']);
  });

  it('outlives the tenant that is purged, which leaves nothing of them behind', async () => {
    await offboardToTheEnd(app(), 'away', 'leave-2');

    expect(await memberItems('away')).toEqual([]);
    const there = await signIn(app(), EMAIL);
    expect(tenantOf(there)).toEqual(['acme2', 'acme2']);
    await expect(call('switch-tenant', there, { tenantId: 'away' })).rejects.toThrow('ForbiddenError');
    expect(await call('list-own-memberships', there)).toMatchObject({ memberships: [{ tenantId: 'acme2' }] });
  });
});

describe('a tenant whose group somebody has deleted', () => {
  const EMAIL = 'member@acme2.example';
  let sub: string;
  const groupsOf = () => [...(pool().users.get(sub)?.groups ?? [])];

  beforeAll(async () => {
    await invite('acme2', 'invite-5', ['member'], EMAIL);
    await invite('gone', 'invite-1', ['member'], EMAIL);
    const tokens = await signIn(app(), EMAIL);
    for (const tenantId of ['acme2', 'gone']) await accept(tokens, tenantId);
    sub = subOf(tokens);
    const cognito = new CognitoIdentityProviderClient(app().clientConfig);
    await cognito.send(new DeleteGroupCommand({ UserPoolId: app().output('UserPoolId'), GroupName: 'acme2' }));
    cognito.destroy();
  });

  it('keeps its users, enabled, when another tenant of theirs is purged', async () => {
    expect(await offboardToTheEnd(app(), 'gone')).toMatchObject({ status: 'SUCCEEDED' });

    expect(pool().users.get(sub)).toMatchObject({ enabled: true });
    expect(groupsOf()).toEqual([]);
    expect(tenantOf(await signIn(app(), EMAIL))).toEqual(['acme2', 'acme2']);
  });

  it('has all of them in its group again once it is repaired', async () => {
    const request = { operation: 'repair', tenantId: 'acme2', requestId: 'repair-1', requestedBy: 'ops' };
    const { executionArn } = (await invokeFrontDoor(app(), request)) as { executionArn: string };
    expect(await toTheEnd(app(), executionArn)).toMatchObject({ status: 'SUCCEEDED' });

    expect(groupsOf()).toEqual(['acme2']);
    expect(pool().users.get(subOf(owner('acme2')))?.groups).toContain('acme2');
  });
});

it('a purge deletes the accounts of invited and of former members who have no other tenant, and of nobody else', async () => {
  const { physicalId: invited } = await invite('leaving', 'invite-1', ['member'], 'invited@leaving.example');
  const { physicalId: former } = await invite('leaving', 'invite-2', ['member'], 'former@leaving.example');
  await call('remove-member', owner('leaving'), { requestId: 'remove-1', sub: former, version: 1 });
  const { physicalId: elsewhere } = await invite('leaving', 'invite-3', ['member'], 'elsewhere@acme2.example');
  await invite('acme2', 'invite-4', ['member'], 'elsewhere@acme2.example');
  await call('remove-member', owner('leaving'), { requestId: 'remove-2', sub: elsewhere, version: 1 });

  expect(await offboardToTheEnd(app(), 'leaving')).toMatchObject({ status: 'SUCCEEDED' });

  expect([invited, former, elsewhere].filter((sub) => pool().users.has(sub))).toEqual([elsewhere]);
  expect(await memberItems('leaving')).toEqual([]);
});

it('a role that somebody gives a group gets into no token', async () => {
  const cognito = new CognitoIdentityProviderClient(app().clientConfig);
  const group = { UserPoolId: app().output('UserPoolId'), GroupName: 'acme2' };
  await cognito.send(new UpdateGroupCommand({ ...group, RoleArn: 'arn:aws:iam::123456789012:role/admin' }));
  cognito.destroy();

  const tokens = await signIn(app(), 'admin@acme2.example');

  for (const token of [tokens.accessToken, tokens.idToken]) {
    expect(claimsOf(token)).not.toHaveProperty('cognito:roles');
    expect(claimsOf(token)).not.toHaveProperty('cognito:preferred_role');
  }
});

it('addresses are in the user pool and in no record, log line or answer', async () => {
  const bucket = app().services.s3.bucket(app().output('AuditBucketName'));
  const keys = [...(bucket?.keysFrom('audit/acme/calls/') ?? [])].filter((key) => key.startsWith('audit/acme/calls/'));
  expect(keys.length).toBeGreaterThan(8);

  for (const key of keys) {
    const [{ content } = {}] = bucket?.versionsOf(key) ?? [];
    expect(`${key} ${content?.body.toString('utf8')}`).not.toMatch(/@|grace|elsewhere/);
  }
  const calls = app()
    .calls.entries()
    .filter(({ service, functionName }) => service !== 'cognito-identity-provider' && functionName !== undefined);
  const { logs } = app().services;
  const lines = logs.groups().flatMap(({ name }) => logs.lines(name));
  for (const written of [calls, lines]) {
    expect(written.length).toBeGreaterThan(100);
    expect(JSON.stringify(written)).not.toContain(GRACE);
  }
});

import { DeleteItemCommand, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { callOperation, onboardToTheEnd } from '../../sandbox/requests';
import { claimsOf, refresh, signIn, type Tokens } from '../../sandbox/sign-in';
import { aRequest, useApp } from '../lifecycle/app-under-test';
import { DAY, offboardToTheEnd, startOffboarding } from '../offboarding/offboarding-under-test';
import { aMembershipItem } from '../support/builders';
import { aUserPool } from '../support/tokens';

const app = useApp();
const owners = new Map<string, Tokens>();

const tokenOf = (tenantId: string): string => owners.get(tenantId)?.accessToken ?? '';
const call = (operation: string, accessToken: string, input: object = {}) =>
  callOperation(app(), operation, { accessToken, ...input });
const define = (accessToken: string, input: object = {}) =>
  call('define-role', accessToken, { requestId: 'r-1', roleId: 'reader', permissions: ['documents:read'], ...input });
const rolesOf = async (tenantId: string) =>
  ((await call('list-roles', tokenOf(tenantId))) as { roles: { roleId: string; version?: number }[] }).roles;

/** Gives a user a membership of these roles, or takes it; the membership operations have tests of their own. */
async function setRoles(sub: string, tenantId: string, roles: readonly string[] | undefined): Promise<void> {
  const client = new DynamoDBClient(app().clientConfig);
  const TableName = app().output('MembershipTableName');
  const Key = marshall({ pk: `USER#${sub}`, sk: `TENANT#${tenantId}` });
  await (roles === undefined
    ? client.send(new DeleteItemCommand({ TableName, Key }))
    : client.send(new PutItemCommand({ TableName, Item: marshall(aMembershipItem({ sub, tenantId, roles })) })));
  client.destroy();
}
const subOf = (accessToken: string): string => String(claimsOf(accessToken)['sub']);

beforeAll(async () => {
  for (const tenantId of ['acme', 'acme2', 'leaving']) {
    const request = aRequest({ tenantId });
    expect(await onboardToTheEnd(app(), request)).toMatchObject({ status: 'SUCCEEDED' });
    owners.set(tenantId, await signIn(app(), request.adminEmail));
  }
});

it('keys that cannot be fetched are no reason to believe a token', async () => {
  const { faults } = app();
  faults.add({
    operation: 'GetJwks',
    when: 'before',
    times: 2,
    effect: { kind: 'error', code: 'InternalError', status: 500 },
  });

  await expect(call('list-roles', tokenOf('acme'))).rejects.toThrow('TransientError');
  expect(await call('list-roles', tokenOf('acme'))).toMatchObject({ roles: expect.any(Array) });
  faults.clear();
});

it('an owner defines, changes and removes a role, which other tenants do not see', async () => {
  expect(await define(tokenOf('acme'))).toEqual({ physicalId: 'reader', version: 1 });
  expect(await define(tokenOf('acme'))).toEqual({ physicalId: 'reader', version: 1 });
  expect(await define(tokenOf('acme'), { requestId: 'r-2', permissions: ['audit:read'], version: 1 })).toEqual({
    physicalId: 'reader',
    version: 2,
  });
  expect(await rolesOf('acme')).toContainEqual({ roleId: 'reader', permissions: ['audit:read'], version: 2 });
  expect(await rolesOf('acme2')).toEqual([
    expect.objectContaining({ roleId: 'owner' }),
    expect.objectContaining({ roleId: 'member' }),
  ]);
  await expect(
    call('remove-role', tokenOf('acme2'), { requestId: 'r-3', roleId: 'reader', version: 2 }),
  ).rejects.toThrow('VersionConflictError');

  await call('remove-role', tokenOf('acme'), { requestId: 'r-4', roleId: 'reader', version: 2 });

  expect(await rolesOf('acme')).not.toContainEqual(expect.objectContaining({ roleId: 'reader' }));
  const audited = [...(app().services.s3.bucket(app().output('AuditBucketName'))?.keysFrom('audit/acme/calls/') ?? [])];
  expect(audited.filter((key) => /^audit\/acme\/calls\/(define|remove)-role--/.test(key))).toHaveLength(6);
});

it('a member may do what their roles say, from the next call on, and no longer than they say it', async () => {
  const { accessToken } = owners.get('leaving') ?? { accessToken: '' };
  const sub = subOf(accessToken);
  await setRoles(sub, 'leaving', ['member']);
  await expect(define(accessToken, { roleId: 'mine', permissions: ['audit:read'] })).rejects.toThrow('ForbiddenError');
  await setRoles(sub, 'leaving', ['owner']);
  await define(accessToken, { roleId: 'definer', permissions: ['roles:define', 'documents:read'] });
  await setRoles(sub, 'leaving', ['definer']);

  await expect(
    define(accessToken, {
      requestId: 'r-2',
      roleId: 'definer',
      version: 1,
      permissions: ['roles:define', 'documents:read', 'audit:read'],
    }),
  ).rejects.toThrow('does not hold: audit:read');
  expect(await define(accessToken, { requestId: 'r-3', roleId: 'reader' })).toMatchObject({ version: 1 });
  await expect(call('list-roles', accessToken)).rejects.toThrow('may not roles:list');

  await setRoles(sub, 'leaving', undefined);
  await expect(define(accessToken, { requestId: 'r-4', roleId: 'late' })).rejects.toThrow('is no member');
  await setRoles(sub, 'leaving', ['owner']);
});

it.each<readonly [string, () => string]>([
  [
    'of another pool',
    () => aUserPool(app().output('UserPoolId')).accessToken({ client_id: app().output('UserPoolClientId') }),
  ],
  ['that says it needs no signature', () => aUserPool(app().output('UserPoolId')).forged({ alg: 'none' })],
  ['that is the ID token', () => owners.get('acme')?.idToken ?? ''],
  ['that is the refresh token', () => owners.get('acme')?.refreshToken ?? ''],
  ['whose tenant was changed', () => withClaim(tokenOf('acme'), { tenant_id: 'acme2' })],
  ['whose user was changed', () => withClaim(tokenOf('acme'), { sub: subOf(tokenOf('acme2')) })],
])('a token %s is refused', async (_, token) => {
  await expect(call('list-roles', token())).rejects.toThrow(/UnauthenticatedError|TransientError/);
});

it('a tenant that the request names must be the token’s', async () => {
  await expect(call('list-roles', tokenOf('acme'), { tenantId: 'acme2' })).rejects.toThrow('TenantMismatchError');
  expect(await call('list-roles', tokenOf('acme'), { tenantId: 'acme' })).toMatchObject({ roles: expect.any(Array) });
});

it('a user of two tenants acts in that of the token alone', async () => {
  const sub = subOf(tokenOf('acme'));
  await setRoles(sub, 'acme2', ['member']);
  const there = await refresh(app(), owners.get('acme') as Tokens, { tenant_id: 'acme2' });

  await expect(define(there.accessToken, { roleId: 'mine' })).rejects.toThrow('ForbiddenError: tenant acme2');
  expect(await define(tokenOf('acme'), { requestId: 'r-9', roleId: 'mine' })).toMatchObject({ version: 1 });
  await setRoles(sub, 'acme2', undefined);
});

it('an access token is of no use once its tenant is being offboarded, and no role is left in the end', async () => {
  const accessToken = tokenOf('leaving');
  await startOffboarding(app(), 'leaving', { holdSeconds: DAY });
  await expect(call('list-roles', accessToken)).rejects.toThrow('tenant leaving is not ACTIVE');

  await define(tokenOf('acme2'), { roleId: 'soon-gone' });
  await offboardToTheEnd(app(), 'acme2');
  const items = await app().services.dynamodb.dump(app().output('MembershipTableName'));
  expect(items.filter(({ tenantKey }) => tenantKey === 'TENANT#acme2')).toEqual([]);
});

it('an access token expires', async () => {
  await app().clock.advance(16 * 60_000);

  await expect(call('list-roles', tokenOf('acme'))).rejects.toThrow(
    'UnauthenticatedError: the access token has expired',
  );
});

function withClaim(token: string, changes: object): string {
  const [header, , signature] = token.split('.');
  const payload = Buffer.from(JSON.stringify({ ...claimsOf(token), ...changes })).toString('base64url');
  return `${header}.${payload}.${signature}`;
}

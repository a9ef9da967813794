import {
  AdminCreateUserCommand,
  AdminUserGlobalSignOutCommand,
  CognitoIdentityProviderClient,
} from '@aws-sdk/client-cognito-identity-provider';
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import * as accept from '../../../tasks/membership/accept';
import * as changeRoles from '../../../tasks/membership/change-roles';
import * as invite from '../../../tasks/membership/invite';
import * as list from '../../../tasks/membership/list';
import * as listOwn from '../../../tasks/membership/list-own';
import * as remove from '../../../tasks/membership/remove';
import { STATUSES } from '../../../tasks/shared/tenant';
import * as switching from '../../../tasks/tenant-claim/switch';
import { type AuditBucket, serveAuditBucket } from '../../support/audit-bucket';
import { serveAuditLog } from '../../support/audit-log';
import { aLostAnswer, anAwsError } from '../../support/aws-errors';
import {
  aContext,
  aMembershipItem,
  anOwnersItem,
  aStateItem,
  MEMBERSHIP_TABLE,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput, type Output } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';
import { aUserPool } from '../../support/tokens';
import { serveUserPool, type UserPool } from '../../support/user-pool';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
const cognito = mockClient(CognitoIdentityProviderClient);
serveAuditLog();
const issuer = aUserPool();
let tables: Tables;
let bucket: AuditBucket;
let users: UserPool;
let output: Output;

const NEW = 'grace@elsewhere.example';
type Handler = (event: unknown, context: ReturnType<typeof aContext>) => Promise<unknown>;
/** @param sub who calls; sub-1 is the owner of acme */
const call = ({ handler }: { handler: Handler }, input: object, sub = 'sub-1', claims: object = {}) =>
  handler({ accessToken: issuer.accessToken({ sub, ...claims }), ...input }, aContext());
const anInvitation = (changes: object = {}) => ({ requestId: 'r-1', email: NEW, roles: ['member'], ...changes });
const membership = (sub: string, tenantId = 'acme') =>
  tables.get(MEMBERSHIP_TABLE, `USER#${sub}`, `TENANT#${tenantId}`);
const owners = async () => (await tables.get(MEMBERSHIP_TABLE, 'TENANT#acme', 'OWNERS'))?.['owners'];
const member = (sub: string, roles: readonly string[], changes: object = {}) =>
  tables.put(MEMBERSHIP_TABLE, aMembershipItem({ sub, roles, ...changes }));
const role = (roleId: string, permissions: readonly string[]) =>
  tables.put(MEMBERSHIP_TABLE, {
    pk: 'TENANT#acme',
    sk: `ROLE#${roleId}`,
    tenantKey: 'TENANT#acme',
    tenantId: 'acme',
    roleId,
    permissions,
    version: 1,
  });
const signedOut = () => cognito.commandCalls(AdminUserGlobalSignOutCommand).map(({ args }) => args[0].input.Username);
const created = () => cognito.commandCalls(AdminCreateUserCommand).map(({ args }) => args[0].input);
const records = () => bucket.keys().map((key) => JSON.parse(bucket.body(key).toString()) as Record<string, unknown>);
const refusals = () => records().filter(({ reason }) => reason === 'NOT_HELD');

beforeEach(async () => {
  output = captureOutput();
  setEnvironment();
  dynamodb.reset();
  s3.reset();
  cognito.reset();
  issuer.serveKeys();
  bucket = serveAuditBucket(s3);
  tables = await serveTables(dynamodb, REGISTRY_TABLE, MEMBERSHIP_TABLE);
  users = serveUserPool(cognito, {
    'sub-1': { email: 'ada@acme.example' },
    'sub-2': { email: 'bob@acme.example' },
    known: { email: 'known@acme2.example', groups: ['acme2'], tenantId: 'acme2' },
  });
  for (const tenantId of ['acme', 'acme2'])
    await tables.put(REGISTRY_TABLE, aStateItem({ tenantId, status: 'ACTIVE' }));
  await member('sub-1', ['owner']);
  await member('sub-2', ['member']);
  await tables.put(MEMBERSHIP_TABLE, anOwnersItem(['sub-1']));
});

afterEach(() => {
  jest.restoreAllMocks();
});

describe('invite-member', () => {
  it('makes a user for the tenant, invites them, and notes an invitation that gives nothing yet', async () => {
    expect(await call(invite, anInvitation())).toEqual({ physicalId: 'new-3', version: 1 });

    expect(created()).toEqual([
      expect.objectContaining({
        Username: NEW,
        UserAttributes: expect.arrayContaining([{ Name: 'custom:tenant_id', Value: 'acme' }]),
      }),
    ]);
    expect(await membership('new-3')).toMatchObject({
      status: 'INVITED',
      roles: ['member'],
      invitedBy: 'sub-1',
      tenantKey: 'TENANT#acme',
    });
    expect(users.users.get('new-3')?.groups).toEqual(['acme']);
    expect(await owners()).toEqual(new Set(['sub-1']));
  });

  it('says the same of a user of another tenant, makes nobody and sends nothing', async () => {
    expect(await call(invite, anInvitation({ email: 'known@acme2.example' }))).toEqual({
      physicalId: 'known',
      version: 1,
    });

    expect(created()).toEqual([]);
    expect(users.users.get('known')).toMatchObject({ groups: ['acme2', 'acme'], tenantId: 'acme2' });
  });

  it('sends a new invitation to whoever has not used theirs', async () => {
    users.users.set('late', { enabled: true, groups: [], email: 'late@acme.example', pending: true });

    await call(invite, anInvitation({ email: 'late@acme.example' }));

    expect(users.invited).toEqual(['late@acme.example']);
    expect(created()).toEqual([expect.objectContaining({ MessageAction: 'RESEND' })]);
  });

  it('does not believe an address that nobody has verified', async () => {
    users.users.set('sly', { enabled: true, groups: [], email: 'ceo@acme.example', emailVerified: false });

    const invited = call(invite, anInvitation({ email: 'ceo@acme.example' }));

    await expect(invited).rejects.toMatchObject({ name: 'ResourceConflictError' });
    expect(await membership('sly')).toBeUndefined();
  });

  it('leaves the address in Cognito alone', async () => {
    await call(invite, anInvitation());
    await expect(call(invite, anInvitation({ requestId: 'r-2' }))).rejects.toMatchObject({
      name: 'RequestConflictError',
    });

    const kept = [
      output.text(),
      JSON.stringify(records()),
      bucket.keys().join(),
      JSON.stringify(await membership('new-3')),
    ].join();
    expect(kept).not.toContain('grace');
    const [done] = records().filter(({ outcome }) => outcome === 'SUCCEEDED');
    expect(done).toMatchObject({
      action: 'invite-member',
      requestedBy: 'user/sub-1',
      requestId: 'r-1',
      resource: { type: 'membership', physicalId: 'new-3' },
    });
  });

  it('invites nobody twice, and takes a requestId for one thing only', async () => {
    const first = await call(invite, anInvitation());
    expect(await call(invite, anInvitation())).toEqual(first);
    expect(users.invited).toEqual([NEW]);

    for (const other of [{ email: 'other@acme.example' }, { roles: ['owner'] }])
      await expect(call(invite, anInvitation(other))).rejects.toMatchObject({ name: 'RequestConflictError' });
    await expect(call(invite, anInvitation({ requestId: 'r-2', email: 'bob@acme.example' }))).rejects.toMatchObject({
      name: 'RequestConflictError',
      message: expect.stringContaining('is a member or invited already'),
    });
    expect(users.users.size).toBe(4);
  });

  it('brings nobody back by a late repeat, but by a new invitation', async () => {
    await call(invite, anInvitation());
    await call(remove, { requestId: 'r-2', sub: 'new-3', version: 1 });

    await expect(call(invite, anInvitation())).rejects.toMatchObject({ name: 'RequestConflictError' });
    expect(await call(invite, anInvitation({ requestId: 'r-3' }))).toEqual({ physicalId: 'new-3', version: 3 });
    expect(await membership('new-3')).toMatchObject({ status: 'INVITED', roles: ['member'] });
  });

  it.each<[string, () => void]>([
    ['the note of the request', () => tables.loseAnswer((operation) => operation === 'Put')],
    ['the making of the user', () => users.fail('AdminCreateUserCommand', 'after', aLostAnswer())],
    [
      'the membership, unwritten',
      () =>
        tables.fail(
          (operation, { Item }) => operation === 'Put' && 'roles' in (Item as object),
          anAwsError('InternalServerError', '', 500),
        ),
    ],
    [
      'the membership',
      () => tables.loseAnswer((operation, { Item }) => operation === 'Put' && 'roles' in (Item as object)),
    ],
    ['joining the group, before', () => users.fail('AdminAddUserToGroupCommand', 'before', aLostAnswer())],
    ['joining the group, after', () => users.fail('AdminAddUserToGroupCommand', 'after', aLostAnswer())],
    ['the record of the success', () => bucket.loseAnswer('PutObject', /done/)],
  ])('comes to the same by a repeat after it stopped at %s', async (_, stop) => {
    stop();
    await expect(call(invite, anInvitation())).rejects.toThrow();

    expect(await call(invite, anInvitation())).toEqual({ physicalId: 'new-3', version: 1 });

    expect(users.users.size).toBe(4);
    expect(users.users.get('new-3')?.groups).toEqual(['acme']);
    expect(records().map(({ outcome }) => outcome)).toEqual(expect.arrayContaining(['ACCEPTED', 'SUCCEEDED']));
    expect(bucket.keys()).toHaveLength(2);
  });
});

describe('nobody gives or takes what they do not hold', () => {
  beforeEach(async () => {
    await role('inviter', ['members:invite', 'members:change', 'members:remove', 'documents:read']);
    await role('reader', ['documents:read']);
    await role('auditor', ['audit:read']);
    await member('sub-2', ['inviter']);
    await member('sub-3', ['auditor']);
  });

  it.each([['owner'], ['member'], ['auditor'], ['reader', 'auditor']])('not by an invitation: %j', async (...roles) => {
    await expect(call(invite, anInvitation({ roles }), 'sub-2')).rejects.toMatchObject({ name: 'ForbiddenError' });

    expect(users.users.size).toBe(3);
    expect(refusals()).toEqual([expect.objectContaining({ outcome: 'REFUSED', requestedBy: 'user/sub-2' })]);
  });

  it('but what they hold', async () => {
    await call(invite, anInvitation({ roles: ['reader', 'inviter'] }), 'sub-2');

    expect(await membership('new-3')).toMatchObject({ roles: ['reader', 'inviter'] });
  });

  it.each([
    ['to themselves', { sub: 'sub-2', roles: ['inviter', 'auditor'] }],
    ['to themselves, as owner', { sub: 'sub-2', roles: ['owner'] }],
    ['to others', { sub: 'sub-3', roles: ['auditor', 'owner'] }],
    ['from others', { sub: 'sub-3', roles: ['reader'] }],
    ['from the owner', { sub: 'sub-1', roles: ['reader'] }],
  ])('not by a change: %s', async (_, change) => {
    const before = await membership(change.sub);

    await expect(call(changeRoles, { requestId: 'r-1', version: 1, ...change }, 'sub-2')).rejects.toMatchObject({
      name: 'ForbiddenError',
    });

    expect(await membership(change.sub)).toEqual(before);
    expect(refusals()).toHaveLength(1);
  });

  it('nor by removing the owner', async () => {
    await expect(call(remove, { requestId: 'r-1', sub: 'sub-1', version: 1 }, 'sub-2')).rejects.toMatchObject({
      name: 'ForbiddenError',
      message: expect.stringContaining('only an owner makes owners'),
    });
    expect(await membership('sub-1')).toMatchObject({ status: 'ACTIVE' });
  });

  it('a role of another tenant is none', async () => {
    await tables.put(MEMBERSHIP_TABLE, {
      pk: 'TENANT#acme2',
      sk: 'ROLE#theirs',
      tenantKey: 'TENANT#acme2',
      permissions: ['documents:read'],
    });

    await expect(call(invite, anInvitation({ roles: ['theirs'] }))).rejects.toMatchObject({
      name: 'InvalidInputError',
    });
  });
});

describe('change-member-roles', () => {
  const aChange = (changes: object = {}) => ({
    requestId: 'r-1',
    sub: 'sub-2',
    roles: ['owner'],
    version: 1,
    ...changes,
  });

  it('makes an owner, who is counted, and unmakes one', async () => {
    expect(await call(changeRoles, aChange())).toEqual({ physicalId: 'sub-2', version: 2 });
    expect(await owners()).toEqual(new Set(['sub-1', 'sub-2']));

    await call(changeRoles, aChange({ requestId: 'r-2', sub: 'sub-1', roles: ['member'] }));
    expect(await owners()).toEqual(new Set(['sub-2']));
    await expect(
      call(changeRoles, aChange({ requestId: 'r-3', roles: ['member'], version: 2 }), 'sub-2'),
    ).rejects.toMatchObject({ name: 'LastOwnerError' });
  });

  it('takes a role that was removed meanwhile', async () => {
    await member('sub-2', ['member', 'gone']);

    await call(changeRoles, aChange({ roles: ['member'] }));

    expect(await membership('sub-2')).toMatchObject({ roles: ['member'] });
  });

  it.each<[string, object]>([
    ['another version', { version: 2 }],
    ['somebody who never was a member', { sub: 'known' }],
  ])('refuses %s', async (_, change) => {
    await expect(call(changeRoles, aChange(change))).rejects.toMatchObject({ name: 'VersionConflictError' });
    expect(await owners()).toEqual(new Set(['sub-1']));
  });

  it.each<[string, object]>([
    ['no role', { roles: [] }],
    ['a role twice', { roles: ['member', 'member'] }],
    ['eleven roles', { roles: Array.from({ length: 11 }, (_, index) => `role-${index}`) }],
    ['a sub that is a key of another kind', { sub: 'sub-2#x' }],
  ])('refuses %s before anything is read', async (_, change) => {
    await expect(call(changeRoles, aChange(change))).rejects.toMatchObject({ name: 'InvalidInputError' });
    expect(dynamodb.calls()).toEqual([]);
  });

  it.each<[string, () => void]>([
    [
      'the membership',
      () => tables.loseAnswer((operation, { Item }) => operation === 'Put' && 'roles' in (Item as object)),
    ],
    ['the count, before', () => tables.fail((operation) => operation === 'Update', aLostAnswer())],
    ['the count, after', () => tables.loseAnswer((operation) => operation === 'Update')],
    ['the record', () => bucket.loseAnswer('PutObject', /done/)],
  ])('comes to the same by a repeat after it stopped at %s', async (_, stop) => {
    stop();
    await expect(call(changeRoles, aChange())).rejects.toThrow();

    await call(changeRoles, aChange());

    expect(await membership('sub-2')).toMatchObject({ roles: ['owner'], status: 'ACTIVE' });
    expect(await owners()).toEqual(new Set(['sub-1', 'sub-2']));
  });

  it('is not repeated by somebody else, who may not even make it', async () => {
    await role('changer', ['members:change']);
    await member('known', ['changer']);
    await call(changeRoles, aChange());

    await expect(call(changeRoles, aChange(), 'known')).rejects.toMatchObject({ name: 'VersionConflictError' });
    expect(records().filter(({ requestedBy }) => requestedBy === 'user/known')).toEqual([
      expect.objectContaining({ outcome: 'ACCEPTED' }),
      expect.objectContaining({ outcome: 'REFUSED', reason: 'VersionConflictError' }),
    ]);
  });

  it('does not undo by a late repeat what came after it', async () => {
    await call(changeRoles, aChange());
    await call(changeRoles, aChange({ requestId: 'r-2', roles: ['member'], version: 2 }));

    await expect(call(changeRoles, aChange())).rejects.toMatchObject({ name: 'VersionConflictError' });
    expect(await membership('sub-2')).toMatchObject({ roles: ['member'] });
  });
});

describe('remove-member', () => {
  const aRemoval = (changes: object = {}) => ({ requestId: 'r-1', sub: 'sub-2', version: 1, ...changes });

  it('ends the membership, the group and every session of a user without another tenant', async () => {
    expect(await call(remove, aRemoval())).toEqual({ physicalId: 'sub-2', version: 2 });

    expect(await membership('sub-2')).toMatchObject({ status: 'REMOVED', roles: [], changedBy: 'sub-1' });
    expect(users.users.get('sub-2')?.groups).toEqual([]);
    expect(signedOut()).toEqual(['sub-2']);
    await expect(call(list, {}, 'sub-2')).rejects.toMatchObject({ name: 'ForbiddenError' });
  });

  it('leaves the sessions in other tenants alone', async () => {
    await member('sub-2', ['member'], { tenantId: 'acme2' });

    await call(remove, aRemoval());

    expect(signedOut()).toEqual([]);
    expect(await membership('sub-2', 'acme2')).toMatchObject({ status: 'ACTIVE' });
  });

  it('keeps the last owner, also from themselves', async () => {
    await expect(call(remove, aRemoval({ sub: 'sub-1' }))).rejects.toMatchObject({ name: 'LastOwnerError' });

    await member('sub-2', ['owner']);
    await tables.put(MEMBERSHIP_TABLE, anOwnersItem(['sub-1', 'sub-2']));
    await call(remove, aRemoval({ requestId: 'r-2', sub: 'sub-1' }), 'sub-2');
    expect(await owners()).toEqual(new Set(['sub-2']));
  });

  it('is no removal of somebody who was invited once more', async () => {
    await member('sub-2', ['member'], { version: 5, status: 'INVITED' });

    await expect(call(remove, aRemoval())).rejects.toMatchObject({ name: 'VersionConflictError' });
    await expect(call(remove, aRemoval({ requestId: 'r-2', sub: 'known' }))).rejects.toMatchObject({
      name: 'VersionConflictError',
    });
  });

  it.each<[string, () => void]>([
    [
      'the membership',
      () => tables.loseAnswer((operation, { Item }) => operation === 'Put' && 'roles' in (Item as object)),
    ],
    ['the group, before', () => users.fail('AdminRemoveUserFromGroupCommand', 'before', aLostAnswer())],
    ['the group, after', () => users.fail('AdminRemoveUserFromGroupCommand', 'after', aLostAnswer())],
    ['the sign-out, before', () => users.fail('AdminUserGlobalSignOutCommand', 'before', aLostAnswer())],
    ['the sign-out, after', () => users.fail('AdminUserGlobalSignOutCommand', 'after', aLostAnswer())],
    ['the record', () => bucket.loseAnswer('PutObject', /done/)],
  ])('comes to the same by a repeat after it stopped at %s', async (_, stop) => {
    stop();
    await expect(call(remove, aRemoval())).rejects.toThrow();
    expect(await membership('sub-2')).toMatchObject({ status: 'REMOVED' });

    expect(await call(remove, aRemoval())).toEqual({ physicalId: 'sub-2', version: 2 });

    expect(users.users.get('sub-2')?.groups).toEqual([]);
    expect(signedOut()).toContain('sub-2');
  });

  it('takes a user who is gone from the pool for removed', async () => {
    users.users.delete('sub-2');

    expect(await call(remove, aRemoval())).toEqual({ physicalId: 'sub-2', version: 2 });
  });
});

describe('list-members', () => {
  it('shows members and invited users of the caller’s tenant, without former ones and sessions', async () => {
    await member('sub-3', ['member'], { status: 'INVITED', acceptedAt: undefined });
    await member('sub-4', [], { status: 'REMOVED' });
    await member('sub-5', ['member'], { tenantId: 'acme2' });
    await call(switching, { tenantId: 'acme' }, 'sub-2');

    const { members } = (await call(list, {}, 'sub-2')) as { members: { sub: string }[] };

    expect(members).toEqual([
      expect.objectContaining({ sub: 'sub-1', status: 'ACTIVE', roles: ['owner'], version: 1 }),
      expect.objectContaining({ sub: 'sub-2' }),
      expect.objectContaining({ sub: 'sub-3', status: 'INVITED' }),
    ]);
  });

  it('comes in pages that lose nobody', async () => {
    tables.pageSize = 7;
    for (let index = 0; index < 203; index += 1) await member(`many-${String(index).padStart(3, '0')}`, ['member']);

    const seen: string[] = [];
    let after: string | undefined;
    let pages = 0;
    do {
      const page = (await call(list, after === undefined ? {} : { after })) as {
        members: { sub: string }[];
        next?: string;
      };
      seen.push(...page.members.map(({ sub }) => sub));
      after = page.next;
      pages += 1;
    } while (after !== undefined);

    expect({ pages, members: seen.length, distinct: new Set(seen).size }).toEqual({
      pages: 3,
      members: 205,
      distinct: 205,
    });
  });
});

describe('accept-invitation', () => {
  const invited = (roles: readonly string[] = ['member']) =>
    member('known', roles, { status: 'INVITED', acceptedAt: undefined });
  const answer = (claims: object = {}, input: object = {}) =>
    call(accept, { requestId: 'a-1', tenantId: 'acme', ...input }, 'known', claims);

  it.each([
    ['a token for no tenant', { tenant_id: undefined }],
    ['a token for another tenant', { tenant_id: 'acme2' }],
  ])('makes the invited user a member, by %s', async (_, claims) => {
    await invited();

    expect(await answer(claims)).toEqual({ physicalId: 'known', version: 2 });

    expect(await membership('known')).toMatchObject({ status: 'ACTIVE', roles: ['member'], changedBy: 'known' });
    expect(users.users.get('known')?.groups).toContain('acme');
    expect(records()).toEqual(
      ['ACCEPTED', 'SUCCEEDED'].map((outcome) =>
        expect.objectContaining({ outcome, tenantId: 'acme', action: 'accept-invitation', requestedBy: 'user/known' }),
      ),
    );
  });

  it('counts an invited owner from here on', async () => {
    await invited(['owner']);
    expect(await owners()).toEqual(new Set(['sub-1']));

    await answer();

    expect(await owners()).toEqual(new Set(['sub-1', 'known']));
  });

  it('is for whom the invitation is for', async () => {
    await invited();

    await expect(
      call(accept, { requestId: 'a-1', tenantId: 'acme' }, 'stranger', { tenant_id: undefined }),
    ).rejects.toMatchObject({ name: 'ForbiddenError' });
    await member('known', [], { status: 'REMOVED' });
    await expect(answer()).rejects.toMatchObject({ name: 'ForbiddenError' });
    expect(records()).toEqual([]);
  });

  it.each(STATUSES.filter((status) => status !== 'ACTIVE'))('opens no tenant that is %s', async (status) => {
    await invited();
    await tables.put(REGISTRY_TABLE, aStateItem({ status }));

    await expect(answer()).rejects.toMatchObject({ name: 'ForbiddenError' });
    expect(await membership('known')).toMatchObject({ status: 'INVITED' });
  });

  it.each<[string, () => void]>([
    ['the membership', () => tables.loseAnswer((operation) => operation === 'Put')],
    ['the count, before', () => tables.fail((operation) => operation === 'Update', aLostAnswer())],
    ['the count, after', () => tables.loseAnswer((operation) => operation === 'Update')],
    ['the group, before', () => users.fail('AdminAddUserToGroupCommand', 'before', aLostAnswer())],
    ['the group, after', () => users.fail('AdminAddUserToGroupCommand', 'after', aLostAnswer())],
    ['the record', () => bucket.loseAnswer('PutObject', /done/)],
  ])('comes to the same by a repeat after it stopped at %s', async (_, stop) => {
    await invited(['owner']);
    stop();
    await expect(answer()).rejects.toThrow();

    await answer();

    expect(await membership('known')).toMatchObject({ status: 'ACTIVE', roles: ['owner'] });
    expect(await owners()).toEqual(new Set(['sub-1', 'known']));
    expect(users.users.get('known')?.groups).toContain('acme');
    expect(records().map(({ outcome }) => outcome)).toEqual(['ACCEPTED', 'SUCCEEDED']);
  });

  it('changes nothing once it is done', async () => {
    await invited();
    await answer();
    const before = await membership('known');

    expect(await answer({}, { requestId: 'a-2' })).toEqual({ physicalId: 'known', version: 2 });
    expect(await membership('known')).toEqual(before);
    expect(records()).toHaveLength(2);
  });
});

describe('switch-tenant', () => {
  const choice = () => tables.get(MEMBERSHIP_TABLE, 'USER#sub-2', 'SESSION#session-1');

  it('chooses a tenant of the caller for their session, as long as that can last', async () => {
    await member('sub-2', ['member'], { tenantId: 'acme2' });
    const before = Date.now();

    expect(await call(switching, { tenantId: 'acme2' }, 'sub-2')).toEqual({
      tenantId: 'acme2',
      clientMetadata: { session_id: 'session-1' },
    });

    const { expiresAt, ...chosen } = (await choice()) as { expiresAt: number };
    expect(chosen).toEqual({
      pk: 'USER#sub-2',
      sk: 'SESSION#session-1',
      tenantId: 'acme2',
      tenantKey: 'TENANT#acme2',
    });
    expect(Math.abs(expiresAt * 1000 - before - 12 * 3_600_000)).toBeLessThan(60_000);
    expect(await membership('sub-2', 'acme2')).toMatchObject({ chosenAt: expect.any(String), version: 1 });
  });

  it.each<[string, object | undefined]>([
    ['where the caller is no member', undefined],
    ['where they are only invited', { status: 'INVITED' }],
    ['where they were removed', { status: 'REMOVED' }],
  ])('refuses a tenant %s', async (_, there) => {
    if (there !== undefined) await member('sub-2', ['member'], { tenantId: 'acme2', ...there });

    await expect(call(switching, { tenantId: 'acme2' }, 'sub-2')).rejects.toMatchObject({ name: 'ForbiddenError' });
    expect(await choice()).toBeUndefined();
  });

  it.each(STATUSES.filter((status) => status !== 'ACTIVE'))('refuses a tenant that is %s', async (status) => {
    await tables.put(REGISTRY_TABLE, aStateItem({ status }));

    await expect(call(switching, { tenantId: 'acme' }, 'sub-2')).rejects.toMatchObject({ name: 'ForbiddenError' });
    expect(await choice()).toBeUndefined();
  });

  it('refuses when the membership ends in that moment', async () => {
    tables.before(
      (operation) => operation === 'Update',
      () => member('sub-2', [], { status: 'REMOVED' }),
    );

    await expect(call(switching, { tenantId: 'acme' }, 'sub-2')).rejects.toMatchObject({ name: 'ForbiddenError' });
    expect(await choice()).toBeUndefined();
  });
});

it('list-own-memberships shows what the caller can switch to and accept, and nothing of others', async () => {
  await member('sub-2', ['member'], { tenantId: 'acme2', status: 'INVITED' });
  await member('sub-2', [], { tenantId: 'former', status: 'REMOVED' });

  expect(await call(listOwn, {}, 'sub-2')).toEqual({
    memberships: [
      { tenantId: 'acme', status: 'ACTIVE', roles: ['member'], version: 1, current: true },
      { tenantId: 'acme2', status: 'INVITED', roles: ['member'], version: 1, current: false },
    ],
  });
});

it.each([
  ['accept-invitation', accept, { requestId: 'a-1', tenantId: 'acme' }],
  ['switch-tenant', switching, { tenantId: 'acme' }],
  ['list-own-memberships', listOwn, {}],
])('%s believes no token that is not genuine', async (_, operation, input) => {
  for (const accessToken of [
    issuer.forged({ alg: 'none' }, ''),
    issuer.confused(),
    issuer.tampered({ sub: 'sub-2' }),
    aUserPool().accessToken(),
    issuer.accessToken({ token_use: 'id' }),
    issuer.accessToken({ client_id: 'another' }),
    issuer.accessToken({ exp: 1 }),
  ])
    await expect(operation.handler({ accessToken, ...input }, aContext())).rejects.toMatchObject({
      name: expect.stringMatching(/UnauthenticatedError|TransientError/),
    });

  expect(dynamodb.calls()).toEqual([]);
  expect(bucket.keys()).toEqual([]);
});

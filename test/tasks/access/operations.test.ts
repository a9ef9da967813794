import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import * as z from 'zod/mini';
import { readDocument } from '../../../docs/examples/read-document';
import { verifiedCaller } from '../../../tasks/access/caller';
import { BUILT_IN_ROLES, PERMISSIONS } from '../../../tasks/access/catalogue';
import { defineRole, listRoles, MAX_ROLES, removeRole } from '../../../tasks/access/contract';
import { defineOperation } from '../../../tasks/access/define-operation';
import * as define from '../../../tasks/access/define-role';
import * as list from '../../../tasks/access/list-roles';
import { defineOperationContract, MEMBERSHIP, readingInput } from '../../../tasks/access/operation';
import * as remove from '../../../tasks/access/remove-role';
import { type Role, whyNotGrantable } from '../../../tasks/access/roles';
import { ENVIRONMENT } from '../../../tasks/shared/contract';
import { openRegistry } from '../../../tasks/shared/registry';
import { STATUSES } from '../../../tasks/shared/tenant';
import { type AuditBucket, serveAuditBucket } from '../../support/audit-bucket';
import { serveAuditLog } from '../../support/audit-log';
import { aLostAnswer } from '../../support/aws-errors';
import {
  aContext,
  aMembershipItem,
  anEnvironment,
  aStateItem,
  MEMBERSHIP_TABLE,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput, type Output } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';
import { aUserPool } from '../../support/tokens';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
serveAuditLog();
const pool = aUserPool();
let tables: Tables;
let bucket: AuditBucket;
let output: Output;

type Handler = (event: unknown, context: ReturnType<typeof aContext>) => Promise<unknown>;
const OPERATIONS: readonly (readonly [string, Handler, object])[] = [
  [defineRole.name, define.handler, { requestId: 'r-1', roleId: 'reader', permissions: ['documents:read'] }],
  [removeRole.name, remove.handler, { requestId: 'r-1', roleId: 'reader', version: 1 }],
  [listRoles.name, list.handler, {}],
];

const tokenOf = (changes: object = {}) => pool.accessToken({ ...changes });
const aRole = (changes: Partial<Role> = {}) => {
  const role: Role = {
    roleId: 'reader',
    tenantId: 'acme',
    permissions: ['documents:read'],
    version: 1,
    requestId: 'earlier',
    changedBy: 'sub-9',
    changedAt: '2026-01-01T00:00:00.000Z',
    ...changes,
  };
  const tenantKey = `TENANT#${role.tenantId}`;
  return { ...role, pk: tenantKey, sk: `ROLE#${role.roleId}`, tenantKey };
};
const roleItem = (roleId = 'reader', tenantId = 'acme') =>
  tables.get(MEMBERSHIP_TABLE, `TENANT#${tenantId}`, `ROLE#${roleId}`);
const callDefine = (input: object = {}, token = tokenOf()) =>
  define.handler(
    { accessToken: token, requestId: 'r-1', roleId: 'reader', permissions: ['documents:read'], ...input },
    aContext(),
  );
const callRemove = (input: object = {}, token = tokenOf()) =>
  remove.handler({ accessToken: token, requestId: 'r-2', roleId: 'reader', version: 1, ...input }, aContext());
const callList = (input: object = {}, token = tokenOf()) => list.handler({ accessToken: token, ...input }, aContext());
const member = (...roles: readonly string[]) => tables.put(MEMBERSHIP_TABLE, aMembershipItem({ roles }));
const records = () => bucket.keys().map((key) => ({ key, ...(JSON.parse(bucket.body(key).toString()) as object) }));
const writes = () => dynamodb.commandCalls(PutCommand).length;

beforeEach(async () => {
  output = captureOutput();
  setEnvironment();
  dynamodb.reset();
  s3.reset();
  pool.serveKeys();
  bucket = serveAuditBucket(s3);
  tables = await serveTables(dynamodb, REGISTRY_TABLE, MEMBERSHIP_TABLE);
  for (const tenantId of ['acme', 'acme2'])
    await tables.put(REGISTRY_TABLE, aStateItem({ tenantId, status: 'ACTIVE' }));
  await member('owner');
});

afterEach(() => jest.restoreAllMocks());

describe.each(OPERATIONS)('%s', (name, handler, input) => {
  const call = (token: string, more: object = {}) => handler({ accessToken: token, ...input, ...more }, aContext());

  it('refuses a token that is not genuine, and asks nothing', async () => {
    for (const token of [pool.forged({ alg: 'none' }), pool.tampered({ tenant_id: 'acme2' }), 'x'])
      await expect(call(token)).rejects.toMatchObject({ name: 'UnauthenticatedError' });

    expect(dynamodb.calls()).toEqual([]);
    expect(bucket.keys()).toEqual([]);
  });

  it('refuses a request that names another tenant, also one that the user belongs to', async () => {
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ tenantId: 'acme2' }));

    await expect(call(tokenOf(), { tenantId: 'acme2' })).rejects.toMatchObject({ name: 'TenantMismatchError' });

    expect(records()).toEqual([
      expect.objectContaining({
        key: `audit/acme/calls/${name}--token-1-refused-OTHER_TENANT.json`,
        tenantId: 'acme',
        action: name,
        requestedBy: 'user/sub-1',
        outcome: 'REFUSED',
        reason: 'OTHER_TENANT',
      }),
    ]);
    expect(writes()).toBe(0);
  });

  it.each([
    ['has been removed since the token was issued', undefined],
    ['has not accepted the invitation', 'INVITED' as const],
  ])('refuses a user who %s, and audits it once per token', async (_, status) => {
    const sub = 'sub-2';
    if (status !== undefined) await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ sub, status }));
    const token = tokenOf({ sub, jti: 'token-2' });

    for (let time = 0; time < 2; time += 1)
      await expect(call(token)).rejects.toMatchObject({
        name: 'ForbiddenError',
        message: expect.stringContaining(sub),
      });

    expect(records()).toEqual([expect.objectContaining({ reason: 'NO_MEMBER', requestedBy: `user/${sub}` })]);
    expect(bucket.versionsOf(bucket.keys()[0] ?? '')).toBe(1);
  });

  it.each(STATUSES.filter((status) => status !== 'ACTIVE'))('lets nobody in while the tenant is %s', async (status) => {
    await tables.put(REGISTRY_TABLE, aStateItem({ status }));

    await expect(call(tokenOf())).rejects.toMatchObject({
      name: 'ForbiddenError',
      message: 'tenant acme is not ACTIVE',
    });

    // Its audit trail may be sealed.
    expect(bucket.keys()).toEqual([]);
    expect(writes()).toBe(0);
  });

  it('refuses a token without a tenant', async () => {
    await expect(call(tokenOf({ tenant_id: undefined }))).rejects.toMatchObject({ name: 'ForbiddenError' });
  });

  it('refuses whoever has no role that permits it, and audits it', async () => {
    for (const roles of [[], ['gone'], ['constructor'], ['__proto__']]) {
      await member(...roles);
      await expect(call(tokenOf())).rejects.toMatchObject({
        name: 'ForbiddenError',
        message: expect.stringMatching(/^tenant acme: user sub-1 may not roles:/),
      });
    }

    expect(records()).toEqual([expect.objectContaining({ outcome: 'REFUSED', reason: 'NOT_PERMITTED' })]);
    expect(writes()).toBe(0);
  });

  it('does nothing when a store cannot be read or a refusal cannot be audited', async () => {
    const denied = Object.assign(new Error('no'), {
      name: 'AccessDeniedException',
      $metadata: { httpStatusCode: 400 },
    });
    for (const table of [REGISTRY_TABLE, MEMBERSHIP_TABLE]) {
      tables.fail((_, { TableName }) => TableName === table, denied);
      await expect(call(tokenOf())).rejects.toMatchObject({ name: 'AccessDeniedError' });
    }
    bucket.fail('PutObject', /refused/);
    await expect(call(tokenOf({ sub: 'sub-2' }))).rejects.toMatchObject({ name: 'AccessDeniedError' });
    expect(writes()).toBe(0);
  });

  it('tags its log lines by verified ids, and writes neither token nor claimed tenant there', async () => {
    const token = tokenOf();
    await call(token, { tenantId: 'acme2' }).catch(() => {});

    const lines = output.lines().filter(({ level }) => level !== undefined);
    expect(lines.at(-1)).toMatchObject({ tenantId: 'acme', sub: 'sub-1', errorName: 'TenantMismatchError' });
    expect(lines.filter(({ message }) => message === 'refused')).toHaveLength(1);
    expect(output.lines().filter(({ tenantId }) => tenantId === 'acme2')).toEqual([]);
    expect(output.text()).not.toContain(token);
    expect(output.text()).not.toContain(token.split('.')[2]);
  });
});

describe('define-role', () => {
  it('makes a role: members who have it may what it says from their next call on', async () => {
    expect(await callDefine({ permissions: ['documents:read', 'roles:list'] })).toEqual({
      physicalId: 'reader',
      version: 1,
    });
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ sub: 'sub-2', roles: ['reader'] }));

    await expect(callList({}, tokenOf({ sub: 'sub-2' }))).resolves.toMatchObject({ roles: expect.any(Array) });
    await expect(callDefine({ requestId: 'r-2', roleId: 'other' }, tokenOf({ sub: 'sub-2' }))).rejects.toMatchObject({
      name: 'ForbiddenError',
    });
    await callDefine({ requestId: 'r-3', permissions: ['documents:read'], version: 1 });
    await expect(callList({}, tokenOf({ sub: 'sub-2' }))).rejects.toMatchObject({ name: 'ForbiddenError' });
  });

  it('has an audit record before and after the change', async () => {
    await callDefine();

    expect(records()).toMatchObject([
      { outcome: 'ACCEPTED', action: 'define-role', requestId: 'r-1', requestedBy: 'user/sub-1' },
      {
        outcome: 'SUCCEEDED',
        action: 'define-role',
        requestId: 'r-1',
        resource: { type: 'role', physicalId: 'reader' },
      },
    ]);
  });

  it('keeps the item below its tenant, where offboarding finds it', async () => {
    await callDefine();

    expect(await roleItem()).toMatchObject({
      tenantKey: 'TENANT#acme',
      permissions: ['documents:read'],
      changedBy: 'sub-1',
    });
  });

  describe('for somebody who may define roles and read documents', () => {
    beforeEach(async () => {
      await tables.put(
        MEMBERSHIP_TABLE,
        aRole({ roleId: 'team-lead', permissions: ['documents:read', 'roles:define'] }),
        aMembershipItem({ roles: ['team-lead'] }),
      );
    });

    it('grants what they hold', async () => {
      expect(await callDefine()).toMatchObject({ version: 1 });
    });

    it.each(PERMISSIONS.filter((name) => !['documents:read', 'roles:define'].includes(name)))(
      'refuses a role with %s, which they do not hold, and audits it',
      async (permission) => {
        await expect(callDefine({ permissions: ['documents:read', permission] })).rejects.toMatchObject({
          name: 'ForbiddenError',
          message: expect.stringContaining(permission),
        });
        expect(await roleItem()).toBeUndefined();
        expect(records()).toContainEqual(expect.objectContaining({ outcome: 'REFUSED', reason: 'NOT_HELD' }));
      },
    );

    it('refuses to make their own role stronger', async () => {
      const stronger = {
        roleId: 'team-lead',
        version: 1,
        permissions: ['documents:read', 'roles:define', 'audit:read'],
      };

      await expect(callDefine(stronger)).rejects.toMatchObject({ name: 'ForbiddenError' });
      expect(await roleItem('team-lead')).toMatchObject({ version: 1 });
    });

    it('refuses to take out of a role what they do not hold, and audits it', async () => {
      await tables.put(MEMBERSHIP_TABLE, aRole({ permissions: ['documents:read', 'audit:read'] }));

      await expect(callDefine({ version: 1 })).rejects.toMatchObject({
        name: 'ForbiddenError',
        message: expect.stringMatching(/role reader would lose what user sub-1 does not hold: audit:read$/),
      });
      expect(await roleItem()).toMatchObject({ permissions: ['documents:read', 'audit:read'], version: 1 });
      expect(records()).toContainEqual(expect.objectContaining({ outcome: 'REFUSED', reason: 'NOT_HELD' }));
    });

    it('takes out of a role what they hold, and what the catalogue no longer has', async () => {
      await tables.put(MEMBERSHIP_TABLE, aRole({ permissions: ['documents:read', 'roles:define', 'faxes:send'] }));

      expect(await callDefine({ version: 1 })).toMatchObject({ version: 2 });
      expect(await roleItem()).toMatchObject({ permissions: ['documents:read'] });
    });

    it('refuses, also as a repeat, what a role said when they held more', async () => {
      await tables.put(MEMBERSHIP_TABLE, aRole({ requestId: 'r-1', changedBy: 'sub-1', permissions: ['audit:read'] }));

      await expect(callDefine({ permissions: ['audit:read'] })).rejects.toMatchObject({ name: 'ForbiddenError' });
    });
  });

  it.each(Object.keys(BUILT_IN_ROLES))('cannot change the built-in role %s', async (roleId) => {
    const refused = { name: 'InvalidInputError', message: expect.stringContaining('every tenant has') };

    await expect(callDefine({ roleId })).rejects.toMatchObject(refused);
    await expect(callRemove({ roleId })).rejects.toMatchObject(refused);
  });

  it.each([
    ['a permission that the catalogue does not have', { permissions: ['tenants:destroy'] }],
    ['everything', { permissions: ['*'] }],
    ['nothing', { permissions: [] }],
    ['a permission twice', { permissions: ['audit:read', 'audit:read'] }],
    ['an id with a delimiter', { roleId: 'a#b' }],
    ['an id that climbs', { roleId: '../owner' }],
    ['an address as id', { roleId: 'ada@acme.example' }],
    ['an id that is too long', { roleId: 'a'.repeat(41) }],
    ['a version that is none', { version: 0 }],
    ['a tenant in another place', { tenant_id: 'acme2' }],
  ])('refuses %s', async (_, input) => {
    await expect(callDefine(input)).rejects.toMatchObject({
      name: 'InvalidInputError',
      message: expect.not.stringContaining('@'),
    });
    expect(writes()).toBe(0);
  });

  it('changes a role only from the version that was read', async () => {
    await tables.put(MEMBERSHIP_TABLE, aRole({ version: 3 }));

    for (const version of [2, 4, undefined])
      await expect(callDefine({ version })).rejects.toMatchObject({
        name: 'VersionConflictError',
        message: 'tenant acme: role reader is at version 3',
      });
    expect(await callDefine({ version: 3, permissions: ['audit:read'] })).toEqual({ physicalId: 'reader', version: 4 });
    expect(await roleItem()).toMatchObject({ permissions: ['audit:read'], version: 4 });
  });

  it('lets one of two concurrent changes through', async () => {
    await tables.put(MEMBERSHIP_TABLE, aRole());
    tables.before(
      (operation) => operation === 'Put',
      () => callDefine({ requestId: 'r-9', version: 1, permissions: ['audit:read'] }),
    );

    await expect(callDefine({ version: 1 })).rejects.toMatchObject({ name: 'VersionConflictError' });
    expect(await roleItem()).toMatchObject({ permissions: ['audit:read'], version: 2 });
  });

  it('lets one of two concurrent definitions through', async () => {
    tables.before(
      (operation) => operation === 'Put',
      () => callDefine({ requestId: 'r-9', permissions: ['audit:read'] }),
    );

    await expect(callDefine()).rejects.toMatchObject({ name: 'VersionConflictError' });
    expect(await roleItem()).toMatchObject({ permissions: ['audit:read'], version: 1 });
  });

  it('does not change a role that does not exist, nor one of another tenant', async () => {
    await tables.put(MEMBERSHIP_TABLE, aRole({ tenantId: 'acme2' }));

    await expect(callDefine({ version: 1 })).rejects.toMatchObject({ name: 'VersionConflictError' });
    await expect(callRemove()).rejects.toMatchObject({ name: 'VersionConflictError' });
    expect(await callDefine({ permissions: ['audit:read'] })).toMatchObject({ version: 1 });
    expect(await roleItem('reader', 'acme2')).toMatchObject({ permissions: ['documents:read'], version: 1 });
  });

  it('answers a repeat as the first time, whichever answer was lost', async () => {
    const steps: (() => void)[] = [
      () => tables.loseAnswer((operation) => operation === 'Put'),
      () => bucket.loseAnswer('PutObject', /accepted/),
      () => bucket.loseAnswer('PutObject', /done/),
    ];
    for (const [position, lose] of steps.entries()) {
      const input = { roleId: `role-${position}`, requestId: `q-${position}` };
      lose();
      await expect(callDefine(input)).rejects.toMatchObject({ name: 'TransientError' });

      expect(await callDefine(input, tokenOf({ jti: 'another' }))).toEqual({ physicalId: input.roleId, version: 1 });
      expect(bucket.keys().filter((key) => key.includes(input.requestId))).toHaveLength(2);
    }
    expect(aLostAnswer().name).toBe('TimeoutError');
  });

  it('takes its own write, repeated by the SDK, for what it is', async () => {
    const isPut = (operation: string) => operation === 'Put';
    tables.before(isPut, () => callDefine());
    expect(await callDefine()).toEqual({ physicalId: 'reader', version: 1 });

    const change = { requestId: 'r-2', version: 1, permissions: ['audit:read'] };
    tables.before(isPut, () => callDefine(change));
    expect(await callDefine(change)).toEqual({ physicalId: 'reader', version: 2 });

    tables.before(isPut, () => callRemove({ version: 2 }));
    expect(await callRemove({ version: 2 })).toEqual({ physicalId: 'reader' });
  });

  it('says in the audit trail that an accepted change was not made, but not when nobody knows', async () => {
    await tables.put(MEMBERSHIP_TABLE, aRole({ version: 3 }));
    await callDefine({ version: 2 }).catch(() => {});
    expect(records()).toMatchObject([
      { outcome: 'ACCEPTED', requestId: 'r-1' },
      { outcome: 'REFUSED', requestId: 'r-1', reason: 'VersionConflictError' },
    ]);

    tables.loseAnswer((operation) => operation === 'Put');
    await callDefine({ requestId: 'r-2', version: 3 }).catch(() => {});
    expect(records().filter(({ key }) => key.includes('r-2'))).toMatchObject([{ outcome: 'ACCEPTED' }]);
  });

  it('refuses the same request with another content', async () => {
    await callDefine();

    await expect(callDefine({ permissions: ['audit:read'] })).rejects.toMatchObject({ name: 'RequestConflictError' });
    expect(await callDefine()).toMatchObject({ version: 1 });
  });

  it('makes no more roles than fit', async () => {
    for (let number = 0; number < MAX_ROLES; number += 1)
      await tables.put(MEMBERSHIP_TABLE, aRole({ roleId: `role-${number}` }));
    tables.pageSize = 7;

    await expect(callDefine()).rejects.toMatchObject({ name: 'QuotaExceededError' });
    expect(await callDefine({ roleId: 'role-0', version: 1, permissions: ['audit:read'] })).toMatchObject({
      version: 2,
    });
  });
});

describe('remove-role', () => {
  beforeEach(() => tables.put(MEMBERSHIP_TABLE, aRole()));

  it('removes a role that nobody has, and a repeat says the same', async () => {
    expect(await callRemove()).toEqual({ physicalId: 'reader' });
    expect(await callRemove()).toEqual({ physicalId: 'reader' });

    expect((await callList()) as object).toEqual({
      roles: expect.not.arrayContaining([expect.objectContaining({ roleId: 'reader' })]),
    });
  });

  it.each(['ACTIVE', 'INVITED'] as const)('refuses a role that an %s member has', async (status) => {
    for (let number = 10; number < 30; number += 1)
      await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ sub: `sub-${number}`, roles: ['member'] }));
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ sub: 'sub-3', status, roles: ['member', 'reader'] }));
    tables.pageSize = 3;

    await expect(callRemove()).rejects.toMatchObject({ name: 'RoleInUseError' });
    expect(await roleItem()).not.toHaveProperty('removedAt');
  });

  it('does not mind a role of the same id in another tenant', async () => {
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ sub: 'sub-3', tenantId: 'acme2', roles: ['reader'] }));

    expect(await callRemove()).toEqual({ physicalId: 'reader' });
  });

  it('removes only the version that was read', async () => {
    await expect(callRemove({ version: 2 })).rejects.toMatchObject({ name: 'VersionConflictError' });
    tables.before(
      (operation) => operation === 'Put',
      () => callDefine({ version: 1, permissions: ['audit:read'] }),
    );
    await expect(callRemove()).rejects.toMatchObject({ name: 'VersionConflictError' });
    expect(await roleItem()).toMatchObject({ version: 2, permissions: ['audit:read'] });
  });

  it('leaves whoever was given the role in the same moment without its permissions, for good', async () => {
    await tables.put(MEMBERSHIP_TABLE, aRole({ permissions: ['roles:list'] }));
    await callRemove();
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ sub: 'sub-3', roles: ['reader'] }));

    await expect(callDefine({ permissions: [...PERMISSIONS] })).rejects.toMatchObject({
      name: 'VersionConflictError',
      message: expect.stringContaining('not used again'),
    });
    await expect(callDefine({ permissions: [...PERMISSIONS], version: 2 })).rejects.toMatchObject({
      name: 'VersionConflictError',
    });
    await expect(callList({}, tokenOf({ sub: 'sub-3' }))).rejects.toMatchObject({ name: 'ForbiddenError' });
  });
});

describe('list-roles', () => {
  it('lists built-in roles and the tenant’s own, page by page, and no others', async () => {
    const own = ['a1', 'a2', 'a3'];
    for (const roleId of own)
      await tables.put(MEMBERSHIP_TABLE, aRole({ roleId, permissions: ['audit:read', 'of-long-ago'] }));
    await tables.put(MEMBERSHIP_TABLE, aRole({ tenantId: 'acme2', roleId: 'foreign' }));
    tables.pageSize = 2;

    expect(await callList()).toEqual({
      roles: [
        ...Object.entries(BUILT_IN_ROLES).map(([roleId, permissions]) => ({ roleId, permissions })),
        ...own.map((roleId) => ({ roleId, permissions: ['audit:read'], version: 1 })),
      ],
    });
    expect(bucket.keys()).toEqual([]);
  });

  it('is open to members', async () => {
    await member('member');

    expect(await callList({ tenantId: 'acme' })).toMatchObject({ roles: expect.any(Array) });
  });
});

describe('an operation of an application, as the documentation shows it', () => {
  const ID = 'a'.repeat(26);
  const documents = new Map([
    [ID, { tenantId: 'acme', text: 'ours' }],
    ['b'.repeat(26), { tenantId: 'acme2', text: 'theirs' }],
  ]);
  const read = readDocument(async (id) => documents.get(id));
  const call = (documentId = ID) => read({ accessToken: tokenOf(), documentId }, aContext());

  it('is open to whoever has a role that permits it, whichever that is', async () => {
    for (const roles of [['owner'], ['member'], ['gone', 'reader', 'reader']]) {
      await tables.put(MEMBERSHIP_TABLE, aRole({ permissions: ['documents:read', 'of-long-ago'] }));
      await member(...roles);
      expect(await call()).toEqual({ text: 'ours' });
    }
    await tables.put(MEMBERSHIP_TABLE, aRole({ permissions: ['audit:read'], version: 2 }));
    await expect(call()).rejects.toMatchObject({ name: 'ForbiddenError' });
  });

  it('refuses the record of another tenant to an owner, and audits it', async () => {
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ tenantId: 'acme2' }));

    await expect(call('b'.repeat(26))).rejects.toMatchObject({ name: 'ForbiddenError' });
    expect(records()).toEqual([expect.objectContaining({ action: 'read-document', reason: 'NOT_PERMITTED' })]);
  });

  it('looks at no more than ten roles of a member', async () => {
    const roles = Array.from({ length: 11 }, (_, number) => `role-${number}`);
    for (const roleId of roles.slice(10)) await tables.put(MEMBERSHIP_TABLE, aRole({ roleId }));
    await member(...roles);
    await expect(call()).rejects.toMatchObject({ name: 'ForbiddenError' });

    await member(...roles.slice(1));
    expect(await call()).toEqual({ text: 'ours' });
  });
});

describe('defineOperation', () => {
  const contract = defineOperationContract({
    name: 'do-something',
    stateName: 'Do something',
    repeatable: 'It only reads.',
    entry: 'none',
    requires: MEMBERSHIP,
    input: readingInput({}),
    output: z.strictObject({ permissions: z.array(z.string()) }),
  });
  const answer = async (
    _input: unknown,
    { caller }: { readonly caller: { readonly permissions: readonly string[] } },
  ) => ({
    permissions: [...caller.permissions],
  });

  it('gives the caller as the membership has them, all roles together', async () => {
    await tables.put(MEMBERSHIP_TABLE, aRole({ permissions: ['audit:read', 'documents:read', 'of-long-ago'] }));
    await member('reader', 'gone');

    const handler = defineOperation(contract, answer);

    expect(await handler({ accessToken: tokenOf() }, aContext())).toEqual({
      permissions: ['audit:read', 'documents:read'],
    });
  });

  it('refuses when the authorizer does, whichever it is', async () => {
    const denying = { decide: async () => ({ allowed: false, reasons: ['because'] }) };
    const handler = defineOperation({ ...contract, requires: 'documents:read' }, answer, denying);

    await expect(handler({ accessToken: tokenOf() }, aContext())).rejects.toMatchObject({ name: 'ForbiddenError' });
  });
});

describe('who may give a role', () => {
  const owner = { roles: ['owner'], permissions: PERMISSIONS };
  const asStrong = { roles: ['strong'], permissions: PERMISSIONS };
  const reader = { roles: ['reader'], permissions: ['documents:read', 'members:invite'] as const };

  it.each([
    ['an owner the role owner', owner, 'owner', PERMISSIONS, undefined],
    ['somebody who holds everything the role owner', asStrong, 'owner', PERMISSIONS, 'only an owner makes owners'],
    ['a member a role that they hold', reader, 'reader', ['documents:read'], undefined],
    [
      'a member a role with more',
      reader,
      'auditor',
      ['audit:read', 'documents:read'],
      'it permits what they do not hold: audit:read',
    ],
    ['a member a role that permits nothing', reader, 'gone', [], undefined],
  ] as const)('%s', (_, grantor, roleId, permissions, refusal) => {
    expect(whyNotGrantable(grantor, roleId, permissions)).toBe(refusal);
  });
});

describe('verifiedCaller', () => {
  const scope = () => ({
    env: Object.fromEntries(
      [
        'APP_NAME',
        'STAGE',
        'REGISTRY_TABLE',
        'AUDIT_BUCKET',
        'MEMBERSHIP_TABLE',
        'USER_POOL_ID',
        'USER_POOL_CLIENT_ID',
      ].map((name) => [name, ENVIRONMENT[name as 'STAGE'].parse(anEnvironment()[name])]),
    ) as never,
    registry: openRegistry(REGISTRY_TABLE),
  });

  it('says who calls, in which tenant, with which permissions', async () => {
    await member('member');

    expect(await verifiedCaller(tokenOf(), scope())).toMatchObject({
      sub: 'sub-1',
      tenantId: 'acme',
      roles: ['member'],
      permissions: expect.arrayContaining(['documents:read']),
    });
  });

  it.each([
    ['a token of nobody', () => 'x', 'UnauthenticatedError'],
    ['a token of a removed member', () => tokenOf({ sub: 'sub-2' }), 'ForbiddenError'],
    ['a token for a tenant that is not there', () => tokenOf({ tenant_id: 'beta' }), 'ForbiddenError'],
    ['a token without a tenant', () => tokenOf({ tenant_id: undefined }), 'ForbiddenError'],
  ])('refuses %s', async (_, token, name) => {
    await expect(verifiedCaller(token(), scope())).rejects.toMatchObject({ name });
  });
});

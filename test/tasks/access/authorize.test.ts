import { checkParsePolicySet, validate } from '@cedar-policy/cedar-wasm/nodejs';
import * as fc from 'fast-check';
import { cedarAuthorizer, decisionOf } from '../../../tasks/access/authorize';
import { PERMISSIONS, type PermissionName } from '../../../tasks/access/catalogue';
import { POLICIES, SCHEMA } from '../../../tasks/access/policies';

const cedar = cedarAuthorizer();
const aUser = (changes: object = {}) => ({
  sub: 'sub-1',
  tenantId: 'acme',
  permissions: ['documents:read'],
  ...changes,
});
const aDocument = (changes: object = {}) => ({ type: 'document', id: '1', tenantId: 'acme', ...changes });

/** Ids that differ by little, and texts that could be taken for policy. */
const tenantId = fc.oneof(
  fc.constantFrom('acme', 'acme2', 'acm', 'ACME', 'acme#', 'acme*', '*', '', 'acme"', 'acme" || true'),
  fc.string({ maxLength: 40 }),
);
const action = fc.constantFrom(...PERMISSIONS);
const permissions = fc.array(fc.oneof(action, fc.string({ maxLength: 20 })), { maxLength: 12 });

describe('the policies', () => {
  it('are valid for the schema, without a warning', () => {
    expect(validate({ schema: SCHEMA, policies: { staticPolicies: { ...POLICIES } } })).toEqual({
      type: 'success',
      validationErrors: [],
      validationWarnings: [],
      otherWarnings: [],
    });
  });

  it('have one permit for each permission of the catalogue, and the boundary', () => {
    expect(Object.keys(POLICIES).sort()).toEqual(['tenant-boundary', ...PERMISSIONS].sort());
  });

  it('allow exactly what the permissions say, in the user’s tenant and in no other', () =>
    fc.assert(
      fc.asyncProperty(tenantId, tenantId, permissions, action, fc.string(), async (own, other, held, name, id) => {
        const { allowed } = await cedar.decide(aUser({ tenantId: own, permissions: held }), name, {
          type: 'document',
          id,
          tenantId: other,
        });

        expect(allowed).toBe(own === other && held.includes(name));
      }),
      { numRuns: 300 },
    ));

  it('never allow across tenants, not even whoever holds everything', () =>
    fc.assert(
      fc.asyncProperty(tenantId, tenantId, action, async (own, other, name) => {
        fc.pre(own !== other);

        expect(
          await cedar.decide(aUser({ tenantId: own, permissions: PERMISSIONS }), name, aDocument({ tenantId: other })),
        ).toEqual({ allowed: false, reasons: ['tenant-boundary'] });
      }),
      { numRuns: 150 },
    ));
});

describe('the authorizer', () => {
  it('says by which policy it allowed', async () => {
    expect(await cedar.decide(aUser(), 'documents:read', aDocument())).toEqual({
      allowed: true,
      reasons: ['documents:read'],
    });
    expect(await cedar.decide(aUser(), 'documents:write', aDocument())).toEqual({ allowed: false, reasons: [] });
  });

  it.each<readonly [string, object, string, object]>([
    ['an action that the catalogue does not have', {}, 'documents:destroy', {}],
    ['no action', {}, '', {}],
    ['a user without a tenant', { tenantId: undefined }, 'documents:read', {}],
    ['a record without a tenant', {}, 'documents:read', { tenantId: undefined }],
    ['neither having a tenant', { tenantId: undefined }, 'documents:read', { tenantId: undefined }],
    ['tenants that are no text', { tenantId: 7 }, 'documents:read', { tenantId: 7 }],
    ['tenants that are null', { tenantId: null }, 'documents:read', { tenantId: null }],
    ['permissions that are none', { permissions: undefined }, 'documents:read', {}],
    ['a user without an id', { sub: undefined }, 'documents:read', {}],
  ])('denies %s', async (_, user, name, record) => {
    const decision = await cedar.decide(aUser(user) as never, name as PermissionName, aDocument(record));

    expect(decision.allowed).toBe(false);
    expect(decision.reasons).not.toEqual([]);
  });

  it.each([
    ['policies that are no policies', { policies: { broken: 'permit (' } }],
    ['a schema that is none', { schema: 'entity' }],
    ['a schema without the action', { schema: SCHEMA.replaceAll('"documents:read", ', '') }],
  ])('denies everything with %s', async (_, parts) => {
    const decision = await cedarAuthorizer(parts).decide(aUser(), 'documents:read', aDocument());

    expect(decision.allowed).toBe(false);
    expect(decision.reasons).not.toEqual([]);
  });

  it('denies when a policy fails to evaluate, although Cedar then goes by the others', async () => {
    const policies = {
      open: 'permit (principal, action, resource);',
      overflow: 'forbid (principal, action, resource) when { 9223372036854775807 + 1 == 0 };',
    };
    expect(checkParsePolicySet({ staticPolicies: policies })).toEqual({ type: 'success' });

    const decision = await cedarAuthorizer({ policies }).decide(aUser(), 'documents:read', aDocument());

    expect(decision).toEqual({ allowed: false, reasons: [expect.stringContaining('overflow')] });
  });

  it('denies when the engine answers with a failure', () => {
    const failure = { message: 'no', help: null, code: null, url: null, severity: null };

    expect(decisionOf({ type: 'failure', errors: [failure], warnings: [] })).toEqual({
      allowed: false,
      reasons: ['no'],
    });
  });

  it('denies across tenants also by a policy set that permits everything but the boundary', async () => {
    const policies = { ...POLICIES, open: 'permit (principal, action, resource);' };
    const open = cedarAuthorizer({ policies });

    expect(await open.decide(aUser(), 'audit:read', aDocument())).toMatchObject({ allowed: true });
    expect(await open.decide(aUser(), 'audit:read', aDocument({ tenantId: 'acme2' }))).toMatchObject({
      allowed: false,
    });
  });
});

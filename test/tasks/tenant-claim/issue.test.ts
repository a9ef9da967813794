import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, GetCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/tenant-claim/issue';
import { anAwsError } from '../../support/aws-errors';
import {
  aContext,
  aMembershipItem,
  aStateItem,
  aTokenEvent,
  MEMBERSHIP_TABLE,
  PERSONAL,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput, type Output } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
let tables: Tables;
let output: Output;

const REFRESH = 'TokenGeneration_RefreshTokens';
const ask = async (...event: Parameters<typeof aTokenEvent>) =>
  ((await handler(aTokenEvent(...event), aContext())) as { response: { claimsAndScopeOverrideDetails: object } })
    .response.claimsAndScopeOverrideDetails;
const claimFor = (tenantId: string) => {
  const claims = { claimsToAddOrOverride: { tenant_id: tenantId }, claimsToSuppress: ['custom:tenant_id'] };
  return {
    idTokenGeneration: claims,
    accessTokenGeneration: claims,
    groupOverrideDetails: { groupsToOverride: [tenantId], iamRolesToOverride: [] },
  };
};
const WITHOUT_TENANT = {
  idTokenGeneration: { claimsToSuppress: ['custom:tenant_id', 'tenant_id'] },
  accessTokenGeneration: { claimsToSuppress: ['custom:tenant_id', 'tenant_id'] },
  groupOverrideDetails: { groupsToOverride: [], iamRolesToOverride: [] },
};
const memberOf = (...tenantIds: readonly string[]) =>
  tables.put(MEMBERSHIP_TABLE, ...tenantIds.map((tenantId) => aMembershipItem({ tenantId })));
const status = (tenantId: string, now: Parameters<typeof aStateItem>[0]) =>
  tables.put(REGISTRY_TABLE, aStateItem({ tenantId, status: 'ACTIVE', ...now }));

describe('issue-tenant-claim', () => {
  beforeEach(async () => {
    output = captureOutput();
    setEnvironment();
    dynamodb.reset();
    s3.reset();
    tables = await serveTables(dynamodb, REGISTRY_TABLE, MEMBERSHIP_TABLE);
    for (const tenantId of ['acme', 'acme2', 'beta']) await status(tenantId, {});
  });

  afterEach(() => jest.restoreAllMocks());

  it('writes the one tenant into both tokens, hides the attribute and cuts the groups', async () => {
    await memberOf('acme');

    expect(await ask()).toEqual(claimFor('acme'));
    expect(await ask({})).toEqual(claimFor('acme'));
  });

  it('gives Cognito its event back', async () => {
    await memberOf('acme');
    const { response: _, ...event } = aTokenEvent();

    expect(await handler(aTokenEvent(), aContext())).toMatchObject(event);
  });

  it('believes the membership, whatever attribute and groups of the user say', async () => {
    await memberOf('beta');

    expect(await ask()).toEqual(claimFor('beta'));
  });

  it('issues the tenant that a refresh names, in each tab its own', async () => {
    await memberOf('acme', 'acme2');

    expect(await ask({ tenant_id: 'acme' })).toEqual(claimFor('acme'));
    expect(await ask({ tenant_id: 'acme2' })).toEqual(claimFor('acme2'));
  });

  it.each([
    ['of which the user is no member', { tenant_id: 'beta' }],
    ['that is a prefix of theirs', { tenant_id: 'acm' }],
    ['that is nonsense', { tenant_id: '*' }],
    ['that is empty', { tenant_id: '' }],
  ])('refuses a tenant %s', async (_, metadata) => {
    await memberOf('acme');

    await expect(ask(metadata)).rejects.toMatchObject({ name: 'ForbiddenError' });
  });

  it('refuses a tenant whose invitation is not accepted', async () => {
    await memberOf('acme');
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ tenantId: 'acme2', status: 'INVITED' }));

    await expect(ask({ tenant_id: 'acme2' })).rejects.toMatchObject({ name: 'ForbiddenError' });
    expect(await ask()).toEqual(claimFor('acme'));
  });

  it.each(['REQUESTED', 'PROVISIONING', 'OFFBOARDING', 'PURGING', 'OFFBOARDED', 'REINSTATING'] as const)(
    'refuses tokens for a tenant that is %s',
    async (now) => {
      await memberOf('acme');
      await status('acme', { status: now });

      await expect(ask()).rejects.toMatchObject({ name: 'ForbiddenError' });
      await expect(ask({})).rejects.toMatchObject({ name: 'ForbiddenError' });
      await expect(ask({ tenant_id: 'acme' })).rejects.toMatchObject({ name: 'ForbiddenError' });
    },
  );

  it('refuses tokens for a tenant that the registry does not know', async () => {
    await memberOf('unknown');

    await expect(ask()).rejects.toMatchObject({ name: 'ForbiddenError' });
  });

  it('refuses a user without any membership', async () => {
    await expect(ask()).rejects.toMatchObject({ name: 'ForbiddenError', message: expect.not.stringMatching(/@/) });
  });

  it('does not choose for a user of several tenants at a refresh', async () => {
    await memberOf('acme', 'acme2');

    await expect(ask(undefined, REFRESH)).rejects.toMatchObject({
      name: 'ForbiddenError',
      message: expect.stringContaining('ClientMetadata'),
    });
  });

  it('takes at a sign-in the tenant chosen last, and passes over one that is not ACTIVE', async () => {
    await memberOf('acme');
    await tables.put(
      MEMBERSHIP_TABLE,
      aMembershipItem({ tenantId: 'acme2', chosenAt: '2026-01-02T00:00:00.000Z' }),
      aMembershipItem({ tenantId: 'beta', chosenAt: '2026-01-03T00:00:00.000Z' }),
    );

    expect(await ask()).toEqual(claimFor('beta'));
    await status('beta', { status: 'OFFBOARDING' });
    expect(await ask()).toEqual(claimFor('acme2'));
    await status('acme2', { status: 'PURGING' });
    expect(await ask()).toEqual(claimFor('acme'));
  });

  it('issues the tenant that was chosen for the session which the refresh names', async () => {
    await memberOf('acme', 'acme2');
    const choice = (session: string, tenantId: string, expiresAt = Date.now() / 1000 + 60) => ({
      pk: 'USER#sub-1',
      sk: `SESSION#${session}`,
      tenantKey: `TENANT#${tenantId}`,
      tenantId,
      expiresAt,
    });
    await tables.put(
      MEMBERSHIP_TABLE,
      choice('one', 'acme'),
      choice('two', 'acme2'),
      choice('three', 'beta'),
      choice('old', 'acme', Date.now() / 1000 - 1),
      { ...choice('theirs', 'acme'), pk: 'USER#sub-2' },
    );

    expect(await ask({ session_id: 'one' })).toEqual(claimFor('acme'));
    expect(await ask({ session_id: 'two' })).toEqual(claimFor('acme2'));
    for (const session_id of ['three', 'old', 'theirs', 'unknown'])
      await expect(ask({ session_id })).rejects.toMatchObject({ name: 'ForbiddenError' });
  });

  it('lets a user who is only invited in, without a tenant', async () => {
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ status: 'INVITED' }));

    expect(await ask()).toEqual(WITHOUT_TENANT);
    await expect(ask({ tenant_id: 'acme' })).rejects.toMatchObject({ name: 'ForbiddenError' });
  });

  it.each([
    ['memberships', MEMBERSHIP_TABLE],
    ['registry', REGISTRY_TABLE],
  ])('issues nothing when the %s cannot be read', async (_, table) => {
    await memberOf('acme');
    tables.fail((_operation, { TableName }) => TableName === table, anAwsError('InternalServerError', '', 500));

    await expect(ask()).rejects.toMatchObject({ name: 'TransientError' });
  });

  it('reads consistently, of the registry the status alone, and writes nothing', async () => {
    await memberOf('acme');
    await ask({ session_id: 'one' });

    const reads = [...dynamodb.commandCalls(GetCommand), ...dynamodb.commandCalls(QueryCommand)].map(
      ({ args }) => args[0].input,
    );
    expect(dynamodb.calls()).toHaveLength(reads.length);
    expect(s3.calls()).toHaveLength(0);
    expect(reads.filter(({ ConsistentRead }) => ConsistentRead !== true)).toEqual([]);
    expect(reads.filter(({ TableName }) => TableName === REGISTRY_TABLE)).toMatchObject([
      { ProjectionExpression: '#status' },
    ]);
  });

  it('logs the sub, and nothing of what else it knows about the user', async () => {
    await memberOf('acme');
    await ask();
    await ask({ tenant_id: PERSONAL.adminEmail }).catch(() => undefined);

    expect(output.text()).toContain('sub-1');
    expect(output.text()).not.toMatch(/hara|acme\.example/);
  });

  it.each([
    ['another version', { ...aTokenEvent(), version: '1' }],
    ['another trigger', { ...aTokenEvent(), triggerSource: 'PreAuthentication_Authentication' }],
    ['no sub', { ...aTokenEvent(), request: { userAttributes: {} } }],
  ])('refuses an event of %s', async (_, event) => {
    await expect(handler(event, aContext())).rejects.toMatchObject({ name: 'InvalidInputError' });
  });
});

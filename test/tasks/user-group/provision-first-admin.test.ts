import {
  AdminAddUserToGroupCommand,
  AdminCreateUserCommand,
  AdminGetUserCommand,
  CognitoIdentityProviderClient,
  ListUsersInGroupCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/user-group/provision-first-admin';
import { serveAuditLog } from '../../support/audit-log';
import { aLostAnswer, anAwsError } from '../../support/aws-errors';
import {
  aContext,
  aLedgerItem,
  aMembershipItem,
  anEnvironment,
  aProfileItem,
  aStateItem,
  aTaskInput,
  MEMBERSHIP_TABLE,
  PERSONAL,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput, type Output } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
const cognito = mockClient(CognitoIdentityProviderClient);
serveAuditLog();
let tables: Tables;
let output: Output;

const POOL = anEnvironment()['USER_POOL_ID'];
const EMAIL = PERSONAL.adminEmail;
const attributes = (tenantId: string | undefined, sub: string | undefined = 'sub-1') => [
  { Name: 'email', Value: EMAIL },
  ...(sub === undefined ? [] : [{ Name: 'sub', Value: sub }]),
  ...(tenantId === undefined ? [] : [{ Name: 'custom:tenant_id', Value: tenantId }]),
];
const joins = () => cognito.commandCalls(AdminAddUserToGroupCommand).map((call) => call.args[0].input);

describe('provision-first-admin', () => {
  beforeEach(async () => {
    output = captureOutput();
    setEnvironment();
    dynamodb.reset();
    s3.reset();
    cognito.reset();
    cognito.on(AdminGetUserCommand).rejects(anAwsError('UserNotFoundException'));
    cognito.on(AdminCreateUserCommand).resolves({ User: { Attributes: attributes('acme') } });
    cognito.on(AdminAddUserToGroupCommand).resolves({});
    tables = await serveTables(dynamodb, REGISTRY_TABLE, MEMBERSHIP_TABLE);
    await tables.put(REGISTRY_TABLE, aStateItem(), aProfileItem());
  });

  afterEach(() => jest.restoreAllMocks());

  it('invites the admin of the profile, joins them, and answers with an opaque id', async () => {
    const answer = await handler(aTaskInput(), aContext());

    expect(answer).toEqual({ physicalId: 'sub-1', ready: true });
    expect(cognito.commandCalls(AdminCreateUserCommand)[0]?.args[0].input).toEqual({
      UserPoolId: POOL,
      Username: EMAIL,
      DesiredDeliveryMediums: ['EMAIL'],
      UserAttributes: [
        { Name: 'email', Value: EMAIL },
        { Name: 'email_verified', Value: 'true' },
        { Name: 'custom:tenant_id', Value: 'acme' },
      ],
    });
    expect(joins()).toEqual([{ UserPoolId: POOL, Username: 'sub-1', GroupName: 'acme' }]);
    expect(await tables.get(REGISTRY_TABLE, 'TENANT#acme', 'RESOURCE#first-admin')).toMatchObject({
      phase: 'DONE',
      physicalId: 'sub-1',
    });
  });

  it('makes them the owner, once', async () => {
    await handler(aTaskInput(), aContext());
    const first = await tables.get(MEMBERSHIP_TABLE, 'USER#sub-1', 'TENANT#acme');
    await handler(aTaskInput({ generation: 1 }), aContext());

    expect(first).toMatchObject({ tenantKey: 'TENANT#acme', status: 'ACTIVE', roles: ['owner'], version: 1 });
    expect(await tables.get(MEMBERSHIP_TABLE, 'USER#sub-1', 'TENANT#acme')).toEqual(first);
    expect(await tables.get(MEMBERSHIP_TABLE, 'TENANT#acme', 'OWNERS')).toMatchObject({ owners: new Set(['sub-1']) });
  });

  it.each(['Put', 'Update'] as const)('makes them the owner also after a lost answer to %s', async (lost) => {
    tables.loseAnswer((operation, { TableName }) => operation === lost && TableName === MEMBERSHIP_TABLE);

    await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'TransientError' });
    await handler(aTaskInput(), aContext());

    expect(await tables.get(MEMBERSHIP_TABLE, 'USER#sub-1', 'TENANT#acme')).toMatchObject({ roles: ['owner'] });
    expect(await tables.get(MEMBERSHIP_TABLE, 'TENANT#acme', 'OWNERS')).toMatchObject({ owners: new Set(['sub-1']) });
  });

  describe('of a tenant that was ACTIVE', () => {
    beforeEach(async () => {
      await tables.put(
        REGISTRY_TABLE,
        aStateItem({ status: 'ACTIVE', activatedAt: '2026-01-01T00:10:00.000Z' }),
        aLedgerItem({ type: 'first-admin', physicalId: 'sub-1' }),
      );
      cognito.on(AdminGetUserCommand).resolves({ Username: 'sub-1', UserAttributes: attributes('acme') });
      cognito.on(ListUsersInGroupCommand).resolves({ Users: [] });
    });

    it('neither invites nor joins anybody while the group has all members, the admin not among them', async () => {
      await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ sub: 'sub-1', status: 'REMOVED' }));
      await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ sub: 'sub-2' }));
      cognito.on(ListUsersInGroupCommand).resolves({ Users: [{ Username: 'sub-2' }] });

      const answer = await handler(aTaskInput(), aContext());

      expect(answer).toEqual({ physicalId: 'sub-1', ready: true });
      expect(cognito.commandCalls(AdminCreateUserCommand)).toHaveLength(0);
      expect(joins()).toEqual([]);
    });

    const joinedSubs = () => joins().map(({ Username }) => Username);

    it('joins every member and invited user to a group that was made again, and no former member', async () => {
      await tables.put(
        MEMBERSHIP_TABLE,
        aMembershipItem({ sub: 'sub-1' }),
        aMembershipItem({ sub: 'sub-2', status: 'INVITED' }),
        aMembershipItem({ sub: 'sub-3', status: 'REMOVED' }),
        aMembershipItem({ sub: 'sub-4', tenantId: 'acme2' }),
      );

      await handler(aTaskInput(), aContext());

      expect(cognito.commandCalls(AdminCreateUserCommand)).toHaveLength(0);
      expect(joinedSubs()).toEqual(['sub-1', 'sub-2']);
    });

    it('goes on with those who are missing, on whatever page, after it was cut short', async () => {
      const members = ['sub-1', 'sub-2', 'sub-3', 'sub-4'];
      await tables.put(MEMBERSHIP_TABLE, ...members.map((sub) => aMembershipItem({ sub })));
      cognito
        .on(ListUsersInGroupCommand)
        .resolvesOnce({ Users: [{ Username: 'sub-1' }], NextToken: '2' })
        .resolvesOnce({ Users: [{ Username: 'sub-3' }] });

      await handler(aTaskInput(), aContext());

      expect(joinedSubs()).toEqual(['sub-2', 'sub-4']);
    });

    it('passes over a member whose account was deleted', async () => {
      await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ sub: 'sub-1' }), aMembershipItem({ sub: 'sub-2' }));
      cognito.on(AdminAddUserToGroupCommand).rejectsOnce(anAwsError('UserNotFoundException')).resolves({});

      expect(await handler(aTaskInput(), aContext())).toMatchObject({ ready: true });

      expect(joinedSubs()).toEqual(['sub-1', 'sub-2']);
    });
  });

  it('notes before the invitation that it is about to be sent, and after it who was invited', async () => {
    const ledger = () => tables.get(REGISTRY_TABLE, 'TENANT#acme', 'RESOURCE#first-admin');
    cognito
      .on(AdminCreateUserCommand)
      .rejectsOnce(aLostAnswer())
      .resolves({ User: { Attributes: attributes('acme') } });

    await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'TransientError' });
    const before = await ledger();
    await handler(aTaskInput(), aContext());

    expect(before).toMatchObject({
      phase: 'INTENT',
      attemptId: expect.stringMatching(/^onboard--acme--request-1\.\d+$/),
    });
    expect(await ledger()).toMatchObject({ phase: 'DONE', since: before?.['since'], physicalId: 'sub-1' });
  });

  it('joins a user who came since it looked', async () => {
    cognito.on(AdminCreateUserCommand).rejects(anAwsError('UsernameExistsException'));
    cognito
      .on(AdminGetUserCommand)
      .rejectsOnce(anAwsError('UserNotFoundException'))
      .resolves({ Username: 'x', UserAttributes: attributes('acme') });

    expect(await handler(aTaskInput(), aContext())).toEqual({ physicalId: 'sub-1', ready: true });
  });

  it('joins the tenant’s own user again, without a second invitation', async () => {
    cognito
      .on(AdminGetUserCommand, { Username: EMAIL })
      .resolves({ Username: 'x', UserAttributes: attributes('acme') });

    const answer = await handler(aTaskInput(), aContext());

    expect(answer).toEqual({ physicalId: 'sub-1', ready: true });
    expect(cognito.commandCalls(AdminCreateUserCommand)).toEqual([]);
  });

  it.each(['acme2', undefined])('never joins a user of tenant %s, and notes no invitation', async (tenantId) => {
    cognito.on(AdminGetUserCommand).resolves({ Username: 'x', UserAttributes: attributes(tenantId) });

    const run = handler(aTaskInput(), aContext());

    await expect(run).rejects.toMatchObject({
      name: 'ResourceConflictError',
      message: 'tenant acme: the requested admin e-mail address belongs to a user of another tenant',
    });
    expect(joins()).toEqual([]);
    expect(cognito.commandCalls(AdminCreateUserCommand)).toEqual([]);
    expect(await tables.get(REGISTRY_TABLE, 'TENANT#acme', 'RESOURCE#first-admin')).toBeUndefined();
  });

  it.each([aLostAnswer(), anAwsError('CodeDeliveryFailureException')])('reads back after %s', async (unknown) => {
    cognito.on(AdminCreateUserCommand).rejectsOnce(unknown).rejects(anAwsError('UsernameExistsException'));
    cognito
      .on(AdminGetUserCommand)
      .rejectsOnce(anAwsError('UserNotFoundException'))
      .resolves({ Username: 'x', UserAttributes: attributes('acme') });

    await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'TransientError' });
    const answer = await handler(aTaskInput(), aContext());

    expect(answer).toEqual({ physicalId: 'sub-1', ready: true });
  });

  it('comes back later when Cognito answers without a sub', async () => {
    cognito
      .on(AdminCreateUserCommand)
      .resolves({ User: { Attributes: attributes('acme', undefined).filter(({ Name }) => Name !== 'sub') } });

    await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'NotReadyError' });
    expect(joins()).toEqual([]);
  });

  it('calls Cognito for nobody when the profile is missing', async () => {
    await tables.put(REGISTRY_TABLE, aStateItem({ tenantId: 'acme2' }));

    const run = handler(aTaskInput({ tenantId: 'acme2' }), aContext());

    await expect(run).rejects.toMatchObject({ name: 'MissingDependencyError' });
    expect(cognito.calls()).toHaveLength(0);
  });

  it.each([
    ['TooManyRequestsException', 'ThrottledError'],
    ['InternalErrorException', 'TransientError'],
    ['ResourceNotFoundException', 'MissingDependencyError'],
    ['NotAuthorizedException', 'AccessDeniedError'],
    ['InvalidParameterException', 'RejectedCallError'],
    ['UnsupportedUserStateException', 'RejectedCallError'],
  ])('reports %s as %s and keeps the address to itself, whatever Cognito’s message repeats', async (name, expected) => {
    cognito.on(AdminCreateUserCommand).rejects(anAwsError(name, `User ${EMAIL} ('${EMAIL}') cannot be`));

    const error = await handler(aTaskInput(), aContext()).catch((thrown: Error) => thrown);

    expect(error).toMatchObject({ name: expected });
    expect(`${(error as Error).message} ${(error as Error).stack}`).not.toMatch(/hara|acme\.example/);
  });

  it('writes no personal data to log or metrics', async () => {
    await handler(aTaskInput(), aContext());
    cognito.on(AdminCreateUserCommand).rejects(anAwsError('InvalidParameterException', `bad ${EMAIL}`));
    await handler(aTaskInput(), aContext()).catch(() => undefined);

    expect(output.lines().length).toBeGreaterThan(3);
    expect(output.text()).not.toMatch(/hara|acme\.example|Acme Dental/);
  });
});

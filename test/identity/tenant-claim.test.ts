import {
  AdminUpdateUserAttributesCommand,
  CognitoIdentityProviderClient,
  SignUpCommand,
  UpdateUserAttributesCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { DeleteItemCommand, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { onboardToTheEnd, reinstate, toTheEnd } from '../../sandbox/requests';
import { claimsOf, refresh, signIn } from '../../sandbox/sign-in';
import { aRequest, functionName, useApp } from '../lifecycle/app-under-test';
import { DAY, offboardToTheEnd, startOffboarding } from '../offboarding/offboarding-under-test';
import { aMembershipItem } from '../support/builders';

const app = useApp();
const admin = (tenantId: string) => `admin@${tenantId}.example`;
const subOf = (token: string): string => String(claimsOf(token)['sub']);

async function inTable(command: (table: string, client: DynamoDBClient) => Promise<unknown>): Promise<void> {
  const client = new DynamoDBClient(app().clientConfig);
  await command(app().output('MembershipTableName'), client);
  client.destroy();
}
const makeMember = (sub: string, tenantId: string) =>
  inTable((TableName, client) =>
    client.send(
      new PutItemCommand({ TableName, Item: marshall(aMembershipItem({ sub, tenantId, roles: ['member'] })) }),
    ),
  );
const removeMember = (sub: string, tenantId: string) =>
  inTable((TableName, client) =>
    client.send(new DeleteItemCommand({ TableName, Key: marshall({ pk: `USER#${sub}`, sk: `TENANT#${tenantId}` }) })),
  );

beforeAll(async () => {
  for (const tenantId of ['acme', 'acme2', 'leaving', 'away'])
    expect(await onboardToTheEnd(app(), aRequest({ tenantId }))).toMatchObject({ status: 'SUCCEEDED' });
});

describe('the first admin', () => {
  it('signs in with the invited password, and the tenant is in both tokens', async () => {
    const { accessToken, idToken } = await signIn(app(), admin('acme'));

    for (const token of [accessToken, idToken]) {
      expect(claimsOf(token)).toMatchObject({ tenant_id: 'acme', 'cognito:groups': ['acme'] });
      expect(claimsOf(token)).not.toHaveProperty('custom:tenant_id');
      expect(claimsOf(token)).not.toHaveProperty('cognito:roles');
    }
    const { exp, iat, scope, token_use } = claimsOf(accessToken) as { exp: number; iat: number } & Record<
      string,
      unknown
    >;
    expect({ seconds: exp - iat, token_use, scope }).toEqual({
      seconds: 900,
      token_use: 'access',
      scope: 'openid email profile',
    });
  });

  it('gets new tokens of the same session, each refresh token once', async () => {
    const first = await signIn(app(), admin('acme'));
    const second = await refresh(app(), first);

    expect(claimsOf(second.accessToken)).toMatchObject({
      tenant_id: 'acme',
      origin_jti: claimsOf(first.accessToken)['origin_jti'],
    });
    expect(second.refreshToken).not.toBe(first.refreshToken);
    await app().clock.advance(11_000);
    await expect(refresh(app(), first)).rejects.toMatchObject({ name: 'NotAuthorizedException' });
    expect(claimsOf((await refresh(app(), second)).idToken)).toMatchObject({ tenant_id: 'acme' });
  });
});

describe('nobody forges the tenant', () => {
  it('by naming another one at a refresh', async () => {
    const tokens = await signIn(app(), admin('acme'));

    await expect(refresh(app(), tokens, { tenant_id: 'acme2' })).rejects.toMatchObject({
      name: 'UserLambdaValidationException',
      message: expect.stringContaining('no member'),
    });
  });

  it('by writing the attribute: the token of the application may write none', async () => {
    const { accessToken } = await signIn(app(), admin('acme'));
    const cognito = new CognitoIdentityProviderClient(app().clientConfig);
    const UserAttributes = [{ Name: 'custom:tenant_id', Value: 'acme2' }];

    const update = cognito.send(new UpdateUserAttributesCommand({ AccessToken: accessToken, UserAttributes }));

    await expect(update).rejects.toMatchObject({
      name: 'NotAuthorizedException',
      message: 'Access Token does not have required scopes',
    });
    cognito.destroy();
  });

  it('by signing up with it', async () => {
    const cognito = new CognitoIdentityProviderClient(app().clientConfig);
    const signUp = cognito.send(
      new SignUpCommand({
        ClientId: app().output('UserPoolClientId'),
        Username: 'eve@evil.example',
        Password: 'A-password-of-1-user',
        UserAttributes: [{ Name: 'custom:tenant_id', Value: 'acme' }],
      }),
    );

    await expect(signUp).rejects.toMatchObject({ name: 'NotAuthorizedException' });
    cognito.destroy();
  });

  it('not even an administrator who changes the attribute: the membership decides', async () => {
    const { idToken } = await signIn(app(), admin('acme'));
    const cognito = new CognitoIdentityProviderClient(app().clientConfig);
    const user = { UserPoolId: app().output('UserPoolId'), Username: subOf(idToken) };
    const attribute = (Value: string) => [{ Name: 'custom:tenant_id', Value }];
    await cognito.send(new AdminUpdateUserAttributesCommand({ ...user, UserAttributes: attribute('acme2') }));

    const again = await signIn(app(), admin('acme'));

    expect(claimsOf(again.idToken)).toMatchObject({ tenant_id: 'acme', 'cognito:groups': ['acme'] });
    await cognito.send(new AdminUpdateUserAttributesCommand({ ...user, UserAttributes: attribute('acme') }));
    cognito.destroy();
  });

  it('when memberships cannot be read: there are no tokens then', async () => {
    const tokens = await signIn(app(), admin('acme'));
    app().faults.add({
      functionName: functionName('issue-tenant-claim'),
      service: 'dynamodb',
      when: 'before',
      times: 100,
      effect: { kind: 'error', code: 'ValidationException' },
    });

    await expect(refresh(app(), tokens)).rejects.toMatchObject({ name: 'UserLambdaValidationException' });
    await expect(signIn(app(), admin('acme'))).rejects.toThrow('UserLambdaValidationException');

    app().faults.clear();
    expect(claimsOf((await refresh(app(), tokens)).idToken)).toMatchObject({ tenant_id: 'acme' });
  });
});

describe('a user of two tenants', () => {
  let sub: string;

  beforeAll(async () => {
    sub = subOf((await signIn(app(), admin('acme'))).idToken);
    await makeMember(sub, 'acme2');
    await makeMember(sub, 'leaving');
  });

  it('keeps a tenant per tab, whichever refreshes last', async () => {
    const one = await refresh(app(), await signIn(app(), admin('acme')), { tenant_id: 'acme' });
    const two = await refresh(app(), await signIn(app(), admin('acme')), { tenant_id: 'acme2' });

    const again = await refresh(app(), one, { tenant_id: 'acme' });

    expect(claimsOf(two.accessToken)).toMatchObject({ tenant_id: 'acme2' });
    expect(claimsOf(again.accessToken)).toMatchObject({ tenant_id: 'acme' });
    await expect(refresh(app(), again)).rejects.toThrow('name one in ClientMetadata');
  });

  it('loses the tenant that is offboarded, at the next refresh, and keeps the others', async () => {
    const tokens = await refresh(app(), await signIn(app(), admin('acme')), { tenant_id: 'leaving' });
    await offboardToTheEnd(app(), 'leaving');

    await expect(refresh(app(), tokens, { tenant_id: 'leaving' })).rejects.toThrow();
    const back = await signIn(app(), admin('acme'));
    expect(claimsOf((await refresh(app(), back, { tenant_id: 'acme2' })).idToken)).toMatchObject({
      tenant_id: 'acme2',
    });
    const items = await app().services.dynamodb.dump(app().output('MembershipTableName'));
    expect(items.filter(({ tenantKey }) => tenantKey === 'TENANT#leaving')).toEqual([]);
  });

  it('loses a tenant with the membership in it', async () => {
    const tokens = await signIn(app(), admin('acme'));
    await removeMember(sub, 'acme2');

    await expect(refresh(app(), tokens, { tenant_id: 'acme2' })).rejects.toThrow('no member');
    expect(claimsOf((await refresh(app(), tokens)).idToken)).toMatchObject({ tenant_id: 'acme' });
  });
});

describe('a tenant that is blocked', () => {
  it('lets nobody in during its hold, and everybody again when it is reinstated', async () => {
    const tokens = await signIn(app(), admin('away'));
    await startOffboarding(app(), 'away', { holdSeconds: 30 * DAY });

    await expect(refresh(app(), tokens)).rejects.toMatchObject({ name: 'NotAuthorizedException' });
    await expect(signIn(app(), admin('away'))).rejects.toThrow();

    const { executionArn } = await reinstate(app(), { tenantId: 'away', requestId: 'stay', reason: 'renewed' });
    expect(await toTheEnd(app(), executionArn)).toMatchObject({ status: 'SUCCEEDED' });
    expect(claimsOf((await signIn(app(), admin('away'))).idToken)).toMatchObject({ tenant_id: 'away' });
  });
});

import { createHash, createPublicKey, createVerify, type JsonWebKey } from 'node:crypto';
import {
  AdminAddUserToGroupCommand,
  AdminCreateUserCommand,
  AdminDisableUserCommand,
  AdminSetUserPasswordCommand,
  AdminUserGlobalSignOutCommand,
  CognitoIdentityProviderClient,
  CreateGroupCommand,
  GetTokensFromRefreshTokenCommand,
  GetUserCommand,
  GlobalSignOutCommand,
  InitiateAuthCommand,
  RespondToAuthChallengeCommand,
  RevokeTokenCommand,
  SignUpCommand,
  UpdateUserAttributesCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { type Cognito, createCognito } from '../../../sandbox/aws/cognito';
import { claimsOf } from '../../../sandbox/sign-in';
import { VirtualClock } from '../../../sandbox/virtual-clock';
import { type Served, serve } from './serve';

const EMAIL = 'ada@example.com';
const PASSWORD = 'A-password-of-1-user';
const CALLBACK = 'https://app.example.com/callback';
const VERIFIER = 'a-code-verifier-that-is-long-enough-for-pkce';

/** What the trigger is asked, and what it answers. */
let asked: Record<string, unknown>[];
let answer: (event: Record<string, unknown>) => Awaited<ReturnType<NonNullable<Trigger>>>;
type Trigger = NonNullable<Parameters<typeof createCognito>[1]>['invokeTrigger'];

describe('signing in to Cognito in the sandbox', () => {
  const clock = new VirtualClock({ start: Date.UTC(2026, 0, 1) });
  let cognito: Cognito;
  let served: Served;
  let client: CognitoIdentityProviderClient;
  let UserPoolId: string;
  let clients: Readonly<Record<string, string>>;

  beforeEach(async () => {
    const estate = { clock, accountId: '123456789012', region: 'eu-central-1' };
    asked = [];
    answer = (event) => ({ payload: event });
    cognito = createCognito(estate, {
      invokeTrigger: async (_name, event) => {
        asked.push(event as Record<string, unknown>);
        return answer(event as Record<string, unknown>);
      },
    });
    served = await serve(estate, cognito.service, cognito.hostedPages);
    client = new CognitoIdentityProviderClient(served.client);
    const pool = cognito.createUserPool({
      name: 'users',
      usernameAttributes: ['email'],
      schema: [{ name: 'tenant_id' }],
      preTokenGeneration: { functionName: 'trigger', version: 'V2_0' },
      clients: [
        {
          name: 'web',
          ExplicitAuthFlows: ['ALLOW_CUSTOM_AUTH'],
          AllowedOAuthFlows: ['code'],
          AllowedOAuthScopes: ['openid', 'email'],
          CallbackURLs: [CALLBACK],
          ReadAttributes: ['email', 'custom:tenant_id'],
          WriteAttributes: ['name'],
          RefreshTokenRotation: { Feature: 'ENABLED', RetryGracePeriodSeconds: 10 },
          RefreshTokenValidity: 12,
          AccessTokenValidity: 15,
          TokenValidityUnits: { AccessToken: 'minutes', RefreshToken: 'hours' },
        },
        {
          name: 'careless',
          ExplicitAuthFlows: ['ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
          WriteAttributes: ['custom:tenant_id', 'name'],
        },
        { name: 'unset' },
        { name: 'careful', ExplicitAuthFlows: ['ALLOW_USER_PASSWORD_AUTH'], WriteAttributes: ['name'] },
      ],
    });
    UserPoolId = pool.id;
    clients = pool.clients;
    await client.send(new CreateGroupCommand({ UserPoolId, GroupName: 'acme' }));
    await client.send(new CreateGroupCommand({ UserPoolId, GroupName: 'acme2', RoleArn: 'arn:aws:iam::1:role/any' }));
    await client.send(
      new AdminCreateUserCommand({
        UserPoolId,
        Username: EMAIL,
        UserAttributes: [{ Name: 'custom:tenant_id', Value: 'acme' }],
      }),
    );
    for (const GroupName of ['acme', 'acme2'])
      await client.send(new AdminAddUserToGroupCommand({ UserPoolId, Username: EMAIL, GroupName }));
    await client.send(
      new AdminSetUserPasswordCommand({ UserPoolId, Username: EMAIL, Password: PASSWORD, Permanent: true }),
    );
  });

  afterEach(async () => {
    client.destroy();
    await served.stop();
  });

  const post = (path: string, form: Record<string, string>) =>
    fetch(`${served.client.endpoint}${path}`, { method: 'POST', body: new URLSearchParams(form), redirect: 'manual' });
  const challenge = createHash('sha256').update(VERIFIER).digest('base64url');
  const loginForm = (changes: Record<string, string> = {}) => ({
    client_id: clients['web'] ?? '',
    redirect_uri: CALLBACK,
    response_type: 'code',
    scope: 'openid email',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    username: EMAIL,
    password: PASSWORD,
    ...changes,
  });
  const codeOf = async (changes?: Record<string, string>) => {
    const { headers } = await post('/login', loginForm(changes));
    return new URL(headers.get('location') ?? CALLBACK).searchParams.get('code') ?? '';
  };
  const redeem = (code: string, changes: Record<string, string> = {}) =>
    post('/oauth2/token', {
      grant_type: 'authorization_code',
      client_id: clients['web'] ?? '',
      redirect_uri: CALLBACK,
      code,
      code_verifier: VERIFIER,
      ...changes,
    });
  const signIn = async () => (await (await redeem(await codeOf())).json()) as Record<string, string>;
  const refresh = (RefreshToken: string | undefined, ClientMetadata?: Record<string, string>, name = 'web') =>
    client.send(
      new GetTokensFromRefreshTokenCommand({
        ClientId: clients[name],
        RefreshToken,
        ...(ClientMetadata && { ClientMetadata }),
      }),
    );
  const withPassword = async (name: string) => {
    const { AuthenticationResult } = await client.send(
      new InitiateAuthCommand({
        ClientId: clients[name],
        AuthFlow: 'USER_PASSWORD_AUTH',
        AuthParameters: { USERNAME: EMAIL, PASSWORD },
      }),
    );
    return AuthenticationResult ?? {};
  };

  it('issues tokens that the keys of the pool verify', async () => {
    const { access_token = '', id_token = '' } = await signIn();
    const { keys } = (await (await fetch(`${served.client.endpoint}/${UserPoolId}/.well-known/jwks.json`)).json()) as {
      keys: JsonWebKey[];
    };

    for (const token of [access_token, id_token]) {
      const [header = '', payload = '', signature = ''] = token.split('.');
      const key = createPublicKey({ key: keys[0] ?? {}, format: 'jwk' });
      expect(createVerify('RSA-SHA256').update(`${header}.${payload}`).verify(key, signature, 'base64url')).toBe(true);
      expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ kid: keys[0]?.['kid'], alg: 'RS256' });
      expect(claimsOf(token)['iss']).toBe(`https://cognito-idp.eu-central-1.amazonaws.com/${UserPoolId}`);
    }
    expect(claimsOf(id_token)).toMatchObject({ token_use: 'id', aud: clients['web'], email: EMAIL });
    expect(claimsOf(access_token)).toMatchObject({
      token_use: 'access',
      client_id: clients['web'],
      scope: 'openid email',
    });
    expect(claimsOf(access_token)).not.toHaveProperty('email');
  });

  it.each([
    ['another callback', { redirect_uri: 'https://evil.example/callback' }],
    ['the implicit flow', { response_type: 'token' }],
    ['a scope that the client has not', { scope: 'openid aws.cognito.signin.user.admin' }],
    ['no PKCE challenge', { code_challenge_method: 'plain' }],
    ['a wrong password', { password: 'Wrong-password-1' }],
    ['an unknown user', { username: 'nobody@example.com' }],
  ])('refuses a sign-in with %s', async (_, changes) => {
    const { status } = await post('/login', loginForm(changes));

    expect(status).toBe(400);
    expect(asked).toEqual([]);
  });

  it('redeems a code once, for the verifier, client and callback it was issued for, within five minutes', async () => {
    const code = await codeOf();
    expect((await redeem(code, { code_verifier: 'another' })).status).toBe(400);
    expect((await redeem(code)).status).toBe(400);
    expect((await redeem(await codeOf(), { redirect_uri: 'https://other.example' })).status).toBe(400);
    expect((await redeem(await codeOf(), { client_id: clients['careful'] ?? '' })).status).toBe(400);
    const old = await codeOf();
    await clock.advance(5 * 60_000);
    expect((await redeem(old)).status).toBe(400);
    const used = await codeOf();
    expect((await redeem(used)).status).toBe(200);
    expect((await redeem(used)).status).toBe(400);
  });

  it('asks the trigger before each token, and tells it where the request comes from', async () => {
    const { refresh_token } = await signIn();
    await refresh(refresh_token, { tenant_id: 'acme' });

    expect(asked).toMatchObject([
      { version: '2', triggerSource: 'TokenGeneration_HostedAuth', userPoolId: UserPoolId },
      { triggerSource: 'TokenGeneration_RefreshTokens', request: { clientMetadata: { tenant_id: 'acme' } } },
    ]);
    expect(asked[0]).toMatchObject({
      callerContext: { clientId: clients['web'] },
      request: {
        userAttributes: { email: EMAIL, 'custom:tenant_id': 'acme' },
        groupConfiguration: { groupsToOverride: ['acme', 'acme2'] },
        scopes: ['openid', 'email'],
      },
    });
    expect(asked[0]?.['request']).not.toHaveProperty('clientMetadata');
  });

  it('changes what the trigger says, suppression being the stronger, and never what is fixed', async () => {
    const claims = {
      claimsToAddOrOverride: { tenant_id: 'beta', 'custom:tenant_id': 'beta', sub: 'another', iss: 'https://evil' },
      claimsToSuppress: ['custom:tenant_id', 'email', 'exp'],
    };
    answer = (event) => ({
      payload: {
        ...event,
        response: {
          claimsAndScopeOverrideDetails: {
            idTokenGeneration: claims,
            accessTokenGeneration: { ...claims, scopesToAdd: ['more'], scopesToSuppress: ['email'] },
            groupOverrideDetails: { groupsToOverride: ['acme'], iamRolesToOverride: [] },
          },
        },
      },
    });

    const { access_token = '', id_token = '' } = await signIn();

    for (const token of [access_token, id_token]) {
      expect(claimsOf(token)).toMatchObject({ tenant_id: 'beta', 'cognito:groups': ['acme'] });
      expect(claimsOf(token)['sub']).not.toBe('another');
      expect(claimsOf(token)['iss']).not.toBe('https://evil');
      expect(claimsOf(token)['exp']).toEqual(expect.any(Number));
      for (const gone of ['custom:tenant_id', 'email', 'cognito:roles', 'cognito:preferred_role'])
        expect(claimsOf(token)).not.toHaveProperty([gone]);
    }
    expect(claimsOf(access_token)['scope']).toBe('openid more');
  });

  it('leaves attribute, groups and roles of the user in the ID token when the trigger says nothing', async () => {
    const { id_token = '' } = await signIn();

    expect(claimsOf(id_token)).toMatchObject({
      'custom:tenant_id': 'acme',
      'cognito:groups': ['acme', 'acme2'],
      'cognito:roles': ['arn:aws:iam::1:role/any'],
    });
  });

  it.each([
    [{ error: { errorType: 'ForbiddenError', errorMessage: 'no member' } }, 'UserLambdaValidationException'],
    [{ error: { errorType: 'Sandbox.Timedout', errorMessage: 'Task timed out' } }, 'UnexpectedLambdaException'],
    [{ payload: null }, 'InvalidLambdaResponseException'],
  ])('issues nothing when the trigger answers %j', async (said, name) => {
    const { refresh_token } = await signIn();
    answer = () => said;

    await expect(refresh(refresh_token)).rejects.toMatchObject({ name });
    const refused = await redeem(await codeOf());
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      error: 'invalid_grant',
      error_description: expect.stringContaining(name),
    });
  });

  it('rotates refresh tokens: the old one is void after its grace period', async () => {
    const { refresh_token } = await signIn();
    const { AuthenticationResult } = await refresh(refresh_token);
    await refresh(refresh_token);
    await clock.advance(10_000);

    await expect(refresh(refresh_token)).rejects.toMatchObject({ name: 'NotAuthorizedException' });
    await refresh(AuthenticationResult?.RefreshToken);
    const byFlow = client.send(
      new InitiateAuthCommand({ ClientId: clients['web'], AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: {} }),
    );
    await expect(byFlow).rejects.toMatchObject({ name: 'InvalidParameterException' });
  });

  it('ends a session with its refresh token', async () => {
    const { refresh_token } = await signIn();
    await clock.advance(12 * 3_600_000);

    await expect(refresh(refresh_token)).rejects.toMatchObject({ message: 'Refresh Token has expired' });
  });

  it.each([
    [
      'the user is signed out everywhere',
      () => client.send(new AdminUserGlobalSignOutCommand({ UserPoolId, Username: EMAIL })),
    ],
    ['the user is disabled', () => client.send(new AdminDisableUserCommand({ UserPoolId, Username: EMAIL }))],
  ])('refreshes nothing once %s', async (_, act) => {
    const { refresh_token } = await signIn();
    await act();

    await expect(refresh(refresh_token)).rejects.toMatchObject({ name: 'NotAuthorizedException' });
  });

  it('revokes one session and no other', async () => {
    const [one, two] = [await signIn(), await signIn()];
    await client.send(new RevokeTokenCommand({ ClientId: clients['web'], Token: one['refresh_token'] }));

    await expect(refresh(one['refresh_token'])).rejects.toMatchObject({ name: 'NotAuthorizedException' });
    await refresh(two['refresh_token']);
    await expect(refresh(two['refresh_token'], undefined, 'careless')).rejects.toMatchObject({
      message: 'Invalid Refresh Token',
    });
  });

  it('lets nobody in with a flow that the client does not allow', async () => {
    const flow = (name: string, AuthFlow: 'USER_PASSWORD_AUTH' | 'USER_SRP_AUTH' | 'CUSTOM_AUTH') =>
      client.send(
        new InitiateAuthCommand({ ClientId: clients[name], AuthFlow, AuthParameters: { USERNAME: EMAIL, PASSWORD } }),
      );

    for (const AuthFlow of ['USER_PASSWORD_AUTH', 'USER_SRP_AUTH', 'CUSTOM_AUTH'] as const)
      await expect(flow('web', AuthFlow)).rejects.toMatchObject({ name: 'InvalidParameterException' });
    await expect(flow('unset', 'USER_PASSWORD_AUTH')).rejects.toMatchObject({ name: 'InvalidParameterException' });
    // Without a list SRP is allowed, which the sandbox does not do.
    await expect(flow('unset', 'USER_SRP_AUTH')).rejects.toMatchObject({ name: 'UnknownOperationException' });
    expect(asked).toEqual([]);
  });

  it('makes an invited user choose a password', async () => {
    await client.send(new AdminCreateUserCommand({ UserPoolId, Username: 'new@example.com' }));
    const temporary = cognito.messages(UserPoolId).at(-1)?.temporaryPassword ?? '';
    const ClientId = clients['careful'];
    const { ChallengeName, Session } = await client.send(
      new InitiateAuthCommand({
        ClientId,
        AuthFlow: 'USER_PASSWORD_AUTH',
        AuthParameters: { USERNAME: 'new@example.com', PASSWORD: temporary },
      }),
    );
    const respond = (NEW_PASSWORD: string) =>
      client.send(
        new RespondToAuthChallengeCommand({
          ClientId,
          ChallengeName: 'NEW_PASSWORD_REQUIRED',
          Session,
          ChallengeResponses: { USERNAME: 'new@example.com', NEW_PASSWORD },
        }),
      );

    expect(ChallengeName).toBe('NEW_PASSWORD_REQUIRED');
    await expect(respond('weak')).rejects.toMatchObject({ name: 'InvalidPasswordException' });
    const { AuthenticationResult } = await respond(PASSWORD);
    expect(claimsOf(AuthenticationResult?.AccessToken ?? '')['scope']).toBe('aws.cognito.signin.user.admin');
    expect(asked.at(-1)).toMatchObject({ triggerSource: 'TokenGeneration_NewPasswordChallenge' });
    await expect(respond(PASSWORD)).rejects.toMatchObject({ name: 'NotAuthorizedException' });
  });

  describe('a user’s own attributes', () => {
    const update = (AccessToken: string | undefined, Name: string, Value = 'beta') =>
      client.send(new UpdateUserAttributesCommand({ AccessToken, UserAttributes: [{ Name, Value }] }));
    const tenantOf = () => [...cognito.userPool(UserPoolId).users.values()][0]?.attributes.get('custom:tenant_id');

    it('can be written through a client that may write them, which is why none of ours may', async () => {
      await update((await withPassword('careless')).AccessToken, 'custom:tenant_id');

      expect(tenantOf()).toBe('beta');
    });

    it('cannot be written through a client that may not, nor with a token without the scope', async () => {
      const { AccessToken } = await withPassword('careful');

      await expect(update(AccessToken, 'custom:tenant_id')).rejects.toMatchObject({ name: 'NotAuthorizedException' });
      await expect(update((await signIn())['access_token'], 'name')).rejects.toMatchObject({
        message: 'Access Token does not have required scopes',
      });
      await update(AccessToken, 'name', 'Ada');
      expect(tenantOf()).toBe('acme');
    });

    it('are read and written with a living token of a pool of this account only', async () => {
      const { AccessToken = '', IdToken } = await withPassword('careful');
      const [header, payload] = AccessToken.split('.');
      for (const forged of [IdToken, `${header}.${payload}.`, `${AccessToken.slice(0, -4)}AAAA`, 'nonsense'])
        await expect(update(forged, 'name')).rejects.toMatchObject({ name: 'NotAuthorizedException' });
      expect((await client.send(new GetUserCommand({ AccessToken }))).Username).toBeDefined();
      await clock.advance(3_600_000);
      await expect(client.send(new GetUserCommand({ AccessToken }))).rejects.toMatchObject({
        message: 'Access Token has expired',
      });
    });

    it('end with a global sign-out', async () => {
      const { AccessToken, RefreshToken } = await withPassword('careless');
      await client.send(new GlobalSignOutCommand({ AccessToken }));

      await expect(client.send(new GetUserCommand({ AccessToken }))).rejects.toMatchObject({
        message: 'Access Token has been revoked',
      });
      await expect(refresh(RefreshToken, undefined, 'careless')).rejects.toMatchObject({
        name: 'NotAuthorizedException',
      });
    });

    it('make nobody a user: there is no sign-up', async () => {
      const signUp = client.send(
        new SignUpCommand({ ClientId: clients['web'], Username: 'eve@example.com', Password: PASSWORD }),
      );

      await expect(signUp).rejects.toMatchObject({ message: 'SignUp is not permitted for this user pool' });
    });
  });
});

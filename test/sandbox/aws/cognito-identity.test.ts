import {
  CognitoIdentityClient,
  GetCredentialsForIdentityCommand,
  GetIdCommand,
  GetOpenIdTokenCommand,
} from '@aws-sdk/client-cognito-identity';
import { createCognitoIdentity, type KnownToken, type WebIdentity } from '../../../sandbox/aws/cognito-identity';
import { Sessions } from '../../../sandbox/iam/sessions';
import { VirtualClock } from '../../../sandbox/virtual-clock';
import { type Served, serve } from './serve';

const PROVIDER = 'cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI';
const ROLE = 'arn:aws:iam::123456789012:role/tenant-access';
const NOW = Date.UTC(2026, 0, 1);
const CLAIMS = { sub: 'ada', token_use: 'id', aud: 'web', exp: NOW / 1000 + 900, tenant_id: 'acme' };

describe('an identity pool in the sandbox', () => {
  const clock = new VirtualClock({ start: NOW });
  const estate = { clock, accountId: '123456789012', region: 'eu-central-1' };
  let sessions: Sessions;
  let served: Served;
  let client: CognitoIdentityClient;
  let IdentityPoolId: string;
  let known: Record<string, KnownToken>;
  let asked: WebIdentity[];
  let trusted: boolean;

  beforeEach(async () => {
    known = { good: { claims: CLAIMS, alive: true } };
    asked = [];
    trusted = true;
    sessions = new Sessions(estate);
    const pools = createCognitoIdentity(estate, {
      sessions,
      readToken: (provider, token) => (provider === PROVIDER ? known[token] : undefined),
      trusts: (roleArn, request) => {
        asked.push(request);
        return trusted && roleArn === ROLE;
      },
    });
    IdentityPoolId = pools.createIdentityPool({
      name: 'tenants',
      allowUnauthenticated: false,
      allowClassicFlow: false,
      providers: [{ ProviderName: PROVIDER, ClientId: 'web', ServerSideTokenCheck: true }],
    });
    pools.setAuthenticatedRole(IdentityPoolId, ROLE);
    pools.setPrincipalTags(IdentityPoolId, PROVIDER, { tenant_id: 'tenant_id', user_id: 'sub', plan: 'custom:plan' });
    served = await serve(estate, pools.service);
    client = new CognitoIdentityClient(served.client);
  });

  afterEach(async () => {
    client.destroy();
    await served.stop();
  });

  const identity = async (token = 'good', provider = PROVIDER) =>
    (await client.send(new GetIdCommand({ IdentityPoolId, Logins: { [provider]: token } }))).IdentityId;
  const credentials = async (IdentityId: string | undefined, token = 'good') =>
    await client.send(new GetCredentialsForIdentityCommand({ IdentityId, Logins: { [PROVIDER]: token } }));

  it('gives the same user the same identity, and another one to another user', async () => {
    known['other'] = { claims: { ...CLAIMS, sub: 'grace' }, alive: true };

    expect(await identity()).toBe(await identity());
    expect(await identity('other')).not.toBe(await identity());
  });

  it('starts a session of its role for an hour, tagged with the claims that there are', async () => {
    const id = await identity();
    const { Credentials } = await credentials(id);

    const session = sessions.stateOf({ accessKeyId: Credentials?.AccessKeyId ?? '' });
    expect(session).toMatchObject({ roleArn: ROLE, expiresAt: NOW + 3_600_000 });
    expect(Object.fromEntries((session as { tags: ReadonlyMap<string, string> }).tags)).toEqual({
      tenant_id: 'acme',
      user_id: 'ada',
    });
    expect(asked).toMatchObject([{ identityPoolId: IdentityPoolId, identityId: id }]);
    expect(asked[0]?.amr).toEqual(['authenticated', PROVIDER, `${PROVIDER}:CognitoSignIn:ada`]);
  });

  it.each([
    ['of another user pool', 'good', 'cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Another00', {}],
    ['that nobody has signed', 'unsigned', PROVIDER, {}],
    ['for access instead of identity', 'made', PROVIDER, { claims: { ...CLAIMS, token_use: 'access' } }],
    ['of another app client', 'made', PROVIDER, { claims: { ...CLAIMS, aud: 'another' } }],
    ['that has expired', 'made', PROVIDER, { claims: { ...CLAIMS, exp: NOW / 1000 } }],
    ['of a user who is disabled or signed out', 'made', PROVIDER, { alive: false }],
  ])('refuses a token %s', async (_which, token, provider, changes) => {
    known['made'] = { claims: CLAIMS, alive: true, ...changes };

    await expect(identity(token, provider)).rejects.toMatchObject({ name: 'NotAuthorizedException' });
  });

  it('refuses guests', async () => {
    await expect(client.send(new GetIdCommand({ IdentityPoolId }))).rejects.toMatchObject({
      name: 'NotAuthorizedException',
      message: 'Unauthenticated access is not supported for this identity pool.',
    });
  });

  it("refuses the identity of another user, a role of one's own choice, and the classic flow", async () => {
    known['other'] = { claims: { ...CLAIMS, sub: 'grace' }, alive: true };
    const id = await identity();
    const Logins = { [PROVIDER]: 'good' };

    await expect(credentials(id, 'other')).rejects.toMatchObject({ name: 'NotAuthorizedException' });
    await expect(
      client.send(new GetCredentialsForIdentityCommand({ IdentityId: id, Logins, CustomRoleArn: ROLE })),
    ).rejects.toMatchObject({ name: 'InvalidParameterException' });
    await expect(client.send(new GetOpenIdTokenCommand({ IdentityId: id, Logins }))).rejects.toMatchObject({
      name: 'InvalidParameterException',
      message: 'Basic (classic) flow is not enabled, please use enhanced flow.',
    });
  });

  it('gives nothing when the role does not trust it', async () => {
    trusted = false;

    await expect(credentials(await identity())).rejects.toMatchObject({
      name: 'InvalidIdentityPoolConfigurationException',
    });
  });

  it('knows no pool and no identity that was not made', async () => {
    const nowhere = 'eu-central-1:00000000-0000-0000-0000-000000000000';

    await expect(
      client.send(new GetIdCommand({ IdentityPoolId: nowhere, Logins: { [PROVIDER]: 'good' } })),
    ).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    await expect(credentials(nowhere)).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });
});

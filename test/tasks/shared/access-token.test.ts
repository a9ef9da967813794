import { verifyAccessToken } from '../../../tasks/shared/access-token';
import { CLIENT_ID, REGION } from '../../support/builders';
import { aUserPool } from '../../support/tokens';

let pools = 0;
let pool: ReturnType<typeof aUserPool>;
let fetched: ReturnType<ReturnType<typeof aUserPool>['serveKeys']>;
const verify = (token: string) => verifyAccessToken(token, { userPoolId: pool.id, clientId: CLIENT_ID });

describe('verifyAccessToken', () => {
  beforeEach(() => {
    // Each test has a pool of its own: keys, and what follows an unknown key, outlive an invocation.
    pools += 1;
    pool = aUserPool(`${REGION}_pool${pools}`);
    fetched = pool.serveKeys();
  });

  afterEach(() => {
    delete process.env['AWS_ENDPOINT_URL'];
    jest.restoreAllMocks();
  });

  it('gives what a genuine token says, and fetches the keys once', async () => {
    const exp = Math.floor(Date.now() / 1000) + 60;

    expect(await verify(pool.accessToken({ exp }))).toEqual({
      sub: 'sub-1',
      tenantId: 'acme',
      sessionId: 'session-1',
      tokenId: 'token-1',
      expiresAt: new Date(exp * 1000),
    });
    expect(await verify(pool.accessToken({ tenant_id: undefined }))).not.toHaveProperty('tenantId');
    expect(fetched.mock.calls.map(([url]) => url)).toEqual([
      `https://cognito-idp.${REGION}.amazonaws.com/${pool.id}/.well-known/jwks.json`,
    ]);
  });

  it('fetches the keys of the same pool from where something stands in for AWS', async () => {
    process.env['AWS_ENDPOINT_URL'] = 'http://127.0.0.1:4566';

    await verify(pool.accessToken());

    expect(fetched.mock.calls.map(([url]) => url)).toEqual([`http://127.0.0.1:4566/${pool.id}/.well-known/jwks.json`]);
  });

  const seconds = () => Math.floor(Date.now() / 1000);
  it.each<readonly [string, () => string]>([
    ['that is none', () => 'nonsense'],
    ['that is empty', () => ''],
    ['without a signature', () => pool.accessToken().replace(/[^.]+$/, '')],
    ['that says it needs no signature', () => pool.forged({ alg: 'none' })],
    ['that says so, without one', () => pool.forged({ alg: 'none' }, '')],
    ['that says so in capitals', () => pool.forged({ alg: 'NONE' })],
    ['with a made-up signature', () => pool.forged({ alg: 'RS256' })],
    ['signed with the public key as a secret', () => pool.confused()],
    ['without a key id', () => pool.forged({ alg: 'RS256', kid: undefined })],
    ['of an unknown key', () => pool.forged({ alg: 'RS256', kid: 'another' })],
    ['signed by another pool', () => aUserPool(pool.id).accessToken()],
    ['issued by another pool', () => aUserPool(`${REGION}_other`).accessToken()],
    ['whose issuer only looks like the pool', () => pool.accessToken({ iss: `https://evil.example/${pool.id}` })],
    ['without an issuer', () => pool.accessToken({ iss: undefined })],
    ['issued to another client', () => pool.accessToken({ client_id: 'another' })],
    ['issued to no client', () => pool.accessToken({ client_id: undefined })],
    ['that is an ID token', () => pool.accessToken({ token_use: 'id', aud: CLIENT_ID })],
    ['without a use', () => pool.accessToken({ token_use: undefined })],
    ['that has expired', () => pool.accessToken({ exp: seconds() - 1 })],
    ['that is not yet valid', () => pool.accessToken({ nbf: seconds() + 60 })],
    ['whose tenant was changed', () => pool.tampered({ tenant_id: 'acme2' })],
    ['with a tenant that is none', () => pool.accessToken({ tenant_id: '*' })],
    ['with several tenants', () => pool.accessToken({ tenant_id: ['acme', 'acme2'] })],
    ['with an empty tenant', () => pool.accessToken({ tenant_id: '' })],
    ['of no session', () => pool.accessToken({ origin_jti: undefined })],
  ])('refuses a token %s', async (_, token) => {
    const error = await verify(token()).catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ name: 'UnauthenticatedError', message: expect.not.stringContaining('acme2') });
  });

  it('says why, in words of its own', async () => {
    await expect(verify(pool.accessToken({ exp: 1 }))).rejects.toThrow('the access token has expired');
    await expect(verify(pool.accessToken({ token_use: 'id', aud: CLIENT_ID }))).rejects.toThrow('is no access token');
    await expect(verify(pool.accessToken({ client_id: 'another' }))).rejects.toThrow('was issued to another client');
    await expect(verify(pool.accessToken({ iss: 'https://evil.example' }))).rejects.toThrow('is not genuine');
    await expect(verify(pool.tampered({ sub: 'sub-2' }))).rejects.toThrow('is not genuine');
  });

  it('says nothing about a token when the keys cannot be had, and tries again', async () => {
    fetched.mockRejectedValueOnce(new TypeError('fetch failed')).mockRejectedValueOnce(new TypeError('fetch failed'));
    await expect(verify(pool.accessToken())).rejects.toMatchObject({ name: 'TransientError' });

    fetched.mockResolvedValueOnce(new Response('', { status: 503 }));
    await expect(verify(pool.accessToken())).resolves.toMatchObject({ tenantId: 'acme' });

    expect(fetched).toHaveBeenCalledTimes(4);
  });

  it('still knows the tokens of known keys while it fetches no new ones', async () => {
    await expect(verify(pool.forged({ alg: 'RS256', kid: 'another' }))).rejects.toMatchObject({
      name: 'UnauthenticatedError',
    });
    await expect(verify(pool.forged({ alg: 'RS256', kid: 'yet-another' }))).rejects.toMatchObject({
      name: 'TransientError',
    });

    expect(await verify(pool.accessToken())).toMatchObject({ sub: 'sub-1' });
    expect(fetched).toHaveBeenCalledTimes(1);
  });
});

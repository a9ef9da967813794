import { createHash, randomBytes } from 'node:crypto';
import type { AuthenticationResultType, UserPoolClientType } from '@aws-sdk/client-cognito-identity-provider';
import type { Clock } from '../../clock';
import { type Call, operationOf, type RawRequest, type RawResponse, type RawService, ServiceError } from '../service';
import { authenticated, chooseNewPassword } from './sign-in';
import type { PoolStore, UserPool } from './store';
import type { Tokens } from './tokens';

const JWKS = /^\/([\w-]+_[0-9a-zA-Z]+)\/\.well-known\/jwks\.json$/;
/** An authorization code lives for five minutes [authorization-endpoint]. */
const CODE_LIFETIME_MS = 5 * 60_000;

/**
 * The pages and endpoints of a user pool that are no signed API: keys, sign-in page, token endpoint. On AWS each pool has a
 * domain of its own for them; here the app client tells the pool. Code flow with PKCE, and nothing else.
 *
 * The page itself is left out: `POST /login` takes what its form would send (and, for a temporary password, the new one),
 * and answers with the redirect to the application.
 */
export function hostedPages(store: PoolStore, tokens: Tokens, clock: Clock): RawService {
  const operations: Readonly<Record<string, (call: Call) => RawResponse | Promise<RawResponse>>> = {
    GetJwks: ({ input }) => json(200, { keys: [store.pool(String(input['UserPoolId'])).signer().publicKey] }),
    Login: ({ input }) => login(input as Form),
    Token: ({ input }) => token(input as Form),
    Revoke({ input }) {
      const form = input as Form;
      const { pool, client } = store.poolOfClient(form['client_id']);
      tokens.revoke(pool, client, form['token']);
      return { status: 200 };
    },
  };

  function login(form: Form): RawResponse {
    const { pool, client } = store.poolOfClient(form['client_id']);
    const { redirect_uri: redirectUri = '', code_challenge: codeChallenge, state } = form;
    const scopes = (form['scope'] ?? '').split(' ').filter((scope) => scope !== '');
    if (!client.CallbackURLs?.includes(redirectUri)) throw badRequest('redirect_mismatch');
    if (form['response_type'] !== 'code' || !client.AllowedOAuthFlows?.includes('code'))
      throw badRequest('unauthorized_client');
    if (!scopes.every((scope) => client.AllowedOAuthScopes?.includes(scope))) throw badRequest('invalid_scope');
    if (codeChallenge === undefined || form['code_challenge_method'] !== 'S256') throw badRequest('invalid_request');
    const user = authenticated(pool, form['username'], form['password']);
    if (user.status === 'FORCE_CHANGE_PASSWORD') chooseNewPassword(user, form['new_password'], clock);
    const code = randomBytes(24).toString('base64url');
    const expiresAt = clock.now() + CODE_LIFETIME_MS;
    const clientId = client.ClientId ?? '';
    pool.codes.set(code, { username: user.username, clientId, redirectUri, scopes, codeChallenge, expiresAt });
    const location = new URL(redirectUri);
    location.searchParams.set('code', code);
    if (state !== undefined) location.searchParams.set('state', state);
    return { status: 302, headers: { location: location.href } };
  }

  async function token(form: Form): Promise<RawResponse> {
    const { pool, client } = store.poolOfClient(form['client_id']);
    switch (form['grant_type']) {
      case 'authorization_code':
        return oauthAnswer(await redeem(pool, client, form));
      case 'refresh_token':
        // The trigger gets no ClientMetadata from here.
        return oauthAnswer(await tokens.refresh(pool, client, form['refresh_token'], undefined));
      default:
        throw badRequest('unsupported_grant_type');
    }
  }

  function redeem(pool: UserPool, client: UserPoolClientType, form: Form): Promise<AuthenticationResultType> {
    const issued = pool.codes.get(form['code'] ?? '');
    pool.codes.delete(form['code'] ?? '');
    const challenge = createHash('sha256')
      .update(form['code_verifier'] ?? '')
      .digest('base64url');
    const user = pool.users.get(issued?.username ?? '');
    if (
      issued === undefined ||
      issued.clientId !== client.ClientId ||
      issued.redirectUri !== form['redirect_uri'] ||
      issued.codeChallenge !== challenge ||
      issued.expiresAt <= clock.now() ||
      user?.enabled !== true
    ) {
      throw badRequest('invalid_grant');
    }
    return tokens.signIn(pool, client, user, { source: 'HostedAuth', scopes: issued.scopes });
  }

  return {
    protocol: 'raw',
    name: 'cognito-hosted-pages',
    // Nobody signs these.
    signingNames: [''],
    operationNames: Object.keys(operations),
    identify,
    handle: async (_request, call) => await operationOf(operations, call)(call),
    /** As OAuth says it; the API's own error name goes into the description. */
    fail: ({ code, message, status }) =>
      code === OAUTH_ERROR
        ? json(status, { error: message })
        : json(status, { error: 'invalid_grant', error_description: `${code}: ${message}` }),
  };
}

type Form = Readonly<Record<string, string>>;

const OAUTH_ERROR = 'OAuthError';
const badRequest = (error: string): ServiceError => new ServiceError(OAUTH_ERROR, error);

function identify({ method, path, body }: RawRequest): Pick<Call, 'operation' | 'input'> | undefined {
  const [, UserPoolId] = JWKS.exec(path) ?? [];
  if (method === 'GET' && UserPoolId !== undefined) return { operation: 'GetJwks', input: { UserPoolId } };
  const operation = { '/login': 'Login', '/oauth2/token': 'Token', '/oauth2/revoke': 'Revoke' }[path];
  if (method !== 'POST' || operation === undefined) return undefined;
  return { operation, input: Object.fromEntries(new URLSearchParams(body.toString('utf8'))) };
}

const oauthAnswer = ({ AccessToken, IdToken, RefreshToken, ExpiresIn }: AuthenticationResultType): RawResponse =>
  json(200, {
    access_token: AccessToken,
    id_token: IdToken,
    ...(RefreshToken !== undefined && { refresh_token: RefreshToken }),
    token_type: 'Bearer',
    expires_in: ExpiresIn,
  });

function json(status: number, value: unknown): RawResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

import { createHash, randomBytes } from 'node:crypto';
import {
  type AuthenticationResultType,
  CognitoIdentityProviderClient,
  GetTokensFromRefreshTokenCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import type { Sandbox } from './sandbox';

/** Tokens of one session, as an application holds them. */
export interface Tokens {
  readonly accessToken: string;
  readonly idToken: string;
  readonly refreshToken: string;
}

/** A sign-in or refresh that was refused. */
export class SignInRefusedError extends Error {
  override readonly name = 'SignInRefusedError';
}

/**
 * Signs a user in as a browser application does: code flow with PKCE through the hosted pages. Whoever has a temporary
 * password gets this one as their own.
 */
export async function signIn(sandbox: Sandbox, email: string, password = 'A-password-of-1-user'): Promise<Tokens> {
  const pool = sandbox.services.cognito.userPool(sandbox.output('UserPoolId'));
  const invitation = pool.messages.findLast((message) => message.email?.toLowerCase() === email.toLowerCase());
  const invited = pool.users.get(invitation?.username ?? '')?.status === 'FORCE_CHANGE_PASSWORD';
  const clientId = sandbox.output('UserPoolClientId');
  const redirectUri = pool.clients.get(clientId)?.CallbackURLs?.[0] ?? '';
  const verifier = randomBytes(32).toString('base64url');
  const login = await post(sandbox, '/login', {
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid email profile',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    username: email,
    ...(invited ? { password: invitation?.temporaryPassword ?? '', new_password: password } : { password }),
  });
  const code = new URL(login.headers.get('location') ?? redirectUri).searchParams.get('code');
  if (login.status !== 302 || code === null) throw new SignInRefusedError(await login.text());
  const answer = await post(sandbox, '/oauth2/token', {
    grant_type: 'authorization_code',
    client_id: clientId,
    redirect_uri: redirectUri,
    code,
    code_verifier: verifier,
  });
  if (answer.status !== 200) throw new SignInRefusedError(await answer.text());
  const { access_token, id_token, refresh_token } = (await answer.json()) as Record<string, string>;
  return { accessToken: access_token ?? '', idToken: id_token ?? '', refreshToken: refresh_token ?? '' };
}

/** New tokens of the same session. ClientMetadata says for which tenant. */
export async function refresh(
  sandbox: Sandbox,
  { refreshToken }: Pick<Tokens, 'refreshToken'>,
  clientMetadata?: Readonly<Record<string, string>>,
): Promise<Tokens> {
  const cognito = new CognitoIdentityProviderClient({ ...sandbox.clientConfig, maxAttempts: 1 });
  try {
    const { AuthenticationResult } = await cognito.send(
      new GetTokensFromRefreshTokenCommand({
        ClientId: sandbox.output('UserPoolClientId'),
        RefreshToken: refreshToken,
        ...(clientMetadata && { ClientMetadata: clientMetadata }),
      }),
    );
    return tokensOf(AuthenticationResult, refreshToken);
  } finally {
    cognito.destroy();
  }
}

const tokensOf = (result: AuthenticationResultType | undefined, refreshToken: string): Tokens => ({
  accessToken: result?.AccessToken ?? '',
  idToken: result?.IdToken ?? '',
  refreshToken: result?.RefreshToken ?? refreshToken,
});

/** What a token says, without a look at its signature. */
export const claimsOf = (token: string): Readonly<Record<string, unknown>> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as Record<string, unknown>;

const post = (sandbox: Sandbox, path: string, form: Readonly<Record<string, string>>): Promise<Response> =>
  fetch(`${sandbox.endpoint.url}${path}`, { method: 'POST', body: new URLSearchParams(form), redirect: 'manual' });

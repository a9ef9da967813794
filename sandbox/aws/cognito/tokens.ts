import { randomBytes, randomUUID } from 'node:crypto';
import type { AuthenticationResultType, UserPoolClientType } from '@aws-sdk/client-cognito-identity-provider';
import type { KnownToken } from '../cognito-identity';
import type { Estate } from '../service';
import { ServiceError } from '../service';
import type { Claims } from './jwt';
import type { PoolStore, RefreshToken, Session, User, UserPool } from './store';

/** Runs the function of a trigger; what it throws is a value. */
export type InvokeTrigger = (
  functionName: string,
  event: unknown,
) => Promise<
  { readonly payload: unknown } | { readonly error: { readonly errorType?: string; readonly errorMessage: string } }
>;

/** Where a token request comes from, in the words of the trigger. */
export type TokenSource = 'HostedAuth' | 'Authentication' | 'NewPasswordChallenge' | 'RefreshTokens';

/** Scope of tokens from API sign-in; with it a user edits their own attributes. */
export const SELF_SERVICE_SCOPE = 'aws.cognito.signin.user.admin';

/** Members of the trigger's answer, event version 2. */
interface Overrides {
  readonly idTokenGeneration?: TokenOverrides | null;
  readonly accessTokenGeneration?: TokenOverrides & {
    readonly scopesToAdd?: readonly string[] | null;
    readonly scopesToSuppress?: readonly string[] | null;
  };
  readonly groupOverrideDetails?: {
    readonly groupsToOverride?: readonly string[] | null;
    readonly iamRolesToOverride?: readonly string[] | null;
    readonly preferredRole?: string | null;
  } | null;
}
interface TokenOverrides {
  readonly claimsToAddOrOverride?: Claims | null;
  readonly claimsToSuppress?: readonly string[] | null;
}

/** Claims that a trigger cannot change [user-pool-lambda-pre-token-generation]. */
const FIXED = new Set([
  'acr',
  'amr',
  'at_hash',
  'aud',
  'auth_time',
  'azp',
  'client_id',
  'cognito:username',
  'event_id',
  'exp',
  'iat',
  'identities',
  'iss',
  'jti',
  'nbf',
  'nonce',
  'origin_jti',
  'sub',
  'token_use',
  'username',
  'version',
]);

/** Seconds of a validity in the units of the client. */
function seconds(value: number | undefined, unit: string | undefined, defaultSeconds: number): number {
  if (value === undefined) return defaultSeconds;
  const unitSeconds = { seconds: 1, minutes: 60, hours: 3600, days: 86_400 }[unit ?? ''];
  return value * (unitSeconds ?? defaultSeconds);
}

/** Tokens of user pools: issued, refreshed, rotated, revoked; each request passes the pool's trigger first. */
export class Tokens {
  constructor(
    private readonly store: PoolStore,
    private readonly estate: Estate,
    private readonly invokeTrigger: InvokeTrigger,
  ) {}

  issuer({ id }: UserPool): string {
    return `https://cognito-idp.${this.estate.region}.amazonaws.com/${id}`;
  }

  /** A new session with its first tokens. */
  async signIn(
    pool: UserPool,
    client: UserPoolClientType,
    user: User,
    { source, scopes }: { readonly source: TokenSource; readonly scopes: readonly string[] },
  ): Promise<AuthenticationResultType> {
    const now = this.estate.clock.now();
    const { RefreshTokenValidity, TokenValidityUnits } = client;
    const session: Session = {
      username: user.username,
      clientId: client.ClientId ?? '',
      originJti: randomUUID(),
      scopes,
      startedAt: now,
      expiresAt: now + seconds(RefreshTokenValidity || 30, TokenValidityUnits?.RefreshToken ?? 'days', 86_400) * 1000,
      revoked: false,
    };
    const tokens = await this.#issue(pool, client, user, session, source, undefined);
    return { ...tokens, RefreshToken: this.#refreshTokenOf(pool, session) };
  }

  /** New tokens of the same session; with rotation also a new refresh token, and the old one is void soon. */
  async refresh(
    pool: UserPool,
    client: UserPoolClientType,
    token: string | undefined,
    clientMetadata: Readonly<Record<string, string>> | undefined,
  ): Promise<AuthenticationResultType> {
    const { refreshToken, user } = this.#checked(pool, client, token);
    const { session } = refreshToken;
    const tokens = await this.#issue(pool, client, user, session, 'RefreshTokens', clientMetadata);
    if (client.RefreshTokenRotation?.Feature !== 'ENABLED') return tokens;
    const grace = (client.RefreshTokenRotation.RetryGracePeriodSeconds ?? 0) * 1000;
    refreshToken.voidAt ??= this.estate.clock.now() + grace;
    return { ...tokens, RefreshToken: this.#refreshTokenOf(pool, session) };
  }

  /** Ends the session that the refresh token belongs to. JWTs live on until they expire. */
  revoke(pool: UserPool, client: UserPoolClientType, token: string | undefined): void {
    const found = pool.refreshTokens.get(token ?? '');
    if (found === undefined) return;
    if (found.session.clientId !== client.ClientId)
      throw new ServiceError('UnauthorizedException', 'The token was not issued to this client.');
    found.session.revoked = true;
  }

  /** The user that a living access token of this account was issued to. */
  authorized(
    accessToken: string | undefined,
    scope: string,
  ): { readonly pool: UserPool; readonly user: User; readonly claims: Claims } {
    for (const pool of this.store.pools.values()) {
      const claims = accessToken === undefined ? undefined : pool.signer().read(accessToken);
      if (claims === undefined) continue;
      const user = pool.users.get(String(claims['username']));
      if (Number(claims['exp']) * 1000 <= this.estate.clock.now()) refuse('Access Token has expired');
      if (claims['token_use'] !== 'access' || user === undefined) refuse('Invalid Access Token');
      if (!isLive(user, claims)) refuse('Access Token has been revoked');
      if (!String(claims['scope']).split(' ').includes(scope)) refuse('Access Token does not have required scopes');
      return { pool, user, claims };
    }
    return refuse('Invalid Access Token');
  }

  /** Claims of a token that the pool behind the provider's name has signed, and whether its user may still use it. */
  read(provider: string, token: string): KnownToken | undefined {
    const pool = [...this.store.pools.values()].find((one) => this.issuer(one) === `https://${provider}`);
    const claims = pool?.signer().read(token);
    if (pool === undefined || claims === undefined) return undefined;
    const user = pool.users.get(String(claims['cognito:username'] ?? claims['username']));
    return { claims, alive: user !== undefined && isLive(user, claims) };
  }

  #checked(pool: UserPool, client: UserPoolClientType, token: string | undefined) {
    const now = this.estate.clock.now();
    const refreshToken = pool.refreshTokens.get(token ?? '');
    if (refreshToken === undefined || refreshToken.session.clientId !== client.ClientId)
      refuse('Invalid Refresh Token');
    const { session, voidAt, issuedAt } = refreshToken;
    const user = pool.users.get(session.username);
    if (session.revoked || (voidAt !== undefined && voidAt <= now)) refuse('Refresh Token has been revoked');
    if (session.expiresAt <= now) refuse('Refresh Token has expired');
    if (user === undefined) refuse('Invalid Refresh Token');
    if (!user.enabled) refuse('User is disabled.');
    if (user.signedOutAt !== undefined && issuedAt <= user.signedOutAt.getTime())
      refuse('Refresh Token has been revoked');
    return { refreshToken, user };
  }

  #refreshTokenOf(pool: UserPool, session: Session): string {
    const token = randomBytes(48).toString('base64url');
    const issued: RefreshToken = { session, issuedAt: this.estate.clock.now() };
    pool.refreshTokens.set(token, issued);
    return token;
  }

  async #issue(
    pool: UserPool,
    client: UserPoolClientType,
    user: User,
    session: Session,
    source: TokenSource,
    clientMetadata: Readonly<Record<string, string>> | undefined,
  ): Promise<AuthenticationResultType> {
    const groups = [...user.groups].flatMap((name) => pool.groups.get(name) ?? []);
    const roles = groups.flatMap(({ roleArn }) => roleArn ?? []);
    const groupConfiguration = {
      groupsToOverride: groups.map(({ name }) => name),
      iamRolesToOverride: roles,
      preferredRole: roles[0] ?? null,
    };
    const overrides = await this.#ask(pool, client, user, session, source, clientMetadata, groupConfiguration);
    // Details that are there replace everything; without them the user's own groups stand.
    const granted =
      overrides.groupOverrideDetails === undefined || overrides.groupOverrideDetails === null
        ? groupConfiguration
        : overrides.groupOverrideDetails;

    const iat = Math.floor(this.estate.clock.now() / 1000);
    const { TokenValidityUnits: units, AccessTokenValidity, IdTokenValidity } = client;
    const accessSeconds = seconds(AccessTokenValidity, units?.AccessToken ?? 'hours', 3600);
    const idSeconds = seconds(IdTokenValidity, units?.IdToken ?? 'hours', 3600);
    const common = {
      sub: user.attributes.get('sub'),
      ...(granted.groupsToOverride?.length && { 'cognito:groups': granted.groupsToOverride }),
      iss: this.issuer(pool),
      origin_jti: session.originJti,
      event_id: randomUUID(),
      auth_time: Math.floor(session.startedAt / 1000),
      iat,
    };
    const scopes = new Set([...session.scopes, ...(overrides.accessTokenGeneration?.scopesToAdd ?? [])]);
    for (const scope of overrides.accessTokenGeneration?.scopesToSuppress ?? []) scopes.delete(scope);
    const access = {
      ...common,
      token_use: 'access',
      client_id: client.ClientId,
      username: user.username,
      version: 2,
      scope: [...scopes].join(' '),
      jti: randomUUID(),
      exp: iat + accessSeconds,
    };
    const id = {
      ...readableAttributes(user, client),
      ...common,
      ...(granted.iamRolesToOverride?.length && { 'cognito:roles': granted.iamRolesToOverride }),
      ...(granted.preferredRole && { 'cognito:preferred_role': granted.preferredRole }),
      token_use: 'id',
      aud: client.ClientId,
      'cognito:username': user.username,
      jti: randomUUID(),
      exp: iat + idSeconds,
    };
    const signer = pool.signer();
    return {
      AccessToken: signer.sign(changed(access, overrides.accessTokenGeneration)),
      IdToken: signer.sign(changed(id, overrides.idTokenGeneration)),
      TokenType: 'Bearer',
      ExpiresIn: accessSeconds,
    };
  }

  /** The trigger's answer. When it fails, nobody gets a token. */
  async #ask(
    pool: UserPool,
    client: UserPoolClientType,
    user: User,
    session: Session,
    source: TokenSource,
    clientMetadata: Readonly<Record<string, string>> | undefined,
    groupConfiguration: object,
  ): Promise<Overrides> {
    if (pool.preTokenGeneration === undefined) return {};
    const { functionName, version } = pool.preTokenGeneration;
    if (version !== 'V2_0') throw new Error(`the sandbox knows pre token generation events V2_0, not ${version}`);
    const result = await this.invokeTrigger(functionName, {
      version: '2',
      triggerSource: `TokenGeneration_${source}`,
      region: this.estate.region,
      userPoolId: pool.id,
      userName: user.username,
      callerContext: { awsSdkVersion: 'aws-sdk-unknown-unknown', clientId: client.ClientId },
      request: {
        userAttributes: {
          ...Object.fromEntries(user.attributes),
          'cognito:user_status': user.status,
        },
        groupConfiguration,
        scopes: session.scopes,
        ...(clientMetadata !== undefined && { clientMetadata }),
      },
      response: { claimsAndScopeOverrideDetails: null },
    });
    if ('error' in result) {
      const { errorType, errorMessage } = result.error;
      const died = errorType === undefined || /^(Runtime|Sandbox)\./.test(errorType);
      if (died)
        throw new ServiceError('UnexpectedLambdaException', `PreTokenGeneration failed with error ${errorMessage}.`);
      throw new ServiceError('UserLambdaValidationException', `PreTokenGeneration failed with error ${errorMessage}.`);
    }
    const answer = result.payload as { response?: { claimsAndScopeOverrideDetails?: Overrides | null } } | null;
    if (answer?.response === undefined)
      throw new ServiceError('InvalidLambdaResponseException', 'Unrecognizable lambda output');
    return answer.response.claimsAndScopeOverrideDetails ?? {};
  }
}

/** Neither disabled nor signed out since the token was issued. */
const isLive = ({ enabled, signedOutAt }: User, claims: Claims): boolean =>
  enabled && (signedOutAt === undefined || Number(claims['iat']) * 1000 > signedOutAt.getTime());

/** Added or overridden first, then suppressed: a claim in both lists is gone. */
function changed(claims: Claims, overrides: TokenOverrides | null | undefined): Claims {
  const added = Object.entries(overrides?.claimsToAddOrOverride ?? {}).filter(([name]) => !FIXED.has(name));
  const suppressed = new Set((overrides?.claimsToSuppress ?? []).filter((name) => !FIXED.has(name)));
  const all = Object.entries({ ...claims, ...Object.fromEntries(added) });
  return Object.fromEntries(all.filter(([name]) => !suppressed.has(name)));
}

/** The ID token shows what the client may read. */
const readableAttributes = (user: User, { ReadAttributes }: UserPoolClientType): Claims =>
  Object.fromEntries(
    [...user.attributes]
      .filter(([name]) => name !== 'sub' && (ReadAttributes === undefined || ReadAttributes.includes(name)))
      .map(([name, value]) => [name, name.endsWith('_verified') ? value === 'true' : value]),
  );

function refuse(message: string): never {
  throw new ServiceError('NotAuthorizedException', message);
}

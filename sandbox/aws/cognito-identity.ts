import { randomUUID } from 'node:crypto';
import type {
  GetCredentialsForIdentityCommandInput,
  GetCredentialsForIdentityResponse,
  GetIdCommandInput,
  GetIdResponse,
} from '@aws-sdk/client-cognito-identity';
import type { Sessions } from '../iam/sessions';
import type { Claims } from './cognito/jwt';
import { constraint } from './constraint';
import { type Estate, type JsonService, ServiceError } from './service';

/** What a user pool says of an ID token; undefined: it has not signed it. */
export interface KnownToken {
  readonly claims: Claims;
  /** False once the user is disabled, deleted or signed out everywhere: what serverSideTokenCheck asks. */
  readonly alive: boolean;
}

export interface CognitoIdentityOptions {
  readonly sessions: Sessions;
  /** @param provider `cognito-idp.<region>.amazonaws.com/<user pool id>` */
  readonly readToken: (provider: string, token: string) => KnownToken | undefined;
  /** Whether the role's trust policy lets the pool start such a session. */
  readonly trusts: (roleArn: string, request: WebIdentity) => boolean;
}

/** What AssumeRoleWithWebIdentity is asked, as far as a trust policy can tell. */
export interface WebIdentity {
  readonly identityPoolId: string;
  readonly identityId: string;
  /** Values of the key `cognito-identity.amazonaws.com:amr`. */
  readonly amr: readonly string[];
  readonly tags: ReadonlyMap<string, string>;
}

export interface IdentityPoolDefinition {
  readonly name: string;
  readonly allowUnauthenticated: boolean;
  readonly allowClassicFlow: boolean;
  readonly providers: readonly {
    readonly ProviderName: string;
    readonly ClientId: string;
    readonly ServerSideTokenCheck?: boolean;
  }[];
}

interface IdentityPool extends IdentityPoolDefinition {
  readonly id: string;
  /** Role of signed-in users. */
  role: string | undefined;
  /** Claim by tag, for each provider. */
  readonly tags: Map<string, Readonly<Record<string, string>>>;
  /** Identity id by provider and subject. */
  readonly identities: Map<string, string>;
}

export interface CognitoIdentity {
  readonly service: JsonService;
  /** Returns the id of the pool. */
  createIdentityPool(definition: IdentityPoolDefinition): string;
  setAuthenticatedRole(identityPoolId: string, roleArn: string): void;
  /** @param tags name of the claim by tag key */
  setPrincipalTags(identityPoolId: string, provider: string, tags: Readonly<Record<string, string>>): void;
}

/** Sessions of the enhanced flow last one hour [authentication-flow]. */
const SESSION_SECONDS = 3600;
const checked = constraint('InvalidParameterException');
const REGIONAL_ID = /^[\w-]+:[0-9a-f-]+$/;

/**
 * Amazon Cognito identity pools, enhanced flow: an ID token in, credentials of the pool's one role out, tagged with claims
 * of the token. Roles by token or by rule, guests and the classic flow are not served.
 */
export function createCognitoIdentity(
  estate: Estate,
  { sessions, readToken, trusts }: CognitoIdentityOptions,
): CognitoIdentity {
  const pools = new Map<string, IdentityPool>();

  const poolNamed = (id: string | undefined): IdentityPool => {
    const pool = pools.get(checked(id, 'identityPoolId', REGIONAL_ID));
    if (pool === undefined) throw notFound(`IdentityPool '${id}' not found.`);
    return pool;
  };

  /** The one login of a request, if the pool accepts it. */
  const login = (pool: IdentityPool, logins: Readonly<Record<string, string>> | undefined) => {
    const [[provider, token] = [], ...more] = Object.entries(logins ?? {});
    if (provider === undefined || token === undefined)
      throw refused('Unauthenticated access is not supported for this identity pool.');
    if (more.length > 0) throw refused('The sandbox takes one login at a time.');
    const configured = pool.providers.find(({ ProviderName }) => ProviderName === provider);
    const known = readToken(provider, token);
    if (configured === undefined || known === undefined)
      throw refused('Invalid login token. Not a valid OpenId Connect identity token.');
    const { claims, alive } = known;
    if (claims['token_use'] !== 'id') throw refused('Invalid login token. Token use is not id.');
    if (claims['aud'] !== configured.ClientId) throw refused('Invalid login token. Incorrect token audience.');
    const now = Math.floor(estate.clock.now() / 1000);
    if (Number(claims['exp']) <= now) throw refused(`Invalid login token. Token expired: ${claims['exp']} >= ${now}`);
    if (configured.ServerSideTokenCheck === true && !alive)
      throw refused('Invalid login token. Token has been revoked.');
    return { provider, claims };
  };

  const identityOf = (pool: IdentityPool, provider: string, { sub }: Claims): string => {
    const key = `${provider} ${sub}`;
    const id = pool.identities.get(key) ?? `${estate.region}:${randomUUID()}`;
    pool.identities.set(key, id);
    return id;
  };

  const operations = {
    GetId({ IdentityPoolId, Logins }: GetIdCommandInput): GetIdResponse {
      const pool = poolNamed(IdentityPoolId);
      const { provider, claims } = login(pool, Logins);
      return { IdentityId: identityOf(pool, provider, claims) };
    },

    GetCredentialsForIdentity(input: GetCredentialsForIdentityCommandInput): GetCredentialsForIdentityResponse {
      const IdentityId = checked(input.IdentityId, 'identityId', REGIONAL_ID);
      const pool = [...pools.values()].find(({ identities }) => [...identities.values()].includes(IdentityId));
      if (pool === undefined) throw notFound(`Identity '${IdentityId}' not found.`);
      const { provider, claims } = login(pool, input.Logins);
      if (identityOf(pool, provider, claims) !== IdentityId)
        throw refused(
          "Logins don't match. Please include at least one valid login for this identity or identity pool.",
        );
      // Only pools that choose the role by token or by rule know more than one.
      if (input.CustomRoleArn !== undefined)
        throw new ServiceError('InvalidParameterException', 'Invalid role for this identity pool.');
      const tags = new Map(
        Object.entries(pool.tags.get(provider) ?? {}).flatMap(([tag, claim]) =>
          claims[claim] === undefined ? [] : [[tag, String(claims[claim])] as const],
        ),
      );
      const asked = {
        identityPoolId: pool.id,
        identityId: IdentityId,
        amr: ['authenticated', provider, `${provider}:CognitoSignIn:${claims['sub']}`],
        tags,
      };
      if (pool.role === undefined || !trusts(pool.role, asked))
        throw new ServiceError(
          'InvalidIdentityPoolConfigurationException',
          'Invalid identity pool configuration. Check assigned IAM roles for this pool.',
        );
      const session = sessions.start({
        roleArn: pool.role,
        name: 'CognitoIdentityCredentials',
        tags,
        transitiveTagKeys: [],
        policy: undefined,
        seconds: SESSION_SECONDS,
      });
      return {
        IdentityId,
        Credentials: {
          AccessKeyId: session.accessKeyId,
          SecretKey: session.secretAccessKey,
          SessionToken: session.sessionToken,
          Expiration: new Date(session.expiresAt),
        },
      };
    },

    GetOpenIdToken({ IdentityId }: { readonly IdentityId?: string }): never {
      const pool = [...pools.values()].find(({ identities }) => [...identities.values()].includes(IdentityId ?? ''));
      if (pool === undefined) throw notFound(`Identity '${IdentityId}' not found.`);
      throw new ServiceError(
        'InvalidParameterException',
        pool.allowClassicFlow
          ? 'The sandbox does not serve the basic (classic) flow.'
          : 'Basic (classic) flow is not enabled, please use enhanced flow.',
      );
    },
  };

  return {
    service: {
      protocol: 'json',
      name: 'cognito-identity',
      targetPrefix: 'AWSCognitoIdentityService',
      version: '1.1',
      operations,
    },

    createIdentityPool(definition) {
      if (definition.allowUnauthenticated)
        throw new Error(`identity pool ${definition.name}: the sandbox knows no guests`);
      const id = `${estate.region}:${randomUUID()}`;
      pools.set(id, { ...definition, id, role: undefined, tags: new Map(), identities: new Map() });
      return id;
    },

    setAuthenticatedRole(identityPoolId, roleArn) {
      poolNamed(identityPoolId).role = roleArn;
    },

    setPrincipalTags(identityPoolId, provider, tags) {
      poolNamed(identityPoolId).tags.set(provider, tags);
    },
  };
}

const notFound = (message: string) => new ServiceError('ResourceNotFoundException', message);
const refused = (message: string) => new ServiceError('NotAuthorizedException', message);

import { CognitoJwtVerifier } from 'aws-jwt-verify';
import {
  CognitoJwtInvalidClientIdError,
  CognitoJwtInvalidTokenUseError,
  FetchError,
  JwksValidationError,
  JwtBaseError,
  JwtExpiredError,
  WaitPeriodNotYetEndedJwkError,
} from 'aws-jwt-verify/error';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';
import { endpointInsteadOfAws } from './clients';
import { TransientError, UnauthenticatedError } from './errors';
import { PRINCIPAL_TAG } from './names';
import { TenantId } from './tenant';

/** Whose access tokens are believed. */
export interface TokenSource {
  readonly userPoolId: string;
  readonly clientId: string;
}

/** What a verified access token says. Nothing else that a request says about its caller is true. */
export interface VerifiedToken {
  /** The user, for all tenants. */
  readonly sub: string;
  /** Absent from the token of a user who has invitations only. */
  readonly tenantId?: string;
  /** `origin_jti`: the same for all tokens of one sign-in. */
  readonly sessionId: string;
  /** `jti`. */
  readonly tokenId: string;
  readonly expiresAt: Date;
}

/** The pool's keys are small and near; two tries fit into the timeout of any function. */
const FETCH_TIMEOUT_MS = 3_000;

/** Fetches the keys of a user pool. Its own retry, because the library's fetcher speaks HTTPS only. */
const fetcher = {
  async fetch(uri: string): Promise<ArrayBuffer> {
    const endpoint = endpointInsteadOfAws();
    const url = endpoint === undefined ? uri : new URL(new URL(uri).pathname, endpoint).href;
    try {
      return await bytesOf(url);
    } catch {
      return await bytesOf(url);
    }
  },
};

async function bytesOf(url: string): Promise<ArrayBuffer> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS), redirect: 'error' });
    if (answer.status !== 200) throw new Error(`status ${answer.status}`);
    return await answer.arrayBuffer();
  } catch (error) {
    throw new FetchError(url, error);
  }
}

const createVerifier = ({ userPoolId, clientId }: TokenSource) =>
  CognitoJwtVerifier.create(
    { userPoolId, clientId, tokenUse: 'access' },
    { jwksCache: new SimpleJwksCache({ fetcher }) },
  );
/** Kept between invocations, with the keys they have fetched. */
const verifiers = new Map<string, ReturnType<typeof createVerifier>>();

function verifierOf(source: TokenSource) {
  const key = `${source.userPoolId} ${source.clientId}`;
  const verifier = verifiers.get(key) ?? createVerifier(source);
  verifiers.set(key, verifier);
  return verifier;
}

/**
 * Verifies an access token: signed by a key of this user pool (RS256, never "none"), issued by it to this client, an access
 * token, not expired. What it says about the tenant was put there by the trigger, see issue-tenant-claim.
 * @throws UnauthenticatedError for any other token; TransientError when the pool's keys cannot be had
 */
export async function verifyAccessToken(accessToken: string, source: TokenSource): Promise<VerifiedToken> {
  const { sub, jti, exp, origin_jti: sessionId, [PRINCIPAL_TAG]: tenantId } = await claimsOf(accessToken, source);
  if (typeof sessionId !== 'string' || (tenantId !== undefined && !TenantId.safeParse(tenantId).success))
    throw new UnauthenticatedError('the access token has claims that this app does not issue');
  return {
    sub,
    ...(tenantId !== undefined && { tenantId: String(tenantId) }),
    sessionId,
    tokenId: jti,
    expiresAt: new Date(exp * 1000),
  };
}

async function claimsOf(accessToken: string, source: TokenSource) {
  const verifier = verifierOf(source);
  try {
    return await verifier.verify(accessToken);
  } catch (error) {
    if (UNDECIDED.some((Type) => error instanceof Type))
      throw new TransientError('the keys of the user pool cannot be had', { cause: error });
    // The library's own messages repeat what the token says, and a bundle renames its classes.
    const [, reason] = REASONS.find(([Type]) => error instanceof Type) ?? [];
    if (reason !== undefined) throw new UnauthenticatedError(`the access token ${reason}`);
    throw error;
  }
}

/** Failures that say nothing about the token. After an unknown key id the library waits before it fetches again. */
const UNDECIDED = [FetchError, JwksValidationError, WaitPeriodNotYetEndedJwkError] as const;

const REASONS = [
  [JwtExpiredError, 'has expired'],
  [CognitoJwtInvalidClientIdError, 'was issued to another client'],
  [CognitoJwtInvalidTokenUseError, 'is no access token'],
  [JwtBaseError, 'is not genuine'],
] as const;

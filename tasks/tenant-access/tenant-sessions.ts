import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type * as z from 'zod/mini';
import type { VerifiedToken } from '../shared/access-token';
import { REPEATABLE } from '../shared/clients';
import { TenantMismatchError } from '../shared/errors';
import { issueTenantCredentials } from './contract';
import type { SessionCredentials } from './session';

type Issued = z.output<typeof issueTenantCredentials.output>;
/** Gets credentials for an access token. */
export type Issue = (accessToken: string) => Promise<Issued>;

/** So much before their end they are asked for anew: no call starts with credentials that end during its retries. */
const MARGIN_MS = 120_000;
/** Sessions that are kept; the oldest go first. */
const LIMIT = 500;

export type TenantSessions = ReturnType<typeof tenantSessions>;

/**
 * Credentials of tenants' sessions, for a function that acts for many users. They are kept per tenant and user, never for a
 * function as a whole: an execution environment that is warm serves another tenant next. Give them to clients that are made
 * for one invocation.
 */
export function tenantSessions(issue: Issue, now: () => number = Date.now) {
  const kept = new Map<string, Promise<SessionCredentials>>();

  return {
    /**
     * @param caller verified, as `verifiedCaller` or `defineOperation` gives them
     * @param accessToken the one that was verified
     * @throws what the issuer throws; TenantMismatchError when it issues for somebody else
     */
    async credentialsOf(
      { tenantId, sub }: Pick<VerifiedToken, 'sub'> & { readonly tenantId: string },
      accessToken: string,
    ): Promise<SessionCredentials> {
      const key = `${tenantId} ${sub}`;
      const current = await kept.get(key)?.catch(() => undefined);
      if (current !== undefined && current.expiration.getTime() - MARGIN_MS > now()) return current;
      const started = issued(issue, { tenantId, sub }, accessToken);
      kept.delete(key);
      kept.set(key, started);
      const [oldest] = kept.keys();
      if (kept.size > LIMIT && oldest !== undefined) kept.delete(oldest);
      try {
        return await started;
      } catch (error) {
        // A refusal is not kept: the next token may be good.
        if (kept.get(key) === started) kept.delete(key);
        throw error;
      }
    },
  };
}

async function issued(
  issue: Issue,
  wanted: { readonly tenantId: string; readonly sub: string },
  accessToken: string,
): Promise<SessionCredentials> {
  const { tenantId, userId, credentials } = await issue(accessToken);
  if (tenantId !== wanted.tenantId || userId !== wanted.sub)
    throw new TenantMismatchError(`tenant ${wanted.tenantId}: the access token is of tenant ${tenantId}`);
  return { ...credentials, expiration: new Date(credentials.expiration) };
}

const lambda = new LambdaClient(REPEATABLE);

/** Asks the deployed function. Its refusals keep their names, for example UnauthenticatedError. */
export const issueBy =
  (FunctionName: string): Issue =>
  async (accessToken) => {
    const { Payload = new Uint8Array(), FunctionError } = await lambda.send(
      new InvokeCommand({ FunctionName, Payload: JSON.stringify({ accessToken }) }),
    );
    const answer = JSON.parse(Buffer.from(Payload).toString('utf8')) as { errorType?: string; errorMessage?: string };
    if (FunctionError !== undefined)
      throw Object.assign(new Error(answer.errorMessage), { name: answer.errorType ?? 'Error' });
    return issueTenantCredentials.output.parse(answer);
  };

import { createHmac } from 'node:crypto';
import { lazySigner } from '../../sandbox/aws/cognito/jwt';
import { CLIENT_ID, REGION } from './builders';

type Claims = Readonly<Record<string, unknown>>;
const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Issues access tokens as a user pool does, and others that only look like it. */
export function aUserPool(id = `${REGION}_pool`) {
  const sign = lazySigner();
  const now = () => Math.floor(Date.now() / 1000);
  const claims = (changes: Claims = {}): Claims => ({
    sub: 'sub-1',
    iss: `https://cognito-idp.${REGION}.amazonaws.com/${id}`,
    client_id: CLIENT_ID,
    token_use: 'access',
    scope: 'openid email profile',
    tenant_id: 'acme',
    'cognito:groups': ['acme'],
    jti: 'token-1',
    origin_jti: 'session-1',
    auth_time: now(),
    iat: now(),
    exp: now() + 900,
    ...changes,
  });
  const pool = {
    id,
    accessToken: (changes?: Claims): string => sign().sign(JSON.parse(JSON.stringify(claims(changes)))),
    /** Another header, with a signature that somebody without the key can make. */
    forged: (header: object, signature = 'c2lnbmF0dXJl'): string =>
      `${encoded({ kid: sign().publicKey.kid, ...header })}.${encoded(claims())}.${signature}`,
    /** The public key as the secret of an HMAC, for verifiers that believe the header. */
    confused(): string {
      const content = `${encoded({ kid: sign().publicKey.kid, alg: 'HS256' })}.${encoded(claims())}`;
      return `${content}.${createHmac('sha256', JSON.stringify(sign().publicKey)).update(content).digest('base64url')}`;
    },
    /** A genuine token with other claims under the old signature. */
    tampered(changes: Claims): string {
      const [header, , signature] = pool.accessToken().split('.');
      return `${header}.${encoded(claims(changes))}.${signature}`;
    },
    /** Serves the pool's keys where functions fetch them; jest.restoreAllMocks ends it. */
    serveKeys: () =>
      jest
        .spyOn(globalThis, 'fetch')
        .mockImplementation(async () => new Response(JSON.stringify({ keys: [sign().publicKey] }))),
  };
  return pool;
}

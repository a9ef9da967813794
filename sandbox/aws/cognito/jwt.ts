import { createSign, createVerify, generateKeyPairSync, randomUUID } from 'node:crypto';

/** The public key of a pool, as its JWKS shows it. */
export interface PublicKey {
  readonly kid: string;
  readonly alg: 'RS256';
  readonly use: 'sig';
  readonly kty: string;
  readonly n: string;
  readonly e: string;
}

export type Claims = Readonly<Record<string, unknown>>;

export interface Signer {
  readonly publicKey: PublicKey;
  sign(claims: Claims): string;
  /** Claims of a token that this pool has signed, whether it has expired or not; undefined for any other text. */
  read(token: string): Claims | undefined;
}

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A signer whose key pair is made when it is first used: most sandboxes issue no token. */
export function lazySigner(): () => Signer {
  let signer: Signer | undefined;
  return () => {
    signer ??= newSigner();
    return signer;
  };
}

function newSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kid = randomUUID();
  const { kty = '', n = '', e = '' } = publicKey.export({ format: 'jwk' });
  return {
    publicKey: { kid, alg: 'RS256', use: 'sig', kty, n, e },

    sign(claims) {
      const content = `${encoded({ kid, alg: 'RS256' })}.${encoded(claims)}`;
      return `${content}.${createSign('RSA-SHA256').update(content).sign(privateKey, 'base64url')}`;
    },

    read(token) {
      const [header = '', payload = '', signature = ''] = token.split('.');
      const genuine = createVerify('RSA-SHA256')
        .update(`${header}.${payload}`)
        .verify(publicKey, signature, 'base64url');
      return genuine ? (JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Claims) : undefined;
    },
  };
}

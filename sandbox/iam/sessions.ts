import { randomBytes } from 'node:crypto';
import type { Caller, Estate } from '../aws/service';
import type { Policy } from './policy';

/** A session of a role, as AssumeRole started it. */
export interface Session {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly roleArn: string;
  readonly name: string;
  readonly tags: ReadonlyMap<string, string>;
  /** Keys of tags that are passed on when the session assumes a further role. */
  readonly transitiveTagKeys: readonly string[];
  readonly policy: Policy | undefined;
  /** Epoch milliseconds, by the virtual clock. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export type NewSession = Omit<
  Session,
  'accessKeyId' | 'secretAccessKey' | 'sessionToken' | 'issuedAt' | 'expiresAt'
> & {
  readonly seconds: number;
};

/** Access key ids of temporary credentials begin with ASIA [reference_identifiers]. */
const PREFIX = 'ASIA';

/** Sessions that AWS STS has started. They expire by the virtual clock and are remembered for good, to be refused. */
export class Sessions {
  readonly #estate: Estate;
  readonly #sessions = new Map<string, Session>();

  constructor(estate: Estate) {
    this.#estate = estate;
  }

  start({ seconds, ...session }: NewSession): Session {
    const issuedAt = this.#estate.clock.now();
    const started: Session = {
      ...session,
      accessKeyId: `${PREFIX}${randomBytes(8).toString('hex').toUpperCase()}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      sessionToken: randomBytes(96).toString('base64'),
      issuedAt,
      expiresAt: issuedAt + seconds * 1000,
    };
    this.#sessions.set(started.accessKeyId, started);
    return started;
  }

  /** Who signs with such a key; undefined when it is none of a session. */
  callerOf(accessKeyId: string): Caller | undefined {
    const session = this.#sessions.get(accessKeyId);
    return session && { accessKeyId, roleArn: session.roleArn, sessionName: session.name };
  }

  /**
   * The caller's session; undefined for other keys. 'expired' when it is over, 'unknown' when the key looks like a session's
   * and is none: neither may pass for the operator's.
   */
  stateOf({ accessKeyId }: Caller): Session | 'expired' | 'unknown' | undefined {
    const session = this.#sessions.get(accessKeyId);
    if (session === undefined) return accessKeyId.startsWith(PREFIX) ? 'unknown' : undefined;
    return session.expiresAt > this.#estate.clock.now() ? session : 'expired';
  }
}

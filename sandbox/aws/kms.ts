import { randomUUID } from 'node:crypto';
import { aliasOperations } from './kms/alias-operations';
import { cryptoOperations, type KeyUse, usableKey } from './kms/crypto-operations';
import { keyOperations } from './kms/key-operations';
import { defaultKeyPolicy } from './kms/key-policy';
import { type Key, KeyStore } from './kms/key-store';
import type { Estate, JsonService } from './service';

export interface KmsOptions {
  /** Keys in any state. @default 100,000 as on AWS */
  readonly keyQuota?: number;
  /** Whether a role or user in a key policy is known to IAM. @default every one is */
  readonly principalExists?: (arn: string) => boolean;
}

/** What other services need of KMS. */
export interface KeyAccess {
  /** ARN of the symmetric key if it is usable now; throws NotFoundException, DisabledException or KMSInvalidStateException. */
  requireUsable(keyId: string, use: KeyUse): string;
}

export interface NewKmsKey {
  readonly description?: string;
  readonly policy?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly rotates?: boolean;
  /** For example alias/app-stage/tenant/acme. */
  readonly aliases?: readonly string[];
}

export interface Kms extends KeyAccess {
  readonly service: JsonService;
  /** Makes a key without a call; returns its ARN. */
  createKey(properties?: NewKmsKey): string;
  createAlias(name: string, keyId: string): void;
  /** A key in any state by id, ARN or alias; throws NotFoundException. */
  describe(keyId: string): Readonly<Key>;
  /** Names of the aliases of a key. */
  aliasesOf(keyId: string): readonly string[];
  /** All keys in any state. */
  keys(): readonly Readonly<Key>[];
  reset(): void;
}

/** AWS KMS: keys with their states and deletion window, aliases, and real encryption. */
export function createKms(estate: Estate, options: KmsOptions = {}): Kms {
  const { keyQuota = 100_000, principalExists = () => true } = options;
  const store = new KeyStore(estate);

  return {
    service: {
      protocol: 'json',
      name: 'kms',
      targetPrefix: 'TrentService',
      version: '1.1',
      operations: {
        ...keyOperations(store, estate, { keyQuota, principalExists }),
        ...aliasOperations(store),
        ...cryptoOperations(store),
      },
    },

    createKey({ description = '', policy = defaultKeyPolicy(estate), tags = {}, rotates = false, aliases = [] } = {}) {
      const key = store.create({
        description,
        policy,
        tags: new Map(Object.entries(tags)),
        spec: 'SYMMETRIC_DEFAULT',
        usage: 'ENCRYPT_DECRYPT',
        multiRegion: false,
      });
      key.rotates = rotates;
      for (const name of aliases) store.addAlias(name, key);
      return key.arn;
    },

    createAlias: (name, keyId) => store.addAlias(name, store.get(keyId)),
    describe: (keyId) => store.resolve(keyId),
    aliasesOf: (keyId) => {
      const { id } = store.resolve(keyId);
      return store.aliases().flatMap(({ name, targetKeyId }) => (targetKeyId === id ? [name] : []));
    },
    keys: () => store.keys(),
    requireUsable: (keyId, use) => usableKey(store, keyId, use, randomUUID()).arn,
    reset: () => store.clear(),
  };
}

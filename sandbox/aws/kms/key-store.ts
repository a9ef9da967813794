import { randomBytes, randomUUID } from 'node:crypto';
import type { KeyLastUsageTrackingOperation, KeySpec, KeyState, KeyUsageType } from '@aws-sdk/client-kms';
import { type Estate, ServiceError } from '../service';

export interface Key {
  readonly id: string;
  readonly arn: string;
  readonly createdAt: number;
  readonly spec: KeySpec;
  readonly usage: KeyUsageType;
  readonly multiRegion: boolean;
  /** Secret of the AES key behind this key. */
  readonly material: Buffer;
  readonly tags: Map<string, string>;
  description: string;
  policy: string;
  state: Extract<KeyState, 'Enabled' | 'Disabled' | 'PendingDeletion'>;
  deletionDate?: number;
  pendingWindowInDays?: number;
  rotates: boolean;
  rotationPeriodInDays: number;
  lastUsage?: { readonly operation: KeyLastUsageTrackingOperation; readonly at: number; readonly requestId: string };
}

export interface Alias {
  readonly name: string;
  readonly arn: string;
  readonly createdAt: number;
  targetKeyId: string;
  updatedAt: number;
}

export type NewKey = Pick<Key, 'description' | 'policy' | 'spec' | 'usage' | 'multiRegion' | 'tags'>;

const UUID_KEY_ID = /^(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** All keys and aliases. A key whose deletion date has passed is gone, and its aliases with it. */
export class KeyStore {
  readonly #estate: Estate;
  readonly #keys = new Map<string, Key>();
  readonly #aliases = new Map<string, Alias>();

  constructor(estate: Estate) {
    this.#estate = estate;
  }

  get now(): number {
    return this.#estate.clock.now();
  }

  /** In the order of their ids, as the lists of KMS are. */
  keys(): Key[] {
    this.#expire();
    return [...this.#keys.values()].sort((a, b) => compare(a.id, b.id));
  }

  aliases(): Alias[] {
    this.#expire();
    return [...this.#aliases.values()].sort((a, b) => compare(a.name, b.name));
  }

  /** Keys in any state: also those pending deletion count against the quota. */
  get size(): number {
    this.#expire();
    return this.#keys.size;
  }

  create(properties: NewKey): Key {
    const id = randomUUID();
    const key: Key = {
      ...properties,
      id,
      arn: this.#arn(`key/${id}`),
      createdAt: this.now,
      material: randomBytes(32),
      state: 'Enabled',
      rotates: false,
      rotationPeriodInDays: 365,
    };
    this.#keys.set(id, key);
    return key;
  }

  /** By id or key ARN; aliases are refused, as most operations do. */
  get(keyId: string): Key {
    this.#expire();
    const id = keyId.startsWith('arn:') ? (/:key\/(.+)$/.exec(keyId)?.[1] ?? keyId) : keyId;
    if (!UUID_KEY_ID.test(id)) throw new ServiceError('NotFoundException', `Invalid keyId '${keyId}'`);
    const key = this.#keys.get(id);
    if (key === undefined || (keyId.startsWith('arn:') && keyId !== key.arn)) {
      throw new ServiceError('NotFoundException', `Key '${this.#arn(`key/${id}`)}' does not exist`);
    }
    return key;
  }

  /** By id, key ARN, alias name or alias ARN. */
  resolve(keyId: string): Key {
    const aliasName = /^(?:arn:[^/]*:)?(alias\/.+)$/.exec(keyId)?.[1];
    return this.get(aliasName === undefined ? keyId : this.alias(aliasName).targetKeyId);
  }

  alias(name: string): Alias {
    this.#expire();
    const alias = this.#aliases.get(name);
    if (alias === undefined) throw new ServiceError('NotFoundException', `Alias ${this.#arn(name)} is not found.`);
    return alias;
  }

  addAlias(name: string, target: Key): void {
    this.#expire();
    const arn = this.#arn(name);
    if (this.#aliases.has(name)) {
      throw new ServiceError('AlreadyExistsException', `An alias with the name ${arn} already exists`);
    }
    this.#aliases.set(name, { name, arn, createdAt: this.now, updatedAt: this.now, targetKeyId: target.id });
  }

  removeAlias(name: string): void {
    this.#aliases.delete(this.alias(name).name);
  }

  clear(): void {
    this.#keys.clear();
    this.#aliases.clear();
  }

  #expire(): void {
    for (const key of this.#keys.values()) {
      if (key.deletionDate === undefined || key.deletionDate > this.now) continue;
      this.#keys.delete(key.id);
      for (const alias of this.#aliases.values()) {
        if (alias.targetKeyId === key.id) this.#aliases.delete(alias.name);
      }
    }
  }

  #arn(resource: string): string {
    return `arn:aws:kms:${this.#estate.region}:${this.#estate.accountId}:${resource}`;
  }
}

export function requireNotPendingDeletion(key: Key): void {
  if (key.state === 'PendingDeletion') {
    throw new ServiceError('KMSInvalidStateException', `${key.arn} is pending deletion.`);
  }
}

export function requireEnabled(key: Key): void {
  requireNotPendingDeletion(key);
  if (key.state === 'Disabled') throw new ServiceError('DisabledException', `${key.arn} is disabled.`);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

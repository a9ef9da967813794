import { createHash, randomBytes } from 'node:crypto';
import type { ObjectLockMode, ObjectLockRetentionMode, ServerSideEncryption } from '@aws-sdk/client-s3';
import { KeyIndex } from './key-index';
import type { S3Input } from './requests';

export interface Retention {
  readonly mode: ObjectLockMode | ObjectLockRetentionMode;
  readonly until: number;
}

/** One version of an object, or a delete marker (which has no content). */
export interface Version {
  readonly key: string;
  readonly versionId: string;
  readonly lastModified: number;
  readonly content?: Content;
  retention?: Retention;
  legalHold: boolean;
}

export interface Content {
  readonly body: Buffer;
  readonly etag: string;
  /** Headers that are stored and sent back: content type, metadata, checksums. */
  readonly headers: Readonly<Record<string, string>>;
  readonly encryption: Encryption;
  readonly tags: Readonly<Record<string, string>>;
}

export interface Encryption {
  readonly algorithm: ServerSideEncryption;
  readonly keyArn?: string;
  readonly bucketKey?: boolean;
}

export interface DefaultRetention {
  readonly mode: ObjectLockRetentionMode;
  readonly days: number;
}

export interface Upload {
  readonly uploadId: string;
  readonly key: string;
  readonly initiated: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly encryption: Encryption;
  readonly tags: Readonly<Record<string, string>>;
  /** Retention and legal hold as asked for; a default retention counts from completion. */
  readonly lock: Pick<S3Input, 'ObjectLockMode' | 'ObjectLockRetainUntilDate' | 'ObjectLockLegalHoldStatus'>;
  readonly parts: Map<number, { readonly body: Buffer; readonly etag: string }>;
}

/** The id of versions that were written while versioning was not enabled. */
const NULL_VERSION = 'null';

/** One bucket: every version of every key, newest first, and the uploads under way. */
export class Bucket {
  readonly name: string;
  readonly createdAt: number;
  versioning: 'Enabled' | 'Suspended' | undefined;
  encryption: Encryption = { algorithm: 'AES256' };
  objectLock: { readonly defaultRetention?: DefaultRetention } | undefined;
  readonly uploads = new Map<string, Upload>();
  readonly #versions = new Map<string, Version[]>();
  readonly #index = new KeyIndex();

  constructor(name: string, createdAt: number) {
    this.name = name;
    this.createdAt = createdAt;
  }

  get isEmpty(): boolean {
    return this.#versions.size === 0;
  }

  /** Keys that have a version, in order, starting after or at `from`. */
  *keysFrom(from: string): Generator<string> {
    for (const key of this.#index.from(from, this.#versions.size)) if (this.#versions.has(key)) yield key;
  }

  /** Newest first; empty when the key has none. */
  versionsOf(key: string): readonly Version[] {
    return this.#versions.get(key) ?? [];
  }

  /** Undefined also when the newest version is a delete marker. */
  current(key: string): (Version & { readonly content: Content }) | undefined {
    const newest = this.versionsOf(key)[0];
    return newest !== undefined && hasContent(newest) ? newest : undefined;
  }

  /** Adds a version on top; replaces the null version where versioning is not enabled. A version without content is a delete marker. */
  add(
    key: string,
    version: Omit<Version, 'key' | 'versionId' | 'legalHold'> & Partial<Pick<Version, 'legalHold'>>,
  ): Version {
    const versionId = this.versioning === 'Enabled' ? randomBytes(24).toString('base64url') : NULL_VERSION;
    if (versionId === NULL_VERSION) this.remove(key, NULL_VERSION);
    const added: Version = { legalHold: false, ...version, key, versionId };
    const versions = this.#versions.get(key);
    if (versions === undefined) {
      this.#versions.set(key, [added]);
      this.#index.add(key);
    } else {
      versions.unshift(added);
    }
    return added;
  }

  remove(key: string, versionId: string): void {
    const remaining = this.versionsOf(key).filter((version) => version.versionId !== versionId);
    if (remaining.length === 0) this.#versions.delete(key);
    else this.#versions.set(key, remaining);
  }
}

export function hasContent(version: Version): version is Version & { readonly content: Content } {
  return version.content !== undefined;
}

export function etagOf(body: Buffer): string {
  return `"${createHash('md5').update(body).digest('hex')}"`;
}

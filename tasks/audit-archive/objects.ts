import { createHash } from 'node:crypto';
import { GetObjectCommand, HeadObjectCommand, ListObjectVersionsCommand, S3Client } from '@aws-sdk/client-s3';
import { isNamed } from '../shared/aws-errors';
import { REPEATABLE } from '../shared/clients';

const ownClient = new S3Client(REPEATABLE);

/** One version of an object in the audit bucket, or a delete marker. */
export interface StoredVersion {
  readonly key: string;
  readonly versionId: string;
  readonly bytes: number;
  /** ISO 8601. */
  readonly lastModified: string;
  readonly isLatest: boolean;
  readonly isDeleteMarker: boolean;
}

/** Reading of the audit bucket, as the archiver, the verification and tenantctl need it. */
export type AuditObjects = ReturnType<typeof openAuditObjects>;

/** @param bucket name of the audit bucket */
export function openAuditObjects(bucket: string, client: S3Client = ownClient) {
  return {
    /** All versions below a prefix, by key, each key's newest first. */
    async list(prefix: string): Promise<readonly StoredVersion[]> {
      const versions: StoredVersion[] = [];
      let marker: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } | undefined;
      do {
        const page = await client.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix, ...marker }));
        const entries = [
          ...(page.Versions ?? []).map((version) => ({ ...version, isDeleteMarker: false })),
          ...(page.DeleteMarkers ?? []).map((version) => ({ ...version, Size: 0, isDeleteMarker: true })),
        ];
        for (const { Key = '', VersionId = '', Size = 0, LastModified, IsLatest = false, isDeleteMarker } of entries) {
          versions.push({
            key: Key,
            versionId: VersionId,
            bytes: Size,
            lastModified: (LastModified ?? new Date(0)).toISOString(),
            isLatest: IsLatest,
            isDeleteMarker,
          });
        }
        marker = page.IsTruncated
          ? { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker }
          : undefined;
      } while (marker !== undefined);
      return versions;
    },

    /** SHA-256 (hex) of one version, read as a stream: a history may be large. Undefined when it is gone. */
    async hashOf({ key, versionId }: Pick<StoredVersion, 'key' | 'versionId'>): Promise<string | undefined> {
      const body = await bodyOf(key, versionId);
      if (body === undefined) return undefined;
      const hash = createHash('sha256');
      for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) hash.update(chunk);
      return hash.digest('hex');
    },

    /** Bytes of one version. Undefined when it is gone. */
    async read({ key, versionId }: Pick<StoredVersion, 'key' | 'versionId'>): Promise<Buffer | undefined> {
      const body = await bodyOf(key, versionId);
      return body && Buffer.from(await body.transformToByteArray());
    },

    async metadataOf({ key, versionId }: Pick<StoredVersion, 'key' | 'versionId'>) {
      const { Metadata } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }));
      return Metadata ?? {};
    },
  };

  async function bodyOf(key: string, versionId: string) {
    try {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }));
      return Body;
    } catch (error) {
      if (isNamed(error, 'NoSuchKey', 'NoSuchVersion')) return undefined;
      throw error;
    }
  }
}

/** The version of each key that was written first: what was there before anybody could write over it. */
export function firstVersions(versions: readonly StoredVersion[]): ReadonlyMap<string, StoredVersion> {
  const first = new Map<string, StoredVersion>();
  // Newest first per key, so the last one seen is the oldest.
  for (const version of versions) if (!version.isDeleteMarker) first.set(version.key, version);
  return first;
}

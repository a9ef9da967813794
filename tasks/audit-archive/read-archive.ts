import type { S3Client } from '@aws-sdk/client-s3';
import { sha256Hex } from '../shared/digest';
import { inParallel } from '../shared/in-parallel';
import { auditPrefix, chainPrefix } from '../shared/names';
import type { ArchiveHead } from '../shared/registry';
import { type ChainRecord, parseChainRecord } from './chain-record';
import { firstVersions, openAuditObjects } from './objects';
import { type ArchiveContents, type FoundObject, type Verification, verifyChain } from './verify-chain';

/** Reads under way at the same time. */
const READS = 16;

export interface ReadArchive {
  readonly contents: ArchiveContents;
  /** Records of the chain that can be read, in order. */
  readonly records: readonly ChainRecord[];
  readonly verification: Verification;
  /** Bytes of the objects that were to be kept, by key: those that were verified. */
  readonly kept: ReadonlyMap<string, Buffer>;
}

export interface ArchiveToRead {
  readonly tenantId: string;
  /** Name of the audit bucket. */
  readonly bucket: string;
  /** The item ARCHIVE of the registry; undefined when there is none, or it cannot be asked. */
  readonly head: Pick<ArchiveHead, 'sequence' | 'sha256'> | undefined;
  readonly now: Date;
  readonly client?: S3Client;
  /** Keys whose bytes the caller needs; every other object is hashed as it streams by. @default none */
  readonly keep?: (key: string) => boolean;
}

/** Reads a tenant's whole archive, every byte of it, and verifies its chain. */
export async function readArchive({
  tenantId,
  bucket,
  head,
  now,
  client,
  keep = () => false,
}: ArchiveToRead): Promise<ReadArchive> {
  const store = openAuditObjects(bucket, client);
  const versions = await store.list(auditPrefix(tenantId));
  const chain = new Map<string, Buffer>();
  const kept = new Map<string, Buffer>();
  const objects = await inParallel(
    [...firstVersions(versions).values()],
    READS,
    async (version): Promise<FoundObject> => {
      const { key, lastModified } = version;
      const all = versions.filter((other) => other.key === key);
      const isRecord = key.startsWith(chainPrefix(tenantId));
      const bytes = isRecord || keep(key) ? await store.read(version) : undefined;
      if (bytes !== undefined) (isRecord ? chain : kept).set(key, bytes);
      return {
        key,
        lastModified,
        sha256: bytes === undefined ? ((await store.hashOf(version)) ?? '') : sha256Hex(bytes),
        versions: all.filter(({ isDeleteMarker }) => !isDeleteMarker).length,
        hidden: all.some(({ isDeleteMarker, isLatest }) => isDeleteMarker && isLatest),
      };
    },
  );
  return { ...verified({ tenantId, objects, chain, ...(head && { head }) }, now), kept };
}

/** Adds what follows from the contents of an archive, wherever it was read. */
export const verified = (contents: ArchiveContents, now: Date): Omit<ReadArchive, 'kept'> => ({
  contents,
  records: [...contents.chain.keys()]
    .sort()
    .flatMap((key) => parseChainRecord(contents.chain.get(key) ?? Buffer.alloc(0)) ?? []),
  verification: verifyChain(contents, now),
});

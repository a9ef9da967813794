import { isNamed } from '../shared/aws-errors';
import type { TaskScope } from '../shared/define-task';
import { sha256Hex } from '../shared/digest';
import { AuditChainBrokenError, TransientError } from '../shared/errors';
import { inParallel } from '../shared/in-parallel';
import { auditPrefix, canonicalJson, chainKey, chainPrefix } from '../shared/names';
import { writeOnce } from '../shared/write-once';
import { type ChainRecord, parseChainRecord } from './chain-record';
import { type AuditObjects, firstVersions, openAuditObjects, type StoredVersion } from './objects';

/** Reads under way at the same time. */
const READS = 10;
/** About 250 bytes each: a record stays small enough to be read by a person. */
const OBJECTS_PER_RECORD = 1000;
/** Each lost race means that another archiver has moved the chain on; there are a handful of archivers. */
const RACES = 50;

export interface Extension {
  /** Records that this call has written. */
  readonly written: number;
  /** Last record of the chain; undefined while there is none. */
  readonly head?: { readonly sequence: number; readonly sha256: string };
}

/**
 * Extends the tenant's chain by every object that no record covers yet. S3 is the arbiter: a record is put only where none
 * is, and whoever comes second reads what is there and goes on after it, so the chain never forks and a repeat adds
 * nothing. A chain that is broken is not extended: that would bury the evidence of the break.
 * @param execution what the record is written for; null for none in particular
 * @param whenOlderThan ISO 8601: extend only if an uncovered object is older than that
 * @throws AuditChainBrokenError when a record is missing or is not the one that was noted
 */
export async function extendChain(
  tenantId: string,
  execution: ChainRecord['execution'],
  scope: Pick<TaskScope<never>, 'env' | 'registry' | 'now'>,
  { whenOlderThan }: { readonly whenOlderThan?: string } = {},
): Promise<Extension> {
  const { env, registry, now } = scope;
  const objects = openAuditObjects(env.AUDIT_BUCKET);
  // Before the listing: a head that is noted meanwhile would not be in it.
  const noted = await registry.getArchiveHead(tenantId);
  let written = 0;
  for (let race = 0; race < RACES; race += 1) {
    const present = firstVersions(await objects.list(auditPrefix(tenantId)));
    const chain = await readChain(tenantId, present, objects);
    if (noted !== undefined && chain.hashes[noted.sequence - 1] !== noted.sha256)
      throw new AuditChainBrokenError(
        `tenant ${tenantId}: record ${noted.sequence} of its audit chain is ${chain.hashes.length < noted.sequence ? 'gone' : 'not the one that was noted'}`,
      );
    const uncovered = [...present.values()].filter(
      ({ key }) => !key.startsWith(chainPrefix(tenantId)) && !chain.covered.has(key),
    );
    const sequence = chain.hashes.length;
    const last = chain.hashes.at(-1);
    const isDue = whenOlderThan === undefined || uncovered.some(({ lastModified }) => lastModified < whenOlderThan);
    if (uncovered.length === 0 || !isDue) {
      if (last === undefined) return { written };
      await noteHead(tenantId, { sequence, sha256: last }, scope);
      return { written, head: { sequence, sha256: last } };
    }
    const batch = uncovered.sort((a, b) => (a.key < b.key ? -1 : 1)).slice(0, OBJECTS_PER_RECORD);
    const record = canonicalJson({
      schemaVersion: 1,
      tenantId,
      sequence: sequence + 1,
      previous: last ?? null,
      at: now().toISOString(),
      execution,
      objects: await inParallel(batch, READS, (object) => chained(object, objects)),
    } satisfies ChainRecord);
    if (!(await putRecord(env.AUDIT_BUCKET, chainKey(tenantId, sequence + 1), record))) continue;
    written += 1;
    if (batch.length < uncovered.length) continue;
    // What comes after the listing has an event of its own, or waits for the daily reconciliation.
    const head = { sequence: sequence + 1, sha256: sha256Hex(record) };
    await noteHead(tenantId, head, scope);
    return { written, head };
  }
  throw new TransientError(`tenant ${tenantId}: its audit chain moved on ${RACES} times while it was extended`);
}

/** False when another archiver was first, or is just about to be. */
async function putRecord(Bucket: string, Key: string, Body: string): Promise<boolean> {
  try {
    return await writeOnce({
      Bucket,
      Key,
      Body,
      ContentType: 'application/json',
      Metadata: { sha256: sha256Hex(Body) },
    });
  } catch (error) {
    if (!isNamed(error, 'ConditionalRequestConflict')) throw error;
    return false;
  }
}

async function chained({ key, versionId, bytes }: StoredVersion, objects: AuditObjects) {
  const sha256 = await objects.hashOf({ key, versionId });
  if (sha256 === undefined) throw new TransientError(`${key} went away while it was read for the audit chain`);
  return { key, versionId, sha256, bytes };
}

/** Hashes of the records, in order, and what they cover. */
async function readChain(
  tenantId: string,
  present: ReadonlyMap<string, StoredVersion>,
  objects: AuditObjects,
): Promise<{ readonly hashes: readonly string[]; readonly covered: ReadonlySet<string> }> {
  const versions = [...present.values()].filter(({ key }) => /\/chain\/\d{10}\.json$/.test(key));
  const read = await inParallel(
    versions,
    READS,
    async (version) => [version.key, await linkOf(version, objects)] as const,
  );
  const chain = new Map(read);
  const hashes: string[] = [];
  const covered = new Set<string>();
  for (let sequence = 1; sequence <= versions.length; sequence += 1) {
    const link = chain.get(chainKey(tenantId, sequence));
    const record = link?.record;
    const fits =
      record?.tenantId === tenantId && record.sequence === sequence && record.previous === (hashes.at(-1) ?? null);
    if (link === undefined || record === undefined || !fits)
      throw new AuditChainBrokenError(
        `tenant ${tenantId}: record ${sequence} of its audit chain ${link === undefined ? 'is gone' : 'does not follow from the one before'}`,
      );
    hashes.push(link.sha256);
    for (const { key } of record.objects) covered.add(key);
  }
  return { hashes, covered };
}

/** A record as it is stored. */
interface Link {
  readonly sha256: string;
  /** Undefined for bytes that are no record. */
  readonly record: ChainRecord | undefined;
}

/**
 * Links that this execution environment has read: a version of an object never changes, and whether it is still there the
 * listing tells each time. Without them a tenant's each new record would cost a read of all its earlier ones.
 */
const links = new Map<string, Link>();
let linkBytes = 0;
/** Decoded it is several times that, in functions of 512 MiB. */
const MOST_LINK_BYTES = 32 * 1024 * 1024;

/** Undefined when it is gone. */
async function linkOf(version: StoredVersion, objects: AuditObjects): Promise<Link | undefined> {
  const id = `${version.key} ${version.versionId}`;
  const known = links.get(id);
  if (known !== undefined) return known;
  const bytes = await objects.read(version);
  if (bytes === undefined) return undefined;
  const link = { sha256: sha256Hex(bytes), record: parseChainRecord(bytes) };
  if (linkBytes + bytes.length > MOST_LINK_BYTES) {
    links.clear();
    linkBytes = 0;
  }
  links.set(id, link);
  linkBytes += bytes.length;
  return link;
}

/** Only forwards: an archiver that is late must not make the registry forget the tail. */
async function noteHead(
  tenantId: string,
  head: { readonly sequence: number; readonly sha256: string },
  { registry, now }: Pick<TaskScope<never>, 'registry' | 'now'>,
): Promise<void> {
  await registry.update(
    { tenantId, item: 'ARCHIVE' },
    { ...head, notedAt: now().toISOString() },
    {
      expression: 'attribute_not_exists(#sequence) OR #sequence < :sequence',
      values: { ':sequence': head.sequence },
    },
  );
}

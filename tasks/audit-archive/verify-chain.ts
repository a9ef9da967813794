import { sha256Hex } from '../shared/digest';
import { auditPrefix, chainKey, chainPrefix } from '../shared/names';
import { type ChainRecord, parseChainRecord } from './chain-record';

/** What was found of one object of the tenant's audit prefix. */
export interface FoundObject {
  readonly key: string;
  /** Of the bytes of the version that was written first, hex. */
  readonly sha256: string;
  /** ISO 8601, when it was written. */
  readonly lastModified: string;
  /** More than 1: somebody has written over it. @default 1 */
  readonly versions?: number;
  /** True when a delete marker hides it. */
  readonly hidden?: boolean;
}

/** A tenant's archive as it was read, from the bucket or from an exported folder. */
export interface ArchiveContents {
  readonly tenantId: string;
  /** Everything below the tenant's prefix. */
  readonly objects: readonly FoundObject[];
  /** Bytes of what lies below chain/, by key. */
  readonly chain: ReadonlyMap<string, Buffer>;
  /** Last record that the registry knows; undefined when it was not asked, and a chain without its end looks whole. */
  readonly head?: { readonly sequence: number; readonly sha256: string };
}

export type BreakKind =
  /** Bytes are not those that were vouched for, or somebody has written over them. */
  | 'altered'
  /** Was vouched for, and is not there (or hidden by a delete marker). */
  | 'missing'
  /** A record stands in another's place. */
  | 'reordered'
  /** Belongs to another tenant, or has no business there. */
  | 'foreign'
  /** Older than a day, and no record vouches for it. */
  | 'not-chained'
  /** The chain ends before the record that the registry knows. */
  | 'cut-off';

export interface Break {
  readonly kind: BreakKind;
  /** Record of the chain, where it is one that is broken. */
  readonly sequence?: number;
  readonly key: string;
  readonly message: string;
}

export interface Verification {
  readonly ok: boolean;
  readonly tenantId: string;
  /** Records of the chain that were found. */
  readonly records: number;
  /** Objects that the chain vouches for, by records up to the first break. */
  readonly objects: number;
  /** Keys of objects younger than a day that no record vouches for yet. */
  readonly pending: readonly string[];
  /** Last record, to be noted down elsewhere. */
  readonly head?: { readonly sequence: number; readonly sha256: string };
  /** False: the end of the chain was compared with nothing. */
  readonly endKnown: boolean;
  readonly firstBreak?: Break;
}

/** The reconciliation runs daily; what is younger may be waiting for it. */
const PENDING_MS = 25 * 3_600_000;

/**
 * Checks a tenant's chain from its first record on, and everything that it vouches for. Pure: what is read, and how, is
 * the caller's. Names the first break only: behind it nothing can be vouched for.
 */
export function verifyChain(contents: ArchiveContents, now: Date): Verification {
  const { tenantId, chain, objects, head } = contents;
  const found = new Map(objects.map((object) => [object.key, object]));
  const covered = new Set<string>();
  const breaks: Break[] = [];
  let previous: string | null = null;
  const records = [...chain.keys()].filter((key) => sequenceOf(tenantId, key) !== undefined).sort();
  const count = Math.max(0, ...records.map((key) => sequenceOf(tenantId, key) ?? 0));
  for (let sequence = 1; sequence <= count && breaks.length === 0; sequence += 1) {
    const key = chainKey(tenantId, sequence);
    const bytes = chain.get(key);
    const checked = checkRecord({ tenantId, sequence, key, bytes, stored: found.get(key), previous, head });
    if ('kind' in checked) {
      breaks.push(checked);
      break;
    }
    previous = sha256Hex(bytes ?? '');
    for (const object of checked.objects) {
      const broken = checkObject(tenantId, sequence, object, found.get(object.key));
      if (broken !== undefined) {
        breaks.push(broken);
        break;
      }
      covered.add(object.key);
    }
  }
  if (breaks.length === 0 && head !== undefined && head.sequence > count) {
    const key = chainKey(tenantId, head.sequence);
    breaks.push({
      kind: 'cut-off',
      sequence: count + 1,
      key,
      message: `the chain ends at record ${count}, and the registry knows record ${head.sequence}`,
    });
  }
  const strangers = [...found.keys()].filter(
    (key) => key.startsWith(chainPrefix(tenantId)) && sequenceOf(tenantId, key) === undefined,
  );
  for (const key of strangers) breaks.push({ kind: 'foreign', key, message: `${key} is no record of the chain` });
  const unchained = objects.filter(({ key }) => !key.startsWith(chainPrefix(tenantId)) && !covered.has(key));
  const isYoung = ({ lastModified }: FoundObject) => now.getTime() - Date.parse(lastModified) < PENDING_MS;
  for (const { key, lastModified } of unchained.filter((object) => !isYoung(object)))
    breaks.push({
      kind: 'not-chained',
      key,
      message: `${key}, written at ${lastModified}, is vouched for by no record of the chain`,
    });
  const [firstBreak] = breaks;
  return {
    ok: firstBreak === undefined,
    tenantId,
    records: records.length,
    objects: covered.size,
    pending: firstBreak === undefined ? unchained.map(({ key }) => key) : [],
    ...(previous !== null && firstBreak === undefined && { head: { sequence: count, sha256: previous } }),
    endKnown: head !== undefined,
    ...(firstBreak && { firstBreak }),
  };
}

interface RecordToCheck {
  readonly tenantId: string;
  readonly sequence: number;
  readonly key: string;
  readonly bytes: Buffer | undefined;
  readonly stored: FoundObject | undefined;
  readonly previous: string | null;
  readonly head: ArchiveContents['head'];
}

function checkRecord({ tenantId, sequence, key, bytes, stored, previous, head }: RecordToCheck): ChainRecord | Break {
  const broken = (kind: BreakKind, message: string): Break => ({ kind, sequence, key, message });
  if (bytes === undefined || stored?.hidden === true) return broken('missing', `record ${sequence} is not there`);
  if ((stored?.versions ?? 1) > 1) return broken('altered', `record ${sequence} was written over`);
  const record = parseChainRecord(bytes);
  if (record === undefined) return broken('altered', `record ${sequence} cannot be read`);
  if (record.tenantId !== tenantId) return broken('foreign', `record ${sequence} is one of tenant ${record.tenantId}`);
  if (record.sequence !== sequence)
    return broken('reordered', `record ${record.sequence} stands in the place of record ${sequence}`);
  if (record.previous !== previous) {
    return previous === null || record.previous === null
      ? broken('altered', `record ${sequence} names ${record.previous ?? 'no record'} as the one before it`)
      : {
          kind: 'altered',
          sequence: sequence - 1,
          key: chainKey(tenantId, sequence - 1),
          message: `record ${sequence - 1} is not the one that record ${sequence} was made after`,
        };
  }
  if (head?.sequence === sequence && head.sha256 !== sha256Hex(bytes))
    return broken('altered', `record ${sequence} is not the one that the registry has noted`);
  return record;
}

function checkObject(
  tenantId: string,
  sequence: number,
  { key, sha256 }: ChainRecord['objects'][number],
  found: FoundObject | undefined,
): Break | undefined {
  const broken = (kind: BreakKind, message: string): Break => ({ kind, key, message });
  if (!key.startsWith(auditPrefix(tenantId)))
    return { ...broken('foreign', `record ${sequence} vouches for ${key}, which is not the tenant's`), sequence };
  if (found === undefined || found.hidden === true)
    return broken('missing', `${key} is not there; record ${sequence} vouches for it`);
  if (found.sha256 !== sha256)
    return broken('altered', `${key} has other bytes than those that record ${sequence} vouches for`);
  if ((found.versions ?? 1) > 1) return broken('altered', `${key} was written over; its first version is as it was`);
  return undefined;
}

/** The number in the key of a record; undefined for a key that is none's. */
function sequenceOf(tenantId: string, key: string): number | undefined {
  const [, number] = /^(\d{10})\.json$/.exec(key.slice(chainPrefix(tenantId).length)) ?? [];
  return number === undefined || Number(number) === 0 ? undefined : Number(number);
}

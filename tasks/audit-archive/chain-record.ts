import * as z from 'zod/mini';

const Sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/));

/** An object of the tenant's audit prefix, as a record of the chain vouches for it. */
export const ChainedObject = z.object({
  key: z.string(),
  /** Of the version that was written first. */
  versionId: z.string(),
  /** Of its bytes as they are stored, hex. */
  sha256: Sha256,
  bytes: z.int().check(z.nonnegative()),
});
export type ChainedObject = z.output<typeof ChainedObject>;

/**
 * One record of a tenant's hash chain: vouches for every object that no earlier record covers, and through `previous` for
 * all earlier records. Stored as canonical JSON at chainKey(tenantId, sequence).
 */
export const ChainRecord = z.object({
  schemaVersion: z.literal(1),
  tenantId: z.string(),
  /** From 1, without gaps. */
  sequence: z.int().check(z.positive()),
  /** SHA-256 (hex) of the bytes of the record before; null in the first. */
  previous: z.nullable(Sha256),
  /** ISO 8601. */
  at: z.string(),
  /** The execution whose end this record was written for; null for one of the daily reconciliation. */
  execution: z.nullable(
    z.object({ arn: z.string(), name: z.string(), redriveCount: z.int().check(z.nonnegative()), status: z.string() }),
  ),
  objects: z.array(ChainedObject),
});
export type ChainRecord = z.output<typeof ChainRecord>;

/** Undefined for bytes that are no record of a chain. */
export function parseChainRecord(bytes: Buffer): ChainRecord | undefined {
  try {
    const parsed = ChainRecord.safeParse(JSON.parse(bytes.toString('utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

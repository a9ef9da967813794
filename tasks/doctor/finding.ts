import * as z from 'zod/mini';
import { Text } from '../shared/contract';
import { TenantId } from '../shared/tenant';

export const FINDING_KINDS = [
  'missing',
  'extra',
  'mis-tagged',
  'mis-configured',
  /** Right for another status: a usable key of a blocked tenant, something left of a closed one. */
  'wrong-status',
  /** An operation that nothing carries on. */
  'stuck',
  'orphaned',
  /** Not a finding about the tenant, but that there is none: it could not be examined. */
  'unexamined',
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

/** What brings it back: an onboarding that converges, another suspension, the end of an orphaned key; or only a person. */
export const REPAIRS = ['onboard', 'suspend', 'retire-key', 'none'] as const;
export type Repair = (typeof REPAIRS)[number];

/** One thing that is not as the registry says. Ids only. */
export const Finding = z.strictObject({
  kind: z.enum(FINDING_KINDS),
  /** Resource type, or `tenant`, `capacity`. */
  resource: Text,
  physicalId: z.optional(Text),
  /** One clause. */
  message: Text,
  repair: z.enum(REPAIRS),
});
export type Finding = z.output<typeof Finding>;

/** Findings about one tenant. */
export const TenantFindings = z.strictObject({ tenantId: TenantId, findings: z.array(Finding) });
export type TenantFindings = z.output<typeof TenantFindings>;

/** What one examination found. The object in the audit bucket. */
export const DoctorReport = z.strictObject({
  schemaVersion: z.literal(1),
  execution: Text,
  /** ISO 8601. */
  startedAt: Text,
  /** How many tenants were examined, and how many could not be. */
  examined: z.int(),
  unexamined: z.int(),
  counts: z.record(z.string(), z.int()),
  /** Only those about whom something was found. */
  tenants: z.array(TenantFindings),
  /** About the account: things whose tenant is unknown or gone, orphaned keys, the capacity counter. */
  account: z.array(Finding),
});
export type DoctorReport = z.output<typeof DoctorReport>;

/** Forbids every destruction until it is released, beside any others. */
export interface LegalHold {
  readonly by: string;
  readonly reason: string;
  /** ISO 8601. */
  readonly since: string;
}

/** Legal holds by the requestId that set each; absent when none stands. */
interface Held {
  readonly legalHolds?: Readonly<Record<string, LegalHold>>;
}

/** The legal holds that stand, oldest first. */
export const legalHoldsOf = ({ legalHolds = {} }: Held): readonly (LegalHold & { readonly id: string })[] =>
  Object.entries(legalHolds)
    .map(([id, hold]) => ({ id, ...hold }))
    .sort((a, b) => a.since.localeCompare(b.since) || a.id.localeCompare(b.id));

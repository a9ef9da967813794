import type { LambdaClient } from '@aws-sdk/client-lambda';
import { invoke } from './invoke';

export type HoldChange = {
  readonly tenantId: string;
  readonly requestId: string;
  readonly requestedBy: string;
} & (
  | { readonly change: 'extend-hold'; readonly bySeconds: number }
  | { readonly change: 'set-hold'; readonly until: string }
  | { readonly change: 'set-hold'; readonly inSeconds: number }
  | { readonly change: 'set-legal-hold'; readonly reason: string }
  | { readonly change: 'release-legal-hold'; readonly legalHoldId: string; readonly reason: string }
  | { readonly change: 'approve-purge' | 'suspend-again' }
);

/** What holds the purge back now. */
export interface HoldAnswer {
  readonly tenantId: string;
  readonly status: string;
  readonly holdUntil?: string;
  /** Ids of the legal holds that stand: the requestIds that set them. */
  readonly legalHolds: readonly string[];
  readonly approvedBy?: string;
  /** ISO 8601, under a legal hold: when AWS KMS destroys the tenant's key all the same. */
  readonly encryptionKeyDeletionDate?: string;
}

/**
 * Changes what holds a purge back. It is done when it resolves.
 * @param functionName for example tenant-lifecycle-dev-change-hold
 */
export const changeHold = (lambda: LambdaClient, functionName: string, change: HoldChange): Promise<HoldAnswer> =>
  invoke(lambda, functionName, change);

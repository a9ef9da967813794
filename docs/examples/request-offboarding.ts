import type { LambdaClient } from '@aws-sdk/client-lambda';
import { invoke } from './invoke';
import type { Answer } from './request-onboarding';

/** What is added for a tenant that leaves, or has left. */
export interface LeavingAnswer extends Answer {
  /** ISO 8601, of a tenant in its hold: nothing is destroyed before. */
  readonly holdUntil?: string;
  /** Of a tenant in its hold: ids of the legal holds that stand. */
  readonly legalHolds?: readonly string[];
  /** Of a tenant that is gone. */
  readonly tombstone?: {
    readonly closedAt: string;
    readonly evidenceKey: string;
    readonly evidenceSha256: string;
    readonly encryptionKeyArn?: string;
    readonly encryptionKeyDeletionDate?: string;
  };
}

interface Leaving {
  readonly tenantId: string;
  readonly requestId: string;
  /** 3 to 256 characters; kept with the evidence, so it names cases, not people. */
  readonly reason: string;
  readonly requestedBy: string;
}

/**
 * Asks for the end of a tenant: it is blocked at once and destroyed after its hold.
 * @param request without holdSeconds the stage's default counts
 */
export const requestOffboarding = (
  lambda: LambdaClient,
  functionName: string,
  request: Leaving & { readonly holdSeconds?: number },
): Promise<LeavingAnswer> => invoke(lambda, functionName, { operation: 'offboard', ...request });

/** Cancels an offboarding during its hold: the tenant comes back with all its data. */
export const requestReinstatement = (
  lambda: LambdaClient,
  functionName: string,
  request: Leaving,
): Promise<LeavingAnswer> => invoke(lambda, functionName, { operation: 'reinstate', ...request });

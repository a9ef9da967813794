import type { LambdaClient } from '@aws-sdk/client-lambda';
import { invoke } from './invoke';

/** What the front door answers, whatever was asked for. */
export interface Answer {
  readonly tenantId: string;
  readonly requestId: string;
  readonly operation: string;
  /** The tenant's status now: REQUESTED, PROVISIONING, ACTIVE, ONBOARDING_FAILED … */
  readonly status: string;
  readonly executionArn?: string;
  /** RUNNING, SUCCEEDED, FAILED … */
  readonly executionStatus?: string;
  /** True when this requestId was accepted before: nothing was started twice. */
  readonly repeated: boolean;
  /** True when the tenant was active already: there was nothing to do. */
  readonly alreadyActive: boolean;
}

export interface OnboardingRequest {
  readonly tenantId: string;
  /** Your idempotency key: store it before the call, send the same one again if no answer comes. */
  readonly requestId: string;
  readonly displayName: string;
  readonly adminEmail: string;
  readonly tier: 'standard' | 'premium';
  /** Opaque id of who asks, no e-mail address: it stands in the audit trail. */
  readonly requestedBy: string;
}

/**
 * Asks for a tenant. Resolves when the request is accepted; the onboarding itself goes on in Step Functions.
 * @param functionName for example tenant-lifecycle-dev-request-operation
 */
export const requestOnboarding = (
  lambda: LambdaClient,
  functionName: string,
  request: OnboardingRequest,
): Promise<Answer> => invoke(lambda, functionName, { operation: 'onboard', ...request });

import type { LambdaClient } from '@aws-sdk/client-lambda';
import { invoke } from './invoke';
import type { Answer } from './request-onboarding';

/**
 * Asks for the onboarding of a tenant once more, as it was asked for first: whatever of its resources is missing or was
 * altered is brought back, and nothing else is touched.
 */
export const requestRepair = (
  lambda: LambdaClient,
  functionName: string,
  request: { readonly tenantId: string; readonly requestId: string; readonly requestedBy: string },
): Promise<Answer> => invoke(lambda, functionName, { operation: 'repair', ...request });

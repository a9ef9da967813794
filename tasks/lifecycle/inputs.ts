import * as z from 'zod';
import { RequestId, TenantId } from '../shared/tenant';

/** Opaque id of who asks: an ARN, a subject, a job. Not an e-mail address: it is copied into the audit trail. */
export const Principal = z
  .string()
  .regex(
    /^[\w+=,.:/-]{1,256}$/,
    'must be 1 to 256 letters, digits or +=,.:/_- (no e-mail address: it goes into the audit trail)',
  );

/** Why an offboarding or a legal hold is asked for: kept with the evidence, so it names cases, not people. */
export const Reason = z
  .string()
  .min(3, 'must have at least 3 characters')
  .max(256, 'must have at most 256 characters')
  .regex(/^[^\p{C}@]*$/u, 'must not hold control characters or e-mail addresses: it goes into the audit trail');

/** Input of a claim: the execution's whole input, whatever was typed into it. */
export const ClaimInput = z.strictObject({
  request: z.strictObject({ tenantId: TenantId, requestId: RequestId }),
  executionArn: z.string().startsWith('arn:'),
  step: z.string(),
});

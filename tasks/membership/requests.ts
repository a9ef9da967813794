import { RequestConflictError } from '../shared/errors';
import { payloadHash } from '../shared/names';
import type { Memberships } from './memberships';

/** How long a requestId is remembered, milliseconds; whoever repeats a request does it sooner. */
const REMEMBERED_MS = 30 * 86_400_000;

/** What a request is, apart from who sends it and with which token. */
export interface MemberRequest {
  readonly operation: string;
  readonly tenantId: string;
  readonly requestId: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Refuses a requestId that was used for something else in this tenant. */
export async function assertSameRequest(
  memberships: Memberships,
  { operation, tenantId, requestId, payload }: MemberRequest,
  now: Date,
): Promise<void> {
  const expiresAt = new Date(now.getTime() + REMEMBERED_MS);
  const same = await memberships.noteRequest(tenantId, requestId, payloadHash({ operation, ...payload }), expiresAt);
  if (!same)
    throw new RequestConflictError(`tenant ${tenantId}: requestId ${requestId} was used before with another payload`);
}

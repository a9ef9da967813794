import type { z } from 'zod/mini';
import type { TaskScope } from '../../shared/define-task';
import { RequestConflictError } from '../../shared/errors';
import { payloadHash } from '../../shared/names';
import type { requestOperation } from '../contract';

export type Request = z.output<typeof requestOperation.input>;
export type Scope = TaskScope<(typeof requestOperation.environment)[number]>;
/** A request that is recorded as an operation of its own. */
export type NewRequest = Exclude<Request, { operation: 'replay' }>;
export type RequestFor<Name extends Request['operation']> = Extract<Request, { operation: Name }>;

/** What tells "the same again" from "something else"; who asks does not. */
export function hashOf({ requestId: _id, requestedBy: _by, ...payload }: NewRequest): string {
  return payloadHash('adminEmail' in payload ? { ...payload, adminEmail: payload.adminEmail.toLowerCase() } : payload);
}

export function assertSamePayload(stored: string | undefined, hash: string, tenantId: string, what: string): void {
  if (stored !== hash) throw new RequestConflictError(`tenant ${tenantId}: ${what}`);
}

export const OTHER_PAYLOAD = (requestId: string): string =>
  `requestId ${requestId} was used before with another payload`;

import type { VerifiedToken } from '../shared/access-token';
import { writeAuditRecord } from '../shared/audit';
import type { TaskScope } from '../shared/define-task';
import { callRecordKey, payloadHash } from '../shared/names';

/** Why a user was refused, as it stands in the audit trail. */
export type RefusalReason = 'OTHER_TENANT' | 'NO_MEMBER' | 'NOT_PERMITTED' | 'NOT_HELD';

/** One call of a signed-in user. */
export interface Call {
  /** Name of the operation's contract. */
  readonly operation: string;
  readonly tenantId: string;
  readonly caller: Pick<VerifiedToken, 'sub' | 'tokenId'>;
  /** As parsed. */
  readonly input: { readonly accessToken: string; readonly requestId?: string | undefined };
}

type Scope = Pick<TaskScope<never>, 'app' | 'env' | 'now'>;

/** One record per token, operation and reason: who tries again and again fills no bucket. */
export const auditRefusal = (scope: Scope, call: Call, reason: RefusalReason): Promise<void> =>
  record(scope, call, `${call.caller.tokenId}-refused-${reason}`, { outcome: 'REFUSED', reason });

/** That a change was authorized and is about to be made. Without a record of what came of it, it may have been made. */
export const auditAccepted = (scope: Scope, call: Call): Promise<void> =>
  record(scope, call, `${changeOf(call)}-accepted`, { outcome: 'ACCEPTED' });

/** That an accepted change was not made, for a reason of the operation's own. */
export const auditNotMade = (scope: Scope, call: Call, reason: string): Promise<void> =>
  record(scope, call, `${changeOf(call)}-refused-${reason}`, { outcome: 'REFUSED', reason });

export const auditChange = (
  scope: Scope,
  call: Call,
  resource: { readonly type: string; readonly physicalId: string },
): Promise<void> => record(scope, call, `${changeOf(call)}-done`, { outcome: 'SUCCEEDED', resource });

/** The same for a repeat, another one for another content under the same requestId. Tokens differ between repeats. */
function changeOf({ caller, input: { accessToken: _, ...content } }: Call): string {
  return `${content.requestId}-${payloadHash({ ...content, sub: caller.sub }).slice(0, 16)}`;
}

const record = (
  scope: Scope,
  { operation, tenantId, caller, input }: Call,
  key: string,
  more: Pick<Parameters<typeof writeAuditRecord>[2], 'outcome' | 'reason' | 'resource'>,
): Promise<void> =>
  writeAuditRecord(scope, callRecordKey(tenantId, operation, key), {
    tenantId,
    action: operation,
    requestedBy: `user/${caller.sub}`,
    requestId: input.requestId ?? caller.tokenId,
    ...more,
    at: scope.now().toISOString(),
  });

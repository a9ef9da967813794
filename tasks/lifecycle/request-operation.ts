import { defineTask } from '../shared/define-task';
import { NotReadyError } from '../shared/errors';
import { legalHoldsOf } from '../shared/legal-holds';
import type { OperationRecord, TenantRecord } from '../shared/registry';
import { HOLD_STATUSES } from '../shared/tenant';
import { requestOperation as contract } from './contract';
import { acceptOffboarding } from './requests/offboarding';
import { acceptOnboarding } from './requests/onboarding';
import { auditRefusal } from './requests/refusal';
import { acceptReinstatement } from './requests/reinstatement';
import { acceptRepair } from './requests/repair';
import { replayOnce } from './requests/replay';
import {
  assertSamePayload,
  hashOf,
  type NewRequest,
  OTHER_PAYLOAD,
  type Request,
  type Scope,
} from './requests/request';
import { startOnce } from './requests/start';

/**
 * The one front door. Records what is asked for (PROFILE), that it is asked for (OPERATION, STATE), and starts the
 * execution. Each write is conditional and each step is repeated harmlessly, so a caller that got no answer simply sends
 * the same request again. What is refused is audited too.
 */
export async function requestOperation(request: Request, scope: Scope) {
  return auditRefusal(request, `request-${request.operation}`, scope, () => answerTo(request, scope));
}

async function answerTo(request: Request, scope: Scope) {
  const { tenantId, requestId } = request;
  const tenant = await scope.registry.getTenant(tenantId);
  if (request.operation === 'replay') return answer(request, scope, await replayOnce(request, tenant, scope));
  const hash = hashOf(request);
  const earlier = tenant.operations.find((operation) => operation.requestId === requestId);
  if (earlier !== undefined && tenant.state?.status !== 'OFFBOARDED') {
    assertSamePayload(earlier.payloadHash, hash, tenantId, OTHER_PAYLOAD(requestId));
    return answer(request, scope, { repeated: true, ...(await startOnce(request, earlier, scope)) });
  }
  const accepted = await accept(request, hash, tenant, scope);
  if (accepted === undefined) {
    const alreadyActive = tenant.state?.status !== 'OFFBOARDED';
    return answer(request, scope, { repeated: earlier !== undefined, alreadyActive });
  }
  return answer(request, scope, { repeated: false, ...(await startOnce(request, accepted, scope)) });
}

/** Undefined when there is nothing to do. */
function accept(
  request: NewRequest,
  hash: string,
  tenant: TenantRecord,
  scope: Scope,
): Promise<OperationRecord | undefined> {
  switch (request.operation) {
    case 'onboard':
      return acceptOnboarding(request, hash, tenant, scope);
    case 'offboard':
      return acceptOffboarding(request, hash, tenant, scope);
    case 'repair':
      return acceptRepair(request, hash, tenant, scope);
    case 'reinstate':
      return acceptReinstatement(request, hash, tenant, scope);
  }
}

async function answer(
  { tenantId, requestId, operation }: Request,
  { registry }: Scope,
  result: { repeated: boolean; alreadyActive?: boolean; executionArn?: string; executionStatus?: string },
) {
  const state = await registry.getState(tenantId);
  if (state === undefined)
    throw new NotReadyError(`tenant ${tenantId}: its STATE item is missing although it was requested`);
  const { status, holdUntil, tombstone } = state;
  return {
    tenantId,
    requestId,
    operation,
    status,
    alreadyActive: false,
    ...result,
    ...(HOLD_STATUSES.includes(status) && {
      ...(holdUntil && { holdUntil }),
      legalHolds: legalHoldsOf(state).map(({ id }) => id),
    }),
    ...(tombstone && { tombstone: { ...tombstone } }),
  };
}

export const handler = defineTask(contract, requestOperation);

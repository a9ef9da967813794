import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import { ENCRYPTION_KEY } from '../encryption-key/contract';
import { writeAuditRecord } from '../shared/audit';
import { isNamed } from '../shared/aws-errors';
import { defineTask, type TaskScope } from '../shared/define-task';
import { TenantNotRequestedError, TransientError } from '../shared/errors';
import { sfn } from '../shared/executions';
import { legalHoldsOf } from '../shared/legal-holds';
import { payloadHash, requestRecordKey, STOPPED_BY_APP } from '../shared/names';
import type { OperationRecord, TenantState } from '../shared/registry';
import { HOLD_STATUSES } from '../shared/tenant';
import { type Change, changed, decide } from './hold-change';
import { changeHold as contract } from './offboarding-contract';
import { auditRefusal } from './requests/refusal';
import { assertSamePayload, OTHER_PAYLOAD } from './requests/request';
import { recordOperation } from './requests/start';
import { startSuccessor } from './successor';

type Scope = TaskScope<(typeof contract.environment)[number]>;

/**
 * Changes what holds a purge back: the end of the hold, a legal hold, the second principal's approval. Every change is
 * written on the condition that nothing else has happened to the tenant meanwhile, and audited; so is a refusal.
 */
export async function changeHold(change: Change, scope: Scope) {
  return auditRefusal(change, change.change, scope, () => makeChange(change, scope));
}

async function makeChange(change: Change, scope: Scope) {
  const { registry, now } = scope;
  const { tenantId, requestId, requestedBy } = change;
  // Before the request's own record: what a change has finished shows in one of the two, whichever comes between.
  const state = await registry.getState(tenantId);
  if (state === undefined) throw new TenantNotRequestedError(`tenant ${tenantId}: no request is recorded for it`);

  const { requestedBy: _by, ...payload } = change;
  const hash = payloadHash(payload);
  const earlier = await registry.getOperation(tenantId, requestId);
  if (earlier !== undefined) assertSamePayload(earlier.payloadHash, hash, tenantId, OTHER_PAYLOAD(requestId));
  // Made before: a late repeat must not make it again, over what others have changed since.
  if (earlier?.outcome !== undefined) return answer(state, scope);
  let recorded = earlier;
  if (!isMade(state, requestId)) {
    // One id, one change: its audit record stands under the id, and a second one would find the place taken.
    const record: OperationRecord = {
      requestId,
      operation: change.change,
      payloadHash: hash,
      requestedBy,
      requestedAt: now().toISOString(),
      ...decide(change, state, earlier, { now: now(), shortestSeconds: scope.env.HOLD_MINIMUM_SECONDS }),
    };
    recorded ??= await recordOperation(change, record, scope);
    // Before the change: what was changed without a record could not be accounted for.
    await writeAuditRecord(scope, requestRecordKey(tenantId, requestId), {
      tenantId,
      action: change.change,
      requestedBy: recorded.requestedBy,
      requestId,
      outcome: 'ACCEPTED',
      at: recorded.requestedAt,
      ...('reason' in change && { reason: change.reason }),
      ...(recorded.until && { until: recorded.until }),
      ...('legalHoldId' in change && { legalHoldId: change.legalHoldId }),
    });
    await write(change, state, recorded, scope);
  }
  if (recorded !== undefined) await wake(change, state, recorded, scope);
  await registry.update(
    { tenantId, item: { operation: requestId } },
    { outcome: 'SUCCEEDED', endedAt: now().toISOString() },
    { expression: 'attribute_exists(pk)' },
  );
  return answer((await registry.getState(tenantId)) ?? state, scope);
}

const isMade = ({ holdChanges = [] }: TenantState, requestId: string): boolean => holdChanges.includes(requestId);

/**
 * Makes the change and notes in the same write that it is made, so that it is made once, however often it is sent; on the
 * condition that no other change, claim or failure came since the tenant was read.
 */
async function write(change: Change, state: TenantState, recorded: OperationRecord, { registry, now }: Scope) {
  const { tenantId, generation, status, holdChanges = [] } = state;
  const { requestId } = change;
  const first = holdChanges.length === 0;
  const written = await registry.update(
    { tenantId, item: 'STATE' },
    { ...changed(change, state, recorded), holdChanges: [...holdChanges, requestId], updatedAt: now().toISOString() },
    {
      expression: `#generation = :generation AND #status = :status AND ${first ? 'attribute_not_exists(#holdChanges)' : 'size(#holdChanges) = :known'}`,
      names: ['generation', 'status'],
      values: { ':generation': generation, ':status': status, ...(!first && { ':known': holdChanges.length }) },
    },
  );
  if (written) return;
  // The SDK repeats a write whose answer is lost; then it is our own write that is in the way.
  const current = await registry.getState(tenantId);
  if (current === undefined || !isMade(current, requestId))
    throw new TransientError(
      `tenant ${tenantId}: its status or hold changed while the hold was changed; send the change again`,
    );
}

/** Under a legal hold with the day on which KMS destroys the key, if that is scheduled: no hold of ours stops KMS. */
async function answer(state: TenantState, { registry }: Scope) {
  const { tenantId, status, holdUntil, purgeApproval } = state;
  const legalHolds = legalHoldsOf(state).map(({ id }) => id);
  const key = legalHolds.length === 0 ? undefined : await registry.getResource(tenantId, ENCRYPTION_KEY);
  return {
    tenantId,
    status,
    legalHolds,
    ...(holdUntil && { holdUntil }),
    ...(purgeApproval && { approvedBy: purgeApproval.by }),
    ...(key?.deletionDate && { encryptionKeyDeletionDate: key.deletionDate }),
  };
}

/**
 * The sleeping execution knows the old end only; a successor sleeps until the new one, and one that is to block the tenant
 * again does so first. An extension needs no waking. The same end again does: the first attempt may have died before it
 * woke anybody. Only during the hold that the change is about: a purge or a reinstatement is nobody to wake.
 * @param state as it was before the change, or, of a repeat, some time after it
 */
async function wake(change: Change, state: TenantState, recorded: OperationRecord, scope: Scope): Promise<void> {
  const { offboarding, purgeStartedAt, status, holdUntil, leaseOwner } = state;
  const holds = purgeStartedAt === undefined && HOLD_STATUSES.includes(status);
  if (!holds || offboarding === undefined || offboarding.requestId !== recorded.offboarding) return;
  if (change.change === 'suspend-again') await replaceSleeper(state, 'suspendedAgain', scope);
  if (change.change !== 'set-hold' || holdUntil === undefined || leaseOwner === undefined) return;
  if (Date.parse(recorded.until ?? '') <= Date.parse(holdUntil)) await replaceSleeper(state, 'holdShortened', scope);
}

/** Stops the execution that sleeps in the hold; its successor blocks the tenant again and sleeps until the end that STATE has then. */
async function replaceSleeper(
  { tenantId, leaseOwner, generation, offboarding }: TenantState,
  why: 'holdShortened' | 'suspendedAgain',
  { env }: Scope,
): Promise<void> {
  if (offboarding === undefined) return;
  try {
    if (leaseOwner !== undefined) {
      await sfn.send(
        new StopExecutionCommand({
          executionArn: leaseOwner,
          error: STOPPED_BY_APP[why],
          cause: `tenant ${tenantId}: a successor takes over`,
        }),
      );
    }
  } catch (error) {
    if (!isNamed(error, 'ExecutionDoesNotExist')) throw error;
  }
  await startSuccessor(env.OFFBOARD_STATE_MACHINE_ARN, { tenantId, requestId: offboarding.requestId, generation });
}

export const handler = defineTask(contract, changeHold);

import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import type { z } from 'zod/mini';
import { ENCRYPTION_KEY } from '../encryption-key/contract';
import { writeAuditRecord } from '../shared/audit';
import { isNamed } from '../shared/aws-errors';
import { defineTask, type TaskScope } from '../shared/define-task';
import {
  InvalidInputError,
  PurgeNotAllowedError,
  SelfApprovalError,
  TenantNotRequestedError,
  TenantRetiredError,
  TransientError,
} from '../shared/errors';
import { sfn } from '../shared/executions';
import { type LegalHold, legalHoldsOf } from '../shared/legal-holds';
import { payloadHash, requestRecordKey, STOPPED_BY_APP } from '../shared/names';
import type { OperationRecord, TenantState } from '../shared/registry';
import { HOLD_STATUSES } from '../shared/tenant';
import { changeHold as contract } from './offboarding-contract';
import { auditRefusal } from './requests/refusal';
import { assertSamePayload, OTHER_PAYLOAD } from './requests/request';
import { startSuccessor } from './successor';

type Change = z.output<typeof contract.input>;
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
      ...decide(change, state, earlier, scope),
    };
    recorded ??= await recordChange(tenantId, record, registry);
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

/** Records the change, only if it is not there: whoever comes second finds the first one's. */
async function recordChange(
  tenantId: string,
  record: OperationRecord,
  registry: Scope['registry'],
): Promise<OperationRecord> {
  if (await registry.putNewOperation(tenantId, record)) return record;
  const stored = await registry.getOperation(tenantId, record.requestId);
  assertSamePayload(stored?.payloadHash, record.payloadHash, tenantId, OTHER_PAYLOAD(record.requestId));
  return stored ?? record;
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
 * What is decided when a change is first recorded, so that a repeat means the same: the end that a relative one comes to,
 * and the offboarding it is about.
 * @throws if the change may not be made
 */
function decide(
  change: Change,
  state: TenantState,
  earlier: OperationRecord | undefined,
  { env, now }: Scope,
): Pick<OperationRecord, 'until' | 'offboarding'> {
  const { tenantId, status } = state;
  if (status === 'OFFBOARDED')
    throw new TenantRetiredError(`tenant ${tenantId} is OFFBOARDED: there is nothing left to hold`);
  if (change.change === 'set-legal-hold') return {};
  if (change.change === 'release-legal-hold') {
    assertStands(change.legalHoldId, state);
    return {};
  }
  const offboarding = offboardingUnderHold(state);
  if (earlier?.offboarding !== undefined && earlier.offboarding !== offboarding.requestId)
    throw new PurgeNotAllowedError(
      `tenant ${tenantId}: the change was asked for during the hold of request ${earlier.offboarding}, which was cancelled`,
    );
  const about = { offboarding: offboarding.requestId };
  const at = now().toISOString();
  switch (change.change) {
    case 'suspend-again':
      return about;
    case 'approve-purge':
      if (offboarding.requestedBy !== change.requestedBy) return about;
      throw new SelfApprovalError(
        `tenant ${tenantId}: ${offboarding.requestedBy} asked for the offboarding and cannot approve its purge`,
      );
    case 'set-hold': {
      const until =
        earlier?.until ?? (change.until === undefined ? later(at, change.inSeconds ?? 0) : instant(change.until));
      const earliest = later(
        state.heldSince ?? offboarding.requestedAt,
        state.activatedAt === undefined ? 0 : env.HOLD_MINIMUM_SECONDS,
      );
      if (until >= earliest) return { ...about, until };
      throw new InvalidInputError(
        `change-hold, tenant ${tenantId}: ${change.until === undefined ? 'inSeconds' : 'until'}: must not end the hold before ${earliest}, the end of this stage's shortest hold`,
      );
    }
    case 'extend-hold':
      return { ...about, until: earlier?.until ?? later(latest(state.holdUntil ?? at, at), change.bySeconds) };
  }
}

/** Counsel of one case must not free a tenant that another case holds: a release names the hold that it releases. */
function assertStands(id: string, state: TenantState): void {
  const standing = legalHoldsOf(state).map((hold) => hold.id);
  if (standing.includes(id)) return;
  throw new InvalidInputError(
    `change-hold, tenant ${state.tenantId}: legalHoldId: no legal hold ${id} stands; ${standing.length === 0 ? 'none does' : `those that do: ${standing.join(', ')}`}`,
  );
}

/** What a change writes on the tenant. */
function changed(
  change: Change,
  { legalHolds = {}, purgeApproval, holdUntil }: TenantState,
  { until, requestedAt, requestedBy }: OperationRecord,
): Partial<Record<keyof TenantState, unknown>> {
  switch (change.change) {
    case 'set-legal-hold': {
      const hold: LegalHold = { by: requestedBy, reason: change.reason, since: requestedAt };
      return { legalHolds: { ...legalHolds, [change.requestId]: hold } };
    }
    case 'release-legal-hold': {
      const { [change.legalHoldId]: _released, ...others } = legalHolds;
      return { legalHolds: Object.keys(others).length === 0 ? undefined : others };
    }
    case 'approve-purge':
      return { purgeApproval: purgeApproval ?? { by: requestedBy, at: requestedAt } };
    case 'set-hold':
      return { holdUntil: until };
    case 'extend-hold':
      // Whatever somebody else has set since it was recorded: an extension never shortens.
      return { holdUntil: latest(holdUntil ?? requestedAt, until ?? requestedAt) };
    case 'suspend-again':
      return {};
  }
}

/** As toISOString writes it: instants of this form compare as text. */
const instant = (text: string | number): string => new Date(text).toISOString();
const latest = (one: string, other: string): string => instant(Math.max(Date.parse(one), Date.parse(other)));
const later = (from: string, seconds: number): string => instant(Date.parse(from) + seconds * 1000);

function offboardingUnderHold({ tenantId, status, offboarding, purgeStartedAt }: TenantState) {
  if (offboarding === undefined || purgeStartedAt !== undefined || !HOLD_STATUSES.includes(status)) {
    throw new PurgeNotAllowedError(
      `tenant ${tenantId} is ${status}${purgeStartedAt === undefined ? '' : ` since ${purgeStartedAt}`}: no hold is running`,
    );
  }
  return offboarding;
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

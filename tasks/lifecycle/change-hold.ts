import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import type { z } from 'zod/mini';
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
  const state = await registry.getState(tenantId);
  if (state === undefined) throw new TenantNotRequestedError(`tenant ${tenantId}: no request is recorded for it`);
  if (state.status === 'OFFBOARDED')
    throw new TenantRetiredError(`tenant ${tenantId} is OFFBOARDED: there is nothing left to hold`);

  const { requestedBy: _by, ...payload } = change;
  const hash = payloadHash(payload);
  const earlier = await registry.getOperation(tenantId, requestId);
  if (earlier !== undefined) assertSamePayload(earlier.payloadHash, hash, tenantId, OTHER_PAYLOAD(requestId));
  // Made before: a late repeat must not make it again, over what others have changed since.
  if (earlier?.outcome !== undefined) return answer(state);

  const planned = planOf(change, state, earlier?.until, scope);
  // One id, one change: its audit record stands under the id, and a second one would find the place taken. A relative end
  // is worked out once, so that a repeat does not add to it.
  const record: OperationRecord = {
    requestId,
    operation: change.change,
    payloadHash: hash,
    requestedBy,
    requestedAt: now().toISOString(),
    ...(planned.until && { until: planned.until }),
  };
  const recorded = earlier ?? (await recordChange(tenantId, record, registry));
  const { set, condition, until } =
    recorded.until === planned.until ? planned : planOf(change, state, recorded.until, scope);
  const written = await registry.update(
    { tenantId, item: 'STATE' },
    { ...set, updatedAt: now().toISOString() },
    {
      expression: [
        '#generation = :generation AND #status = :status',
        ...(condition ? [condition.expression] : []),
      ].join(' AND '),
      names: ['generation', 'status', ...(condition?.names ?? [])],
      values: { ':generation': state.generation, ':status': state.status, ...condition?.values },
    },
  );
  if (!written)
    throw new TransientError(
      `tenant ${tenantId}: its status or hold changed while the hold was changed; send the change again`,
    );
  await writeAuditRecord(scope, requestRecordKey(tenantId, requestId), {
    tenantId,
    action: change.change,
    requestedBy,
    requestId,
    outcome: 'ACCEPTED',
    at: now().toISOString(),
    ...('reason' in change && { reason: change.reason }),
    ...(until && { until }),
  });
  if (change.change === 'set-hold' && until !== undefined) await wakeIfShortened(state, until, scope);
  if (change.change === 'suspend-again') await replaceSleeper(state, 'suspendedAgain', scope);

  await registry.update(
    { tenantId, item: { operation: requestId } },
    { outcome: 'SUCCEEDED', endedAt: now().toISOString() },
    { expression: 'attribute_exists(pk)' },
  );
  return answer((await registry.getState(tenantId)) ?? state);
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

const answer = ({ tenantId, status, legalHold, holdUntil, purgeApproval }: TenantState) => ({
  tenantId,
  status,
  legalHold: legalHold !== undefined,
  ...(holdUntil && { holdUntil }),
  ...(purgeApproval && { approvedBy: purgeApproval.by }),
});

/** What a change writes. */
interface Plan {
  readonly set: Readonly<Record<string, unknown>>;
  /** What it asks of STATE beside generation and status. */
  readonly condition?: { readonly expression: string; readonly names: readonly string[]; readonly values: object };
  /** The end of the hold that was asked for, ISO 8601. */
  readonly until?: string;
}

/** @param recordedUntil the end that an earlier attempt of the same request has worked out */
function planOf(change: Change, state: TenantState, recordedUntil: string | undefined, { env, now }: Scope): Plan {
  const at = now().toISOString();
  switch (change.change) {
    case 'set-legal-hold':
      return { set: { legalHold: state.legalHold ?? { by: change.requestedBy, reason: change.reason, since: at } } };
    case 'suspend-again':
      offboardingUnderHold(state);
      return { set: {} };
    case 'release-legal-hold':
      return { set: { legalHold: undefined } };
    case 'approve-purge': {
      const { requestedBy } = offboardingUnderHold(state);
      if (requestedBy === change.requestedBy) {
        throw new SelfApprovalError(
          `tenant ${state.tenantId}: ${requestedBy} asked for the offboarding and cannot approve its purge`,
        );
      }
      return { set: { purgeApproval: state.purgeApproval ?? { by: change.requestedBy, at } } };
    }
    case 'set-hold': {
      const { requestedAt } = offboardingUnderHold(state);
      const until =
        recordedUntil ?? (change.until === undefined ? later(at, change.inSeconds ?? 0) : instant(change.until));
      const earliest = later(requestedAt, state.activatedAt === undefined ? 0 : env.HOLD_MINIMUM_SECONDS);
      if (until < earliest) {
        throw new InvalidInputError(
          `change-hold, tenant ${state.tenantId}: ${change.until === undefined ? 'inSeconds' : 'until'}: must not end the hold before ${earliest}, the end of this stage's shortest hold`,
        );
      }
      return { set: { holdUntil: until }, until };
    }
    case 'extend-hold': {
      offboardingUnderHold(state);
      const { holdUntil = at } = state;
      const until = recordedUntil ?? later(latest(holdUntil, at), change.bySeconds);
      // Whatever somebody else has set meanwhile: an extension never shortens.
      const longest = latest(holdUntil, until);
      const condition = { expression: '#holdUntil <= :longest', names: ['holdUntil'], values: { ':longest': longest } };
      return { set: { holdUntil: longest }, until, ...(state.holdUntil && { condition }) };
    }
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
 * The sleeping execution knows the old end only; a successor sleeps until the new one. An extension needs no waking. The
 * same end again does: the first attempt may have died before it woke anybody.
 */
async function wakeIfShortened(state: TenantState, until: string, scope: Scope): Promise<void> {
  const { holdUntil, leaseOwner } = state;
  if (holdUntil === undefined || leaseOwner === undefined || Date.parse(until) > Date.parse(holdUntil)) return;
  await replaceSleeper(state, 'holdShortened', scope);
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

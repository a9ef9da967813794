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
import { auditPrefix, payloadHash } from '../shared/names';
import type { TenantState } from '../shared/registry';
import { HOLD_STATUSES } from '../shared/tenant';
import { changeHold as contract } from './offboarding-contract';
import { assertSamePayload, OTHER_PAYLOAD } from './requests/request';
import { startSuccessor } from './successor';

type Change = z.output<typeof contract.input>;
type Scope = TaskScope<(typeof contract.environment)[number]>;

/**
 * Changes what holds a purge back: the end of the hold, a legal hold, the second principal's approval. Every change is
 * written on the condition that nothing else has happened to the tenant meanwhile, and audited.
 */
export async function changeHold(change: Change, scope: Scope) {
  const { registry, env, now } = scope;
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

  const set = attributesOf(change, state, scope);
  // One id, one change: its audit record stands under the id, and a second one would find the place taken.
  const record = {
    requestId,
    operation: change.change,
    payloadHash: hash,
    requestedBy,
    requestedAt: now().toISOString(),
  };
  if (earlier === undefined && !(await registry.putNewOperation(tenantId, record))) {
    const stored = await registry.getOperation(tenantId, requestId);
    assertSamePayload(stored?.payloadHash, hash, tenantId, OTHER_PAYLOAD(requestId));
  }
  const written = await registry.update(
    { tenantId, item: 'STATE' },
    { ...set, updatedAt: now().toISOString() },
    {
      expression: '#generation = :generation AND #status = :status',
      names: ['generation', 'status'],
      values: { ':generation': state.generation, ':status': state.status },
    },
  );
  if (!written)
    throw new TransientError(
      `tenant ${tenantId}: its status changed while the hold was changed; send the change again`,
    );
  await writeAuditRecord(env.AUDIT_BUCKET, `${auditPrefix(tenantId)}requests/${requestId}.json`, {
    tenantId,
    action: change.change,
    requestedBy,
    requestId,
    outcome: 'ACCEPTED',
    at: now().toISOString(),
    ...('reason' in change && { reason: change.reason }),
    ...('until' in change && { until: change.until }),
  });
  if (change.change === 'set-hold') await wakeIfShortened(state, change.until, scope);

  await registry.update(
    { tenantId, item: { operation: requestId } },
    { outcome: 'SUCCEEDED', endedAt: now().toISOString() },
    { expression: 'attribute_exists(pk)' },
  );
  return answer((await registry.getState(tenantId)) ?? state);
}

const answer = ({ tenantId, status, legalHold, holdUntil, purgeApproval }: TenantState) => ({
  tenantId,
  status,
  legalHold: legalHold !== undefined,
  ...(holdUntil && { holdUntil }),
  ...(purgeApproval && { approvedBy: purgeApproval.by }),
});

function attributesOf(
  change: Change,
  state: TenantState,
  { env, now }: Scope,
): Partial<TenantState> | Record<string, undefined> {
  const at = now().toISOString();
  switch (change.change) {
    case 'set-legal-hold':
      return { legalHold: state.legalHold ?? { by: change.requestedBy, reason: change.reason, since: at } };
    case 'release-legal-hold':
      return { legalHold: undefined };
    case 'approve-purge': {
      const { requestedBy } = offboardingUnderHold(state);
      if (requestedBy === change.requestedBy) {
        throw new SelfApprovalError(
          `tenant ${state.tenantId}: ${requestedBy} asked for the offboarding and cannot approve its purge`,
        );
      }
      return { purgeApproval: state.purgeApproval ?? { by: change.requestedBy, at } };
    }
    case 'set-hold': {
      const { requestedAt } = offboardingUnderHold(state);
      const earliest =
        Date.parse(requestedAt) + (state.activatedAt === undefined ? 0 : env.HOLD_MINIMUM_SECONDS * 1000);
      if (Date.parse(change.until) < earliest) {
        throw new InvalidInputError(
          `change-hold, tenant ${state.tenantId}: until: must not be before ${new Date(earliest).toISOString()}, the end of this stage's shortest hold`,
        );
      }
      return { holdUntil: new Date(change.until).toISOString() };
    }
  }
}

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
async function wakeIfShortened(state: TenantState, until: string, { env }: Scope): Promise<void> {
  const { tenantId, holdUntil, leaseOwner, generation, offboarding } = state;
  if (
    holdUntil === undefined ||
    leaseOwner === undefined ||
    offboarding === undefined ||
    Date.parse(until) > Date.parse(holdUntil)
  )
    return;
  try {
    await sfn.send(
      new StopExecutionCommand({
        executionArn: leaseOwner,
        error: 'HoldShortened',
        cause: `tenant ${tenantId}: a successor sleeps until ${until}`,
      }),
    );
  } catch (error) {
    if (!isNamed(error, 'ExecutionDoesNotExist')) throw error;
  }
  await startSuccessor(env.OFFBOARD_STATE_MACHINE_ARN, { tenantId, requestId: offboarding.requestId, generation });
}

export const handler = defineTask(contract, changeHold);

import { type DescribeExecutionOutput, StartExecutionCommand } from '@aws-sdk/client-sfn';
import type { z } from 'zod';
import { writeAuditRecord } from '../shared/audit';
import { isNamed } from '../shared/aws-errors';
import { defineTask, type TaskScope } from '../shared/define-task';
import { NotReadyError, OperationInProgressError, RequestConflictError, TenantRetiredError } from '../shared/errors';
import { describeExecution, sfn } from '../shared/executions';
import { auditPrefix, canonicalJson, executionName, payloadHash } from '../shared/names';
import type { OperationRecord, TenantRecord, TenantState } from '../shared/registry';
import { RETIRED_STATUSES } from '../shared/tenant';
import { requestOperation as contract } from './contract';

type Request = z.output<typeof contract.input>;
type Scope = TaskScope<(typeof contract.environment)[number]>;

/**
 * The one front door. Records what is asked for (PROFILE), that it is asked for (OPERATION, STATE), and starts the
 * execution. Each write is conditional and each step is repeated harmlessly, so a caller that got no answer simply sends
 * the same request again.
 */
export async function requestOperation(request: Request, scope: Scope) {
  const { tenantId, requestId } = request;
  const hash = payloadHash({
    operation: request.operation,
    displayName: request.displayName,
    adminEmail: request.adminEmail.toLowerCase(),
    tier: request.tier,
  });
  const tenant = await scope.registry.getTenant(tenantId);
  const earlier = tenant.operations.find((operation) => operation.requestId === requestId);
  if (earlier !== undefined) {
    assertSamePayload(
      earlier.payloadHash,
      hash,
      tenantId,
      `requestId ${requestId} was used before with another payload`,
    );
    return answer(request, scope, { repeated: true, ...(await startOnce(request, earlier, scope)) });
  }
  if (tenant.state !== undefined) {
    const status = await admit(tenant, tenant.state, hash, scope);
    if (status === 'already active') return answer(request, scope, { repeated: false, alreadyActive: true });
  }
  const operation = await record(request, hash, tenant.state, scope);
  return answer(request, scope, { repeated: false, ...(await startOnce(request, operation, scope)) });
}

/** Decides whether a new request may act on a tenant that exists. */
async function admit(
  { profile }: TenantRecord,
  state: TenantState,
  hash: string,
  { env }: Scope,
): Promise<'already active' | 'go on'> {
  const { tenantId, status } = state;
  if (RETIRED_STATUSES.includes(status)) throw new TenantRetiredError(`tenant ${tenantId} is ${status}`);
  assertSamePayload(
    profile?.payloadHash,
    hash,
    tenantId,
    'it was requested before with another name, e-mail address or tier',
  );
  if (status === 'ACTIVE') return 'already active';
  // The lease may be held by another execution of the request, started by hand; the first one may not hold it yet.
  const first = executionOf(state, env.ONBOARD_STATE_MACHINE_ARN).executionArn;
  for (const current of new Set([first, state.leaseOwner ?? first])) {
    if ((await describeExecution(current))?.status !== 'RUNNING') continue;
    throw new OperationInProgressError(`tenant ${tenantId}: request ${state.requestId} is running as ${current}`);
  }
  return 'go on';
}

/** PROFILE, STATE, OPERATION, each only if it is not there: whoever comes second finds the first one's. */
async function record(
  request: Request,
  hash: string,
  known: TenantState | undefined,
  { registry, now }: Scope,
): Promise<OperationRecord> {
  const { tenantId, requestId, operation, displayName, adminEmail, tier, requestedBy } = request;
  const at = now().toISOString();
  if (!(await registry.putNewProfile(tenantId, { displayName, adminEmail, tier, payloadHash: hash }))) {
    const profile = await registry.getProfile(tenantId);
    assertSamePayload(
      profile?.payloadHash,
      hash,
      tenantId,
      'it was requested before with another name, e-mail address or tier',
    );
  }
  const ours = { requestId, operation, requestedBy, updatedAt: at };
  const accepted =
    known === undefined
      ? await registry.putNewState(tenantId, {
          ...ours,
          tenantId,
          status: 'REQUESTED',
          generation: 0,
          tier,
          requestedAt: at,
        })
      : await registry.update({ tenantId, item: 'STATE' }, ours, {
          expression: '#requestId = :known AND #status IN (:requested, :provisioning, :failed)',
          names: ['status'],
          values: {
            ':known': known.requestId,
            ':requested': 'REQUESTED',
            ':provisioning': 'PROVISIONING',
            ':failed': 'ONBOARDING_FAILED',
          },
        });
  if (!accepted && (await registry.getState(tenantId))?.requestId !== requestId) {
    throw new OperationInProgressError(`tenant ${tenantId}: another request was accepted a moment ago`);
  }
  const item: OperationRecord = { requestId, operation, payloadHash: hash, requestedBy, requestedAt: at };
  if (await registry.putNewOperation(tenantId, item)) return item;
  const stored = await registry.getOperation(tenantId, requestId);
  assertSamePayload(stored?.payloadHash, hash, tenantId, `requestId ${requestId} was used before with another payload`);
  return stored ?? item;
}

/**
 * Audits and starts a request that was accepted. The ARN stands in the request's record once both are done; a request that
 * has it is never started again, also when Step Functions has forgotten the execution and would accept its name.
 */
async function startOnce({ tenantId }: Request, accepted: OperationRecord, scope: Scope) {
  const { requestId, operation, requestedBy, requestedAt, executionArn, outcome } = accepted;
  if (executionArn !== undefined) {
    const executionStatus = (await describeExecution(executionArn))?.status ?? outcome;
    return { executionArn, ...(executionStatus && { executionStatus }) };
  }
  await writeAuditRecord(scope.env.AUDIT_BUCKET, `${auditPrefix(tenantId)}requests/${requestId}.json`, {
    tenantId,
    action: `request-${operation}`,
    requestedBy,
    requestId,
    outcome: 'ACCEPTED',
    at: requestedAt,
  });
  return start({ operation, tenantId, requestId }, scope);
}

type RequestIds = Pick<Request, 'tenantId' | 'requestId'> & Pick<OperationRecord, 'operation'>;

/** Name and ARN of the execution that the front door starts for a request. */
function executionOf({ operation, tenantId, requestId }: RequestIds, stateMachineArn: string) {
  const name = executionName(operation, tenantId, requestId);
  return { name, executionArn: `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}` };
}

/** StartExecution under the request's own name: the second start of the same request finds the first. */
async function start(request: RequestIds, { env, registry }: Scope) {
  const { tenantId, requestId } = request;
  const stateMachineArn = env.ONBOARD_STATE_MACHINE_ARN;
  const { name, executionArn } = executionOf(request, stateMachineArn);
  const input = canonicalJson({ tenantId, requestId });
  let execution: Partial<DescribeExecutionOutput> | undefined = await describeExecution(executionArn);
  if (execution === undefined) {
    try {
      await sfn.send(new StartExecutionCommand({ stateMachineArn, name, input }));
      execution = { status: 'RUNNING', input };
    } catch (error) {
      // A start of the same request won meanwhile.
      if (!isNamed(error, 'ExecutionAlreadyExists')) throw error;
      execution = await describeExecution(executionArn);
    }
  }
  if (execution?.input !== undefined && execution.input !== input) {
    throw new RequestConflictError(`tenant ${tenantId}: execution ${name} exists with another input`);
  }
  await registry.update(
    { tenantId, item: { operation: requestId } },
    { executionArn },
    { expression: 'attribute_exists(pk)' },
  );
  return { executionArn, ...(execution?.status && { executionStatus: execution.status }) };
}

async function answer(
  { tenantId, requestId, operation }: Request,
  { registry }: Scope,
  result: { repeated: boolean; alreadyActive?: boolean; executionArn?: string; executionStatus?: string },
) {
  const { state } = await registry.getTenant(tenantId);
  if (state === undefined)
    throw new NotReadyError(`tenant ${tenantId}: its STATE item is missing although it was requested`);
  return { tenantId, requestId, operation, status: state.status, alreadyActive: false, ...result };
}

function assertSamePayload(stored: string | undefined, hash: string, tenantId: string, what: string): void {
  if (stored !== hash) throw new RequestConflictError(`tenant ${tenantId}: ${what}`);
}

export const handler = defineTask(contract, requestOperation);

import { type DescribeExecutionOutput, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { writeAuditRecord } from '../../shared/audit';
import { isNamed } from '../../shared/aws-errors';
import { OperationInProgressError, RequestConflictError } from '../../shared/errors';
import { describeExecution, sfn } from '../../shared/executions';
import { canonicalJson, executionName, replayName, requestRecordKey } from '../../shared/names';
import type { OperationRecord, TenantState } from '../../shared/registry';
import type { OperationName } from '../../shared/tenant';
import { assertSamePayload, type NewRequest, OTHER_PAYLOAD, type Scope } from './request';

/** Records the request, only if it is not there: whoever comes second finds the first one's. */
export async function recordOperation(
  { tenantId, requestId }: Pick<NewRequest, 'tenantId' | 'requestId'>,
  record: OperationRecord,
  { registry }: Pick<Scope, 'registry'>,
): Promise<OperationRecord> {
  if (await registry.putNewOperation(tenantId, record)) return record;
  const stored = await registry.getOperation(tenantId, requestId);
  assertSamePayload(stored?.payloadHash, record.payloadHash, tenantId, OTHER_PAYLOAD(requestId));
  return stored ?? record;
}

/**
 * Audits and starts a request that was accepted. The ARN stands in the request's record once both are done; a request that
 * has it is never started again, also when Step Functions has forgotten the execution and would accept its name.
 */
export async function startOnce(
  { tenantId, operation: asked }: Pick<NewRequest, 'tenantId' | 'operation'>,
  accepted: OperationRecord,
  scope: Scope,
) {
  const { requestId, requestedBy, requestedAt, executionArn, outcome, reason } = accepted;
  if (executionArn !== undefined) {
    const executionStatus = (await describeExecution(executionArn))?.status ?? outcome;
    return { executionArn, ...(executionStatus && { executionStatus }) };
  }
  // A repair is an onboarding that somebody asks for once more.
  const request = { operation: asked === 'repair' ? 'onboard' : asked, tenantId, requestId } as const;
  await writeAuditRecord(scope, requestRecordKey(tenantId, requestId), {
    tenantId,
    action: `request-${asked}`,
    requestedBy,
    requestId,
    executionArn: executionOf(request, scope).executionArn,
    outcome: 'ACCEPTED',
    ...(reason && { reason }),
    at: requestedAt,
  });
  return start(request, scope);
}

interface RequestIds {
  readonly operation: OperationName;
  readonly tenantId: string;
  readonly requestId: string;
  /** Number of the replay, if it is one. */
  readonly replay?: number;
}

/** Name and ARN of the execution that the front door starts for a request. */
export function executionOf({ operation, tenantId, requestId, replay }: RequestIds, { env }: Pick<Scope, 'env'>) {
  const stateMachineArn = {
    onboard: env.ONBOARD_STATE_MACHINE_ARN,
    offboard: env.OFFBOARD_STATE_MACHINE_ARN,
    reinstate: env.REINSTATE_STATE_MACHINE_ARN,
  }[operation];
  const first = executionName(operation, tenantId, requestId);
  const name = replay === undefined ? first : replayName(first, replay);
  return { stateMachineArn, name, executionArn: `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}` };
}

/** The lease may be held by another execution of the request, started by hand; the latest one may not hold it yet. */
export async function assertNothingRuns(
  state: TenantState,
  operations: readonly OperationRecord[],
  scope: Scope,
): Promise<void> {
  const { tenantId, requestId, leaseOwner, offboarding } = state;
  const requests = [state, ...(offboarding ? [{ operation: 'offboard' as const, tenantId, ...offboarding }] : [])];
  const named = requests.flatMap((request) => [
    executionOf(request, scope).executionArn,
    operations.find((record) => record.requestId === request.requestId)?.executionArn,
  ]);
  for (const current of new Set([...named, leaseOwner])) {
    if (current === undefined || (await describeExecution(current))?.status !== 'RUNNING') continue;
    throw new OperationInProgressError(
      `tenant ${tenantId}: request ${offboarding?.requestId ?? requestId} is running as ${current}`,
    );
  }
}

/** StartExecution under a name of the request's own: the second start of the same request finds the first. */
export async function start(request: RequestIds, scope: Scope) {
  const { tenantId, requestId } = request;
  const { stateMachineArn, name, executionArn } = executionOf(request, scope);
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
  await recordExecution(request, executionArn, scope);
  return { executionArn, ...(execution?.status && { executionStatus: execution.status }) };
}

/** The request's latest execution, for whoever sends the request again. */
export async function recordExecution(
  { tenantId, requestId }: Pick<RequestIds, 'tenantId' | 'requestId'>,
  executionArn: string,
  { registry }: Scope,
): Promise<void> {
  await registry.update(
    { tenantId, item: { operation: requestId } },
    { executionArn },
    { expression: 'attribute_exists(pk)' },
  );
}

import { writeAuditRecord } from '../../shared/audit';
import {
  OperationInProgressError,
  RequestConflictError,
  StaleExecutionError,
  TenantNotRequestedError,
  TenantRetiredError,
} from '../../shared/errors';
import { describeExecution } from '../../shared/executions';
import { requestRecordKey } from '../../shared/names';
import type { Replay, TenantRecord, TenantState } from '../../shared/registry';
import { type CurrentOperation, currentOperation, isSettled, latestExecution } from '../current-execution';
import { assertLeaseFree } from '../lease';
import type { RequestFor, Scope } from './request';
import { executionOf, recordExecution, start } from './start';

type ReplayRequest = RequestFor<'replay'>;
interface Result {
  readonly repeated: boolean;
  readonly alreadyActive?: boolean;
  readonly executionArn?: string;
  readonly executionStatus?: string;
}

/**
 * Starts a new execution of an earlier request, with the same input, in place of one that failed. Which one it is in place
 * of is noted on the request before it is started, and its name counts the notes: the same replay asked for twice, or by
 * two at once, is started once. Holds, approvals and the fence are not looked at here; the execution meets them itself.
 */
export async function replayOnce(request: ReplayRequest, tenant: TenantRecord, scope: Scope): Promise<Result> {
  const { tenantId, requestId, executionArn } = request;
  const { state } = tenant;
  if (state === undefined) throw new TenantNotRequestedError(`tenant ${tenantId}: no request is recorded for it`);
  const replays = tenant.operations.find((record) => record.requestId === requestId)?.replays ?? [];
  const noted = replays.find(({ inPlaceOf }) => inPlaceOf === executionArn);
  const begun = noted && (await describeExecution(noted.executionArn));
  if (begun !== undefined && noted !== undefined) {
    if (noted === replays.at(-1)) await recordExecution(request, noted.executionArn, scope);
    return { repeated: true, executionArn: noted.executionArn, ...(begun.status && { executionStatus: begun.status }) };
  }
  if (state.status === 'OFFBOARDED') throw new TenantRetiredError(`tenant ${tenantId} is OFFBOARDED`);
  if (isSettled(state)) return { repeated: false, alreadyActive: true };
  const current = requireCurrent(request, tenant, state);
  const going = await requireLatest(request, current, state, noted);
  if (going !== undefined) return going;
  await assertLeaseFree(state, executionArn);
  const replay = noted ?? (await note(request, current, replays, scope));
  // Another one was noted meanwhile, maybe this one.
  if (replay === undefined) return replayOnce(request, await scope.registry.getTenant(tenantId), scope);
  const count = noted === undefined ? replays.length + 1 : replays.indexOf(noted) + 1;
  await writeAuditRecord(scope, requestRecordKey(tenantId, `${requestId}.r${count}`), {
    tenantId,
    action: 'request-replay',
    requestedBy: replay.requestedBy,
    requestId,
    executionArn: replay.executionArn,
    outcome: 'ACCEPTED',
    at: replay.requestedAt,
  });
  return { repeated: false, ...(await start({ ...current, tenantId, requestId, replay: count }, scope)) };
}

/** What replaces a request may not be undone: only the tenant's current operation is replayed. */
function requireCurrent({ tenantId, requestId }: ReplayRequest, tenant: TenantRecord, state: TenantState) {
  const current = currentOperation(tenant, state);
  if (current?.record.requestId === requestId) return current;
  throw new RequestConflictError(
    `tenant ${tenantId}: request ${requestId} is not its current operation${current === undefined ? '' : `, which is request ${current.record.requestId}`}`,
  );
}

/** Undefined when the execution is the latest and has failed; an answer when there is nothing to start. */
async function requireLatest(
  { tenantId, executionArn }: ReplayRequest,
  current: CurrentOperation,
  state: TenantState,
  noted: Replay | undefined,
): Promise<Result | undefined> {
  const latest = await latestExecution(current, state, describeExecution);
  const executionStatus = latest?.description?.status;
  if (latest?.executionArn === executionArn) {
    if (executionStatus !== 'RUNNING' && executionStatus !== 'SUCCEEDED') return undefined;
    return { repeated: true, executionArn, executionStatus };
  }
  // Somebody else has started the replay meanwhile.
  if (latest !== undefined && executionStatus !== undefined && latest.executionArn === noted?.executionArn) {
    return { repeated: true, executionArn: latest.executionArn, executionStatus };
  }
  if (executionStatus === 'RUNNING') {
    throw new OperationInProgressError(`tenant ${tenantId}: execution ${latest?.executionArn} is running`);
  }
  throw new StaleExecutionError(
    `tenant ${tenantId}: execution ${executionArn} is not its latest${latest === undefined ? '' : `, which is ${latest.executionArn}`}`,
  );
}

/** Undefined when another replay was noted in between. */
async function note(
  { tenantId, requestId, executionArn: inPlaceOf, requestedBy }: ReplayRequest,
  { operation }: CurrentOperation,
  replays: readonly Replay[],
  scope: Scope,
): Promise<Replay | undefined> {
  const { executionArn } = executionOf({ operation, tenantId, requestId, replay: replays.length + 1 }, scope);
  const replay = { executionArn, inPlaceOf, requestedBy, requestedAt: scope.now().toISOString() };
  const noted = await scope.registry.update(
    { tenantId, item: { operation: requestId } },
    // How the earlier one ended is in its own history; the request is under way again.
    { replays: [...replays, replay], outcome: undefined, endedAt: undefined },
    replays.length === 0
      ? { expression: 'attribute_exists(pk) AND attribute_not_exists(#replays)' }
      : { expression: 'size(#replays) = :known', values: { ':known': replays.length } },
  );
  return noted ? replay : undefined;
}

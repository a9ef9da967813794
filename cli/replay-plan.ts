import type { DescribeExecutionOutput } from '@aws-sdk/client-sfn';
import { currentOperation, isSettled, latestExecution } from '../tasks/lifecycle/current-execution';
import { failureOf } from '../tasks/lifecycle/failure';
import { adviceOn } from '../tasks/shared/errors';
import { legalHoldsOf } from '../tasks/shared/legal-holds';
import { STOPPED_BY_APP } from '../tasks/shared/names';
import type { Failure, TenantRecord, TenantState } from '../tasks/shared/registry';
import type { OperationName, TenantStatus } from '../tasks/shared/tenant';
import type { Executions } from './executions';
import { knownState } from './known-tenant';

export type PlannedFailure = Pick<Failure, 'step' | 'error' | 'errorClass' | 'message' | 'attempt' | 'nextAction'>;

/** What a replay of a tenant would do, and why. */
export interface ReplayPlan {
  readonly tenantId: string;
  readonly status: TenantStatus;
  readonly operation?: OperationName;
  readonly requestId?: string;
  /** The latest execution of that request. */
  readonly executionArn?: string;
  /** FORGOTTEN 90 days after it closed. */
  readonly executionStatus?: string;
  readonly redriveCount?: number;
  readonly failure?: PlannedFailure;
  /**
   * redrive: goes on at the failed step. start-anew: a new execution with the same input, whose steps find what is there.
   * refuse: it would fail again. nothing: there is nothing to replay.
   */
  readonly action: 'redrive' | 'start-anew' | 'refuse' | 'nothing';
  readonly why: string;
}

export interface PlanOptions {
  /** Replays also what would fail again. */
  readonly force: boolean;
  readonly now: () => Promise<Date>;
}

/** Decides how the tenant's current operation is replayed. Only reads. */
export async function planReplay(
  tenantId: string,
  record: TenantRecord,
  executions: Executions,
  { force, now }: PlanOptions,
): Promise<ReplayPlan> {
  const state = knownState(tenantId, record);
  const { status } = state;
  if (isSettled(state)) return { tenantId, status, action: 'nothing', why: `the tenant is ${status}` };

  const current = currentOperation(record, state);
  const latest = current && (await latestExecution(current, state, (arn) => executions.describe(arn)));
  if (current === undefined || latest === undefined) {
    const why = 'no execution was started for its request yet; send the request again';
    return { tenantId, status, action: 'refuse', why };
  }
  const { executionArn, description } = latest;
  const found = {
    tenantId,
    status,
    operation: current.operation,
    requestId: current.record.requestId,
    executionArn,
    executionStatus: description?.status ?? 'FORGOTTEN',
    ...(description?.redriveCount !== undefined && { redriveCount: description.redriveCount }),
  };
  if (description?.status === 'RUNNING') return { ...found, action: 'nothing', why: 'its execution is running' };
  if (description?.status === 'SUCCEEDED') return { ...found, action: 'nothing', why: 'its execution has succeeded' };

  const failure = await failureWith(executionArn, description, state, executions);
  const failed = { ...found, ...(failure && { failure }) };
  const doubt = failure && reasonToFailAgain(failure, state, await now());
  if (doubt !== undefined && !force) {
    return {
      ...failed,
      action: 'refuse',
      why: `it would fail again: ${doubt} (corrected already? --force replays it)`,
    };
  }
  return { ...failed, ...(await wayOf(description, failure, executions)) };
}

/** What the tenant's record says about this end of this execution; its history, where that was not recorded. */
async function failureWith(
  executionArn: string,
  description: DescribeExecutionOutput | undefined,
  { lastFailure }: TenantState,
  executions: Executions,
): Promise<PlannedFailure | undefined> {
  const recorded =
    lastFailure?.executionArn === executionArn &&
    (description === undefined || lastFailure.redriveCount === (description.redriveCount ?? 0));
  if (recorded) {
    const { step, error, errorClass, message, attempt, nextAction } = lastFailure;
    return { step, error, errorClass, message, attempt, nextAction };
  }
  if (description === undefined) return undefined;
  const { status = 'FAILED', error, cause } = description;
  const failure = failureOf(await executions.history(executionArn), { status, error, cause });
  return { ...failure, ...adviceOn(failure.error) };
}

/** Undefined when the failed step may succeed now. */
function reasonToFailAgain(
  { errorClass, error, nextAction }: PlannedFailure,
  state: TenantState,
  now: Date,
): string | undefined {
  if (errorClass === 'validation') return `what it was given or met is not possible as it stands. ${nextAction}`;
  if (errorClass === 'stale') return `a newer execution acts for the tenant. ${nextAction}`;
  if (errorClass !== 'hold') return undefined;
  const [legalHold] = legalHoldsOf(state);
  if (legalHold !== undefined) return `legal hold ${legalHold.id} stands since ${legalHold.since}. ${nextAction}`;
  const { holdUntil, purgeApproval, purgeStartedAt } = state;
  if (error === 'LegalHoldError' || purgeStartedAt !== undefined) return undefined;
  if (holdUntil !== undefined && Date.parse(holdUntil) > now.getTime()) return `the hold ends ${holdUntil}`;
  if (purgeApproval === undefined) return 'nobody has approved the purge (tenantctl offboard approve)';
  return undefined;
}

type Way = Pick<ReplayPlan, 'action' | 'why'>;

/** A redrive repeats least; it is of no use where it would repeat too little, or by an old definition. */
async function wayOf(
  description: DescribeExecutionOutput | undefined,
  failure: PlannedFailure | undefined,
  executions: Executions,
): Promise<Way> {
  const anew = (why: string): Way => ({ action: 'start-anew', why });
  if (description === undefined) return anew('Step Functions has forgotten the execution (90 days after it closed)');
  if (description.redriveStatus !== 'REDRIVABLE') {
    return anew(`it cannot be redriven: ${description.redriveStatusReason ?? 'its 14 days are over'}`);
  }
  const tooLittle = failure && TOO_LITTLE[failure.error];
  if (tooLittle !== undefined) return anew(tooLittle);
  if (!(await executions.runsCurrentDefinition(description))) {
    return anew('the state machine was changed since, and a redrive would run the old definition');
  }
  return { action: 'redrive', why: 'it is redrivable, and the state machine is the one it runs' };
}

/** Failures that the failed step alone does not cure. */
const TOO_LITTLE: Readonly<Record<string, string>> = {
  VerificationFailedError: 'a redrive would only verify again; a new execution repairs every resource first',
  [STOPPED_BY_APP.holdShortened]: 'a redrive would sleep until the old end of the hold',
  [STOPPED_BY_APP.suspendedAgain]: 'a redrive would not block the tenant again',
};

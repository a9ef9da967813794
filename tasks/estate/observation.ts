import { HOLD_RECHECK_MS } from '../lifecycle/offboarding-contract';
import { METRICS, type MetricName } from '../shared/metrics';
import type { SurveyedTenant } from '../shared/registry';
import { HOLD_STATUSES, OPERATIONS, type OperationName, STATUSES, type TenantStatus } from '../shared/tenant';

/** What was read of the estate, all within seconds. */
export interface Estate {
  readonly counts: Readonly<Record<TenantStatus, number>>;
  /** Tenants that something is under way or the matter with. */
  readonly unsettled: readonly SurveyedTenant[];
  readonly running: readonly RunningExecution[];
}

export interface RunningExecution {
  readonly executionArn: string;
  readonly operation: OperationName;
  /** In its name; absent when it was started by hand under another one. */
  readonly tenantId?: string | undefined;
  /** Start, or last redrive. */
  readonly since: Date;
}

/** One thing that an operator should look at. */
export interface Concern {
  readonly kind: 'stuck' | 'unattended' | 'failed';
  readonly tenantId?: string | undefined;
  readonly executionArn?: string | undefined;
  /** ISO 8601. */
  readonly since: string;
}

export interface Observation {
  readonly gauges: Readonly<Partial<Record<MetricName, number>>>;
  /** Minutes. */
  readonly oldestExecution: Readonly<Record<OperationName, number>>;
  /** Oldest first. */
  readonly concerns: readonly Concern[];
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/**
 * An onboarding may wait half an hour for its knowledge base, and retry throttling for a quarter of an hour in each step: twice
 * that is too long. A purge deletes page by page, whatever a tenant has; the machine that onboards ends after a day as well.
 */
export const STUCK_AFTER_MINUTES: Readonly<Record<OperationName, number>> = {
  onboard: 120,
  reinstate: 120,
  offboard: 24 * 60,
};

/** A status that was written a moment ago may not show its execution in the list yet. */
const UNATTENDED_AFTER_MS = 15 * MINUTE_MS;

/** A failed execution can be redriven for 14 days [redrive-executions]; the warning leaves 4 of them. */
export const REDRIVE_WARNING_DAYS = 10;

/** Statuses of a tenant that an execution must be working for. */
const WORKING: readonly TenantStatus[] = ['REQUESTED', 'PROVISIONING', 'OFFBOARDING', 'PURGING', 'REINSTATING'];

/** Derives the gauges. Nothing here reads or knows a clock of its own. */
export function observe(estate: Estate, now: Date, { needsApproval }: { needsApproval: boolean }): Observation {
  const { unsettled, running } = estate;
  const work = running.flatMap((execution) => {
    const tenant = unsettled.find(({ leaseOwner }) => leaseOwner === execution.executionArn);
    const since = workingSince(execution, tenant, now, needsApproval);
    return since === undefined ? [] : [{ ...execution, tenantId: tenant?.tenantId ?? execution.tenantId, since }];
  });
  const ageOf = (since: number): number => (now.getTime() - since) / MINUTE_MS;
  const stuck = work.filter(({ operation, since }) => ageOf(since) > STUCK_AFTER_MINUTES[operation]);

  const owners = new Set(running.map(({ executionArn }) => executionArn));
  const named = new Set(running.map(({ tenantId }) => tenantId));
  const idle = unsettled.filter(({ leaseOwner, tenantId }) => !owners.has(leaseOwner ?? '') && !named.has(tenantId));
  const failed = idle.filter(({ lastFailure }) => lastFailure !== undefined);
  const unattended = idle.filter(
    ({ status, updatedAt, lastFailure }) =>
      WORKING.includes(status) &&
      lastFailure === undefined &&
      now.getTime() - Date.parse(updatedAt) > UNATTENDED_AFTER_MS,
  );
  const failures = failed.map(({ lastFailure }) => Date.parse(lastFailure?.failedAt ?? ''));
  const held = unsettled.filter(
    ({ status, holdUntil, purgeStartedAt }) =>
      HOLD_STATUSES.includes(status) && holdUntil !== undefined && purgeStartedAt === undefined,
  );

  return {
    gauges: {
      [METRICS.stuckExecutions]: stuck.length,
      [METRICS.unattendedTenants]: unattended.length,
      [METRICS.failedTenants]: failed.length,
      [METRICS.oldestFailure]: rounded(oldest(failures, now) / HOUR_MS),
      [METRICS.redriveWindowClosing]: failures.filter((at) => now.getTime() - at >= REDRIVE_WARNING_DAYS * DAY_MS)
        .length,
      [METRICS.holds]: held.length,
      [METRICS.legalHolds]: unsettled.filter(({ legalHolds }) => legalHolds !== undefined).length,
      [METRICS.purgesAwaitingApproval]: held.filter(
        ({ holdUntil = '', legalHolds, purgeApproval }) =>
          needsApproval &&
          legalHolds === undefined &&
          purgeApproval === undefined &&
          Date.parse(holdUntil) <= now.getTime(),
      ).length,
    },
    oldestExecution: Object.fromEntries(
      OPERATIONS.map((name) => [
        name,
        rounded(
          oldest(
            work.filter(({ operation }) => operation === name).map(({ since }) => since),
            now,
          ) / MINUTE_MS,
        ),
      ]),
    ) as Record<OperationName, number>,
    concerns: [
      ...stuck.map(({ tenantId, executionArn, since }) => concern('stuck', since, tenantId, executionArn)),
      ...unattended.map(({ tenantId, leaseOwner, updatedAt }) =>
        concern('unattended', Date.parse(updatedAt), tenantId, leaseOwner),
      ),
      ...failed.map(({ tenantId, lastFailure }) =>
        concern('failed', Date.parse(lastFailure?.failedAt ?? ''), tenantId, lastFailure?.executionArn),
      ),
    ].sort((a, b) => a.since.localeCompare(b.since)),
  };
}

const concern = (
  kind: Concern['kind'],
  since: number,
  tenantId: string | undefined,
  executionArn: string | undefined,
): Concern => ({ kind, tenantId, executionArn, since: new Date(since).toISOString() });

/**
 * Since when an execution has been at work, in milliseconds; undefined while it sleeps in a hold. A sleeper wakes when its
 * hold ends, and looks once a day whether people have done what it waits for.
 */
function workingSince(
  { operation, since }: RunningExecution,
  tenant: SurveyedTenant | undefined,
  now: Date,
  needsApproval: boolean,
): number | undefined {
  const started = since.getTime();
  if (operation !== 'offboard' || tenant?.holdUntil === undefined) return started;
  const { purgeStartedAt, holdUntil, purgeApproval, legalHolds, updatedAt } = tenant;
  if (purgeStartedAt !== undefined) return Math.max(started, Date.parse(purgeStartedAt));
  if (legalHolds !== undefined || (needsApproval && purgeApproval === undefined)) return undefined;
  const free = Math.max(started, ...[holdUntil, updatedAt].map((at) => Date.parse(at)));
  const due = free + HOLD_RECHECK_MS;
  return due > now.getTime() ? undefined : due;
}

/** Milliseconds since the oldest instant; 0 without any. */
const oldest = (instants: readonly number[], now: Date): number =>
  instants.length === 0 ? 0 : now.getTime() - Math.min(...instants);

const rounded = (value: number): number => Math.max(0, Math.round(value * 10) / 10);

/** Statuses in which a tenant is left alone: only those with a lease, a failure or a legal hold are read. */
export const SETTLED: readonly TenantStatus[] = ['ACTIVE', 'OFFBOARDED'];

/**
 * Percent of each quota that is free.
 * @param used places taken, by resource
 */
export function headroom(
  used: Readonly<Record<string, number>>,
  limits: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(limits).map(([resource, limit]) => {
      // A quota of none was closed on purpose: nothing of it can run short.
      if (limit === 0) return [resource, 100];
      return [resource, rounded((100 * (limit - (used[resource] ?? 0))) / limit)];
    }),
  );
}

export const countTenants = (counts: Readonly<Record<TenantStatus, number>>): number =>
  STATUSES.reduce((sum, status) => sum + counts[status], 0);

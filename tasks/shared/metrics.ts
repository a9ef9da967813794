/**
 * Every metric that the functions emit, in one place: alarms and dashboard name no other. None has the tenant as a
 * dimension: each value of a dimension is a metric of its own, and is billed as one.
 */
export const METRICS = {
  /** Milliseconds of one task run; by step and outcome, and by each of them alone. Its sample count is the number of runs. */
  stepDuration: 'StepDuration',

  // Gauges of observe-estate.
  /** By status. */
  tenants: 'Tenants',
  /** Minutes that the longest-working execution has been at work, its sleep in a hold left out; by operation, 0 for none. */
  oldestExecution: 'OldestExecutionMinutes',
  /** Executions at work for longer than their operation takes. */
  stuckExecutions: 'StuckExecutions',
  /** Tenants in the middle of an operation that no running execution works for. */
  unattendedTenants: 'UnattendedTenants',
  /** Tenants whose last execution failed and that none has taken up since. */
  failedTenants: 'FailedTenants',
  /** Hours since the oldest of these failures, 0 for none. */
  oldestFailure: 'OldestFailureHours',
  /** Those of them whose redrive window closes within days, or has closed. */
  redriveWindowClosing: 'RedriveWindowClosing',
  /** Offboardings before their purge. */
  holds: 'Holds',
  legalHolds: 'LegalHolds',
  /** Offboardings whose hold is over and that only the second principal's approval keeps from their purge. */
  purgesAwaitingApproval: 'PurgesAwaitingApproval',
  /** Percent of a quota that is free; by resource. */
  quotaHeadroom: 'QuotaHeadroom',

  // Gauges of the archive's reconciliation.
  /** Ended executions that are not in the archive and could not be put there. */
  unarchivedExecutions: 'UnarchivedExecutions',
  /** Days since the oldest of them ended, 0 for none. */
  oldestUnarchived: 'OldestUnarchivedDays',

  // Gauges of the doctor.
  /** By kind. */
  doctorFindings: 'DoctorFindings',
  /** Keys that are ours by their tags and nobody's by the registry. */
  orphanedKeys: 'OrphanedKeys',
} as const;

export type MetricName = (typeof METRICS)[keyof typeof METRICS];

const UNITS: Readonly<Partial<Record<MetricName, 'Milliseconds' | 'Percent' | 'None'>>> = {
  [METRICS.stepDuration]: 'Milliseconds',
  [METRICS.quotaHeadroom]: 'Percent',
  // CloudWatch has no unit for these.
  [METRICS.oldestExecution]: 'None',
  [METRICS.oldestFailure]: 'None',
  [METRICS.oldestUnarchived]: 'None',
};

export const unitOf = (name: MetricName) => UNITS[name] ?? 'Count';

/** Names of dimensions beside `service`, which every metric has. */
export type Dimensions = Readonly<Partial<Record<'status' | 'operation' | 'resource' | 'kind', string>>>;

/** What a task is given for gauges: emits values of this moment, under these dimensions. */
export type Measure = (values: Readonly<Partial<Record<MetricName, number>>>, dimensions?: Dimensions) => void;

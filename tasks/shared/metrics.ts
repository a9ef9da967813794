/**
 * Every metric that the functions emit, in one place: alarms and dashboard name no other. None has the tenant as a
 * dimension: each value of a dimension is a metric of its own, and is billed as one.
 */
export const METRICS = {
  /** Milliseconds of one task run; dimensions step, outcome. */
  stepDuration: 'StepDuration',
} as const;

import type { ExecutionStatus } from '@aws-sdk/client-sfn';
import type { Execution } from './execution';

/** `detail` of the EventBridge event `Step Functions Execution Status Change`. */
export interface StatusChange {
  readonly executionArn: string;
  readonly stateMachineArn: string;
  readonly name: string;
  readonly status: ExecutionStatus;
  /** Milliseconds since the epoch. */
  readonly startDate: number;
  readonly stopDate: number | null;
  readonly input: string | null;
  readonly inputDetails: { readonly included: boolean };
  readonly output: string | null;
  readonly outputDetails: { readonly included: boolean } | null;
  readonly error: string | null;
  readonly cause: string | null;
}

/** Step Functions drops the input, then the output, of an event that would be larger. */
const MAX_DATA_BYTES = 248 * 1024;

const escapedBytes = (data: string | null) => (data === null ? 0 : Buffer.byteLength(JSON.stringify(data)));

export function statusChange(execution: Execution): StatusChange {
  const { executionArn, stateMachineArn, name, status, startDate, stopDate, ...description } = execution.describe();
  const { input, output = null, error = null, cause = null } = description;
  const withInput = escapedBytes(input) + escapedBytes(output) <= MAX_DATA_BYTES;
  const withOutput = escapedBytes(output) <= MAX_DATA_BYTES;
  return {
    executionArn,
    stateMachineArn,
    name,
    status,
    startDate: startDate.getTime(),
    stopDate: stopDate?.getTime() ?? null,
    input: withInput ? input : null,
    inputDetails: { included: withInput },
    output: withOutput ? output : null,
    outputDetails: output === null ? null : { included: withOutput },
    error,
    cause,
  };
}

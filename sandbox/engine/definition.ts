import type { ChoiceRule } from './choice';

/** The part of the Amazon States Language (JSONPath) that the engine runs; `load.ts` refuses the rest. */
export interface StateMachineDefinition extends StateSequence {
  readonly Comment?: string;
  readonly TimeoutSeconds?: number;
}

/** A start and the states reachable from it: a machine, a branch of a Parallel, or what a Map does with an item. */
export interface StateSequence {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
}

export type State =
  | TaskState
  | ChoiceState
  | WaitState
  | PassState
  | SucceedState
  | FailState
  | ParallelState
  | MapState;

export type StateType = State['Type'];

interface Common {
  readonly Comment?: string;
  /** Null stands for an empty object. */
  readonly InputPath?: string | null;
  readonly OutputPath?: string | null;
}

interface Transition {
  readonly Next?: string;
  readonly End?: boolean;
}

interface Result {
  /** Null drops the result. */
  readonly ResultPath?: string | null;
  readonly ResultSelector?: unknown;
}

interface Handling {
  readonly Retry?: readonly Retrier[];
  readonly Catch?: readonly Catcher[];
}

export interface Retrier {
  readonly ErrorEquals: readonly string[];
  /** @default 1 */
  readonly IntervalSeconds?: number;
  /** @default 3 */
  readonly MaxAttempts?: number;
  /** @default 2 */
  readonly BackoffRate?: number;
  readonly MaxDelaySeconds?: number;
  /** @default NONE */
  readonly JitterStrategy?: 'NONE' | 'FULL';
}

export interface Catcher {
  readonly ErrorEquals: readonly string[];
  readonly ResultPath?: string | null;
  readonly Next: string;
}

export interface TaskState extends Common, Transition, Result, Handling {
  readonly Type: 'Task';
  /** LAMBDA_INVOKE, or the ARN of a Lambda function. */
  readonly Resource: string;
  readonly Parameters?: unknown;
  readonly TimeoutSeconds?: number;
  readonly TimeoutSecondsPath?: string;
}

export interface ChoiceState extends Common {
  readonly Type: 'Choice';
  readonly Choices: readonly ChoiceRule[];
  readonly Default?: string;
}

export interface WaitState extends Common, Transition {
  readonly Type: 'Wait';
  readonly Seconds?: number;
  readonly SecondsPath?: string;
  readonly Timestamp?: string;
  readonly TimestampPath?: string;
}

export interface PassState extends Common, Transition, Result {
  readonly Type: 'Pass';
  readonly Result?: unknown;
  readonly Parameters?: unknown;
}

export interface SucceedState extends Common {
  readonly Type: 'Succeed';
}

export interface FailState extends Common {
  readonly Type: 'Fail';
  readonly Error?: string;
  readonly ErrorPath?: string;
  readonly Cause?: string;
  readonly CausePath?: string;
}

export interface ParallelState extends Common, Transition, Result, Handling {
  readonly Type: 'Parallel';
  readonly Branches: readonly StateSequence[];
  readonly Parameters?: unknown;
}

export interface MapState extends Common, Transition, Result, Handling {
  readonly Type: 'Map';
  readonly ItemProcessor: StateSequence & {
    readonly ProcessorConfig?: { readonly Mode?: 'INLINE' | 'DISTRIBUTED'; readonly ExecutionType?: 'STANDARD' };
  };
  readonly ItemsPath?: string;
  readonly ItemSelector?: unknown;
  /** Older name of ItemSelector. */
  readonly Parameters?: unknown;
  /** 0 and absent = as many as the mode allows. */
  readonly MaxConcurrency?: number;
  readonly Label?: string;
  readonly ToleratedFailureCount?: number;
  readonly ToleratedFailurePercentage?: number;
}

/** Resource of the optimized integration: Parameters hold FunctionName and Payload, the result holds Payload. */
export const LAMBDA_INVOKE = 'arn:aws:states:::lambda:invoke';

/** The definition is no Amazon States Language. */
export class InvalidDefinitionError extends Error {
  override readonly name = 'InvalidDefinitionError';
}

/** The definition may well run on AWS, but this engine would run it otherwise; so it does not run it at all. */
export class UnsupportedDefinitionError extends Error {
  override readonly name = 'UnsupportedDefinitionError';
  constructor(
    /** Undefined for fields of the machine itself. */
    readonly state: string | undefined,
    readonly field: string,
    reason: string,
  ) {
    super(`${state === undefined ? 'state machine' : `state '${state}'`}, field ${field}: ${reason}`);
  }
}

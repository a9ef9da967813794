import { Duration } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Choice, Condition, type IChainable, JsonPath, Pass, TaskInput, Timeout } from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke, type LambdaInvokeJsonPathProps } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';
import type { TaskContract } from '../tasks/shared/contract';
import { RETRIES } from './retry';

/** The deployed function of a contract. */
export type FunctionOf = (contract: Pick<TaskContract, 'name'>) => IFunction;

/** Lambda's default that contracts start from, seconds. */
export const DEFAULT_TIMEOUT_SECONDS = 30;

/** A state's timeout stands above its function's, so that a function that runs out of time is reported as such. */
const TIMEOUT_MARGIN_SECONDS = 15;

/** What of a contract a state needs. One function may stand behind several states, each with its own name. */
export type Step = Pick<TaskContract, 'name' | 'stateName' | 'repeatable' | 'timeoutSeconds'>;

interface Resource {
  readonly type: string;
}

/** A resource in the names of states: `knowledge-base` → `knowledge base` */
export const words = ({ type }: Resource): string => type.replaceAll('-', ' ');
/** Where a resource's result stands: `knowledge-base` → `$.knowledgeBase` */
export const resultPath = ({ type }: Resource): string =>
  `$.${type.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())}`;

/** What Claim answers and every step behind it gets: ids and the fence. */
const claimed = () => ({
  tenantId: JsonPath.stringAt('$.tenantId'),
  requestId: JsonPath.stringAt('$.requestId'),
  generation: JsonPath.numberAt('$.generation'),
});

const fencedInput = (stateName: string) => ({
  ...claimed(),
  executionArn: JsonPath.executionId,
  step: stateName,
});

/** A step that runs a contract's function; its result stands under `resultPath`. @param more that it gets beside the ids */
export function step(
  scope: Construct,
  contract: Step,
  functionOf: FunctionOf,
  resultPath: string,
  more: Readonly<Record<string, unknown>> = {},
): LambdaInvoke {
  const placement = { resultSelector: { 'output.$': '$.Payload' }, resultPath };
  return invoke(scope, contract, functionOf, { ...fencedInput(contract.stateName), ...more }, placement);
}

/** Input of branches in which a step is run again with its progress: nothing of it is done yet. */
export const fromTheStart = () => ({ ...claimed(), page: { output: { progress: {} } } });

/**
 * A step that is run again, without a pause, while its answer says that there is more to do.
 * @param progress whether it is given what its last answer says of its progress; then its branch begins with fromTheStart()
 * @param next what follows; without it the branch ends there
 */
export function again(
  scope: Construct,
  contract: Step,
  functionOf: FunctionOf,
  {
    field,
    progress = false,
    next,
  }: { readonly field: string; readonly progress?: boolean; readonly next?: IChainable },
): IChainable {
  const more = progress ? { progress: JsonPath.objectAt('$.page.output.progress') } : {};
  const task = step(scope, contract, functionOf, '$.page', more);
  const name = `${contract.stateName}: all done?`;
  const choice = Choice.jsonPath(scope, name, { stateName: name, comment: 'Reads the answer of the step before.' })
    .when(Condition.booleanEquals(`$.page.output.${field}`, false), task)
    .otherwise(
      next ??
        Pass.jsonPath(scope, `${contract.stateName}: done`, {
          stateName: `${contract.stateName}: done`,
          comment: 'End of this branch.',
        }),
    );
  return task.next(choice);
}

/** The first step: gets whatever the execution was started with, and its answer becomes the state of the machine. */
export function claim(scope: Construct, contract: Step, functionOf: FunctionOf): LambdaInvoke {
  const input = { request: JsonPath.objectAt('$'), executionArn: JsonPath.executionId, step: contract.stateName };
  return invoke(scope, contract, functionOf, input, { outputPath: '$.Payload' });
}

/** Where a task's answer goes. */
type Placement = Pick<LambdaInvokeJsonPathProps, 'resultSelector' | 'resultPath' | 'outputPath'>;

/** A step with whatever input and output; those behind a claim are made by step(). */
export function invoke(
  scope: Construct,
  contract: Step,
  functionOf: FunctionOf,
  payload: Record<string, unknown>,
  placement: Placement,
): LambdaInvoke {
  const { stateName, repeatable, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS } = contract;
  const state = LambdaInvoke.jsonPath(scope, stateName, {
    stateName,
    comment: repeatable,
    lambdaFunction: functionOf(contract),
    payload: TaskInput.fromObject(payload),
    ...placement,
    taskTimeout: Timeout.duration(Duration.seconds(timeoutSeconds + TIMEOUT_MARGIN_SECONDS)),
    retryOnServiceExceptions: false,
  });
  for (const retry of RETRIES) state.addRetry(retry);
  return state;
}

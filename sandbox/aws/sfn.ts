import type {
  DescribeExecutionInput,
  DescribeStateMachineForExecutionInput,
  DescribeStateMachineInput,
  GetExecutionHistoryInput,
  ListExecutionsInput,
  ListStateMachinesInput,
  ListTagsForResourceInput,
  RedriveExecutionInput,
  StartExecutionInput,
  StopExecutionInput,
} from '@aws-sdk/client-sfn';
import type { Description, StateMachine, StateMachines } from '../engine/executions';
import { page } from '../engine/page';
import type { JsonService } from './service';

/** Step Functions: the API of the state machine engine. */
export function createSfn(machines: StateMachines): JsonService {
  return {
    protocol: 'json',
    name: 'sfn',
    targetPrefix: 'AWSStepFunctions',
    version: '1.0',
    operations: {
      StartExecution: ({ stateMachineArn, name, input }: StartExecutionInput) =>
        machines.start({
          stateMachineArn: String(stateMachineArn),
          ...(name === undefined ? {} : { name }),
          ...(input === undefined ? {} : { input }),
        }),

      StopExecution: ({ executionArn, error, cause }: StopExecutionInput) =>
        machines.stop(String(executionArn), error, cause),

      RedriveExecution: ({ executionArn, clientToken }: RedriveExecutionInput) =>
        machines.redrive(String(executionArn), clientToken),

      DescribeExecution: ({ executionArn }: DescribeExecutionInput) => machines.describe(String(executionArn)),

      ListExecutions: (input: ListExecutionsInput) => {
        const { items, nextToken } = machines.list(given(input));
        return { executions: items.map(listItem), nextToken };
      },

      GetExecutionHistory: ({ executionArn, ...request }: GetExecutionHistoryInput) => {
        const { items, nextToken } = machines.history(String(executionArn), given(request));
        return { events: items, nextToken };
      },

      DescribeStateMachine: ({ stateMachineArn }: DescribeStateMachineInput) => {
        const machine = machines.machine(String(stateMachineArn));
        return {
          ...described(machine),
          status: 'ACTIVE',
          type: 'STANDARD',
          creationDate: new Date(machine.registeredAt),
          loggingConfiguration: { level: 'OFF', includeExecutionData: false },
          tracingConfiguration: { enabled: false },
        };
      },

      DescribeStateMachineForExecution: ({ executionArn }: DescribeStateMachineForExecutionInput) => {
        const machine = machines.machineOf(String(executionArn));
        const { mapRunArn } = machines.describe(String(executionArn));
        return { ...described(machine), updateDate: new Date(machine.registeredAt), mapRunArn };
      },

      ListStateMachines: (input: ListStateMachinesInput) => {
        const all = machines.machines.map((machine, position) => ({ machine, position }));
        const { items, nextToken } = page(all, ({ position }) => position, given(input));
        return {
          stateMachines: items.map(({ machine: { arn, name, registeredAt } }) => ({
            stateMachineArn: arn,
            name,
            type: 'STANDARD',
            creationDate: new Date(registeredAt),
          })),
          nextToken,
        };
      },

      ListTagsForResource: ({ resourceArn }: ListTagsForResourceInput) => ({
        tags: Object.entries(machines.machine(String(resourceArn)).tags).map(([key, value]) => ({ key, value })),
      }),
    },
  };
}

function described({ arn, name, definitionJson, roleArn, revisionId }: StateMachine) {
  return { stateMachineArn: arn, name, definition: definitionJson, roleArn, revisionId };
}

function listItem(description: Description) {
  const { executionArn, stateMachineArn, name, status, startDate, stopDate, mapRunArn, redriveCount, redriveDate } =
    description;
  return { executionArn, stateMachineArn, name, status, startDate, stopDate, mapRunArn, redriveCount, redriveDate };
}

type Given<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Leaves out members that are there but undefined. */
function given<T extends object>(input: T): Given<T> {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)) as Given<T>;
}

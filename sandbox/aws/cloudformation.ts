import { randomUUID } from 'node:crypto';
import type {
  DescribeStacksCommandInput,
  DescribeStacksOutput,
  ListStacksCommandInput,
  ListStacksOutput,
  Stack,
} from '@aws-sdk/client-cloudformation';
import { queryService } from './query-protocol';
import { type Estate, type RawService, ServiceError } from './service';

export interface StackRegistration {
  readonly name: string;
  readonly description?: string;
  readonly outputs: Readonly<Record<string, string>>;
  /** Export name by output key. */
  readonly exports?: Readonly<Record<string, string>>;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface CloudFormation {
  readonly service: RawService;
  /** Records a stack that was deployed by other means; once more under the same name is an update. Returns its id. */
  registerStack(stack: StackRegistration): string;
}

type DeployedStack = Stack & { readonly StackName: string; readonly StackId: string; readonly CreationTime: Date };

/** AWS CloudFormation, read-only: where tools look up what a stack made. */
export function createCloudFormation({ region, accountId, clock }: Estate): CloudFormation {
  const stacks = new Map<string, DeployedStack>();

  return {
    service: queryService({
      name: 'cloudformation',
      signingNames: ['cloudformation'],
      namespace: 'http://cloudformation.amazonaws.com/doc/2010-05-15/',
      operations: {
        DescribeStacks({ StackName: wanted }: DescribeStacksCommandInput): DescribeStacksOutput {
          const found = [...stacks.values()].filter(
            ({ StackName, StackId }) => wanted === undefined || wanted === StackName || wanted === StackId,
          );
          if (wanted !== undefined && found.length === 0) {
            throw new ServiceError('ValidationError', `Stack with id ${wanted} does not exist`);
          }
          return { Stacks: found };
        },

        ListStacks({ StackStatusFilter: wanted }: ListStacksCommandInput): ListStacksOutput {
          const listed = [...stacks.values()].filter(
            ({ StackStatus: status }) => wanted === undefined || (status !== undefined && wanted.includes(status)),
          );
          return {
            StackSummaries: listed.map(({ StackName, StackId, StackStatus, CreationTime }) => ({
              StackName,
              StackId,
              StackStatus,
              CreationTime,
            })),
          };
        },
      },
    }),

    registerStack({ name, description, outputs, exports = {}, parameters = {}, tags = {} }) {
      const before = stacks.get(name);
      const now = new Date(clock.now());
      const stack: DeployedStack = {
        StackId: before?.StackId ?? `arn:aws:cloudformation:${region}:${accountId}:stack/${name}/${randomUUID()}`,
        StackName: name,
        Description: description,
        Parameters: Object.entries(parameters).map(([ParameterKey, ParameterValue]) => ({
          ParameterKey,
          ParameterValue,
        })),
        CreationTime: before?.CreationTime ?? now,
        LastUpdatedTime: before ? now : undefined,
        StackStatus: before ? 'UPDATE_COMPLETE' : 'CREATE_COMPLETE',
        DisableRollback: false,
        Outputs: Object.entries(outputs).map(([OutputKey, OutputValue]) => ({
          OutputKey,
          OutputValue,
          ExportName: exports[OutputKey],
        })),
        Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
      };
      stacks.set(name, stack);
      return stack.StackId;
    },
  };
}

import type { DescribeExecutionOutput } from '@aws-sdk/client-sfn';
import { z } from 'zod';
import { executionNameOf, operationOf } from '../../tasks/shared/names';
import type { TenantRecord } from '../../tasks/shared/registry';
import { OPERATIONS, TenantId } from '../../tasks/shared/tenant';
import { check, defineCommand } from '../command';
import { EXIT } from '../exit-code';
import { knownState } from '../known-tenant';
import { type Colors, facts, printable } from '../output';

const Input = z.strictObject({ tenantId: TenantId });

/** Every execution of one tenant that Step Functions still knows, and those that only the registry does. */
export const executions = defineCommand<z.output<typeof Input>>({
  name: 'executions',
  summary: 'List the executions of one tenant, over all state machines, latest first.',

  configure(command) {
    command.option('--tenant-id <id>', 'the tenant');
  },

  parse: (options) => check(Input, options),

  async run({ tenantId }, { output, openTarget }) {
    const target = await openTarget();
    const record = await (await target.registry()).getTenant(tenantId);
    knownState(tenantId, record);
    const reader = target.executions();
    const lists = await Promise.all(
      OPERATIONS.map((operation) => reader.list(operation, `${operation}--${tenantId}--`)),
    );
    const arns = new Set([...lists.flat().flatMap(({ executionArn }) => executionArn ?? []), ...recordedOf(record)]);
    const views = await Promise.all(
      [...arns].map(async (executionArn) => viewOf(executionArn, await reader.describe(executionArn), target.isAws)),
    );
    views.sort((a, b) => ((a.startedAt ?? '') < (b.startedAt ?? '') ? 1 : -1));
    output.result({ tenantId, executions: views }, executionLines(tenantId, views, output.colors));
    return EXIT.done;
  },
});

/** Executions of any name: those that were started by hand are here only. */
const recordedOf = ({ state, operations }: TenantRecord): readonly string[] =>
  [
    state?.leaseOwner,
    state?.lastFailure?.executionArn,
    state?.supersededExecution,
    ...operations.flatMap(({ executionArn, replays = [] }) => [
      executionArn,
      ...replays.flatMap((replay) => [replay.inPlaceOf, replay.executionArn]),
    ]),
  ].filter((arn): arn is string => arn !== undefined);

type ExecutionView = ReturnType<typeof viewOf>;

/** An unsuccessful execution can be redriven for 14 days after it closed [RedriveExecution]. */
const REDRIVABLE_MS = 14 * 86_400_000;

function viewOf(executionArn: string, found: DescribeExecutionOutput | undefined, linked: boolean) {
  const { status = 'FORGOTTEN', redriveCount, startDate, stopDate, redriveStatus, error } = found ?? {};
  const operation = operationOf(executionArn);
  return {
    name: executionNameOf(executionArn),
    ...(operation && { operation }),
    status,
    ...(error !== undefined && { error }),
    ...(redriveCount !== undefined && { redriveCount }),
    ...(startDate && { startedAt: startDate.toISOString() }),
    ...(stopDate && { stoppedAt: stopDate.toISOString() }),
    ...(redriveStatus === 'REDRIVABLE' &&
      stopDate && { redrivableUntil: new Date(stopDate.getTime() + REDRIVABLE_MS).toISOString() }),
    executionArn,
    ...(linked && consoleLink(executionArn)),
  };
}

/** Consoles of other partitions have other addresses. */
function consoleLink(executionArn: string): { link?: string } {
  const [, partition, , region = ''] = executionArn.split(':');
  if (partition !== 'aws') return {};
  return {
    link: `https://${region}.console.aws.amazon.com/states/home?region=${region}#/v2/executions/details/${executionArn}`,
  };
}

export function executionLines(tenantId: string, views: readonly ExecutionView[], colors: Colors): string[] {
  if (views.length === 0) return [`Tenant ${tenantId} has no executions yet.`];
  return views.flatMap((view, position) => [
    ...(position === 0 ? [] : ['']),
    `${colors.bold(view.name)} ${view.status}${view.error === undefined ? '' : `: ${printable(view.error)}`}`,
    ...facts(
      [
        ['started', view.startedAt],
        ['stopped', view.stoppedAt],
        ['redrives', view.redriveCount],
        ['redrivable until', view.redrivableUntil],
        ['known', view.status === 'FORGOTTEN' ? 'to the registry only: Step Functions keeps 90 days' : undefined],
        ['execution', view.executionArn],
        ['console', view.link],
      ],
      colors,
    ),
  ]);
}

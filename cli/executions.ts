import type { DescribeExecutionOutput, ExecutionListItem, HistoryEvent, SFNClient } from '@aws-sdk/client-sfn';
import { isNamed } from '../tasks/shared/aws-errors';
import type { OperationName } from '../tasks/shared/tenant';
import type { Calling } from './calling';
import type { ClientSettings } from './target';

/** What Step Functions knows of this stage's executions. */
export interface Executions {
  /** Undefined for those that are forgotten (90 days after they closed) or were never started. */
  describe(executionArn: string): Promise<DescribeExecutionOutput | undefined>;
  /** Newest first. */
  history(executionArn: string): Promise<readonly HistoryEvent[]>;
  /** True when a redrive would run what the machine is now, and not an earlier definition. */
  runsCurrentDefinition(execution: DescribeExecutionOutput): Promise<boolean>;
  /** Refused: undefined date, and why. A repeat with the same token within 15 minutes is the same redrive. */
  redrive(executionArn: string, clientToken: string): Promise<{ readonly refused?: string }>;
  /** Executions of one machine whose names begin so, newest first. */
  list(operation: OperationName, prefix: string): Promise<readonly ExecutionListItem[]>;
}

/** A change of a machine is in force everywhere a few seconds after it was made [API_UpdateStateMachine]. */
const IN_FORCE_MS = 60_000;

const REPEAT = 'Repeat the command.';

/** Throttling is waited out: a replay of many tenants has more calls than its buckets hold at once. */
const MAX_ATTEMPTS = 10;

/** @param machineArn of the operation's state machine */
export function openExecutions(
  settings: ClientSettings,
  machineArn: (operation: OperationName) => string,
  calling: Calling,
): Executions {
  let client: SFNClient | undefined;
  const load = async () => {
    const sfn = await import('@aws-sdk/client-sfn');
    client ??= new sfn.SFNClient({ ...settings, maxAttempts: MAX_ATTEMPTS });
    return { sfn, client };
  };
  const machines = new Map<string, Promise<CurrentDefinition>>();

  async function currentDefinition(stateMachineArn: string): Promise<CurrentDefinition> {
    const { sfn, client } = await load();
    const { definition, revisionId } = await calling('states:DescribeStateMachine', REPEAT, () =>
      client.send(new sfn.DescribeStateMachineCommand({ stateMachineArn })),
    );
    return { definition, revisionId };
  }

  return {
    async describe(executionArn) {
      const { sfn, client } = await load();
      return await calling('states:DescribeExecution', REPEAT, async () => {
        try {
          return await client.send(new sfn.DescribeExecutionCommand({ executionArn }));
        } catch (error) {
          if (isNamed(error, 'ExecutionDoesNotExist')) return undefined;
          throw error;
        }
      });
    },

    async history(executionArn) {
      const { sfn, client } = await load();
      return await calling('states:GetExecutionHistory', REPEAT, async () => {
        const events: HistoryEvent[] = [];
        const query = { executionArn, reverseOrder: true, maxResults: 1000, includeExecutionData: false };
        for await (const page of sfn.paginateGetExecutionHistory({ client }, query))
          events.push(...(page.events ?? []));
        return events;
      });
    },

    async runsCurrentDefinition({ executionArn, stateMachineArn = '', startDate }) {
      const current = machines.get(stateMachineArn) ?? currentDefinition(stateMachineArn);
      machines.set(stateMachineArn, current);
      const known = await current;
      // DescribeStateMachineForExecution refills by one call a second; what started after the last change needs none.
      if (known.since !== undefined && (startDate?.getTime() ?? 0) > known.since + IN_FORCE_MS) return true;
      const { sfn, client } = await load();
      const { definition, revisionId, updateDate } = await calling(
        'states:DescribeStateMachineForExecution',
        REPEAT,
        () => client.send(new sfn.DescribeStateMachineForExecutionCommand({ executionArn })),
      );
      if (revisionId === known.revisionId && updateDate !== undefined) known.since = updateDate.getTime();
      return definition === known.definition;
    },

    async redrive(executionArn, clientToken) {
      const { sfn, client } = await load();
      return await calling('states:RedriveExecution', REPEAT, async () => {
        try {
          await client.send(new sfn.RedriveExecutionCommand({ executionArn, clientToken }));
          return {};
        } catch (error) {
          if (!isNamed(error, 'ExecutionNotRedrivable')) throw error;
          return { refused: error instanceof Error ? error.message : 'it is not redrivable' };
        }
      });
    },

    async list(operation, prefix) {
      const { sfn, client } = await load();
      const stateMachineArn = machineArn(operation);
      return await calling('states:ListExecutions', REPEAT, async () => {
        const found: ExecutionListItem[] = [];
        for await (const page of sfn.paginateListExecutions({ client }, { stateMachineArn, maxResults: 1000 })) {
          found.push(...(page.executions ?? []).filter(({ name }) => name?.startsWith(prefix)));
        }
        return found;
      });
    },
  };
}

/** A machine's definition as it is now. */
interface CurrentDefinition {
  readonly definition: string | undefined;
  /** Absent for a machine that was never changed. */
  readonly revisionId: string | undefined;
  /** Milliseconds: when it was last changed, once an execution of this revision has said so. */
  since?: number;
}

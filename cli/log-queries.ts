import type { CloudWatchLogsClient, QueryDefinition, ResultField } from '@aws-sdk/client-cloudwatch-logs';
import { type QueryName, savedQueryName } from '../infra/saved-queries';
import type { App } from '../tasks/shared/names';
import type { Calling } from './calling';
import { TargetError, UnknownOutcomeError } from './errors';
import { pause } from './progress';
import type { ClientSettings } from './target';

/** A saved query as it is deployed. */
export type DeployedQuery = Pick<QueryDefinition, 'queryString' | 'logGroupNames'>;

/** One result: values by field, in the order of the query's fields. */
export type QueryRow = Readonly<Record<string, string>>;

export interface LogQueries {
  find(name: QueryName): Promise<DeployedQuery>;
  /** Undefined when the signal came first; the query is stopped then. */
  run(
    query: DeployedQuery,
    range: { readonly from: Date; readonly to: Date },
    signal: AbortSignal,
  ): Promise<readonly QueryRow[] | undefined>;
}

/** GetQueryResults may be called ten times a second per account [service-quotas]. */
const POLL_MS = 500;

const REPEAT = 'Repeat the command.';

export function openLogQueries(settings: ClientSettings, app: App, calling: Calling): LogQueries {
  let client: CloudWatchLogsClient | undefined;
  const load = async () => {
    const logs = await import('@aws-sdk/client-cloudwatch-logs');
    client ??= new logs.CloudWatchLogsClient(settings);
    return { logs, client };
  };

  return {
    async find(name) {
      const { logs, client } = await load();
      const saved = savedQueryName(app, name);
      const { queryDefinitions } = await calling('logs:DescribeQueryDefinitions', REPEAT, () =>
        client.send(new logs.DescribeQueryDefinitionsCommand({ queryDefinitionNamePrefix: saved })),
      );
      // The prefix of one name may be another's.
      const found = queryDefinitions?.find((definition) => definition.name === saved);
      if (found !== undefined) return found;
      throw new TargetError(`there is no saved query ${saved}`, 'Deploy the stack from this version of the project.');
    },

    async run({ queryString = '', logGroupNames = [] }, { from, to }, signal) {
      const { logs, client } = await load();
      const { queryId } = await calling('logs:StartQuery', REPEAT, () =>
        client.send(
          new logs.StartQueryCommand({
            queryString,
            logGroupNames,
            startTime: Math.floor(from.getTime() / 1000),
            endTime: Math.ceil(to.getTime() / 1000),
          }),
        ),
      );
      while (!signal.aborted) {
        const { status, results = [] } = await calling('logs:GetQueryResults', REPEAT, () =>
          client.send(new logs.GetQueryResultsCommand({ queryId })),
        );
        if (status === 'Complete') return results.map(rowOf);
        if (status !== 'Running' && status !== 'Scheduled') {
          throw new UnknownOutcomeError(`the query ended ${status}`, 'Narrow it with --from and --to, and repeat it.');
        }
        await pause(POLL_MS, signal);
      }
      await calling('logs:StopQuery', REPEAT, () => client.send(new logs.StopQueryCommand({ queryId })));
      return undefined;
    },
  };
}

/** @ptr leads to the whole event in the console, and means nothing here. */
const rowOf = (fields: readonly ResultField[]): QueryRow =>
  Object.fromEntries(fields.flatMap(({ field = '', value = '' }) => (field === '@ptr' ? [] : [[field, value]])));

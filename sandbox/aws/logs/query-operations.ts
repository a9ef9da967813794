import { randomUUID } from 'node:crypto';
import type * as logs from '@aws-sdk/client-cloudwatch-logs';
import { pageOf } from '../paging';
import { type Operation, ServiceError } from '../service';
import type { OnWire } from '../wire';
import { type QueryOutcome, type Row, runQuery } from './insights';
import { parseQuery } from './insights-syntax';
import { byName, invalidParameter, type LogStore } from './store';

/** Log groups that one query may name [StartQuery]. */
const GROUPS_PER_QUERY = 50;

interface Query {
  status: 'Running' | 'Complete' | 'Cancelled';
  readonly outcome: QueryOutcome;
  readonly recordsScanned: number;
}

/** Logs Insights: saved queries, and queries that are answered when they are asked for the second time. */
export function queryOperations(store: LogStore): Record<string, Operation> {
  const queries = new Map<string, Query>();
  const query = (id: string | undefined): Query => {
    const found = id === undefined ? undefined : queries.get(id);
    if (found === undefined) throw new ServiceError('ResourceNotFoundException', `Query ${id} does not exist.`);
    return found;
  };

  return {
    StartQuery(input: OnWire<logs.StartQueryCommandInput>) {
      const { startTime = 0, endTime = 0, queryString = '', queryLanguage = 'CWLI' } = input;
      if (queryLanguage !== 'CWLI') throw invalidParameter(`The sandbox does not speak ${queryLanguage}.`);
      if (endTime < startTime) throw invalidParameter('End time should not be before start time.');
      const named = [input.logGroupNames, input.logGroupIdentifiers, input.logGroupName && [input.logGroupName]];
      const given = named.filter((names): names is string[] => Array.isArray(names));
      const [names = []] = given;
      if (given.length !== 1 || names.length === 0 || names.length > GROUPS_PER_QUERY) {
        throw invalidParameter(`One list of 1 to ${GROUPS_PER_QUERY} log groups is required.`);
      }
      const steps = parseQuery(queryString);
      const events = names
        .map((name) => store.group(name))
        .flatMap((group) =>
          [...group.streams.values()].flatMap((stream) =>
            store.eventsOf(group, stream).map((event) => ({ logGroup: group.name, logStream: stream.name, event })),
          ),
        )
        // Both ends are included, in seconds.
        .filter(({ event }) => event.timestamp >= startTime * 1000 && event.timestamp < (endTime + 1) * 1000)
        .sort((a, b) => b.event.sequence - a.event.sequence);
      const queryId = randomUUID();
      queries.set(queryId, { status: 'Running', outcome: runQuery(steps, events), recordsScanned: events.length });
      return { queryId };
    },

    GetQueryResults({ queryId }: OnWire<logs.GetQueryResultsCommandInput>) {
      const asked = query(queryId);
      const { status, outcome, recordsScanned } = asked;
      if (status === 'Running') asked.status = 'Complete';
      const { rows, recordsMatched } = outcome;
      return {
        queryLanguage: 'CWLI',
        status,
        results: status === 'Complete' ? rows.map(onWire) : [],
        statistics: status === 'Complete' ? { recordsMatched, recordsScanned, bytesScanned: 0 } : undefined,
      };
    },

    StopQuery({ queryId }: OnWire<logs.StopQueryCommandInput>) {
      const asked = query(queryId);
      if (asked.status !== 'Running') throw invalidParameter(`Query ${queryId} has already ended.`);
      asked.status = 'Cancelled';
      return { success: true };
    },

    DescribeQueryDefinitions(input: OnWire<logs.DescribeQueryDefinitionsCommandInput>) {
      const { queryDefinitionNamePrefix: prefix = '', maxResults: limit = 1000, nextToken } = input;
      const all = [...store.queryDefinitions.values()].filter(({ name }) => name.startsWith(prefix)).sort(byName);
      const { items, next } = pageOf(all, ({ name }) => name, { limit, token: nextToken });
      return { queryDefinitions: items, nextToken: next };
    },
  };
}

const onWire = (row: Row) => [...row].map(([field, value]) => ({ field, value }));

import {
  CloudWatchLogsClient,
  DescribeQueryDefinitionsCommand,
  GetQueryResultsCommand,
  StartQueryCommand,
  StopQueryCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import type { Endpoint } from '../../../sandbox/aws/endpoint';
import { createLogs, type Logs } from '../../../sandbox/aws/logs';
import { parseQuery } from '../../../sandbox/aws/logs/insights-syntax';
import { anEstate, clientFor, startedEndpoint } from './an-estate';

describe('Logs Insights', () => {
  const estate = anEstate();
  let logs: Logs;
  let endpoint: Endpoint;
  let client: CloudWatchLogsClient;

  beforeAll(async () => {
    logs = createLogs(estate);
    endpoint = await startedEndpoint({ estate, services: [logs.service] });
    client = new CloudWatchLogsClient(clientFor(endpoint));
  });
  beforeEach(() => {
    logs.reset();
    for (const name of ['one', 'two']) logs.createLogGroup({ name });
    write('one', { step: 'Claim tenant', tenantId: 'acme', ms: 10, n: '1' });
    write('one', { step: 'Check quotas', tenantId: 'acme2', ms: 2.5, n: '10', error: { name: 'Full' } });
    write('two', { step: 'Claim tenant', tenantId: 'acme', ms: 30, n: '9' });
    logs.append('two', 'stream', 'plain text');
  });
  afterAll(() => endpoint.stop());

  const write = (group: string, line: object) => logs.append(group, 'stream', JSON.stringify(line));
  const seconds = () => Math.floor(estate.clock.now() / 1000);
  const start = (queryString: string, changes: object = {}) =>
    client.send(
      new StartQueryCommand({
        queryString,
        logGroupNames: ['one', 'two'],
        startTime: seconds() - 60,
        endTime: seconds() + 60,
        ...changes,
      }),
    );
  const results = async (queryString: string, changes: object = {}) => {
    const { queryId } = await start(queryString, changes);
    await client.send(new GetQueryResultsCommand({ queryId }));
    const { results = [] } = await client.send(new GetQueryResultsCommand({ queryId }));
    return results.map((row) => Object.fromEntries(row.map(({ field, value }) => [field, value])));
  };

  it.each([
    ['filter tenantId = "acme" | fields n | sort n asc', [{ n: '1' }, { n: '9' }]],
    ['fields n | filter tenantId != "acme" and ispresent(n)', [{ n: '10' }]],
    ['fields n | filter tenantId like "acme" | sort n desc', [{ n: '10' }, { n: '9' }, { n: '1' }]],
    ['fields n | filter tenantId like /^acme$/ and (ms > 20 or ms < 3)', [{ n: '9' }]],
    ['fields n | filter not tenantId = "acme" and ms >= 2.5 and ms <= 2.5', [{ n: '10' }]],
    ['fields error.name as reason, n | filter ispresent(error.name)', [{ reason: 'Full', n: '10' }]],
    ['filter @message like "plain" | display @message', [{ '@message': 'plain text' }]],
    ["fields n | filter step = 'Claim tenant' | sort n desc | limit 1", [{ n: '9' }]],
    [
      'filter ispresent(ms) | stats count(*) as runs, avg(ms) as average, max(ms) by step | sort runs desc',
      [
        { step: 'Claim tenant', runs: '2', average: '20', 'max(ms)': '30' },
        { step: 'Check quotas', runs: '1', average: '2.5', 'max(ms)': '2.5' },
      ],
    ],
    ['stats count(*) as lines, count(ms) as measured', [{ lines: '4', measured: '3' }]],
  ])('answers %s', async (query, expected) => {
    expect(await results(query)).toEqual(expected);
  });

  it('looks into the groups and the time that it is told, both ends included', async () => {
    expect(
      await results('fields n', { logGroupNames: ['two'], startTime: seconds(), endTime: seconds() }),
    ).toHaveLength(2);
    expect(await results('fields n', { startTime: 0, endTime: 1 })).toEqual([]);
  });

  it.each([
    'parse @message "x"',
    'fields concat(a, b)',
    'stats pct(ms, 95) by step',
    'stats count(*) by bin(5m)',
    'filter a in ["b"]',
    'filter a =',
    'filter a = b',
    'limit 0',
    'limit 10001',
    'sort',
    'dedup a',
    'fields a |',
    'fields a "b"',
    '',
    '; fields a',
  ])('refuses %j rather than guess', async (query) => {
    await expect(start(query)).rejects.toMatchObject({ name: 'MalformedQueryException' });
  });

  it.each([
    ['a group that does not exist', { logGroupNames: ['three'] }, 'ResourceNotFoundException'],
    ['no group', { logGroupNames: [] }, 'InvalidParameterException'],
    ['more than 50 groups', { logGroupNames: Array.from({ length: 51 }, () => 'one') }, 'InvalidParameterException'],
    ['an end before the start', { startTime: 2, endTime: 1 }, 'InvalidParameterException'],
    ['another language', { queryLanguage: 'SQL' }, 'InvalidParameterException'],
  ])('refuses %s', async (_, changes, name) => {
    await expect(start('fields a', changes)).rejects.toMatchObject({ name });
  });

  it('runs until it is asked a second time, or stopped', async () => {
    const { queryId } = await start('fields n');

    const first = await client.send(new GetQueryResultsCommand({ queryId }));
    const second = await client.send(new GetQueryResultsCommand({ queryId }));
    const other = await start('fields n');
    await client.send(new StopQueryCommand({ queryId: other.queryId }));
    const stopped = await client.send(new GetQueryResultsCommand({ queryId: other.queryId }));

    expect(first).toMatchObject({ status: 'Running', results: [] });
    expect(second).toMatchObject({ status: 'Complete', statistics: { recordsMatched: 4, recordsScanned: 4 } });
    expect(stopped).toMatchObject({ status: 'Cancelled', results: [] });
    await expect(client.send(new StopQueryCommand({ queryId }))).rejects.toMatchObject({
      name: 'InvalidParameterException',
    });
    await expect(client.send(new GetQueryResultsCommand({ queryId: 'none' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });

  it('describes saved queries by the start of their names', async () => {
    logs.saveQuery({ name: 'app/b', queryString: 'fields b', logGroupNames: ['one'] });
    logs.saveQuery({ name: 'app/a', queryString: 'fields a', logGroupNames: [], parameters: [{ name: 'x' }] });
    logs.saveQuery({ name: 'other', queryString: 'fields c', logGroupNames: [] });

    const page = await client.send(
      new DescribeQueryDefinitionsCommand({ queryDefinitionNamePrefix: 'app/', maxResults: 1 }),
    );
    const rest = await client.send(
      new DescribeQueryDefinitionsCommand({ queryDefinitionNamePrefix: 'app/', nextToken: page.nextToken }),
    );

    expect(page.queryDefinitions).toMatchObject([{ name: 'app/a', parameters: [{ name: 'x' }] }]);
    expect(rest.queryDefinitions).toMatchObject([{ name: 'app/b', queryString: 'fields b', logGroupNames: ['one'] }]);
  });

  it('reads quotes that are escaped as part of the value', () => {
    expect(parseQuery('filter a = "say \\"b\\" | limit 1"')).toMatchObject([
      { condition: { value: 'say "b" | limit 1' } },
    ]);
  });
});

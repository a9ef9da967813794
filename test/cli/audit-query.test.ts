import { run } from '../../cli/program';
import { QUERY_NAMES } from '../../infra/saved-queries';
import { onboardToTheEnd } from '../../sandbox/requests';
import { APP, aRequest, executionArnOf, useApp } from '../lifecycle/app-under-test';
import { aTerminal, tenantctl } from './a-terminal';

const app = useApp();
const query = (...args: readonly string[]) =>
  tenantctl('audit', 'query', ...args, '--json', '--endpoint', app().endpoint.url);
type Rows = readonly Record<string, string>[];
const rowsOf = async (...args: readonly string[]): Promise<Rows> => {
  const { exitCode, json, stdout } = await query(...args);
  if (exitCode !== 0) throw new Error(stdout());
  return json()['rows'] as Rows;
};
const column = (rows: Rows, name: string) => [...new Set(rows.map((row) => row[name]))];

beforeAll(async () => {
  app().faults.add({
    service: 'opensearch',
    operation: 'CreateIndex',
    when: 'before',
    effect: { kind: 'error', code: 'ValidationException', message: 'no' },
  });
  await onboardToTheEnd(app(), aRequest({ tenantId: 'acme', requestId: 'r1' }));
  await onboardToTheEnd(app(), aRequest({ tenantId: 'acme2', requestId: 'r10' }));
});

describe('tenantctl audit query', () => {
  it('tells what was done for a tenant, for it alone and in order', async () => {
    const rows = await rowsOf('--name', 'tenant', '--tenant-id', 'acme');

    expect(column(rows, 'requestId').filter((id) => id !== undefined)).toEqual(['r1']);
    expect(column(rows, 'task')).toEqual(
      expect.arrayContaining(['request-operation', 'claim-tenant', 'record-outcome']),
    );
    expect(rows.map((row) => row['@timestamp'])).toEqual(rows.map((row) => row['@timestamp']).toSorted());
    expect(rows).toContainEqual(
      expect.objectContaining({ task: 'provision-vector-index', message: 'failed', errorName: 'RejectedCallError' }),
    );
  });

  it('tells what was done for a request', async () => {
    const rows = await rowsOf('--name', 'request', '--tenant-id', 'acme2', '--request-id', 'r10');
    const none = await rowsOf('--name', 'request', '--tenant-id', 'acme2', '--request-id', 'r1');

    expect(column(rows, 'task')).toContain('activate-tenant');
    expect(none).toEqual([]);
  });

  it('counts failures by step and error', async () => {
    expect(await rowsOf('--name', 'failures')).toEqual([
      {
        task: 'provision-vector-index',
        step: 'Provision vector index',
        errorName: 'RejectedCallError',
        failures: '1',
      },
    ]);
  });

  it('shows the slowest steps first', async () => {
    const rows = await rowsOf('--name', 'slow-steps');

    const longest = rows.map((row) => Number(row['longest']));
    expect(rows).toContainEqual(expect.objectContaining({ step: 'Claim tenant', runs: '2' }));
    expect(longest).toEqual(longest.toSorted((a, b) => b - a));
    for (const row of rows) expect(Number(row['average'])).toBeLessThanOrEqual(Number(row['longest']));
  });

  it('shows every event of an execution, also when Step Functions has forgotten it', async () => {
    const arn = executionArnOf(app(), { tenantId: 'acme', requestId: 'r1' });
    const { items } = app().machines.history(arn, { maxResults: 1000 });
    const rows = await rowsOf('--name', 'execution', '--execution-arn', arn);

    expect(rows.map(({ id, type }) => `${id} ${type}`)).toEqual(items.map(({ id, type }) => `${id} ${type}`));
    expect(rows).toContainEqual(expect.objectContaining({ type: 'TaskFailed', error: 'RejectedCallError' }));
    expect(column(rows, 'state')).toContain('Claim tenant');
  });

  it('looks only into the time that it is told', async () => {
    const before = new Date(app().clock.now() - 3_600_000).toISOString();

    expect(await rowsOf('--name', 'tenant', '--tenant-id', 'acme', '--to', before)).toEqual([]);
    expect((await rowsOf('--name', 'tenant', '--tenant-id', 'acme', '--from', before)).length).toBeGreaterThan(10);
    expect((await rowsOf('--name', 'tenant', '--tenant-id', 'acme', '--last', '1h')).length).toBeGreaterThan(10);
  });

  it('finds nothing of other tenants, and says so', async () => {
    const { stdout, exitCode } = await tenantctl(
      ...['audit', 'query', '--name', 'tenant', '--tenant-id', 'acm', '--endpoint', app().endpoint.url],
    );

    expect(exitCode).toBe(0);
    expect(stdout()).toBe('Nothing found.\n');
  });

  it('shows no personal data', async () => {
    for (const name of QUERY_NAMES) {
      const arn = executionArnOf(app(), { tenantId: 'acme', requestId: 'r1' });
      const flags = { tenant: ['--tenant-id', 'acme'], request: ['--tenant-id', 'acme', '--request-id', 'r1'] };
      const more = name === 'execution' ? ['--execution-arn', arn] : ((flags as Record<string, string[]>)[name] ?? []);
      expect(JSON.stringify(await rowsOf('--name', name, ...more))).not.toMatch(/Example Clinic|@acme|admin@/);
    }
  });

  it('stops the query on Ctrl-C', async () => {
    app().faults.add({ operation: 'GetQueryResults', when: 'before', effect: { kind: 'delay', ms: 300 } });
    const { terminal, interrupt, listening, stdout } = aTerminal();

    const running = run(['audit', 'query', '--name', 'failures', '--endpoint', app().endpoint.url], terminal);
    while (!listening()) await new Promise((resolve) => setTimeout(resolve, 5));
    interrupt();

    expect(await running).toBe(130);
    expect(stdout()).toContain('Stopped the query.');
    expect(
      app()
        .calls.entries()
        .some(({ operation }) => operation === 'StopQuery'),
    ).toBe(true);
  });
});

describe('arguments of tenantctl audit query', () => {
  it.each([
    [[], ['--name: is required']],
    [['--name', 'all'], ['--name: must be one of tenant, request, failures, slow-steps, execution']],
    [['--name', 'tenant'], ['--tenant-id: is required']],
    [
      ['--name', 'request', '--execution-arn', 'x'],
      [
        '--tenant-id: is required',
        '--request-id: is required',
        '--execution-arn: is not taken by the query request',
        '--execution-arn: must be the ARN of an execution',
      ],
    ],
    [['--name', 'failures', '--tenant-id', 'acme'], ['--tenant-id: is not taken by the query failures']],
    [
      ['--name', 'tenant', '--tenant-id', 'a" or 1 = 1'],
      ['--tenant-id: must be lower-case letters and digits, with single hyphens inside'],
    ],
    [
      ['--name', 'request', '--tenant-id', 'acme', '--request-id', '" | limit 1'],
      ['--request-id: must be 1 to 128 letters, digits, hyphens or underscores'],
    ],
    [
      ['--name', 'execution', '--execution-arn', 'arn:aws:states:eu-west-1:123456789012:execution:m:x" or "'],
      ['--execution-arn: must be the ARN of an execution'],
    ],
    [
      ['--name', 'failures', '--from', 'yesterday'],
      ['--from: must be an ISO 8601 instant, for example 2027-01-31T00:00:00Z'],
    ],
    [
      ['--name', 'failures', '--from', '2027-01-02T00:00:00Z', '--to', '2027-01-01T00:00:00Z'],
      ['--from: must be before --to'],
    ],
    [
      ['--name', 'failures', '--from', '2027-01-02T00:00:00Z', '--last', 'x'],
      ['--from, --last: only one of them', '--last: must be a duration such as 30d, 12h or 0'],
    ],
  ])('%j', async (args, expected) => {
    const { exitCode, json } = await tenantctl('audit', 'query', ...args, '--endpoint', 'http://127.0.0.1:9', '--json');

    expect(exitCode).toBe(2);
    expect((json() as { error: { problems: string[] } }).error.problems).toEqual(expected);
  });

  it('are right, and the stage is not deployed', async () => {
    const { exitCode, stdout } = await query('--name', 'failures', '--stage', 'prod');

    expect(exitCode).toBe(2);
    expect(stdout()).toContain(`has no stack ${APP.name}-prod-lifecycle`);
  });
});

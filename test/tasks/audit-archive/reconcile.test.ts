import { S3Client } from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  DescribeStateMachineForExecutionCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  SFNClient,
} from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/audit-archive/reconcile';
import { historyKey } from '../../../tasks/shared/names';
import { type AuditBucket, serveAuditBucket } from '../../support/audit-bucket';
import { anAwsError } from '../../support/aws-errors';
import { aContext, anExecutionArnOf, REGISTRY_TABLE, setEnvironment } from '../../support/builders';
import { captureOutput, type Output } from '../../support/output';
import { serveTables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const sfn = mockClient(SFNClient);
const s3 = mockClient(S3Client);
let output: Output;
let bucket: AuditBucket;

const DAY = 86_400_000;
const daysAgo = (days: number) => new Date(Date.now() - days * DAY);
const reconcile = () => handler({ 'detail-type': 'Scheduled Event' }, aContext());
const metric = (name: string) => output.lines().find((line) => line[name] !== undefined)?.[name];

/** Ended executions, each one listed once, two to a page. */
function serveExecutions(...ended: readonly { name: string; days: number; redriveCount?: number; input?: string }[]) {
  const items = ended.map(({ name, days, redriveCount = 0 }) => ({
    executionArn: anExecutionArnOf(name),
    name,
    status: 'FAILED' as const,
    stopDate: daysAgo(days),
    redriveCount,
  }));
  sfn.on(ListExecutionsCommand).callsFake(({ stateMachineArn, statusFilter, nextToken = '0' }) => {
    const machine = stateMachineArn.replace(':stateMachine:', ':execution:');
    const found = items.filter(
      ({ executionArn, status }) => status === statusFilter && executionArn.startsWith(`${machine}:`),
    );
    const end = Number(nextToken) + 2;
    return { executions: found.slice(Number(nextToken), end), ...(end < found.length && { nextToken: String(end) }) };
  });
  sfn.on(DescribeStateMachineForExecutionCommand).resolves({ definition: '{}' });
  sfn.on(DescribeExecutionCommand).callsFake(({ executionArn }) => {
    const position = items.findIndex((item) => item.executionArn === executionArn);
    const [, tenantId, requestId] = (items[position]?.name ?? '').split('--');
    return { ...items[position], input: ended[position]?.input ?? JSON.stringify({ tenantId, requestId }) };
  });
  sfn.on(GetExecutionHistoryCommand).callsFake(({ executionArn }) => {
    const { redriveCount = 0 } = items.find((item) => item.executionArn === executionArn) ?? {};
    const redrives = Array.from({ length: redriveCount }, () => ({ type: 'ExecutionRedriven' }));
    return { events: [{ type: 'ExecutionStarted' }, ...redrives, { type: 'ExecutionFailed' }] };
  });
}

beforeEach(async () => {
  output = captureOutput();
  setEnvironment();
  for (const client of [dynamodb, sfn, s3]) client.reset();
  await serveTables(dynamodb, REGISTRY_TABLE);
  bucket = serveAuditBucket(s3);
});

afterEach(() => jest.restoreAllMocks());

describe('reconcile-archive', () => {
  it('archives what is missing, of all machines and pages, the oldest end first', async () => {
    serveExecutions(
      { name: 'onboard--acme--a', days: 1 },
      { name: 'onboard--acme--b', days: 80 },
      { name: 'onboard--beta--c', days: 2 },
      { name: 'offboard--acme--d', days: 3 },
      { name: 'reinstate--acme--e', days: 4 },
    );

    expect(await reconcile()).toEqual({ executions: 5, archived: 5, unarchived: 0, extended: 0, left: 0 });

    const order = sfn.commandCalls(GetExecutionHistoryCommand).map(({ args: [{ input }] }) => input.executionArn);
    expect(order.map((arn) => arn?.at(-1))).toEqual(['b', 'e', 'd', 'c', 'a']);
    expect(metric('UnarchivedExecutions')).toBe(0);
    expect(metric('OldestUnarchivedDays')).toBe(0);
  });

  it('asks nothing about executions whose history is there', async () => {
    serveExecutions({ name: 'onboard--acme--a', days: 1 });
    await reconcile();
    sfn.resetHistory();

    expect(await reconcile()).toMatchObject({ executions: 1, archived: 0, unarchived: 0 });

    expect(sfn.commandCalls(DescribeExecutionCommand)).toHaveLength(0);
  });

  it('archives the history of the current redrive, also when an earlier one is there', async () => {
    serveExecutions({ name: 'onboard--acme--a', days: 1, redriveCount: 2 });
    bucket.put(historyKey('acme', anExecutionArnOf('onboard--acme--a'), 1), 'earlier');

    expect(await reconcile()).toMatchObject({ archived: 1 });

    expect(bucket.keys('audit/acme/onboard')).toContain(historyKey('acme', anExecutionArnOf('onboard--acme--a'), 2));
  });

  it('archives executions with names of their own by their input', async () => {
    serveExecutions({ name: 'onboard--acme--a', days: 1, input: '{"tenantId":"beta","requestId":"a"}' });

    await reconcile();

    expect(bucket.keys('audit/').map((key) => key.split('/')[1])).toEqual(['beta', 'beta']);
  });

  it('counts what it cannot archive, goes on with the rest, and tells how old the oldest is', async () => {
    serveExecutions({ name: 'onboard--acme--a', days: 50 }, { name: 'onboard--beta--b', days: 2 });
    bucket.fail('PutObject', /acme.*history/);

    expect(await reconcile()).toMatchObject({ executions: 2, archived: 1, unarchived: 1 });

    expect(metric('UnarchivedExecutions')).toBe(1);
    expect(metric('OldestUnarchivedDays')).toBeCloseTo(50, 1);
    expect(output.text()).toContain('AccessDenied');
  });

  it('counts an execution that was forgotten while it looked', async () => {
    serveExecutions({ name: 'onboard--acme--a', days: 90 });
    sfn.on(DescribeExecutionCommand).rejects(anAwsError('ExecutionDoesNotExist'));

    expect(await reconcile()).toMatchObject({ archived: 0, unarchived: 1 });
  });

  it('chains what has waited for a day, for no execution in particular', async () => {
    serveExecutions();
    bucket.put('audit/acme/requests/hold-1.json', '{}', daysAgo(2));
    bucket.put('audit/beta/requests/hold-2.json', '{}', daysAgo(0.5));

    expect(await reconcile()).toMatchObject({ extended: 1, left: 0 });

    expect(bucket.keys().filter((key) => key.includes('/chain/'))).toEqual(['audit/acme/chain/0000000001.json']);
    expect(JSON.parse(bucket.body('audit/acme/chain/0000000001.json').toString())).toMatchObject({ execution: null });
  });

  it('fails when a chain is broken, after it has done everything else', async () => {
    serveExecutions();
    bucket.put('audit/acme/chain/0000000001.json', 'x', daysAgo(3));
    bucket.put('audit/beta/requests/hold-2.json', '{}', daysAgo(2));

    await expect(reconcile()).rejects.toMatchObject({
      name: 'AuditChainBrokenError',
      message: expect.stringContaining('acme'),
    });

    expect(bucket.keys('audit/beta/chain/')).toHaveLength(1);
    expect(metric('UnarchivedExecutions')).toBe(0);
  });
});

import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { S3Client } from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  DescribeStateMachineForExecutionCommand,
  GetExecutionHistoryCommand,
  type HistoryEvent,
  SFNClient,
} from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/audit-archive/archive';
import { type AuditBucket, serveAuditBucket } from '../../support/audit-bucket';
import { aLostAnswer, anAwsError } from '../../support/aws-errors';
import { aContext, anExecutionArn, REGISTRY_TABLE, STATE_MACHINE_ARN, setEnvironment } from '../../support/builders';
import { captureOutput, type Output } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const sfn = mockClient(SFNClient);
const s3 = mockClient(S3Client);
let tables: Tables;
let output: Output;
let bucket: AuditBucket;

const ARN = anExecutionArn();
const HISTORY = 'audit/acme/onboard--acme--request-1/history-redrive-0.json.gz';
const FIRST = 'audit/acme/chain/0000000001.json';
const STATE_MACHINE = {
  stateMachineArn: STATE_MACHINE_ARN,
  revisionId: 'revision-1',
  definition: '{"StartAt":"Claim tenant","States":{}}',
};
const INPUT = '{"requestId":"request-1","tenantId":"acme"}';

const anExecution = (changes: object = {}) => ({
  $metadata: { requestId: 'of this call' },
  executionArn: ARN,
  name: 'onboard--acme--request-1',
  status: 'SUCCEEDED' as const,
  startDate: new Date('2026-01-01T00:00:00.000Z'),
  stopDate: new Date('2026-01-01T00:10:00.000Z'),
  input: INPUT,
  redriveCount: 0,
  ...changes,
});
const events = (count: number, last: HistoryEvent['type'] = 'ExecutionSucceeded'): HistoryEvent[] =>
  Array.from({ length: count }, (_, position) => ({
    id: position + 1,
    previousEventId: position,
    timestamp: new Date(Date.UTC(2026, 0, 1) + position),
    type: position === 0 ? 'ExecutionStarted' : position === count - 1 ? last : 'TaskScheduled',
  }));
/** Serves a history in pages as large as are asked for. */
const serveHistory = (all: readonly HistoryEvent[]) =>
  sfn.on(GetExecutionHistoryCommand).callsFake(({ nextToken = '0', maxResults }) => {
    const end = Number(nextToken) + maxResults;
    return { events: all.slice(Number(nextToken), end), ...(end < all.length && { nextToken: String(end) }) };
  });

const aMessage = (executionArn = ARN, messageId = 'message-1') => ({
  messageId,
  body: JSON.stringify({ source: 'aws.states', detail: { executionArn, status: 'SUCCEEDED' } }),
});
const archive = (...messages: object[]) =>
  handler({ Records: messages.length === 0 ? [aMessage()] : messages }, aContext());
const DONE = { batchItemFailures: [] };
const FAILED = { batchItemFailures: [{ itemIdentifier: 'message-1' }] };
const chain = () => bucket.keys('audit/acme/chain/').map((key) => JSON.parse(bucket.body(key).toString('utf8')));
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const head = () => tables.get(REGISTRY_TABLE, 'TENANT#acme', 'ARCHIVE');
const stored = () => JSON.parse(gunzipSync(bucket.body(HISTORY)).toString('utf8'));

beforeEach(async () => {
  output = captureOutput();
  setEnvironment();
  for (const client of [dynamodb, sfn, s3]) client.reset();
  tables = await serveTables(dynamodb, REGISTRY_TABLE);
  bucket = serveAuditBucket(s3);
  sfn.on(DescribeExecutionCommand).resolves(anExecution());
  sfn.on(DescribeStateMachineForExecutionCommand).resolves({ name: 'onboard-tenant', ...STATE_MACHINE });
  serveHistory(events(3));
  bucket.put('audit/acme/onboard--acme--request-1/claim-tenant.json', '{"record":1}');
});

afterEach(() => jest.restoreAllMocks());

describe('archive-execution', () => {
  it('stores the execution and its history, compressed without a time, and notes the head of the chain', async () => {
    const answer = await archive();

    const { $metadata: _, ...execution } = JSON.parse(JSON.stringify(anExecution()));
    expect(answer).toEqual(DONE);
    expect(stored()).toEqual({
      schemaVersion: 1,
      tenantId: 'acme',
      requestId: 'request-1',
      execution,
      stateMachine: STATE_MACHINE,
      events: JSON.parse(JSON.stringify(events(3))),
    });
    expect(bucket.body(HISTORY).readUInt32LE(4)).toBe(0);
    expect(bucket.metadata(HISTORY)).toEqual({ sha256: sha256(bucket.body(HISTORY)), 'execution-arn': ARN });
    expect(chain()).toEqual([
      {
        schemaVersion: 1,
        tenantId: 'acme',
        sequence: 1,
        previous: null,
        at: expect.stringMatching(/Z$/),
        execution: { arn: ARN, name: 'onboard--acme--request-1', redriveCount: 0, status: 'SUCCEEDED' },
        objects: bucket.keys('audit/acme/onboard').map((key) => ({
          key,
          versionId: expect.stringMatching(/^v\d+\.\d+$/),
          sha256: sha256(bucket.body(key)),
          bytes: bucket.body(key).length,
        })),
      },
    ]);
    expect(await head()).toMatchObject({ sequence: 1, sha256: sha256(bucket.body(FIRST)) });
  });

  it('reads every page of a full history, page by page', async () => {
    serveHistory(events(25_000));

    await archive();

    const pages = sfn.commandCalls(GetExecutionHistoryCommand).map(({ args: [{ input }] }) => input);
    expect(pages).toHaveLength(25);
    expect(pages.every(({ maxResults, includeExecutionData }) => maxResults === 1000 && includeExecutionData)).toBe(
      true,
    );
    expect(stored().events).toHaveLength(25_000);
    expect(bucket.body(HISTORY).length).toBeLessThan(1_000_000);
  });

  it('adds nothing when it is repeated', async () => {
    await archive();
    const before = bucket.keys().map((key) => [key, bucket.body(key).toString('hex')]);

    expect(await archive()).toEqual(DONE);

    expect(bucket.keys().map((key) => [key, bucket.body(key).toString('hex')])).toEqual(before);
    expect(bucket.keys().every((key) => bucket.versionsOf(key) === 1)).toBe(true);
    expect(sfn.commandCalls(GetExecutionHistoryCommand)).toHaveLength(1);
  });

  it('keeps what an execution without a tenant did, outside of any chain', async () => {
    sfn.on(DescribeExecutionCommand).resolves(anExecution({ input: '{"tenantId":"a@b"}' }));

    expect(await archive()).toEqual(DONE);

    expect(bucket.keys('audit-unassigned/')).toEqual([
      'audit-unassigned/onboard--acme--request-1/history-redrive-0.json.gz',
    ]);
    expect(chain()).toEqual([]);
  });

  it.each([
    ['runs again', anExecution({ status: 'RUNNING', redriveCount: 1 })],
    ['is about to run again', anExecution({ status: 'PENDING_REDRIVE', redriveCount: 1 })],
  ])('leaves an execution alone that %s', async (_what, execution) => {
    sfn.on(DescribeExecutionCommand).resolves(execution);

    expect(await archive()).toEqual(DONE);

    expect(bucket.keys()).toHaveLength(1);
  });

  it('stores nothing of an execution that is redriven while its history is read', async () => {
    sfn
      .on(DescribeExecutionCommand)
      .resolvesOnce(anExecution({ status: 'FAILED' }))
      .resolves(anExecution({ status: 'RUNNING', redriveCount: 1 }));
    serveHistory(events(3, 'ExecutionFailed'));

    expect(await archive()).toEqual(DONE);

    expect(bucket.keys()).toHaveLength(1);
  });

  it('leaves an execution alone that Step Functions has forgotten', async () => {
    sfn.on(DescribeExecutionCommand).rejects(anAwsError('ExecutionDoesNotExist'));

    expect(await archive()).toEqual(DONE);
    expect(bucket.keys()).toHaveLength(1);
  });

  it.each([
    ['the execution seems to run', () => sfn.on(DescribeExecutionCommand).resolves(anExecution({ status: 'RUNNING' }))],
    ['the history does not show the end', () => serveHistory(events(3, 'TaskSucceeded'))],
    ['the history is empty', () => serveHistory([])],
    [
      'the history does not show the redrive',
      () => sfn.on(DescribeExecutionCommand).resolves(anExecution({ redriveCount: 1 })),
    ],
  ])('is tried again when reads lag behind: %s', async (_what, prepare) => {
    prepare();

    expect(await archive()).toEqual(FAILED);

    expect(bucket.keys()).toHaveLength(1);
    expect(output.text()).toContain('NotReadyError');
  });

  it('does not take the history of another execution of the same name for its own', async () => {
    const other = ARN.replace('onboard-tenant', 'offboard-tenant');
    await archive();
    sfn.on(DescribeExecutionCommand).resolves(anExecution({ executionArn: other }));

    expect(await archive(aMessage(other))).toEqual(FAILED);

    expect(output.text()).toContain('ResourceConflictError');
    expect(bucket.metadata(HISTORY)).toMatchObject({ 'execution-arn': ARN });
  });

  it.each([
    ['an object that somebody names', { messageId: 'message-1', body: '{"hello":"world"}' }],
    ['no JSON', { messageId: 'message-1', body: 'hello' }],
  ])('reports a message that is %s, and does the others', async (_what, bad) => {
    expect(await archive(bad, aMessage(ARN, 'message-2'))).toEqual(FAILED);

    expect(chain()).toHaveLength(1);
  });
});

describe('archive-execution, interrupted at any call', () => {
  const CALLS: readonly (readonly [what: string, prepare: () => void])[] = [
    [
      'DescribeStateMachineForExecution',
      () => sfn.on(DescribeStateMachineForExecutionCommand).rejectsOnce(aLostAnswer()).resolves(STATE_MACHINE),
    ],
    ['DescribeExecution', () => sfn.on(DescribeExecutionCommand).rejectsOnce(aLostAnswer()).resolves(anExecution())],
    [
      'the second DescribeExecution',
      () =>
        sfn.on(DescribeExecutionCommand).resolvesOnce(anExecution()).rejectsOnce(aLostAnswer()).resolves(anExecution()),
    ],
    [
      'GetExecutionHistory',
      () =>
        sfn
          .on(GetExecutionHistoryCommand)
          .rejectsOnce(aLostAnswer())
          .resolves({ events: events(3) }),
    ],
    ['the put of the history', () => bucket.fail('PutObject', /history/)],
    ['the put of the history, after its effect', () => bucket.loseAnswer('PutObject', /history/)],
    ['the listing', () => bucket.fail('ListObjectVersions', /acme\/$/)],
    ['the reading of an object', () => bucket.fail('GetObject', /claim-tenant/)],
    ['the put of the record', () => bucket.fail('PutObject', /chain/)],
    ['the put of the record, after its effect', () => bucket.loseAnswer('PutObject', /chain/)],
    ['the reading of the head', () => tables.fail((operation) => operation === 'Get', aLostAnswer())],
    ['the writing of the head', () => tables.fail((operation) => operation === 'Update', aLostAnswer())],
    ['the writing of the head, after its effect', () => tables.loseAnswer((operation) => operation === 'Update')],
  ];

  it.each(CALLS)('reports its message and converges when it is delivered again: %s', async (_what, prepare) => {
    prepare();

    const first = await archive();
    const second = await archive();

    expect(first).toEqual(FAILED);
    expect(second).toEqual(DONE);
    expect(chain()).toHaveLength(1);
    expect(chain()[0].objects.map(({ key }: { key: string }) => key)).toEqual(bucket.keys('audit/acme/onboard'));
    expect(bucket.keys().every((key) => bucket.versionsOf(key) === 1)).toBe(true);
    expect(await head()).toMatchObject({ sequence: 1, sha256: sha256(bucket.body(FIRST)) });
  });
});

describe('the chain', () => {
  const nextExecution = (request: number, status = 'SUCCEEDED') => {
    const name = `onboard--acme--request-${request}`;
    const executionArn = anExecutionArn(name);
    sfn
      .on(DescribeExecutionCommand, { executionArn })
      .resolves(
        anExecution({ executionArn, name, status, input: `{"requestId":"request-${request}","tenantId":"acme"}` }),
      );
    return aMessage(executionArn, `message-${request}`);
  };

  it('goes on after the last record, and covers each object once', async () => {
    await archive();
    bucket.put('audit/acme/requests/hold-1.json', '{"record":2}');

    await archive(nextExecution(2));

    const [first, second] = chain();
    expect(second).toMatchObject({ sequence: 2, previous: sha256(bucket.body(FIRST)) });
    expect(second.objects.map(({ key }: { key: string }) => key)).toEqual([
      'audit/acme/onboard--acme--request-2/history-redrive-0.json.gz',
      'audit/acme/requests/hold-1.json',
    ]);
    expect(first.objects).toHaveLength(2);
    expect(await head()).toMatchObject({ sequence: 2 });
  });

  it('is never forked: who comes second reads what is there and goes on after it', async () => {
    const second = nextExecution(2);
    bucket.beforePut(/chain\/0000000001/, () => archive(second));

    expect(await archive()).toEqual(DONE);

    const records = chain();
    expect(records.map(({ sequence }) => sequence)).toEqual([1]);
    expect(records[0].execution.arn).toBe(anExecutionArn('onboard--acme--request-2'));
    expect(records[0].objects).toHaveLength(3);
  });

  it('takes a record that is being put for one that is there', async () => {
    bucket.fail('PutObject', /chain/, anAwsError('ConditionalRequestConflict', undefined, 409));

    expect(await archive()).toEqual(DONE);
    expect(chain()).toHaveLength(1);
  });

  it('splits what no record would hold', async () => {
    for (let number = 0; number < 1500; number += 1)
      bucket.put(`audit/acme/requests/r-${number}.json`, `{"n":${number}}`);

    await archive();

    expect(chain().map(({ objects }) => objects.length)).toEqual([1000, 502]);
    expect(await head()).toMatchObject({ sequence: 2 });
  });

  it('reads all pages of a listing', async () => {
    bucket.pageSize = 2;
    for (let number = 0; number < 7; number += 1) bucket.put(`audit/acme/requests/r-${number}.json`, '{}');

    await archive();

    expect(chain()[0].objects).toHaveLength(9);
  });

  it('vouches for the version that was written first', async () => {
    const key = 'audit/acme/onboard--acme--request-1/claim-tenant.json';
    bucket.put(key, '{"record":"forged"}');

    await archive();

    expect(chain()[0].objects).toContainEqual(
      expect.objectContaining({ key, sha256: sha256(Buffer.from('{"record":1}')) }),
    );
  });

  it('is extended no more once it is broken: the history is stored, the message is kept', async () => {
    await archive();
    await archive(nextExecution(2));
    bucket.remove('audit/acme/chain/0000000002.json');

    const answer = await archive(nextExecution(3));

    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 'message-3' }] });
    expect(output.text()).toContain('AuditChainBrokenError');
    expect(bucket.keys('audit/acme/chain/')).toEqual([FIRST]);
    expect(bucket.keys('audit/acme/onboard--acme--request-3/')).toHaveLength(1);
    expect(await head()).toMatchObject({ sequence: 2 });
  });

  it.each([
    ['altered', () => bucket.tamper(FIRST, bucket.body(FIRST).toString('utf8').replace('SUCCEEDED', 'FAILED'))],
    ['unreadable', () => bucket.tamper(FIRST, 'x')],
    ['gone', () => bucket.remove(FIRST)],
  ])('is not extended behind a record that is %s', async (_what, tamper) => {
    await archive();
    await archive(nextExecution(2));
    tamper();

    const answer = await archive(nextExecution(3));

    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 'message-3' }] });
    expect(bucket.keys('audit/acme/chain/').at(-1)).toBe('audit/acme/chain/0000000002.json');
  });

  it('moves the noted head forwards only', async () => {
    await archive();
    tables.before(
      (operation) => operation === 'Update',
      async () => {
        await archive(nextExecution(3));
      },
    );

    await archive(nextExecution(2));

    expect(await head()).toMatchObject({ sequence: chain().length });
  });
});

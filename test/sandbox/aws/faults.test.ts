import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudWatchLogsClient, CreateLogGroupCommand } from '@aws-sdk/client-cloudwatch-logs';
import { CreateKeyCommand, DescribeKeyCommand, KMSClient, ListKeysCommand } from '@aws-sdk/client-kms';
import { HeadBucketCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { CallLog } from '../../../sandbox/aws/call-log';
import { callLogControl, faultControl } from '../../../sandbox/aws/control';
import type { Endpoint } from '../../../sandbox/aws/endpoint';
import { FaultPlan, throttlingError } from '../../../sandbox/aws/faults';
import { createKms } from '../../../sandbox/aws/kms';
import { createLogs } from '../../../sandbox/aws/logs';
import { createS3 } from '../../../sandbox/aws/s3';
import type { Call } from '../../../sandbox/aws/service';
import { anEstate, clientFor, startedEndpoint } from './an-estate';

describe('FaultPlan on the endpoint', () => {
  const faults = new FaultPlan();
  const crashed: Call[] = [];
  const logFile = join(mkdtempSync(join(tmpdir(), 'calls-')), 'calls.jsonl');
  let endpoint: Endpoint;
  let kms: KMSClient;

  beforeAll(async () => {
    const estate = anEstate();
    const calls = new CallLog(estate.clock, { file: logFile });
    const key = createKms(estate);
    endpoint = await startedEndpoint({
      estate,
      services: [key.service, createS3(estate).service, createLogs(estate).service],
      faults,
      calls,
      onCrash: (call) => crashed.push(call),
      control: { ...faultControl(faults), ...callLogControl(calls) },
    });
  });
  beforeEach(() => {
    faults.clear();
    endpoint.calls.clear();
    crashed.length = 0;
    kms = new KMSClient(clientFor(endpoint));
  });
  afterAll(() => endpoint.stop());

  const keyCount = async () => (await kms.send(new ListKeysCommand({}))).Keys?.length ?? 0;

  it('loses answers after the effect, so that one send makes three keys', async () => {
    const before = await keyCount();
    faults.add({ service: 'kms', operation: 'CreateKey', when: 'after', effect: { kind: 'reset' }, times: 3 });
    const retrying = new KMSClient({ ...clientFor(endpoint), maxAttempts: 3 });

    await expect(retrying.send(new CreateKeyCommand({}))).rejects.toMatchObject({
      name: 'TimeoutError',
      code: 'ECONNRESET',
    });

    expect(await keyCount()).toBe(before + 3);
    expect(endpoint.calls.entries().map(({ outcome }) => outcome)).toEqual(['ok', 'reset', 'reset', 'reset', 'ok']);
  });

  it('fails before the effect', async () => {
    const before = await keyCount();
    faults.add({
      operation: 'CreateKey',
      when: 'before',
      effect: { kind: 'error', code: 'KMSInternalException', message: 'injected' },
    });

    await expect(kms.send(new CreateKeyCommand({}))).rejects.toMatchObject({
      name: 'KMSInternalException',
      message: 'injected',
      $metadata: { httpStatusCode: 500 },
    });

    expect(await keyCount()).toBe(before);
    await kms.send(new CreateKeyCommand({}));
    expect(await keyCount()).toBe(before + 1);
  });

  it('skips calls first and matches input by text, predicate and function name', async () => {
    faults.add({ input: 'acme', skip: 1, when: 'before', effect: { kind: 'throttle' } });
    faults.add({ input: ({ Description }) => Description === 'globex', when: 'before', effect: { kind: 'throttle' } });
    faults.add({
      functionName: 'nobody',
      when: 'before',
      effect: { kind: 'throttle' },
      times: Number.POSITIVE_INFINITY,
    });
    const create = (Description: string) =>
      kms.send(new CreateKeyCommand({ Description })).then(
        () => 'ok',
        (error: Error) => error.name,
      );

    const outcomes = [];
    for (const name of ['acme', 'acme', 'acme', 'globex', 'globex']) outcomes.push(await create(name));

    expect(outcomes).toEqual(['ok', 'ThrottlingException', 'ok', 'ThrottlingException', 'ok']);
  });

  it('throttles under the name that the SDK retries for each service', async () => {
    faults.add({ when: 'before', effect: { kind: 'throttle' }, times: 2 });
    const logs = new CloudWatchLogsClient({ ...clientFor(endpoint), maxAttempts: 2 });

    await expect(logs.send(new CreateLogGroupCommand({ logGroupName: '/g' }))).rejects.toMatchObject({
      name: 'ThrottlingException',
      $metadata: { attempts: 2 },
    });

    faults.add({ when: 'before', effect: { kind: 'throttle' } });
    await expect(new S3Client(clientFor(endpoint)).send(new ListBucketsCommand({}))).rejects.toMatchObject({
      name: 'SlowDown',
      $metadata: { httpStatusCode: 503 },
    });

    expect(
      ['sfn', 'lambda', 'cognito-identity-provider', 'dynamodb', 'bedrock-agent'].map((service) => {
        const { code, status } = throttlingError(service);
        return `${code} ${status}`;
      }),
    ).toEqual([
      'ThrottlingException 400',
      'TooManyRequestsException 429',
      'TooManyRequestsException 400',
      'ProvisionedThroughputExceededException 400',
      'ThrottlingException 429',
    ]);
  });

  it('fails a HEAD without a body', async () => {
    faults.add({ service: 's3', when: 'before', effect: { kind: 'error', code: 'AccessDenied', status: 403 } });

    await expect(
      new S3Client(clientFor(endpoint)).send(new HeadBucketCommand({ Bucket: 'any' })),
    ).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
  });

  it('delays and then applies the next rule', async () => {
    faults.add({ operation: 'ListKeys', when: 'before', effect: { kind: 'delay', ms: 50 } });
    faults.add({ operation: 'ListKeys', when: 'before', effect: { kind: 'throttle' } });
    const began = performance.now();

    await expect(kms.send(new ListKeysCommand({}))).rejects.toMatchObject({ name: 'ThrottlingException' });

    expect(performance.now() - began).toBeGreaterThanOrEqual(45);
  });

  it('tells who crashed, keeps the effect, and never answers', async () => {
    const before = await keyCount();
    faults.add({ operation: 'CreateKey', when: 'after', effect: { kind: 'crash' } });
    const abort = new AbortController();
    const call = kms.send(new CreateKeyCommand({}), { abortSignal: abort.signal });
    while (crashed.length === 0) await new Promise((resolve) => setImmediate(resolve));
    abort.abort();

    await expect(call).rejects.toMatchObject({ name: 'AbortError' });

    expect(crashed).toMatchObject([{ service: 'kms', operation: 'CreateKey' }]);
    expect(await keyCount()).toBe(before + 1);
  });

  it('loses an error of the service too', async () => {
    faults.add({ operation: 'DescribeKey', when: 'after', effect: { kind: 'reset' } });

    await expect(kms.send(new DescribeKeyCommand({ KeyId: 'alias/none' }))).rejects.toMatchObject({
      code: 'ECONNRESET',
    });
    await expect(kms.send(new DescribeKeyCommand({ KeyId: 'alias/none' }))).rejects.toMatchObject({
      name: 'NotFoundException',
    });
  });

  it('forgets a removed rule', async () => {
    const rule = faults.add({ when: 'before', effect: { kind: 'throttle' }, times: Number.POSITIVE_INFINITY });
    rule.remove();

    await kms.send(new ListKeysCommand({}));
  });

  it('is scripted over HTTP', async () => {
    const post = async (path: string, body: unknown = {}) => {
      const answer = await fetch(`${endpoint.url}/_sandbox/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return { status: answer.status, body: (await answer.json()) as { id?: string } };
    };

    const added = await post('faults/add', {
      operation: 'ListKeys',
      when: 'before',
      effect: { kind: 'throttle' },
      times: 'always',
    });
    await expect(keyCount()).rejects.toMatchObject({ name: 'ThrottlingException' });
    await expect(keyCount()).rejects.toMatchObject({ name: 'ThrottlingException' });
    expect((await post('faults/list')).body).toMatchObject([{ id: added.body.id, seen: 2 }]);
    await post('faults/remove', { id: added.body.id });

    await keyCount();
    expect((await post('faults/add', { when: 'sometimes', effect: { kind: 'reset' } })).status).toBe(400);
    expect((await post('calls/list')).body).toHaveLength(3);
  });

  it('writes calls down as JSON lines', () => {
    const lines = readFileSync(logFile, 'utf8').trim().split('\n');

    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ service: 'kms', operation: 'ListKeys', outcome: 'ok' });
  });
});

import type { Endpoint } from '../../../sandbox/aws/endpoint';
import { createSqs, type QueueRecord, type Sqs } from '../../../sandbox/aws/sqs';
import { anEstate, startedEndpoint } from './an-estate';

const estate = anEstate();
let sqs: Sqs;
let endpoint: Endpoint;

beforeEach(async () => {
  sqs = createSqs(estate);
  sqs.createQueue({ name: 'letters-dead' });
  sqs.createQueue({
    name: 'letters',
    visibilityTimeout: 60,
    redrive: { deadLetterTargetArn: arnOf('letters-dead'), maxReceiveCount: 2 },
  });
  endpoint = await startedEndpoint({ estate, services: [sqs.service] });
});
afterEach(() => endpoint.stop());

const arnOf = (name: string) => `arn:aws:sqs:eu-central-1:111122223333:${name}`;
const urlOf = (name: string) => `https://sqs.eu-central-1.amazonaws.com/111122223333/${name}`;

/** AWS JSON 1.0, as SDKs and the AWS CLI send it. */
async function call(operation: string, input: object): Promise<Record<string, unknown> & { error?: string | null }> {
  const response = await fetch(endpoint.url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${operation}` },
    body: JSON.stringify(input),
  });
  const body = (await response.json()) as Record<string, unknown>;
  return response.ok ? body : { ...body, error: response.headers.get('x-amzn-errortype') };
}

type Received = { Messages?: { MessageId: string; Body: string; ReceiptHandle: string; MD5OfBody: string }[] };
const receive = async (name: string, more: object = {}) =>
  ((await call('ReceiveMessage', { QueueUrl: urlOf(name), MaxNumberOfMessages: 10, ...more })) as Received).Messages ??
  [];
const send = (MessageBody: string) => call('SendMessage', { QueueUrl: urlOf('letters'), MessageBody });
const attributes = async (name: string) =>
  (await call('GetQueueAttributes', { QueueUrl: urlOf(name), AttributeNames: ['All'] }))['Attributes'];

describe('a queue', () => {
  it('hides a message that was received, and shows it again when it was not deleted in time', async () => {
    const { MD5OfMessageBody } = await send('hello');

    const first = await receive('letters');
    const hidden = await receive('letters');
    await estate.clock.advance(60_000);
    const again = await receive('letters');

    expect(first).toMatchObject([{ Body: 'hello', MD5OfBody: MD5OfMessageBody }]);
    expect(MD5OfMessageBody).toBe('5d41402abc4b2a76b9719d911017c592');
    expect(hidden).toEqual([]);
    expect(again).toMatchObject([{ MessageId: first[0]?.MessageId, Attributes: { ApproximateReceiveCount: '2' } }]);
    expect(again[0]?.ReceiptHandle).not.toBe(first[0]?.ReceiptHandle);
  });

  it('forgets a message that is deleted, but not by the handle of an earlier delivery', async () => {
    await send('hello');
    const [first] = await receive('letters');
    await estate.clock.advance(60_000);
    const [second] = await receive('letters');

    await call('DeleteMessage', { QueueUrl: urlOf('letters'), ReceiptHandle: first?.ReceiptHandle });
    const afterTheOldHandle = await attributes('letters');
    await call('DeleteMessage', { QueueUrl: urlOf('letters'), ReceiptHandle: second?.ReceiptHandle });

    expect(afterTheOldHandle).toMatchObject({ ApproximateNumberOfMessagesNotVisible: '1' });
    expect(await attributes('letters')).toMatchObject({
      ApproximateNumberOfMessages: '0',
      ApproximateNumberOfMessagesNotVisible: '0',
      VisibilityTimeout: '60',
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arnOf('letters-dead'), maxReceiveCount: 2 }),
    });
  });

  it('gives a message up after maxReceiveCount deliveries, and takes it back by a move task', async () => {
    await send('hello');
    for (let delivery = 0; delivery < 2; delivery += 1) {
      expect(await receive('letters')).toHaveLength(1);
      await estate.clock.advance(60_000);
    }

    const third = await receive('letters');
    const dead = await attributes('letters-dead');
    const started = await call('StartMessageMoveTask', { SourceArn: arnOf('letters-dead') });
    const back = await receive('letters');

    expect(third).toEqual([]);
    expect(dead).toMatchObject({ ApproximateNumberOfMessages: '1' });
    expect(back).toMatchObject([{ Body: 'hello', Attributes: { ApproximateReceiveCount: '1' } }]);
    expect(await call('ListMessageMoveTasks', { SourceArn: arnOf('letters-dead') })).toMatchObject({
      Results: [{ TaskHandle: started['TaskHandle'], Status: 'COMPLETED', ApproximateNumberOfMessagesMoved: 1 }],
    });
  });

  it('forgets messages after its retention', async () => {
    await send('hello');

    await estate.clock.advance(4 * 86_400_000 + 1000);

    expect(await receive('letters')).toEqual([]);
  });

  it('shows a message sooner when its visibility is changed', async () => {
    await send('hello');
    const [{ ReceiptHandle } = {}] = await receive('letters');

    await call('ChangeMessageVisibility', { QueueUrl: urlOf('letters'), ReceiptHandle, VisibilityTimeout: 0 });

    expect(await receive('letters')).toHaveLength(1);
  });

  it.each([
    ['ReceiveMessage', { QueueUrl: urlOf('nowhere') }, 'QueueDoesNotExist'],
    ['ReceiveMessage', { QueueUrl: urlOf('letters'), MaxNumberOfMessages: 11 }, 'InvalidParameterValue'],
    ['SendMessage', { QueueUrl: urlOf('letters') }, 'MissingParameter'],
    ['SendMessage', { QueueUrl: urlOf('letters'), MessageBody: 'x'.repeat(1024 * 1024 + 1) }, 'InvalidParameterValue'],
    ['StartMessageMoveTask', { SourceArn: arnOf('letters') }, 'InvalidParameterValue'],
    ['StartMessageMoveTask', { SourceArn: arnOf('nowhere') }, 'ResourceNotFoundException'],
    [
      'ChangeMessageVisibility',
      { QueueUrl: urlOf('letters'), ReceiptHandle: 'none', VisibilityTimeout: 0 },
      'ReceiptHandleIsInvalid',
    ],
  ])('refuses %s of %j with %s', async (operation, input, error) => {
    expect(await call(operation, input)).toMatchObject({ error });
  });

  it('is found by name and by the queues that give up to it', async () => {
    expect(await call('GetQueueUrl', { QueueName: 'letters' })).toEqual({ QueueUrl: urlOf('letters') });
    expect(await call('ListQueues', { QueueNamePrefix: 'letters-' })).toEqual({ QueueUrls: [urlOf('letters-dead')] });
    expect(await call('ListDeadLetterSourceQueues', { QueueUrl: urlOf('letters-dead') })).toEqual({
      queueUrls: [urlOf('letters')],
    });
  });
});

describe('an event source mapping', () => {
  const bodies = (records: readonly QueueRecord[]) => records.map(({ body }) => body);
  const fill = (...texts: string[]) => {
    for (const text of texts) sqs.queue(arnOf('letters'))?.send(text);
  };

  it('delivers in batches and deletes what was done', async () => {
    const batches: string[][] = [];
    fill('a', 'b', 'c');
    sqs.consume(arnOf('letters'), {
      batchSize: 2,
      deliver: async (records) => {
        batches.push(bodies(records));
        return [];
      },
    });

    fill('d');
    await sqs.settled();

    expect(batches.flat().sort()).toEqual(['a', 'b', 'c', 'd']);
    expect(batches.every(({ length }) => length <= 2)).toBe(true);
    expect(sqs.queue(arnOf('letters'))?.messages).toEqual([]);
  });

  it('delivers again only what failed, and gives it up at last', async () => {
    const deliveries: string[] = [];
    sqs.consume(arnOf('letters'), {
      deliver: async (records) => {
        deliveries.push(...bodies(records));
        return records.filter(({ body }) => body === 'bad').map(({ messageId }) => messageId);
      },
    });

    fill('good', 'bad');
    await sqs.settled();

    expect(deliveries.filter((body) => body === 'good')).toHaveLength(1);
    expect(deliveries.filter((body) => body === 'bad')).toHaveLength(2);
    expect(sqs.queue(arnOf('letters'))?.messages).toEqual([]);
    expect(sqs.queue(arnOf('letters-dead'))?.messages).toMatchObject([
      { body: 'bad', deadLetterSource: arnOf('letters'), receiveCount: 2 },
    ]);
  });

  it('delivers the whole batch again when the function failed on all of it', async () => {
    let runs = 0;
    sqs.consume(arnOf('letters'), {
      deliver: async () => {
        runs += 1;
        return runs === 1 ? 'all' : [];
      },
    });

    fill('a');
    await sqs.settled();

    expect(runs).toBe(2);
    expect(sqs.queue(arnOf('letters-dead'))?.messages).toEqual([]);
  });

  it('delivers nothing after it was closed', async () => {
    let runs = 0;
    sqs.consume(arnOf('letters'), {
      deliver: async () => {
        runs += 1;
        return [];
      },
    });
    sqs.close();

    fill('a');
    await sqs.settled();

    expect(runs).toBe(0);
  });
});

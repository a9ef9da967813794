import { randomUUID } from 'node:crypto';
import { type Estate, type JsonService, ServiceError } from './service';
import { Consumer, type Consumption } from './sqs/consumer';
import { type Message, md5Of, type NewQueue, Queue } from './sqs/queue';

export type { QueueRecord } from './sqs/consumer';

export interface Sqs {
  readonly service: JsonService;
  /** Makes a queue without a call. */
  createQueue(queue: NewQueue): Queue;
  /** By ARN. */
  queue(arn: string): Queue | undefined;
  queues(): readonly Queue[];
  /** An event source mapping: messages of the queue go to a function. */
  consume(arn: string, consumption: Consumption): void;
  /** Resolves when every consumed queue is empty and nothing is under way. */
  settled(): Promise<void>;
  /** Nothing is delivered any more. */
  close(): void;
}

interface MoveTask {
  readonly TaskHandle: string;
  readonly Status: 'COMPLETED';
  readonly SourceArn: string;
  readonly DestinationArn?: string;
  readonly ApproximateNumberOfMessagesMoved: number;
  readonly StartedTimestamp: number;
}

/** Amazon SQS: standard queues with visibility timeout, redrive policy and Lambda as consumer, over its JSON protocol. */
export function createSqs({ clock, region, accountId }: Estate): Sqs {
  const queues = new Map<string, Queue>();
  const consumers: Consumer[] = [];
  const moveTasks: MoveTask[] = [];

  const byUrl = (url: unknown): Queue => {
    const name = String(url).slice(String(url).lastIndexOf('/') + 1);
    return byName(name);
  };
  const byName = (name: string): Queue => {
    const found = [...queues.values()].find((queue) => queue.name === name);
    if (found === undefined) throw doesNotExist();
    return found;
  };
  const byArn = (arn: unknown): Queue => {
    const found = queues.get(String(arn));
    if (found === undefined) throw new ServiceError('ResourceNotFoundException', 'The resource does not exist.');
    return found;
  };
  const sourcesOf = (arn: string): readonly Queue[] =>
    [...queues.values()].filter(({ redrive }) => redrive?.deadLetterTargetArn === arn);

  const operations: JsonService['operations'] = {
    ListQueues: ({ QueueNamePrefix = '' }: { QueueNamePrefix?: string }) => ({
      QueueUrls: [...queues.values()].filter(({ name }) => name.startsWith(QueueNamePrefix)).map(({ url }) => url),
    }),

    GetQueueUrl: ({ QueueName }: { QueueName?: string }) => ({ QueueUrl: byName(String(QueueName)).url }),

    GetQueueAttributes({ QueueUrl, AttributeNames = [] }: { QueueUrl?: string; AttributeNames?: string[] }) {
      const all = attributesOf(byUrl(QueueUrl), clock.now());
      const asked = Object.entries(all).filter(([name]) => AttributeNames.some((one) => one === 'All' || one === name));
      return { Attributes: Object.fromEntries(asked) };
    },

    SendMessage({ QueueUrl, MessageBody, DelaySeconds }: SendMessage) {
      if (typeof MessageBody !== 'string' || MessageBody === '')
        throw new ServiceError('MissingParameter', 'The request must contain the parameter MessageBody.');
      if (Buffer.byteLength(MessageBody) > MAX_MESSAGE_BYTES)
        throw new ServiceError(
          'InvalidParameterValue',
          `One or more parameters are invalid. Reason: Message must be shorter than ${MAX_MESSAGE_BYTES} bytes.`,
        );
      const { id, body } = byUrl(QueueUrl).send(MessageBody, DelaySeconds);
      return { MessageId: id, MD5OfMessageBody: md5Of(body) };
    },

    /** Answers at once: nothing is gained by waiting on a clock that is moved by hand. */
    ReceiveMessage({ QueueUrl, MaxNumberOfMessages = 1, VisibilityTimeout }: ReceiveMessage) {
      if (MaxNumberOfMessages < 1 || MaxNumberOfMessages > 10)
        throw new ServiceError(
          'InvalidParameterValue',
          `Value ${MaxNumberOfMessages} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.`,
        );
      const received = byUrl(QueueUrl).receive(MaxNumberOfMessages, VisibilityTimeout);
      return received.length === 0 ? {} : { Messages: received.map(onWire) };
    },

    DeleteMessage({ QueueUrl, ReceiptHandle }: { QueueUrl?: string; ReceiptHandle?: string }) {
      byUrl(QueueUrl).delete(String(ReceiptHandle));
    },

    ChangeMessageVisibility({ QueueUrl, ReceiptHandle, VisibilityTimeout }: ChangeVisibility) {
      if (byUrl(QueueUrl).changeVisibility(String(ReceiptHandle), Number(VisibilityTimeout)) === undefined)
        throw new ServiceError('ReceiptHandleIsInvalid', 'The input receipt handle is invalid.');
    },

    /** Moves everything at once. The source must be a dead-letter queue, as on AWS. */
    StartMessageMoveTask({ SourceArn, DestinationArn }: { SourceArn?: string; DestinationArn?: string }) {
      const source = byArn(SourceArn);
      if (sourcesOf(source.arn).length === 0)
        throw new ServiceError('InvalidParameterValue', 'Source queue must be configured as a Dead Letter Queue.');
      const destination = DestinationArn === undefined ? undefined : byArn(DestinationArn);
      const moved = source.moveAll(({ deadLetterSource }) => destination ?? queues.get(deadLetterSource ?? ''));
      const task: MoveTask = {
        TaskHandle: Buffer.from(randomUUID()).toString('base64'),
        Status: 'COMPLETED',
        SourceArn: source.arn,
        ...(DestinationArn !== undefined && { DestinationArn }),
        ApproximateNumberOfMessagesMoved: moved,
        StartedTimestamp: clock.now(),
      };
      moveTasks.unshift(task);
      return { TaskHandle: task.TaskHandle };
    },

    ListMessageMoveTasks({ SourceArn, MaxResults = 1 }: { SourceArn?: string; MaxResults?: number }) {
      const { arn } = byArn(SourceArn);
      return { Results: moveTasks.filter((task) => task.SourceArn === arn).slice(0, MaxResults) };
    },

    ListDeadLetterSourceQueues: ({ QueueUrl }: { QueueUrl?: string }) => ({
      queueUrls: sourcesOf(byUrl(QueueUrl).arn).map(({ url }) => url),
    }),
  };

  return {
    service: { protocol: 'json', name: 'sqs', targetPrefix: 'AmazonSQS', version: '1.0', operations },

    createQueue(definition) {
      const arn = `arn:aws:sqs:${region}:${accountId}:${definition.name}`;
      const url = `https://sqs.${region}.amazonaws.com/${accountId}/${definition.name}`;
      const queue = new Queue(arn, url, definition, clock, (target) => queues.get(target));
      queues.set(arn, queue);
      return queue;
    },

    queue: (arn) => queues.get(arn),
    queues: () => [...queues.values()],

    consume(arn, consumption) {
      consumers.push(new Consumer(byArn(arn), clock, region, consumption));
    },

    async settled() {
      for (;;) {
        const work = consumers.flatMap((consumer) => consumer.work ?? []);
        if (work.length === 0) return;
        await Promise.race(work);
      }
    },

    close() {
      for (const consumer of consumers) consumer.close();
    },
  };
}

interface SendMessage {
  readonly QueueUrl?: string;
  readonly MessageBody?: string;
  readonly DelaySeconds?: number;
}

interface ReceiveMessage {
  readonly QueueUrl?: string;
  readonly MaxNumberOfMessages?: number;
  readonly VisibilityTimeout?: number;
}

interface ChangeVisibility {
  readonly QueueUrl?: string;
  readonly ReceiptHandle?: string;
  readonly VisibilityTimeout?: number;
}

/** 1 MiB since August 2025 [quotas-messages]. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

const doesNotExist = () => new ServiceError('QueueDoesNotExist', 'The specified queue does not exist.');

function attributesOf(queue: Queue, now: number): Readonly<Record<string, string>> {
  const { arn, messages, visibilityTimeout, retention, redrive, createdAt } = queue;
  const inFlight = messages.filter(({ visibleAt, receiptHandle }) => visibleAt > now && receiptHandle !== undefined);
  const delayed = messages.filter(({ visibleAt, receiptHandle }) => visibleAt > now && receiptHandle === undefined);
  return {
    QueueArn: arn,
    ApproximateNumberOfMessages: String(messages.length - inFlight.length - delayed.length),
    ApproximateNumberOfMessagesNotVisible: String(inFlight.length),
    ApproximateNumberOfMessagesDelayed: String(delayed.length),
    CreatedTimestamp: String(Math.floor(createdAt / 1000)),
    VisibilityTimeout: String(visibilityTimeout),
    MessageRetentionPeriod: String(retention),
    ...(redrive && { RedrivePolicy: JSON.stringify(redrive) }),
  };
}

const onWire = ({ id, body, receiptHandle, receiveCount, sentAt, firstReceivedAt, deadLetterSource }: Message) => ({
  MessageId: id,
  ReceiptHandle: receiptHandle,
  MD5OfBody: md5Of(body),
  Body: body,
  Attributes: {
    SentTimestamp: String(sentAt),
    ApproximateReceiveCount: String(receiveCount),
    ApproximateFirstReceiveTimestamp: String(firstReceivedAt),
    ...(deadLetterSource && { DeadLetterQueueSourceArn: deadLetterSource }),
  },
});

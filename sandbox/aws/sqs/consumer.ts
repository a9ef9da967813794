import type { Clock } from '../../clock';
import { type Message, md5Of, type Queue } from './queue';

export interface Consumption {
  /** @default 10 */
  readonly batchSize?: number;
  /** Batches under way at the same time. @default 2, the fewest that Lambda accepts */
  readonly maximumConcurrency?: number;
  /** Hands a batch to a function. Answers the ids of messages that it failed on, or 'all'. */
  deliver(records: readonly QueueRecord[]): Promise<readonly string[] | 'all'>;
}

/** One message as a Lambda function receives it ["Using Lambda with Amazon SQS"]. */
export interface QueueRecord {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly messageAttributes: Readonly<Record<string, never>>;
  readonly md5OfBody: string;
  readonly eventSource: 'aws:sqs';
  readonly eventSourceARN: string;
  readonly awsRegion: string;
}

/**
 * Lambda's poller of one event source mapping: delivers batches, deletes what was done, leaves what failed to become
 * visible again (and, after too many deliveries, to the dead-letter queue).
 */
export class Consumer {
  readonly #batches = new Set<Promise<void>>();
  #waking: Promise<void> | undefined;
  #closed = false;

  constructor(
    private readonly queue: Queue,
    private readonly clock: Clock,
    private readonly region: string,
    private readonly consumption: Consumption,
  ) {
    queue.onArrival(() => this.#pump());
  }

  /** Undefined when nothing is under way and nothing waits for its next delivery. */
  get work(): Promise<unknown> | undefined {
    const pending = [...this.#batches, ...(this.#waking === undefined ? [] : [this.#waking])];
    return pending.length === 0 ? undefined : Promise.race(pending);
  }

  close(): void {
    this.#closed = true;
  }

  #pump(): void {
    const { batchSize = 10, maximumConcurrency = 2 } = this.consumption;
    while (!this.#closed && this.#batches.size < maximumConcurrency) {
      const messages = this.queue.receive(batchSize);
      if (messages.length === 0) break;
      const batch = this.#deliver(messages).finally(() => {
        this.#batches.delete(batch);
        this.#pump();
      });
      this.#batches.add(batch);
    }
    this.#wakeLater();
  }

  async #deliver(messages: readonly Message[]): Promise<void> {
    const failed = await this.consumption.deliver(messages.map((message) => this.#recordOf(message)));
    for (const { id, receiptHandle } of messages) {
      if (failed !== 'all' && !failed.includes(id)) this.queue.delete(receiptHandle ?? '');
    }
  }

  /** Nobody is told when a hidden message becomes visible, so somebody sleeps until then. */
  #wakeLater(): void {
    const next = Math.min(...this.queue.messages.map(({ visibleAt }) => visibleAt));
    if (this.#closed || this.#waking !== undefined || this.#batches.size > 0 || next === Infinity) return;
    this.#waking = this.clock.sleep(Math.max(0, next - this.clock.now())).then(() => {
      this.#waking = undefined;
      this.#pump();
    });
  }

  #recordOf({ id, body, receiptHandle = '', receiveCount, sentAt, firstReceivedAt = sentAt }: Message): QueueRecord {
    return {
      messageId: id,
      receiptHandle,
      body,
      attributes: {
        ApproximateReceiveCount: String(receiveCount),
        SentTimestamp: String(sentAt),
        SenderId: 'sandbox',
        ApproximateFirstReceiveTimestamp: String(firstReceivedAt),
      },
      messageAttributes: {},
      md5OfBody: md5Of(body),
      eventSource: 'aws:sqs',
      eventSourceARN: this.queue.arn,
      awsRegion: this.region,
    };
  }
}

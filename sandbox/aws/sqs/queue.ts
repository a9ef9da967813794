import { createHash, randomUUID } from 'node:crypto';
import type { Clock } from '../../clock';

export interface Redrive {
  readonly deadLetterTargetArn: string;
  /** Deliveries after which a message is given up. */
  readonly maxReceiveCount: number;
}

export interface NewQueue {
  readonly name: string;
  /** Seconds. @default 30 */
  readonly visibilityTimeout?: number;
  /** Seconds. @default 4 days */
  readonly retention?: number;
  readonly redrive?: Redrive;
}

/** A message as it lies in a queue. */
export interface Message {
  readonly id: string;
  readonly body: string;
  /** Milliseconds since the epoch; kept when the message moves to a dead-letter queue. */
  readonly sentAt: number;
  /** Queue that gave it up. */
  readonly deadLetterSource?: string;
  receiveCount: number;
  firstReceivedAt?: number;
  /** Nobody receives it before, milliseconds since the epoch. */
  visibleAt: number;
  receiptHandle?: string;
}

const DEFAULT_VISIBILITY_SECONDS = 30;
const DEFAULT_RETENTION_SECONDS = 4 * 86_400;

export const md5Of = (text: string): string => createHash('md5').update(text).digest('hex');

/** A standard queue: at least once, in no promised order (here: oldest first). */
export class Queue {
  readonly name: string;
  readonly visibilityTimeout: number;
  readonly retention: number;
  readonly redrive: Redrive | undefined;
  readonly createdAt: number;
  #messages: Message[] = [];
  readonly #listeners = new Set<() => void>();

  constructor(
    readonly arn: string,
    readonly url: string,
    { name, visibilityTimeout, retention, redrive }: NewQueue,
    private readonly clock: Clock,
    private readonly deadLetterQueue: (arn: string) => Queue | undefined,
  ) {
    this.name = name;
    this.visibilityTimeout = visibilityTimeout ?? DEFAULT_VISIBILITY_SECONDS;
    this.retention = retention ?? DEFAULT_RETENTION_SECONDS;
    this.redrive = redrive;
    this.createdAt = clock.now();
  }

  /** All messages that are not deleted, in flight or not, oldest first. */
  get messages(): readonly Message[] {
    const oldest = this.clock.now() - this.retention * 1000;
    this.#messages = this.#messages.filter(({ sentAt }) => sentAt >= oldest);
    return this.#messages;
  }

  /** Calls the listener whenever a message has come in. */
  onArrival(listener: () => void): void {
    this.#listeners.add(listener);
  }

  send(body: string, delaySeconds = 0): Message {
    const now = this.clock.now();
    return this.#add({ id: randomUUID(), body, sentAt: now, receiveCount: 0, visibleAt: now + delaySeconds * 1000 });
  }

  /** Takes visible messages, and hides them. One that was delivered often enough goes to the dead-letter queue instead. */
  receive(limit: number, visibilityTimeout = this.visibilityTimeout): readonly Message[] {
    const now = this.clock.now();
    const received: Message[] = [];
    for (const message of [...this.messages]) {
      if (received.length >= limit) break;
      if (message.visibleAt > now || this.#gaveUp(message)) continue;
      message.receiveCount += 1;
      message.firstReceivedAt ??= now;
      message.visibleAt = now + visibilityTimeout * 1000;
      message.receiptHandle = randomUUID();
      received.push(message);
    }
    return received;
  }

  /** A handle of an earlier delivery deletes nothing; a message that is gone already is no error. */
  delete(receiptHandle: string): void {
    this.#messages = this.#messages.filter((message) => message.receiptHandle !== receiptHandle);
  }

  /** Undefined when no message was received under this handle. */
  changeVisibility(receiptHandle: string, seconds: number): Message | undefined {
    const found = this.#messages.find((message) => message.receiptHandle === receiptHandle);
    if (found !== undefined) {
      found.visibleAt = this.clock.now() + seconds * 1000;
      this.#announce();
    }
    return found;
  }

  /** Moves every visible message to another queue, or each to the queue that it came from. */
  moveAll(destinationOf: (message: Message) => Queue | undefined): number {
    const now = this.clock.now();
    const moved = this.messages.filter((message) => message.visibleAt <= now && destinationOf(message) !== undefined);
    this.#messages = this.#messages.filter((message) => !moved.includes(message));
    for (const message of moved) {
      const { deadLetterSource: _left, ...rest } = message;
      // To its queue, a message that comes back is a new one.
      const destination = destinationOf(message);
      if (destination !== undefined) destination.#add({ ...rest, sentAt: now, receiveCount: 0, visibleAt: now });
    }
    return moved.length;
  }

  #gaveUp(message: Message): boolean {
    if (this.redrive === undefined || message.receiveCount < this.redrive.maxReceiveCount) return false;
    const target = this.deadLetterQueue(this.redrive.deadLetterTargetArn);
    if (target === undefined) return false;
    this.#messages = this.#messages.filter((other) => other !== message);
    target.#add({ ...message, deadLetterSource: this.arn, visibleAt: this.clock.now() });
    return true;
  }

  #add(message: Message): Message {
    this.#messages.push(message);
    this.#announce();
    return message;
  }

  #announce(): void {
    for (const listener of this.#listeners) listener();
  }
}

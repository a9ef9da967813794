import type { LogGroupClass } from '@aws-sdk/client-cloudwatch-logs';
import { type Estate, ServiceError } from '../service';

export interface LogEvent {
  readonly timestamp: number;
  readonly ingestionTime: number;
  readonly message: string;
  /** Place in the order of arrival over all groups. */
  readonly sequence: number;
}

export interface LogStream {
  readonly name: string;
  readonly createdAt: number;
  /** By timestamp, equal timestamps in the order of arrival. */
  readonly events: LogEvent[];
}

export interface LogGroup {
  readonly name: string;
  readonly createdAt: number;
  readonly class: LogGroupClass;
  readonly streams: Map<string, LogStream>;
  readonly tags: Map<string, string>;
  kmsKeyId?: string;
  retentionInDays?: number;
  isProtected: boolean;
}

export interface NewEvent {
  readonly timestamp: number;
  readonly message: string;
}

/** A saved Logs Insights query. */
export interface QueryDefinition {
  readonly queryDefinitionId: string;
  readonly name: string;
  readonly queryString: string;
  readonly logGroupNames: readonly string[];
  readonly parameters?: readonly { readonly name: string; readonly description?: string }[];
}

const DAY = 24 * 60 * 60 * 1000;

/** All log groups of the account. Events older than their group's retention are not shown any more. */
export class LogStore {
  readonly estate: Estate;
  readonly groups = new Map<string, LogGroup>();
  /** By id. */
  readonly queryDefinitions = new Map<string, QueryDefinition>();
  #sequence = 0;

  constructor(estate: Estate) {
    this.estate = estate;
  }

  get now(): number {
    return this.estate.clock.now();
  }

  create(name: string, logGroupClass: LogGroupClass = 'STANDARD'): LogGroup {
    if (this.groups.has(name)) {
      throw new ServiceError('ResourceAlreadyExistsException', 'The specified log group already exists');
    }
    const group: LogGroup = {
      name,
      createdAt: this.now,
      class: logGroupClass,
      streams: new Map(),
      tags: new Map(),
      isProtected: false,
    };
    this.groups.set(name, group);
    return group;
  }

  /** By name, or by ARN with or without the :* that some operations add to it. */
  group(identifier: string | undefined): LogGroup {
    const name = /^arn:[^:]+:logs:[^:]*:[^:]*:log-group:([^:]+)(?::\*)?$/.exec(identifier ?? '')?.[1] ?? identifier;
    const group = name === undefined ? undefined : this.groups.get(name);
    if (group === undefined) {
      throw new ServiceError('ResourceNotFoundException', 'The specified log group does not exist.');
    }
    return group;
  }

  stream(group: LogGroup, name: string | undefined): LogStream {
    const stream = name === undefined ? undefined : group.streams.get(name);
    if (stream === undefined) {
      throw new ServiceError('ResourceNotFoundException', 'The specified log stream does not exist.');
    }
    return stream;
  }

  createStream(group: LogGroup, name: string): LogStream {
    if (group.streams.has(name)) {
      throw new ServiceError('ResourceAlreadyExistsException', 'The specified log stream already exists');
    }
    const stream: LogStream = { name, createdAt: this.now, events: [] };
    group.streams.set(name, stream);
    return stream;
  }

  append(stream: LogStream, events: readonly NewEvent[]): void {
    for (const { timestamp, message } of events) {
      this.#sequence += 1;
      const event = { timestamp, message, ingestionTime: this.now, sequence: this.#sequence };
      let at = stream.events.length;
      while (at > 0 && (stream.events[at - 1] as LogEvent).timestamp > timestamp) at -= 1;
      stream.events.splice(at, 0, event);
    }
  }

  eventsOf(group: LogGroup, stream: LogStream): readonly LogEvent[] {
    if (group.retentionInDays === undefined) return stream.events;
    const oldest = this.now - group.retentionInDays * DAY;
    return stream.events.filter(({ timestamp }) => timestamp >= oldest);
  }

  /** Without the trailing :* that only permissions on streams need. */
  arnOf({ name }: LogGroup): string {
    return `arn:aws:logs:${this.estate.region}:${this.estate.accountId}:log-group:${name}`;
  }
}

export function invalidParameter(message: string): ServiceError {
  return new ServiceError('InvalidParameterException', message);
}

/** Names of groups and streams come in the order of their characters. */
export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : Number(a.name > b.name);
}

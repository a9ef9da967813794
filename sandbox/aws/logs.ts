import { randomUUID } from 'node:crypto';
import type { LogGroupClass } from '@aws-sdk/client-cloudwatch-logs';
import type { KeyAccess } from './kms';
import { groupOperations } from './logs/group-operations';
import { queryOperations } from './logs/query-operations';
import { type LogGroup, LogStore, type QueryDefinition } from './logs/store';
import { streamOperations } from './logs/stream-operations';
import type { Estate, JsonService } from './service';

export interface LogsOptions {
  /** Where the state of KMS keys is asked. @default keys are always usable */
  readonly kms?: KeyAccess;
  /** Log groups per account. @default 1,000,000 as on AWS */
  readonly groupQuota?: number;
}

export interface NewLogGroup {
  readonly name: string;
  readonly retentionInDays?: number;
  readonly kmsKeyId?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly logGroupClass?: LogGroupClass;
  readonly deletionProtection?: boolean;
}

export interface Logs {
  readonly service: JsonService;
  /** Makes a log group without a call; returns its ARN without :*. */
  createLogGroup(group: NewLogGroup): string;
  /** Saves a query without a call; returns its id. */
  saveQuery(query: Omit<QueryDefinition, 'queryDefinitionId'>): string;
  /** Writes lines as Lambda and Step Functions do: the stream, and the group if it is missing, are made on the way. */
  append(logGroup: string, stream: string, message: string): void;
  /** Messages of all streams by time; empty when there is no such group. */
  lines(logGroup: string): string[];
  group(name: string): Readonly<LogGroup> | undefined;
  /** All groups. */
  groups(): readonly Readonly<LogGroup>[];
  reset(): void;
}

/** CloudWatch Logs: groups with retention, key, tags and deletion protection; streams and their events. */
export function createLogs(estate: Estate, { kms, groupQuota = 1_000_000 }: LogsOptions = {}): Logs {
  const store = new LogStore(estate);

  return {
    service: {
      protocol: 'json',
      name: 'logs',
      targetPrefix: 'Logs_20140328',
      version: '1.1',
      operations: { ...groupOperations(store, kms, groupQuota), ...streamOperations(store), ...queryOperations(store) },
    },

    createLogGroup({ name, retentionInDays, kmsKeyId, tags = {}, logGroupClass, deletionProtection = false }) {
      const group = store.create(name, logGroupClass);
      if (retentionInDays !== undefined) group.retentionInDays = retentionInDays;
      if (kmsKeyId !== undefined) group.kmsKeyId = kmsKeyId;
      group.isProtected = deletionProtection;
      for (const [tag, value] of Object.entries(tags)) group.tags.set(tag, value);
      return store.arnOf(group);
    },

    saveQuery(query) {
      const queryDefinitionId = randomUUID();
      store.queryDefinitions.set(queryDefinitionId, { queryDefinitionId, ...query });
      return queryDefinitionId;
    },

    append(logGroup, streamName, message) {
      const group = store.groups.get(logGroup) ?? store.create(logGroup);
      const stream = group.streams.get(streamName) ?? store.createStream(group, streamName);
      store.append(stream, [{ timestamp: store.now, message }]);
    },

    lines(logGroup) {
      const group = store.groups.get(logGroup);
      return [...(group?.streams.values() ?? [])]
        .flatMap(({ events }) => events)
        .sort((a, b) => a.timestamp - b.timestamp || a.sequence - b.sequence)
        .map(({ message }) => message);
    },

    group: (name) => store.groups.get(name),
    groups: () => [...store.groups.values()],
    reset() {
      store.groups.clear();
      store.queryDefinitions.clear();
    },
  };
}

import {
  DescribeKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  GetKeyLastUsageCommand,
  type KeyState,
  type KMSClient,
  ListAliasesCommand,
  ListKeysCommand,
  ListResourceTagsCommand,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms';
import type { AwsStub } from 'aws-sdk-client-mock';
import { anAwsError } from './aws-errors';
import { aKeyArn } from './builders';

/** A KMS key as these tests need it. */
export interface Key {
  readonly id: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly created: Date;
  state: KeyState;
  description?: string;
  alias?: string;
  usedAt?: Date;
  deletionDate?: Date;
}

export const TRACKED_SINCE = new Date('2026-01-01T00:00:00.000Z');
const DAY = 86_400_000;

/** A key that provision-encryption-key made for acme and that nobody has: two days old, without alias, never used. */
export const anOrphanedKey = (changes: Partial<Key> = {}): Key => ({
  id: 'orphan',
  tags: { 'tenant-id': 'acme', 'managed-by': 'tenant-lifecycle-dev', 'attempt-id': 'onboard--acme--x.1' },
  created: new Date(Date.now() - 2 * DAY),
  state: 'Enabled',
  ...changes,
});

/** Serves the keys of an account through a mocked KMS. @param pageSize of its lists */
export function serveKeys(
  // biome-ignore lint/suspicious/noExplicitAny: a stub of any commands.
  kms: AwsStub<any, any, KMSClient['config']>,
  keys: readonly Key[],
  pageSize = Number.POSITIVE_INFINITY,
): void {
  const find = (id: string | undefined): Key => {
    const key = keys.find((one) => aKeyArn(one.id) === id || one.alias === id);
    if (key === undefined) throw anAwsError('NotFoundException');
    return key;
  };
  const usable = (id: string | undefined): Key => {
    const key = find(id);
    if (key.state === 'PendingDeletion') throw anAwsError('KMSInvalidStateException', 'is pending deletion');
    return key;
  };
  const page = <Entry>(all: readonly Entry[], marker: string | undefined) => {
    const from = Number(marker ?? 0);
    const Truncated = from + pageSize < all.length;
    return {
      entries: all.slice(from, from + pageSize),
      Truncated,
      ...(Truncated && { NextMarker: `${from + pageSize}` }),
    };
  };
  kms.on(DescribeKeyCommand).callsFake(({ KeyId }) => {
    const { id, state, created, description, deletionDate } = find(KeyId);
    return {
      KeyMetadata: {
        KeyId: id,
        Arn: aKeyArn(id),
        KeyState: state,
        CreationDate: created,
        ...(description && { Description: description }),
        ...(deletionDate && { DeletionDate: deletionDate }),
      },
    };
  });
  kms.on(ListKeysCommand).callsFake(({ Marker }) => {
    const { entries, ...rest } = page(keys, Marker);
    return { Keys: entries.map(({ id }) => ({ KeyId: id, KeyArn: aKeyArn(id) })), ...rest };
  });
  kms.on(ListAliasesCommand).callsFake(({ KeyId, Marker }) => {
    const aliased = keys.filter(
      ({ id, alias }) => alias !== undefined && (KeyId === undefined || aKeyArn(id) === KeyId),
    );
    const { entries, ...rest } = page(aliased, Marker);
    return { Aliases: entries.map(({ id, alias }) => ({ AliasName: alias, TargetKeyId: id })), ...rest };
  });
  kms.on(ListResourceTagsCommand).callsFake(({ KeyId }) => ({
    Tags: Object.entries(find(KeyId).tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
  }));
  kms.on(GetKeyLastUsageCommand).callsFake(({ KeyId }) => {
    const { created, usedAt } = find(KeyId);
    return {
      KeyCreationDate: created,
      TrackingStartDate: TRACKED_SINCE,
      ...(usedAt && { KeyLastUsage: { Timestamp: usedAt } }),
    };
  });
  kms.on(DisableKeyCommand).callsFake(({ KeyId }) => {
    usable(KeyId).state = 'Disabled';
    return {};
  });
  kms.on(EnableKeyCommand).callsFake(({ KeyId }) => {
    usable(KeyId).state = 'Enabled';
    return {};
  });
  kms.on(ScheduleKeyDeletionCommand).callsFake(({ KeyId, PendingWindowInDays = 30 }) => {
    const key = usable(KeyId);
    key.state = 'PendingDeletion';
    key.deletionDate = new Date(Date.now() + PendingWindowInDays * DAY);
    return { DeletionDate: key.deletionDate };
  });
}

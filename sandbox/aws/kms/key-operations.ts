import type * as kms from '@aws-sdk/client-kms';
import { pageOf } from '../paging';
import { type Estate, type Operation, ServiceError } from '../service';
import type { OnWire } from '../wire';
import { checkKeyPolicy, defaultKeyPolicy } from './key-policy';
import { type Key, type KeyStore, requireEnabled, requireNotPendingDeletion } from './key-store';

type Input<Command> = OnWire<Command>;

export interface KeyRules {
  /** Keys in any state per account and Region. */
  readonly keyQuota: number;
  /** Whether a role or user in a key policy is known to IAM already. */
  readonly principalExists: (arn: string) => boolean;
}

const DAY = 24 * 60 * 60 * 1000;

/** Operations on keys: their making, state, policy, tags and end. */
export function keyOperations(store: KeyStore, estate: Estate, rules: KeyRules): Record<string, Operation> {
  const setState = (state: 'Enabled' | 'Disabled') => (input: Input<kms.EnableKeyCommandInput>) => {
    const key = store.get(required(input.KeyId, 'keyId'));
    requireNotPendingDeletion(key);
    key.state = state;
  };
  const setRotation = (rotates: boolean) => (input: Input<kms.EnableKeyRotationCommandInput>) => {
    const key = store.get(required(input.KeyId, 'keyId'));
    requireEnabled(key);
    key.rotates = rotates;
    key.rotationPeriodInDays = input.RotationPeriodInDays ?? key.rotationPeriodInDays;
  };

  return {
    CreateKey(input: Input<kms.CreateKeyCommandInput>) {
      if (store.size >= rules.keyQuota) {
        throw new ServiceError('LimitExceededException', `You have reached the quota of ${rules.keyQuota} KMS keys`);
      }
      const policy = input.Policy ?? defaultKeyPolicy(estate);
      checkKeyPolicy(policy, rules.principalExists);
      const key = store.create({
        policy,
        description: input.Description ?? '',
        spec: input.KeySpec ?? 'SYMMETRIC_DEFAULT',
        usage: input.KeyUsage ?? 'ENCRYPT_DECRYPT',
        multiRegion: input.MultiRegion ?? false,
        tags: withTags(new Map(), input.Tags ?? []),
      });
      return { KeyMetadata: metadataOf(key, estate) };
    },

    DescribeKey: (input: Input<kms.DescribeKeyCommandInput>) => ({
      KeyMetadata: metadataOf(store.resolve(required(input.KeyId, 'keyId')), estate),
    }),

    ListKeys(input: Input<kms.ListKeysCommandInput>) {
      const { items, next } = pageOf(store.keys(), ({ id }) => id, pageRequest(input, 100), invalidMarker);
      return { Keys: items.map(({ id, arn }) => ({ KeyId: id, KeyArn: arn })), ...truncation(next) };
    },

    EnableKey: setState('Enabled'),
    DisableKey: setState('Disabled'),
    EnableKeyRotation: setRotation(true),
    DisableKeyRotation: setRotation(false),

    GetKeyRotationStatus(input: Input<kms.GetKeyRotationStatusCommandInput>) {
      const key = store.get(required(input.KeyId, 'keyId'));
      const rotates = key.rotates && key.state !== 'PendingDeletion';
      return {
        KeyId: key.arn,
        KeyRotationEnabled: rotates,
        ...(rotates ? { RotationPeriodInDays: key.rotationPeriodInDays } : {}),
      };
    },

    GetKeyPolicy: (input: Input<kms.GetKeyPolicyCommandInput>) => ({
      Policy: store.get(required(input.KeyId, 'keyId')).policy,
      PolicyName: 'default',
    }),

    PutKeyPolicy(input: Input<kms.PutKeyPolicyCommandInput>) {
      const key = store.get(required(input.KeyId, 'keyId'));
      const policy = required(input.Policy, 'policy');
      checkKeyPolicy(policy, rules.principalExists);
      key.policy = policy;
    },

    ListResourceTags(input: Input<kms.ListResourceTagsCommandInput>) {
      const tags = [...store.get(required(input.KeyId, 'keyId')).tags].sort(([a], [b]) => (a < b ? -1 : 1));
      const { items, next } = pageOf(tags, ([name]) => name, pageRequest(input, 50), invalidMarker);
      return { Tags: items.map(([TagKey, TagValue]) => ({ TagKey, TagValue })), ...truncation(next) };
    },

    TagResource(input: Input<kms.TagResourceCommandInput>) {
      const key = store.get(required(input.KeyId, 'keyId'));
      requireNotPendingDeletion(key);
      withTags(key.tags, required(input.Tags, 'tags'));
    },

    UntagResource(input: Input<kms.UntagResourceCommandInput>) {
      const key = store.get(required(input.KeyId, 'keyId'));
      requireNotPendingDeletion(key);
      for (const name of required(input.TagKeys, 'tagKeys')) key.tags.delete(name);
    },

    ScheduleKeyDeletion(input: Input<kms.ScheduleKeyDeletionCommandInput>) {
      const key = store.get(required(input.KeyId, 'keyId'));
      const days = input.PendingWindowInDays ?? 30;
      if (!(days >= 7 && days <= 30)) throw invalid('pendingWindowInDays', 'must be between 7 and 30');
      requireNotPendingDeletion(key);
      key.state = 'PendingDeletion';
      key.pendingWindowInDays = days;
      key.deletionDate = store.now + days * DAY;
      return {
        KeyId: key.arn,
        DeletionDate: new Date(key.deletionDate),
        KeyState: key.state,
        PendingWindowInDays: days,
      };
    },

    CancelKeyDeletion(input: Input<kms.CancelKeyDeletionCommandInput>) {
      const key = store.get(required(input.KeyId, 'keyId'));
      if (key.state !== 'PendingDeletion') {
        throw new ServiceError('KMSInvalidStateException', `${key.arn} is not pending deletion.`);
      }
      key.state = 'Disabled';
      delete key.deletionDate;
      delete key.pendingWindowInDays;
      return { KeyId: key.arn };
    },

    GetKeyLastUsage(input: Input<kms.GetKeyLastUsageCommandInput>) {
      const key = store.get(required(input.KeyId, 'keyId'));
      const usage = key.lastUsage && {
        Operation: key.lastUsage.operation,
        Timestamp: new Date(key.lastUsage.at),
        KmsRequestId: key.lastUsage.requestId,
      };
      const created = new Date(key.createdAt);
      return { KeyId: key.arn, KeyLastUsage: usage, TrackingStartDate: created, KeyCreationDate: created };
    },

    ListGrants(input: Input<kms.ListGrantsCommandInput>) {
      store.get(required(input.KeyId, 'keyId'));
      return { Grants: [], Truncated: false };
    },
  };
}

function metadataOf(key: Key, { accountId }: Estate): object {
  return {
    AWSAccountId: accountId,
    KeyId: key.id,
    Arn: key.arn,
    CreationDate: new Date(key.createdAt),
    Enabled: key.state === 'Enabled',
    Description: key.description,
    KeyUsage: key.usage,
    KeyState: key.state,
    DeletionDate: key.deletionDate === undefined ? undefined : new Date(key.deletionDate),
    Origin: 'AWS_KMS',
    KeyManager: 'CUSTOMER',
    CustomerMasterKeySpec: key.spec,
    KeySpec: key.spec,
    EncryptionAlgorithms: key.spec === 'SYMMETRIC_DEFAULT' ? ['SYMMETRIC_DEFAULT'] : undefined,
    MultiRegion: key.multiRegion,
  };
}

function withTags(tags: Map<string, string>, added: readonly OnWire<kms.Tag>[]): Map<string, string> {
  for (const { TagKey, TagValue } of added) {
    if (!TagKey || TagKey.startsWith('aws:')) throw new ServiceError('TagException', `Invalid tag key '${TagKey}'`);
    tags.set(TagKey, TagValue ?? '');
  }
  if (tags.size > 50) throw new ServiceError('TagException', 'A key can have no more than 50 tags');
  return tags;
}

export function required<Value>(value: Value | undefined, member: string): Value {
  if (value === undefined || value === null) throw invalid(member, 'must not be null');
  return value;
}

export function invalid(member: string, reason: string): ServiceError {
  return new ServiceError('ValidationException', `1 validation error detected: Value at '${member}' ${reason}`);
}

export function pageRequest(
  { Limit, Marker }: { readonly Limit?: number | undefined; readonly Marker?: string | undefined },
  defaultLimit: number,
): { limit: number; token: string | undefined } {
  return { limit: Limit ?? defaultLimit, token: Marker };
}

export function invalidMarker(): ServiceError {
  return new ServiceError('InvalidMarkerException', 'The marker is not valid');
}

export function truncation(next: string | undefined): object {
  return next === undefined ? { Truncated: false } : { Truncated: true, NextMarker: next };
}

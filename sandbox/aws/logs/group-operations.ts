import type * as logs from '@aws-sdk/client-cloudwatch-logs';
import type { KeyAccess } from '../kms';
import { pageOf } from '../paging';
import { type Operation, ServiceError } from '../service';
import type { OnWire } from '../wire';
import { byName, invalidParameter, type LogGroup, type LogStore } from './store';

const RETENTION_DAYS = new Set([
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
]);

const TAG_LIMIT = 50;

/** Operations on log groups: their making, retention, key, tags, protection and end. */
export function groupOperations(store: LogStore, kms: KeyAccess | undefined, quota: number): Record<string, Operation> {
  const describe = (group: LogGroup) => ({
    logGroupName: group.name,
    creationTime: group.createdAt,
    retentionInDays: group.retentionInDays,
    metricFilterCount: 0,
    arn: `${store.arnOf(group)}:*`,
    logGroupArn: store.arnOf(group),
    storedBytes: 0,
    kmsKeyId: group.kmsKeyId,
    logGroupClass: group.class,
    deletionProtectionEnabled: group.isProtected,
  });

  return {
    CreateLogGroup(input: OnWire<logs.CreateLogGroupCommandInput>) {
      const name = groupName(input.logGroupName);
      const { kmsKeyId } = input;
      if (store.groups.size >= quota && !store.groups.has(name)) {
        throw new ServiceError('LimitExceededException', 'Resource limit exceeded.');
      }
      if (kmsKeyId !== undefined && !store.groups.has(name)) requireKey(kms, kmsKeyId);
      const group = store.create(name, input.logGroupClass);
      if (kmsKeyId !== undefined) group.kmsKeyId = kmsKeyId;
      group.isProtected = input.deletionProtectionEnabled ?? false;
      addTags(group, input.tags ?? {});
    },

    DeleteLogGroup(input: OnWire<logs.DeleteLogGroupCommandInput>) {
      const group = store.group(input.logGroupName);
      if (group.isProtected) {
        throw new ServiceError('ValidationException', `Deletion protection is enabled for log group ${group.name}`);
      }
      store.groups.delete(group.name);
    },

    PutLogGroupDeletionProtection(input: OnWire<logs.PutLogGroupDeletionProtectionCommandInput>) {
      store.group(input.logGroupIdentifier).isProtected = input.deletionProtectionEnabled ?? false;
    },

    PutRetentionPolicy(input: OnWire<logs.PutRetentionPolicyCommandInput>) {
      const days = input.retentionInDays ?? 0;
      if (!RETENTION_DAYS.has(days)) {
        throw invalidParameter(`${days} is not a retention in days. Allowed: ${[...RETENTION_DAYS].join(', ')}`);
      }
      store.group(input.logGroupName).retentionInDays = days;
    },

    DeleteRetentionPolicy(input: OnWire<logs.DeleteRetentionPolicyCommandInput>) {
      delete store.group(input.logGroupName).retentionInDays;
    },

    AssociateKmsKey(input: OnWire<logs.AssociateKmsKeyCommandInput>) {
      const group = store.group(input.logGroupName ?? input.resourceIdentifier);
      const kmsKeyId = input.kmsKeyId ?? '';
      requireKey(kms, kmsKeyId);
      group.kmsKeyId = kmsKeyId;
    },

    DisassociateKmsKey(input: OnWire<logs.DisassociateKmsKeyCommandInput>) {
      delete store.group(input.logGroupName ?? input.resourceIdentifier).kmsKeyId;
    },

    DescribeLogGroups(input: OnWire<logs.DescribeLogGroupsCommandInput>) {
      const { logGroupNamePrefix: prefix, logGroupNamePattern: pattern, logGroupIdentifiers, limit = 50 } = input;
      if (prefix !== undefined && pattern !== undefined) {
        throw invalidParameter('LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.');
      }
      if (limit < 1 || limit > 50) throw invalidParameter('limit must be between 1 and 50');
      const named = logGroupIdentifiers?.map((identifier) => store.group(identifier).name);
      const groups = [...store.groups.values()]
        .filter(({ name }) => named === undefined || named.includes(name))
        .filter(({ name }) => prefix === undefined || name.startsWith(prefix))
        .filter(({ name }) => pattern === undefined || name.toLowerCase().includes(pattern.toLowerCase()))
        .filter((group) => input.logGroupClass === undefined || group.class === input.logGroupClass)
        .sort(byName);
      const { items, next } = pageOf(groups, ({ name }) => name, { limit, token: input.nextToken });
      return { logGroups: items.map(describe), nextToken: next };
    },

    TagResource(input: OnWire<logs.TagResourceCommandInput>) {
      addTags(store.group(input.resourceArn), input.tags ?? {});
    },

    UntagResource(input: OnWire<logs.UntagResourceCommandInput>) {
      const group = store.group(input.resourceArn);
      for (const name of input.tagKeys ?? []) group.tags.delete(name);
    },

    ListTagsForResource: (input: OnWire<logs.ListTagsForResourceCommandInput>) => ({
      tags: Object.fromEntries(store.group(input.resourceArn).tags),
    }),
  };
}

function groupName(name: string | undefined): string {
  if (name === undefined || !/^[.\-_/#A-Za-z0-9]{1,512}$/.test(name)) {
    throw invalidParameter(`'${name}' does not satisfy [.\\-_/#A-Za-z0-9]+ with at most 512 characters`);
  }
  if (name.startsWith('aws/')) throw invalidParameter('Log groups starting with aws/ are reserved for AWS.');
  return name;
}

/** A key that is missing, disabled or pending deletion is an invalid parameter to this service. */
function requireKey(kms: KeyAccess | undefined, kmsKeyId: string): void {
  try {
    kms?.requireUsable(kmsKeyId, 'GenerateDataKey');
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throw invalidParameter(`The specified KMS key does not exist or is not allowed to be used: ${error.message}`);
  }
}

function addTags(group: LogGroup, tags: Readonly<Record<string, string>>): void {
  const size = new Set([...group.tags.keys(), ...Object.keys(tags)]).size;
  if (size > TAG_LIMIT) throw new ServiceError('TooManyTagsException', 'A log group can have no more than 50 tags');
  for (const [name, value] of Object.entries(tags)) group.tags.set(name, value);
}

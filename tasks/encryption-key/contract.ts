import {
  Destroyed,
  defineContract,
  type Permission,
  type Platform,
  Provisioned,
  Switched,
  TaskInput,
} from '../shared/contract';
import { appId, keyAlias, MANAGED_BY_TAG } from '../shared/names';
import { markAsOurs } from '../shared/permissions';
import { HOLD_STATUSES, PROVISION_STATUSES, PURGE_STATUSES } from '../shared/tenant';
import { KEY_POLICY_ENVIRONMENT } from './key-policy';

export const ENCRYPTION_KEY = 'encryption-key';

export const keyDescription = (tenantId: string): string => `Data of tenant ${tenantId}`;

const keys = ({ partition, region, account }: Platform): string => `arn:${partition}:kms:${region}:${account}:key/*`;

/** Keys that this app made: nothing else may be touched. */
const ourKeys = (platform: Platform, actions: readonly string[]): Permission => ({
  actions,
  resources: [keys(platform)],
  conditions: { StringEquals: { [`aws:ResourceTag/${MANAGED_BY_TAG}`]: appId(platform.app) } },
  wildcardReason: 'Key ids are chosen by KMS; the condition admits only keys tagged as made by this app and stage.',
});

/** Finding every key that may be the tenant's, see find-key.ts. */
const SEARCH: Permission = {
  actions: ['kms:ListKeys', 'kms:ListResourceTags'],
  resources: ['*'],
  wildcardReason:
    'The search for a key whose CreateKey answer was lost lists all keys and reads their tags; it reads no data.',
};

/** Without a condition on tags, which would turn "not found" and "somebody else's" into "access denied". */
const LOOK: Permission = {
  actions: ['kms:DescribeKey'],
  resources: ['*'],
  wildcardReason:
    'A key that is gone, or somebody else’s behind the alias, has no tag of ours; it reads metadata only.',
};

export const provisionEncryptionKey = defineContract({
  name: 'provision-encryption-key',
  stateName: 'Provision encryption key',
  repeatable:
    'The ledger records the intent before CreateKey and the key id after it; a repeat looks up ledger, alias and tags before it creates.',
  entry: 'encryption-key/provision',
  input: TaskInput,
  output: Provisioned,
  resource: ENCRYPTION_KEY,
  fence: PROVISION_STATUSES,
  timeoutSeconds: 120,
  environment: KEY_POLICY_ENVIRONMENT,
  permissions: (platform) => [
    {
      actions: ['kms:CreateKey'],
      resources: ['*'],
      conditions: { StringEquals: { [`aws:RequestTag/${MANAGED_BY_TAG}`]: appId(platform.app) } },
      wildcardReason:
        'CreateKey has no resource before it ran; the condition demands the tag that marks the key as ours.',
    },
    // Keys of others mostly have aliases, ours one of this path. A key that is being made has none: then the condition holds.
    ...markAsOurs(platform, 'kms:TagResource', keys(platform), {
      'ForAllValues:StringLike': { 'kms:ResourceAliases': keyAlias(platform.app, '*') },
    }),
    SEARCH,
    LOOK,
    {
      actions: ['kms:CreateAlias', 'kms:UpdateAlias'],
      resources: [
        `arn:${platform.partition}:kms:${platform.region}:${platform.account}:${keyAlias(platform.app, '*')}`,
      ],
      wildcardReason: 'One alias per tenant below the path of this app and stage.',
    },
    // CreateKey, too, asks for PutKeyPolicy: it refuses (policy lockout safety check) a key whose policy its caller could not
    // change afterwards. CreateAlias and UpdateAlias are authorized on the key as well as on the alias.
    ourKeys(platform, [
      'kms:CreateAlias',
      'kms:UpdateAlias',
      'kms:EnableKey',
      'kms:EnableKeyRotation',
      'kms:GetKeyPolicy',
      'kms:PutKeyPolicy',
    ]),
  ],
});

/** What verify.ts calls; granted to verify-tenant. Without the condition on the tag: a missing tag is one of the things to be found. */
export const verifyEncryptionKeyPermissions = (platform: Platform): readonly Permission[] => [
  LOOK,
  {
    actions: ['kms:GetKeyPolicy', 'kms:GetKeyRotationStatus', 'kms:ListResourceTags'],
    resources: [keys(platform)],
    wildcardReason: 'Key ids are chosen by KMS; these calls show state, policy and tags, and use no key.',
  },
];

export const suspendEncryptionKey = defineContract({
  name: 'suspend-encryption-key',
  stateName: 'Suspend encryption key',
  repeatable:
    'Disabling a disabled key changes nothing; a key that was never made, or is being deleted, counts as disabled.',
  entry: 'encryption-key/suspend',
  input: TaskInput,
  output: Switched,
  resource: ENCRYPTION_KEY,
  readsLedger: true,
  fence: [...HOLD_STATUSES, ...PURGE_STATUSES],
  timeoutSeconds: 120,
  // During the purge, once nothing needs the key any more.
  furtherStates: ['Disable encryption key for good'],
  environment: [],
  permissions: (platform) => [SEARCH, LOOK, ourKeys(platform, ['kms:DisableKey'])],
});

export const restoreEncryptionKey = defineContract({
  name: 'restore-encryption-key',
  stateName: 'Restore encryption key',
  repeatable: 'Enabling an enabled key changes nothing.',
  entry: 'encryption-key/restore',
  input: TaskInput,
  output: Switched,
  resource: ENCRYPTION_KEY,
  readsLedger: true,
  fence: PURGE_STATUSES,
  environment: [],
  permissions: (platform) => [LOOK, ourKeys(platform, ['kms:EnableKey'])],
});

export const destroyEncryptionKey = defineContract({
  name: 'destroy-encryption-key',
  stateName: 'Destroy encryption key',
  repeatable: 'A missing alias counts as deleted, a key that is pending deletion as scheduled; its date is read back.',
  entry: 'encryption-key/destroy',
  input: TaskInput,
  output: Destroyed,
  resource: ENCRYPTION_KEY,
  fence: PURGE_STATUSES,
  destructive: true,
  timeoutSeconds: 120,
  environment: ['KEY_DELETION_DAYS'],
  permissions: (platform) => [
    SEARCH,
    LOOK,
    ourKeys(platform, ['kms:DisableKey', 'kms:DeleteAlias', 'kms:ScheduleKeyDeletion']),
    {
      actions: ['kms:DeleteAlias'],
      resources: [
        `arn:${platform.partition}:kms:${platform.region}:${platform.account}:${keyAlias(platform.app, '*')}`,
      ],
      wildcardReason: 'One alias per tenant below the path of this app and stage.',
    },
  ],
});

/** Looking at a key from all sides, see orphans.ts. Reads only. */
export const examineKeyPermissions = (platform: Platform): readonly Permission[] => [
  {
    actions: ['kms:ListAliases'],
    resources: ['*'],
    wildcardReason: 'ListAliases has no resource-level permission; it shows names and ids.',
  },
  {
    actions: ['kms:DescribeKey', 'kms:ListResourceTags', 'kms:GetKeyLastUsage'],
    resources: [keys(platform)],
    wildcardReason: 'Key ids are chosen by KMS; these calls show state, tags and the last use, and use no key.',
  },
];

/** Finding orphaned keys among all keys. */
export const orphanPermissions = (platform: Platform): readonly Permission[] => [
  {
    actions: ['kms:ListKeys'],
    resources: ['*'],
    wildcardReason: 'An orphaned key is found by listing all keys; the list shows ids.',
  },
  ...examineKeyPermissions(platform),
];

/** What retiring an orphan takes on top of that: only keys that carry the tag of this app and stage. */
export const retireKeyPermissions = (platform: Platform): readonly Permission[] => [
  ourKeys(platform, ['kms:DisableKey', 'kms:EnableKey', 'kms:ScheduleKeyDeletion']),
];

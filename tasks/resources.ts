import { AUDIT_LOG, provisionAuditLog, sealAuditLog, verifyAuditLogPermissions } from './audit-log/contract';
import {
  DATA_PARTITION,
  dataResiduePermissions,
  destroyDataPartition,
  provisionDataPartition,
  verifyDataPartitionPermissions,
} from './data-partition/contract';
import {
  destroyEncryptionKey,
  ENCRYPTION_KEY,
  provisionEncryptionKey,
  restoreEncryptionKey,
  suspendEncryptionKey,
  verifyEncryptionKeyPermissions,
} from './encryption-key/contract';
import { KEY_POLICY_ENVIRONMENT } from './encryption-key/key-policy';
import {
  DELETION_POLL_SECONDS,
  destroyKnowledgeBase,
  KNOWLEDGE_BASE,
  knowledgeBaseResiduePermissions,
  POLL_SECONDS,
  provisionKnowledgeBase,
  verifyKnowledgeBasePermissions,
} from './knowledge-base/contract';
import type { EnvironmentName, Permission, Platform, TaskContract, TaskInput } from './shared/contract';
import type { Tier } from './shared/tenant';
import {
  destroyStoragePrefix,
  provisionStoragePrefix,
  STORAGE_PREFIX,
  storageResiduePermissions,
  verifyStoragePrefixPermissions,
} from './storage-prefix/contract';
import {
  destroyUserGroup,
  FIRST_ADMIN,
  provisionFirstAdmin,
  provisionUserGroup,
  restoreUsers,
  suspendUsers,
  USER_GROUP,
  userResiduePermissions,
  verifyUserGroupPermissions,
} from './user-group/contract';
import {
  destroyVectorIndex,
  provisionVectorIndex,
  VECTOR_INDEX,
  vectorIndexResiduePermissions,
  verifyVectorIndexPermissions,
} from './vector-index/contract';

/** One kind of thing that every tenant (or every tenant of some tiers) gets. */
export interface TenantResource {
  readonly type: string;
  readonly provision: TaskContract<typeof TaskInput>;
  /** Type that must exist first; resources after the same one are provisioned in parallel. */
  readonly after?: string;
  /** Tiers that buy it. @default all */
  readonly tiers?: readonly Tier[];
  /** Seconds between two runs of the provision task while it answers `ready: false`. @default it is ready at once */
  readonly pollSeconds?: number;
  /** What verify-tenant needs to look at it. */
  readonly verify?: {
    readonly environment: readonly EnvironmentName[];
    permissions(platform: Platform): readonly Permission[];
  };
  /** Quota that each one takes a place of, as AWS names it. */
  readonly quota?: string;
}

/** The list from which infra, the state machines, the quota check and the verification are built. */
export const RESOURCES = [
  {
    type: ENCRYPTION_KEY,
    provision: provisionEncryptionKey,
    verify: { environment: KEY_POLICY_ENVIRONMENT, permissions: verifyEncryptionKeyPermissions },
    quota: 'AWS KMS keys per account and Region',
  },
  {
    type: DATA_PARTITION,
    provision: provisionDataPartition,
    after: ENCRYPTION_KEY,
    verify: { environment: ['DATA_TABLE'], permissions: verifyDataPartitionPermissions },
  },
  {
    type: STORAGE_PREFIX,
    provision: provisionStoragePrefix,
    after: ENCRYPTION_KEY,
    verify: { environment: ['DATA_BUCKET'], permissions: verifyStoragePrefixPermissions },
  },
  {
    type: VECTOR_INDEX,
    provision: provisionVectorIndex,
    after: ENCRYPTION_KEY,
    verify: {
      environment: ['VECTOR_DOMAIN_NAME', 'VECTOR_DIMENSION', 'VECTOR_REPLICAS'],
      permissions: verifyVectorIndexPermissions,
    },
    quota: 'OpenSearch shards of the domain',
  },
  {
    type: KNOWLEDGE_BASE,
    provision: provisionKnowledgeBase,
    after: VECTOR_INDEX,
    tiers: ['premium'],
    pollSeconds: POLL_SECONDS,
    verify: {
      environment: ['DATA_BUCKET', 'VECTOR_DOMAIN_ARN', 'KNOWLEDGE_BASE_ROLE_ARN', 'EMBEDDING_MODEL_ARN'],
      permissions: verifyKnowledgeBasePermissions,
    },
    quota: 'Bedrock knowledge bases per account and Region',
  },
  {
    type: USER_GROUP,
    provision: provisionUserGroup,
    after: ENCRYPTION_KEY,
    verify: { environment: ['USER_POOL_ID', 'MEMBERSHIP_TABLE'], permissions: verifyUserGroupPermissions },
    quota: 'Amazon Cognito groups per user pool',
  },
  { type: FIRST_ADMIN, provision: provisionFirstAdmin, after: USER_GROUP },
  {
    type: AUDIT_LOG,
    provision: provisionAuditLog,
    after: ENCRYPTION_KEY,
    verify: {
      environment: ['AUDIT_KEY_ARN', 'AUDIT_RETENTION_DAYS', 'AUDIT_DELETION_PROTECTION'],
      permissions: verifyAuditLogPermissions,
    },
  },
] as const satisfies readonly TenantResource[];

export type ResourceType = (typeof RESOURCES)[number]['type'];
/** Types that verify-tenant looks at. */
export type VerifiedType = Extract<(typeof RESOURCES)[number], { verify: object }>['type'];

/** Every resource, seen through the common interface. */
export const TENANT_RESOURCES: readonly TenantResource[] = RESOURCES;

/** What a tenant of this tier gets. */
export const resourcesOf = (tier: Tier): readonly TenantResource[] =>
  TENANT_RESOURCES.filter(({ tiers }) => tiers?.includes(tier) ?? true);

/** One resource of the teardown. */
export interface Teardown {
  readonly type: string;
  readonly destroy: TaskContract<typeof TaskInput>;
  /** Seconds between two runs while the task answers `gone: false`. @default none: there is simply another page to do */
  readonly pollSeconds?: number;
  /** True when one run always finishes. */
  readonly single?: boolean;
  /** What prove-tenant-gone needs to list the store again. */
  readonly residue: {
    readonly environment: readonly EnvironmentName[];
    permissions(platform: Platform): readonly Permission[];
  };
}

/**
 * What is destroyed, in this order. The knowledge base first, while its role, index, documents and key are still there,
 * or Bedrock gets stuck (DELETE_UNSUCCESSFUL); the index when nothing reads it any more; data after whatever could write
 * it again; users last, they have been disabled since the hold began. The key follows when the rest is proved gone.
 */
export const TEARDOWN_ORDER = [
  {
    type: KNOWLEDGE_BASE,
    destroy: destroyKnowledgeBase,
    pollSeconds: DELETION_POLL_SECONDS,
    residue: { environment: [], permissions: knowledgeBaseResiduePermissions },
  },
  {
    type: VECTOR_INDEX,
    destroy: destroyVectorIndex,
    single: true,
    residue: { environment: ['VECTOR_DOMAIN_NAME'], permissions: vectorIndexResiduePermissions },
  },
  {
    type: STORAGE_PREFIX,
    destroy: destroyStoragePrefix,
    residue: { environment: ['DATA_BUCKET'], permissions: storageResiduePermissions },
  },
  {
    type: DATA_PARTITION,
    destroy: destroyDataPartition,
    residue: { environment: ['DATA_TABLE'], permissions: dataResiduePermissions },
  },
  {
    type: USER_GROUP,
    destroy: destroyUserGroup,
    residue: { environment: ['USER_POOL_ID', 'MEMBERSHIP_TABLE'], permissions: userResiduePermissions },
  },
] as const satisfies readonly Teardown[];

export type TeardownType = (typeof TEARDOWN_ORDER)[number]['type'];
export const TEARDOWN: readonly (Teardown & { readonly type: TeardownType })[] = TEARDOWN_ORDER;

/** Further verbs of the resources: functions of their own, steps of the offboarding and reinstating machines. */
export const RESOURCE_VERBS: readonly TaskContract<typeof TaskInput>[] = [
  ...TEARDOWN_ORDER.map(({ destroy }) => destroy),
  suspendUsers,
  restoreUsers,
  suspendEncryptionKey,
  restoreEncryptionKey,
  destroyEncryptionKey,
  sealAuditLog,
];

import { AUDIT_LOG, provisionAuditLog, verifyAuditLogPermissions } from './audit-log/contract';
import { DATA_PARTITION, provisionDataPartition, verifyDataPartitionPermissions } from './data-partition/contract';
import { ENCRYPTION_KEY, provisionEncryptionKey, verifyEncryptionKeyPermissions } from './encryption-key/contract';
import {
  KNOWLEDGE_BASE,
  POLL_SECONDS,
  provisionKnowledgeBase,
  verifyKnowledgeBasePermissions,
} from './knowledge-base/contract';
import type { EnvironmentName, Permission, Platform, TaskContract, TaskInput } from './shared/contract';
import type { Tier } from './shared/tenant';
import { provisionStoragePrefix, STORAGE_PREFIX, verifyStoragePrefixPermissions } from './storage-prefix/contract';
import {
  FIRST_ADMIN,
  provisionFirstAdmin,
  provisionUserGroup,
  USER_GROUP,
  verifyUserGroupPermissions,
} from './user-group/contract';
import { provisionVectorIndex, VECTOR_INDEX, verifyVectorIndexPermissions } from './vector-index/contract';

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
    verify: { environment: [], permissions: verifyEncryptionKeyPermissions },
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
    verify: { environment: ['DATA_BUCKET'], permissions: verifyKnowledgeBasePermissions },
    quota: 'Bedrock knowledge bases per account and Region',
  },
  {
    type: USER_GROUP,
    provision: provisionUserGroup,
    after: ENCRYPTION_KEY,
    verify: { environment: ['USER_POOL_ID'], permissions: verifyUserGroupPermissions },
    quota: 'Amazon Cognito groups per user pool',
  },
  { type: FIRST_ADMIN, provision: provisionFirstAdmin, after: USER_GROUP },
  {
    type: AUDIT_LOG,
    provision: provisionAuditLog,
    after: ENCRYPTION_KEY,
    verify: { environment: ['AUDIT_KEY_ARN', 'AUDIT_RETENTION_DAYS'], permissions: verifyAuditLogPermissions },
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

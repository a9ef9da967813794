import { RESOURCES, resourcesOf } from '../tasks/resources';
import { MANAGED_BY_TAG, TENANT_ATTRIBUTE, TENANT_TAG } from '../tasks/shared/names';
import type { Tier } from '../tasks/shared/tenant';
import type { Sandbox } from './sandbox';

/** One thing that exists and belongs to a tenant, found in the stores themselves, not in the registry. */
export interface Found {
  readonly kind: string;
  readonly tenantId: string;
  readonly id: string;
}

export interface Tenant {
  readonly tenantId: string;
  readonly tier: Tier;
  readonly status: string;
}

export interface Inventory {
  readonly tenants: readonly Tenant[];
  readonly found: readonly Found[];
  /** How many of each kind there are. */
  readonly counts: Readonly<Record<string, number>>;
  /** Things whose tenant the registry does not know. */
  readonly orphans: readonly Found[];
  /** Things of which a tenant has more than one. */
  readonly duplicates: readonly Found[];
  /** Kinds that an ACTIVE tenant should have and has not. */
  readonly missing: readonly string[];
}

/** Compares what exists, in every store, with what the registry says should exist. */
export async function takeInventory(sandbox: Sandbox): Promise<Inventory> {
  const tenants = await tenantsOf(sandbox);
  const found = [
    ...keys(sandbox),
    ...(await partitions(sandbox)),
    ...prefixes(sandbox),
    ...indices(sandbox),
    ...knowledgeBases(sandbox),
    ...groups(sandbox),
    ...admins(sandbox),
    ...auditLogs(sandbox),
  ];
  const known = new Set(tenants.map(({ tenantId }) => tenantId));
  const seen = new Set<string>();
  const duplicates = found.filter(({ kind, tenantId }) => {
    const again = seen.has(`${kind} ${tenantId}`);
    seen.add(`${kind} ${tenantId}`);
    return again;
  });
  return {
    tenants,
    found,
    counts: Object.fromEntries(RESOURCES.map(({ type }) => [type, found.filter(({ kind }) => kind === type).length])),
    orphans: found.filter(({ tenantId }) => !known.has(tenantId)),
    duplicates,
    missing: tenants
      .filter(({ status }) => status === 'ACTIVE')
      .flatMap(({ tenantId, tier }) =>
        resourcesOf(tier)
          .filter(({ type }) => !seen.has(`${type} ${tenantId}`))
          .map(({ type }) => `${type} of ${tenantId}`),
      ),
  };
}

async function tenantsOf(sandbox: Sandbox): Promise<readonly Tenant[]> {
  const items = await sandbox.services.dynamodb.dump(sandbox.output('RegistryTableName'));
  return items
    .filter(({ sk }) => sk === 'STATE')
    .map((item) => ({ tenantId: String(item['tenantId']), tier: item['tier'] as Tier, status: String(item['status']) }))
    .sort((a, b) => a.tenantId.localeCompare(b.tenantId));
}

const keys = ({ services }: Sandbox): Found[] =>
  services.kms
    .keys()
    .filter(({ tags }) => tags.has(MANAGED_BY_TAG) && tags.has(TENANT_TAG))
    .map(({ tags, arn }) => ({ kind: 'encryption-key', tenantId: tags.get(TENANT_TAG) ?? '', id: arn }));

async function partitions(sandbox: Sandbox): Promise<Found[]> {
  const items = await sandbox.services.dynamodb.dump(sandbox.output('DataTableName'));
  const partitionKeys = [...new Set(items.map(({ pk }) => String(pk)))];
  return partitionKeys.map((pk) => ({ kind: 'data-partition', tenantId: pk.split('#')[1] ?? '', id: pk }));
}

function prefixes(sandbox: Sandbox): Found[] {
  const bucket = sandbox.output('DataBucketName');
  const ids = new Set(
    [...(sandbox.services.s3.bucket(bucket)?.keysFrom('tenants/') ?? [])].map((key) => key.split('/')[1] ?? ''),
  );
  return [...ids].map((tenantId) => ({ kind: 'storage-prefix', tenantId, id: `${bucket}/tenants/${tenantId}/` }));
}

const indices = (sandbox: Sandbox): Found[] =>
  sandbox.services.opensearch
    .indices(sandbox.output('VectorDomainName'))
    .map(({ name }) => ({ kind: 'vector-index', tenantId: name.replace(/^tenant-/, ''), id: name }));

const knowledgeBases = ({ services }: Sandbox): Found[] =>
  services.bedrock
    .knowledgeBases()
    .map(({ id, tags }) => ({ kind: 'knowledge-base', tenantId: tags[TENANT_TAG] ?? '', id }));

const groups = (sandbox: Sandbox): Found[] =>
  [...sandbox.services.cognito.userPool(sandbox.output('UserPoolId')).groups.keys()].map((name) => ({
    kind: 'user-group',
    tenantId: name,
    id: name,
  }));

const admins = (sandbox: Sandbox): Found[] =>
  [...sandbox.services.cognito.userPool(sandbox.output('UserPoolId')).users.values()].map(
    ({ username, attributes }) => ({
      kind: 'first-admin',
      tenantId: attributes.get(TENANT_ATTRIBUTE) ?? '',
      id: username,
    }),
  );

const auditLogs = ({ services }: Sandbox): Found[] =>
  services.logs
    .groups()
    .filter(({ tags }) => tags.has(TENANT_TAG))
    .map(({ name, tags }) => ({ kind: 'audit-log', tenantId: tags.get(TENANT_TAG) ?? '', id: name }));

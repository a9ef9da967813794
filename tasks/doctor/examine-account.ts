import type { z } from 'zod/mini';
import { auditLogHoldings } from '../audit-log/holdings';
import { ENCRYPTION_KEY } from '../encryption-key/contract';
import { aliasesOfAccount, findOrphans, tenantOfAlias } from '../encryption-key/orphans';
import { knowledgeBaseHoldings } from '../knowledge-base/holdings';
import { CAPACITY, type Capacity, readCapacity } from '../lifecycle/capacity';
import { resourcesOf, TENANT_RESOURCES, type VerifiedType } from '../resources';
import { defineTask, type TaskScope } from '../shared/define-task';
import type { Holding, ListHoldings } from '../shared/holdings';
import type { Registry, TenantState } from '../shared/registry';
import { STATUSES } from '../shared/tenant';
import { storagePrefixHoldings } from '../storage-prefix/holdings';
import { userGroupHoldings } from '../user-group/holdings';
import { examineAccount as contract } from './contract';
import type { Finding } from './finding';
import { putPart } from './parts';

type Scope = TaskScope<(typeof contract.environment)[number]>;

/**
 * Finds what examining the tenants one by one cannot: things whose tenant nobody knows or whose tier has none, keys that no
 * tenant has, quota places that do not add up. OpenSearch's control plane lists no indices, so an index of an unknown tenant is
 * not among them.
 */
export async function examineAccount(examination: z.output<typeof contract.input>, scope: Scope) {
  const { env, registry } = scope;
  const before = await readCapacity(registry);
  const tenants = await knownTenants(registry);
  const after = await readCapacity(registry);
  const aliases = await aliasesOfAccount();
  const findings: Finding[] = [...miscounted(tenants, before, after)];
  for (const alias of aliases) {
    const tenantId = tenantOfAlias(scope.app, alias);
    if (tenantId !== undefined)
      findings.push(...(await stray(ENCRYPTION_KEY, { tenantId, physicalId: alias.name }, tenants, registry)));
  }
  for (const [type, list] of Object.entries(HOLDINGS)) {
    for await (const holding of list({ env, app: scope.app }))
      findings.push(...(await stray(type, holding, tenants, registry)));
  }
  findings.push(...(await orphans(aliases, scope)));
  if (findings.length > 0) await putPart(env.AUDIT_BUCKET, examination, 'account', { account: findings });
  return { findings: findings.length };
}

const HOLDINGS = {
  'storage-prefix': storagePrefixHoldings,
  'knowledge-base': knowledgeBaseHoldings,
  'user-group': userGroupHoldings,
  'audit-log': auditLogHoldings,
} as const satisfies Partial<Record<VerifiedType, ListHoldings<(typeof contract.environment)[number]>>>;

type Known = ReadonlyMap<string, Pick<TenantState, 'status' | 'tier' | 'capacityReserved'>>;

async function knownTenants(registry: Registry): Promise<Known> {
  const known = new Map<string, Pick<TenantState, 'status' | 'tier' | 'capacityReserved'>>();
  for (const status of STATUSES) {
    for (const { tenantId, tier, capacityReserved } of await registry.listTenants(status))
      known.set(tenantId, { status, tier, ...(capacityReserved !== undefined && { capacityReserved }) });
  }
  return known;
}

/** A thing of a tenant that should not have it. Those of closed tenants are found with the tenant. */
async function stray(
  resource: string,
  { tenantId, physicalId }: Holding,
  tenants: Known,
  registry: Registry,
): Promise<readonly Finding[]> {
  const extra = (message: string): Finding[] => [{ kind: 'extra', resource, physicalId, message, repair: 'none' }];
  // The list comes from an index, which may be behind.
  const tenant = tenants.get(tenantId) ?? (await registry.getState(tenantId));
  if (tenant === undefined)
    return extra(`${physicalId} is named for tenant ${tenantId}, whom the registry does not know`);
  if (tenant.status === 'OFFBOARDED') return [];
  if (!resourcesOf(tenant.tier).some(({ type }) => type === resource))
    return extra(`${physicalId} is named for tenant ${tenantId}, whose tier ${tenant.tier} has no ${resource}`);
  if (tenant.status !== 'ACTIVE' || !UNNAMED.has(resource)) return [];
  const ledgered = (await registry.getResource(tenantId, resource))?.physicalId;
  return ledgered === physicalId
    ? []
    : extra(`${physicalId} is a second ${resource} of tenant ${tenantId}, beside ${ledgered}`);
}

/** Types of which a tenant can get a second one, because names do not decide: the ledger says which one it is. */
const UNNAMED: ReadonlySet<string> = new Set(['knowledge-base']);

async function orphans(aliases: Awaited<ReturnType<typeof aliasesOfAccount>>, scope: Scope): Promise<Finding[]> {
  return (await findOrphans(aliases, scope)).map(({ keyArn, tenantId, kept }) => ({
    kind: 'orphaned',
    resource: ENCRYPTION_KEY,
    physicalId: keyArn,
    message: `${keyArn} was made for ${tenantId === undefined ? 'nobody known' : `tenant ${tenantId}`}, who does not have it${kept === undefined ? '' : `; left alone because ${kept}`}`,
    repair: kept === undefined ? 'retire-key' : 'none',
  }));
}

/** Nothing is compared while places are being taken or given back. */
function miscounted(tenants: Known, before: Capacity, after: Capacity): Finding[] {
  const moving = [before, after].some(({ pending }) => pending.length > 0);
  if (moving || JSON.stringify(before) !== JSON.stringify(after)) return [];
  const reserved = [...tenants.values()].filter(({ capacityReserved }) => capacityReserved === true);
  return TENANT_RESOURCES.filter(({ quota }) => quota !== undefined).flatMap(({ type }): Finding[] => {
    const expected = reserved.filter(({ tier }) => resourcesOf(tier).some((resource) => resource.type === type)).length;
    const counted = after.taken[type] ?? 0;
    if (counted === expected) return [];
    return [
      {
        kind: 'mis-configured',
        resource: 'capacity',
        physicalId: `${CAPACITY.pk}/${CAPACITY.sk}/${type}`,
        message: `the capacity counter says that ${counted} places of ${type} are taken; tenants have taken ${expected}`,
        repair: 'none',
      },
    ];
  });
}

export const handler = defineTask(contract, examineAccount);

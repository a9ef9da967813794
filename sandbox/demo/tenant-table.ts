import { RESOURCES } from '../../tasks/resources';
import { takeInventory } from '../inventory';
import type { Sandbox } from '../sandbox';
import { stage } from './stage';

/** What exists per tenant, as found in the stores themselves. */
export async function describeTenants(sandbox: Sandbox): Promise<void> {
  const { tenants, found } = await takeInventory(sandbox);
  const idOf = (type: string, tenantId: string) =>
    found.find((entry) => entry.kind === type && entry.tenantId === tenantId)?.id;
  stage.table(
    ['resource', ...tenants.map(({ tenantId, tier, status }) => `${tenantId} (${tier}, ${status})`)],
    RESOURCES.map(({ type }) => [type, ...tenants.map(({ tenantId }) => short(idOf(type, tenantId)))]),
  );
}

/** Key ARNs are long, and their account and Region are the same for all. */
const short = (id: string | undefined): string => id?.replace(/^arn:aws:kms:[^:]+:\d+:/, '') ?? '–';

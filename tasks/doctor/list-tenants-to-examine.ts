import type { z } from 'zod/mini';
import { defineTask, type TaskScope } from '../shared/define-task';
import type { Registry } from '../shared/registry';
import { STATUSES, type TenantStatus } from '../shared/tenant';
import { listTenantsToExamine as contract, type Walk } from './contract';
import { putPart } from './parts';

/** Ids per page: with the answers about them, far below the 256 KiB that a state may hold [service-quotas]. */
const PAGE = 500;

/**
 * Lists the next tenants to examine, of every status. Counts those of the page before, and notes in the report whom it could
 * not examine: one tenant that fails must neither stop the others nor pass for healthy.
 */
export async function listTenantsToExamine(
  { request, walk, results, ...examination }: z.output<typeof contract.input>,
  { env, registry }: TaskScope<never>,
): Promise<Walk> {
  const done = new Set(results.map(({ tenantId }) => tenantId));
  const failed = walk.tenants.filter((tenantId) => !done.has(tenantId));
  if (failed.length > 0) {
    await putPart(env.AUDIT_BUCKET, examination, `unexamined-${walk.tenants[0]}`, {
      tenants: failed.map((tenantId) => ({ tenantId, findings: [UNEXAMINED] })),
    });
  }
  const counted = {
    wholeEstate: request.tenantId === undefined,
    examined: walk.examined + walk.tenants.length - failed.length,
    unexamined: walk.unexamined + failed.length,
  };
  if (request.tenantId === undefined) return { ...counted, ...(await nextPage(walk.cursor, registry)) };
  const asked = walk.cursor === '' ? [request.tenantId] : [];
  return { ...counted, tenants: asked, cursor: request.tenantId, more: asked.length > 0 };
}

const UNEXAMINED = {
  kind: 'unexamined',
  resource: 'tenant',
  message: 'it could not be examined; the Map Run of the execution says why',
  repair: 'none',
} as const;

/** Status by status; a tenant whose status changes meanwhile may be seen twice, or be left to the next examination. */
async function nextPage(cursor: string, registry: Registry): Promise<Pick<Walk, 'tenants' | 'cursor' | 'more'>> {
  const [first, after] = cursor === '' ? [] : cursor.split('/');
  let last = after;
  for (const status of STATUSES.slice(first === undefined ? 0 : STATUSES.indexOf(first as TenantStatus))) {
    const { tenants } = await registry.listTenantsAfter(status, last, PAGE);
    const ids = tenants.map(({ tenantId }) => tenantId);
    if (ids.length > 0) return { tenants: ids, cursor: `${status}/${ids.at(-1)}`, more: true };
    last = undefined;
  }
  return { tenants: [], cursor, more: false };
}

export const handler = defineTask(contract, listTenantsToExamine);

import type { z } from 'zod/mini';
import { KNOWLEDGE_BASE } from '../knowledge-base/contract';
import { knowledgeBasesOfAccount } from '../knowledge-base/knowledge-base-calls';
import { placesTaken } from '../lifecycle/capacity';
import { defineTask, type TaskScope } from '../shared/define-task';
import { runningExecutions } from '../shared/executions';
import { METRICS } from '../shared/metrics';
import { idsInName } from '../shared/names';
import { OPERATIONS, STATUSES, type TenantStatus } from '../shared/tenant';
import { observeEstate as contract } from './contract';
import { countTenants, headroom, observe, SETTLED } from './observation';

type Scope = TaskScope<(typeof contract.environment)[number]>;

/** Enough to act on; an outage that fails more tenants is seen in the count. */
const CONCERNS_LOGGED = 100;

/**
 * Emits what no single execution can tell: how many tenants are in which status, what is stuck, left alone or failed, how
 * much of each quota is free. Its cost is one query page per megabyte of tenants, about a thousand of them.
 */
export async function observeEstate(
  _input: z.output<typeof contract.input>,
  { env, registry, logger, measure, now }: Scope,
) {
  const [surveys, running, places, knowledgeBases] = await Promise.all([
    Promise.all(
      STATUSES.map(async (status) => ({ status, ...(await registry.survey(status, SETTLED.includes(status))) })),
    ),
    listRunning(env),
    placesTaken(registry),
    // This quota is small and shared with everybody in the account.
    knowledgeBasesOfAccount(),
  ]);
  const counts = Object.fromEntries(surveys.map(({ status, total }) => [status, total])) as Record<
    TenantStatus,
    number
  >;
  const { gauges, oldestExecution, concerns } = observe(
    { counts, unsettled: surveys.flatMap(({ tenants }) => tenants), running },
    now(),
    { needsApproval: env.PURGE_NEEDS_APPROVAL },
  );
  for (const { kind, ...details } of concerns.slice(0, CONCERNS_LOGGED)) logger.warn(kind, details);

  measure(gauges);
  for (const status of STATUSES) measure({ [METRICS.tenants]: counts[status] }, { status });
  for (const operation of OPERATIONS) measure({ [METRICS.oldestExecution]: oldestExecution[operation] }, { operation });
  const used = { ...places, [KNOWLEDGE_BASE]: Math.max(places[KNOWLEDGE_BASE] ?? 0, knowledgeBases.length) };
  for (const [resource, free] of Object.entries(headroom(used, env.QUOTA_LIMITS)))
    measure({ [METRICS.quotaHeadroom]: free }, { resource });

  const found = (wanted: string): number => concerns.filter(({ kind }) => kind === wanted).length;
  return {
    tenants: countTenants(counts),
    stuck: found('stuck'),
    unattended: found('unattended'),
    failed: found('failed'),
  };
}

async function listRunning(env: Scope['env']) {
  const machines = {
    onboard: env.ONBOARD_STATE_MACHINE_ARN,
    offboard: env.OFFBOARD_STATE_MACHINE_ARN,
    reinstate: env.REINSTATE_STATE_MACHINE_ARN,
  };
  const lists = await Promise.all(
    OPERATIONS.map(async (operation) =>
      (await runningExecutions(machines[operation])).map(({ executionArn, since }) => ({
        executionArn,
        operation,
        tenantId: idsInName(executionArn)?.tenantId,
        since,
      })),
    ),
  );
  return lists.flat();
}

export const handler = defineTask(contract, observeEstate);

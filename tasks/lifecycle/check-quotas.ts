import { GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { KNOWLEDGE_BASE } from '../knowledge-base/contract';
import { knowledgeBasesOfAccount } from '../knowledge-base/knowledge-base-calls';
import { resourcesOf } from '../resources';
import { isNamed } from '../shared/aws-errors';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { QuotaExceededError, StaleExecutionError, TransientError } from '../shared/errors';
import { CONDITION_FAILED, type Registry } from '../shared/registry';
import { CAPACITY } from './capacity';
import { checkQuotas as contract } from './contract';

type Scope = FencedScope<(typeof contract.environment)[number]>;

/**
 * Takes the tenant's places in every quota before anything is made, in one conditional update of one counter item, so
 * that the cost does not grow with the number of tenants. The tenant's id stands in the item's `pending` set from the
 * count until STATE says that its places are taken: a crash between the two counts nobody twice.
 */
export async function checkQuotas({ tenantId }: TaskInput, { env, registry, state, now }: Scope) {
  const counted = resourcesOf(state.tier).flatMap(({ type, quota }) =>
    quota === undefined ? [] : [{ type, quota, limit: env.QUOTA_LIMITS[type] ?? 0 }],
  );
  if (state.capacityReserved !== true) {
    const ledgered = await registry.getResource(tenantId, KNOWLEDGE_BASE);
    const knowledgeBases = counted.find(({ type }) => type === KNOWLEDGE_BASE);
    if (knowledgeBases !== undefined && ledgered === undefined) {
      // This quota is small and shared with everybody in the account: here the account is asked, not only our own count.
      const used = (await knowledgeBasesOfAccount()).length;
      if (used >= knowledgeBases.limit) throw exceeded(tenantId, [{ ...knowledgeBases, used }]);
    }
    await reserve(registry, tenantId, counted);
    const noted = await registry.update(
      { tenantId, item: 'STATE' },
      { capacityReserved: true, updatedAt: now().toISOString() },
      { expression: '#generation = :generation', names: ['generation'], values: { ':generation': state.generation } },
    );
    // The id stays pending: the execution that took over would count the tenant again without it.
    if (!noted) throw new StaleExecutionError(`tenant ${tenantId}: a newer execution took over during the quota check`);
  }
  await settle(registry, tenantId);
  return { reserved: true as const };
}

interface Counted {
  readonly type: string;
  readonly quota: string;
  readonly limit: number;
}

async function reserve({ client, table }: Registry, tenantId: string, counted: readonly Counted[]): Promise<void> {
  const names = Object.fromEntries(counted.map(({ type }, position) => [`#n${position}`, type]));
  const limits = Object.fromEntries(counted.map(({ limit }, position) => [`:limit${position}`, limit]));
  const room = counted
    .map(({ limit }, position) => {
      const below = `#n${position} < :limit${position}`;
      return limit === 0 ? below : `(attribute_not_exists(#n${position}) OR ${below})`;
    })
    .join(' AND ');
  try {
    await client.send(
      new UpdateCommand({
        TableName: table,
        Key: CAPACITY,
        UpdateExpression: `ADD ${counted.map((_, position) => `#n${position} :one`).join(', ')}, pending :tenant`,
        ConditionExpression: `(attribute_not_exists(pending) OR NOT contains(pending, :id)) AND ${room}`,
        ExpressionAttributeNames: names,
        ExpressionAttributeValues: { ':one': 1, ':tenant': new Set([tenantId]), ':id': tenantId, ...limits },
      }),
    );
  } catch (error) {
    if (!isNamed(error, CONDITION_FAILED)) throw error;
    const { Item = {} } = await client.send(new GetCommand({ TableName: table, Key: CAPACITY, ConsistentRead: true }));
    if ((Item['pending'] as Set<string> | undefined)?.has(tenantId)) return;
    const full = counted
      .map((entry) => ({ ...entry, used: Number(Item[entry.type] ?? 0) }))
      .filter(({ used, limit }) => used >= limit);
    if (full.length > 0) throw exceeded(tenantId, full);
    throw new TransientError(`tenant ${tenantId}: the capacity counters changed while they were read`, {
      cause: error,
    });
  }
}

/** The tenant's own record now says it; a repeat deletes nothing. */
async function settle({ client, table }: Registry, tenantId: string): Promise<void> {
  await client.send(
    new UpdateCommand({
      TableName: table,
      Key: CAPACITY,
      UpdateExpression: 'DELETE pending :tenant',
      ExpressionAttributeValues: { ':tenant': new Set([tenantId]) },
    }),
  );
}

const exceeded = (tenantId: string, full: readonly (Counted & { used: number })[]): QuotaExceededError =>
  new QuotaExceededError(
    `tenant ${tenantId} does not fit; nothing was made. ${full.map(({ quota, used, limit }) => `${quota}: ${used} of ${limit} used`).join('; ')}`,
  );

export const handler = defineStep(contract, checkQuotas);

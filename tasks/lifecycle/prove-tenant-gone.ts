import { TEARDOWN } from '../resources';
import type { EnvironmentName, TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { ResidueFoundError, StaleExecutionError } from '../shared/errors';
import { findResidue } from './find-residue';
import { proveTenantGone as contract } from './offboarding-contract';

/** Lists every store again. Zero hits is the condition for going on, and part of the evidence. */
export async function proveTenantGone(
  { tenantId, generation }: TaskInput,
  { env, app, registry, now }: FencedScope<EnvironmentName>,
) {
  const { resources } = await registry.getTenant(tenantId);
  const search = { tenantId, env, app, ledger: (type: string) => resources.find((entry) => entry.type === type) };
  const stores = TEARDOWN.map(({ type }) => type);
  const residue = await findResidue(search);
  if (residue.length > 0) {
    throw new ResidueFoundError(`tenant ${tenantId}: still there: ${residue.map(({ message }) => message).join('; ')}`);
  }
  const proof = { at: now().toISOString(), stores: [...stores], hits: 0, generation };
  const noted = await registry.update(
    { tenantId, item: 'STATE' },
    { proofOfDeletion: proof },
    { expression: '#generation = :generation', names: ['generation'], values: { ':generation': generation } },
  );
  if (!noted) throw new StaleExecutionError(`tenant ${tenantId}: a newer execution took over during the proof`);
  return { stores: [...stores], hits: 0 as const };
}

export const handler = defineStep(contract, proveTenantGone);

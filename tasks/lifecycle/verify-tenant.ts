import type { EnvironmentName, TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { VerificationFailedError } from '../shared/errors';
import { verifyTenant as contract } from './contract';
import { verifyResources } from './verify-resources';

/** Looks at every resource once more, as AWS shows it now, before the tenant becomes ACTIVE. */
export async function verifyTenant(
  { tenantId }: TaskInput,
  { env, app, registry, state }: FencedScope<EnvironmentName>,
) {
  const { resources } = await registry.getTenant(tenantId);
  const { types, problems } = await verifyResources({
    tenantId,
    tier: state.tier,
    env,
    app,
    blocked: false,
    activated: state.activatedAt !== undefined,
    ledger: (type) => resources.find((entry) => entry.type === type && entry.phase === 'DONE'),
  });
  if (problems.length > 0) {
    throw new VerificationFailedError(`tenant ${tenantId}: ${problems.map(({ message }) => message).join('; ')}`);
  }
  return { verified: [...types] };
}

export const handler = defineStep(contract, verifyTenant);

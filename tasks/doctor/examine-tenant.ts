import type { z } from 'zod/mini';
import { ENCRYPTION_KEY } from '../encryption-key/contract';
import { encryptionKeyResidue } from '../encryption-key/residue';
import { findResidue } from '../lifecycle/find-residue';
import { verifyResources } from '../lifecycle/verify-resources';
import type { EnvironmentName } from '../shared/contract';
import { defineTask, type TaskScope } from '../shared/define-task';
import { TenantNotRequestedError } from '../shared/errors';
import { describeExecution } from '../shared/executions';
import type { TenantRecord, TenantState } from '../shared/registry';
import { examineTenant as contract } from './contract';
import type { Finding, Repair } from './finding';
import { putPart } from './parts';

type Scope = TaskScope<EnvironmentName>;

/** What changed so recently is still being worked on, or its end is just being recorded. */
const SETTLING_MS = 15 * 60_000;

/**
 * Compares one tenant with what exists, and finds what is missing, misconfigured, wrong for its status, or stuck. Tenants that an
 * execution is working on are left to it.
 */
export async function examineTenant(
  { tenantId, ...examination }: z.output<typeof contract.input>,
  scope: Scope,
): Promise<{ tenantId: string; findings: Finding[] }> {
  const { env, registry } = scope;
  const record = await registry.getTenant(tenantId);
  const { state } = record;
  if (state === undefined) throw new TenantNotRequestedError(`tenant ${tenantId}: the registry does not know it`);
  const found = await examine(record, state, scope);
  // What was found while the status changed says nothing.
  const current = found.length === 0 ? state : await registry.getState(tenantId);
  const changed = current?.generation !== state.generation || current.status !== state.status;
  const findings = changed ? [] : [...found];
  if (findings.length > 0)
    await putPart(env.AUDIT_BUCKET, examination, `tenant-${tenantId}`, { tenants: [{ tenantId, findings }] });
  return { tenantId, findings };
}

async function examine(record: TenantRecord, state: TenantState, scope: Scope): Promise<readonly Finding[]> {
  const { status, leaseOwner, updatedAt, purgeStartedAt } = state;
  if (status === 'OFFBOARDED') return residue(record, state, scope);
  const owner = leaseOwner === undefined ? undefined : await describeExecution(leaseOwner);
  const running = owner?.status === 'RUNNING';
  const settled = scope.now().getTime() - Date.parse(updatedAt) >= SETTLING_MS;
  const stuck = running || !settled ? [] : stuckness(state, owner?.status);
  if (status === 'ACTIVE' && !running) return [...stuck, ...(await resources(record, state, scope, 'onboard'))];
  const held = status === 'OFFBOARDING' || status === 'OFFBOARDING_FAILED';
  if (held && purgeStartedAt === undefined && settled)
    return [...stuck, ...(await resources(record, state, scope, 'suspend'))];
  return stuck;
}

/** An operation that has begun, has not ended, and that no execution carries on. Failed ones wait for an operator and are known. */
function stuckness(state: TenantState, ownerStatus: string | undefined): readonly Finding[] {
  const { status, leaseOwner, updatedAt } = state;
  const repair = CARRIED_ON_BY[status];
  if (repair === undefined || (status === 'ACTIVE' && leaseOwner === undefined)) return [];
  const owner =
    leaseOwner === undefined
      ? 'no execution has the lease'
      : `${leaseOwner} has the lease and is ${ownerStatus ?? 'forgotten'}`;
  return [
    {
      kind: 'stuck',
      resource: 'tenant',
      ...(leaseOwner && { physicalId: leaseOwner }),
      message: `${status} since ${updatedAt}, but ${owner}`,
      repair,
    },
  ];
}

const CARRIED_ON_BY: Partial<Record<TenantState['status'], Repair>> = {
  REQUESTED: 'onboard',
  PROVISIONING: 'onboard',
  ACTIVE: 'onboard',
  OFFBOARDING: 'suspend',
  PURGING: 'none',
  REINSTATING: 'none',
};

/**
 * What verify finds. A blocked tenant must have all it had, only unusable; what it lacks comes back with a reinstatement, so
 * the suspension repairs only what is wrong for the status.
 */
async function resources(
  { resources: ledger }: TenantRecord,
  { tenantId, tier, activatedAt }: TenantState,
  { env, app }: Scope,
  repair: 'onboard' | 'suspend',
): Promise<readonly Finding[]> {
  const done = (type: string) => ledger.find((entry) => entry.type === type && entry.phase === 'DONE');
  const blocked = repair === 'suspend';
  // A tenant that never was ACTIVE may be half-made: only its access matters.
  const halfMade = activatedAt === undefined;
  const { problems } = await verifyResources({ tenantId, tier, env, app, blocked, activated: true, ledger: done });
  return problems
    .filter(({ kind }) => kind === 'wrong-status' || !(blocked && halfMade))
    .map(({ kind, message, resource, byHand }) => {
      const physicalId = done(resource)?.physicalId;
      const repaired = byHand !== true && (!blocked || kind === 'wrong-status');
      return { kind, resource, ...(physicalId && { physicalId }), message, repair: repaired ? repair : 'none' };
    });
}

/** What is left of a closed tenant. Never repaired here: a person finds out who made it. */
async function residue({ resources: ledger }: TenantRecord, { tenantId }: TenantState, { env, app }: Scope) {
  const search = { tenantId, env, app, ledger: (type: string) => ledger.find((entry) => entry.type === type) };
  const keys = await encryptionKeyResidue(search);
  const found = [...(await findResidue(search)), ...keys.map((message) => ({ resource: ENCRYPTION_KEY, message }))];
  return found.map(({ resource, message }): Finding => ({ kind: 'wrong-status', resource, message, repair: 'none' }));
}

export const handler = defineTask(contract, examineTenant);

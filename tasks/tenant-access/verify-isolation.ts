import { GenerateDataKeyCommand } from '@aws-sdk/client-kms';
import { ENCRYPTION_KEY } from '../encryption-key/contract';
import { KNOWLEDGE_BASE } from '../knowledge-base/contract';
import { writeAuditRecord } from '../shared/audit';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { IsolationBreachError, NotReadyError, VerificationFailedError } from '../shared/errors';
import { inParallel } from '../shared/in-parallel';
import { auditRecordKey } from '../shared/names';
import { type Check, verifyIsolation as contract } from './contract';
import {
  type Attempt,
  answerOf,
  beforeAnySession,
  besideTheTenant,
  onTheTenant,
  type Targets,
} from './isolation-checks';
import { startSession } from './session';
import { TenantClients } from './tenant-clients';

type Scope = FencedScope<(typeof contract.environment)[number]>;

/**
 * Proves on the account itself, right before the tenant becomes ACTIVE, that its sessions reach what is the tenant's and
 * nothing else, and that a neighbour's sessions do not reach it. The neighbour is a session for the first two characters
 * of the tenant's id: the start of the id, as with `acme` and `acme2`, and too short to be the id of any tenant.
 */
export async function verifyIsolation(input: TaskInput, scope: Scope) {
  const { tenantId } = input;
  const targets = await targetsOf(tenantId, scope);
  const started = (sessionTenant: string) =>
    startSession(targets.roleArn, { tenantId: sessionTenant, userId: contract.name });
  const [own, neighbour] = (await Promise.all([started(tenantId), started(tenantId.slice(0, NEIGHBOUR_LENGTH))])).map(
    (credentials) => new TenantClients(credentials),
  ) as [TenantClients, TenantClients];
  const sealed = once(() => dataKeyOf(own, targets));
  const plan = [
    ...planned('tenant', 'allowed', onTheTenant(own, targets, sealed)),
    ...planned('tenant', 'denied', besideTheTenant(own, targets)),
    ...planned('neighbour', 'denied', onTheTenant(neighbour, targets, sealed)),
    ...planned('none', 'denied', beforeAnySession(targets)),
  ];
  const checks = await inParallel(plan, AT_ONCE, async ({ run, ...check }) => ({
    ...check,
    answer: await answerOf(run),
  }));

  const wrong = (expected: Check['expected']) =>
    checks.filter((check) => check.expected === expected && check.answer !== expected).map(described);
  const [open, shut] = [wrong('denied'), wrong('allowed')];
  // Denied by accident is not archived: the next attempt will tell, once the key's tags and policy count.
  if (open.length === 0 && shut.length > 0)
    throw new NotReadyError(`tenant ${tenantId}: denied and should not be: ${shut.join('; ')}`);
  await archive(input, scope, checks, open.length === 0 ? 'SUCCEEDED' : 'REFUSED');
  if (open.length > 0)
    throw new IsolationBreachError(`tenant ${tenantId}: let through and should not be: ${open.join('; ')}`);
  return { checks: checks.length };
}

/** A tenant id has three characters at least. */
const NEIGHBOUR_LENGTH = 2;

/** Six clients of two sessions share them: no service gets many at once. */
const AT_ONCE = 12;

async function targetsOf(tenantId: string, { env, app, registry }: Scope): Promise<Targets> {
  const { resources } = await registry.getTenant(tenantId);
  const physicalIdOf = (type: string) =>
    resources.find((entry) => entry.type === type && entry.phase === 'DONE')?.physicalId;
  const keyArn = physicalIdOf(ENCRYPTION_KEY);
  if (keyArn === undefined) throw new VerificationFailedError(`tenant ${tenantId}: the ledger holds no encryption key`);
  return {
    tenantId,
    app,
    keyArn,
    knowledgeBaseId: physicalIdOf(KNOWLEDGE_BASE),
    dataTable: env.DATA_TABLE,
    dataBucket: env.DATA_BUCKET,
    registryTable: env.REGISTRY_TABLE,
    membershipTable: env.MEMBERSHIP_TABLE,
    auditBucket: env.AUDIT_BUCKET,
    platformKeyArn: env.DATA_KEY_ARN,
    roleArn: env.TENANT_ACCESS_ROLE_ARN,
  };
}

async function dataKeyOf({ kms }: TenantClients, { keyArn, tenantId }: Targets): Promise<Uint8Array> {
  const { CiphertextBlob } = await kms.send(new GenerateDataKeyCommand({ KeyId: keyArn, KeySpec: 'AES_256' }));
  if (CiphertextBlob === undefined) throw new NotReadyError(`tenant ${tenantId}: KMS answered without a data key`);
  return CiphertextBlob;
}

const planned = (session: Check['session'], expected: Check['expected'], attempts: readonly Attempt[]) =>
  attempts.map((attempt) => ({ session, expected, ...attempt }));

/** The result, call by call, beside the step's own audit record. The first one of an execution stays. */
async function archive(
  { tenantId, requestId, executionArn, step }: TaskInput,
  scope: Scope,
  checks: readonly Check[],
  outcome: 'SUCCEEDED' | 'REFUSED',
): Promise<void> {
  await writeAuditRecord(scope, auditRecordKey(tenantId, executionArn, `${step} checks ${outcome}`), {
    tenantId,
    action: `${contract.name}-checks`,
    requestedBy: scope.state.requestedBy,
    requestId,
    executionArn,
    step,
    outcome,
    at: scope.now().toISOString(),
    checks,
  });
}

const described = ({ session, call }: Check): string => `${call} by ${SESSIONS[session]}`;
const SESSIONS = {
  tenant: "the tenant's session",
  neighbour: "a neighbour's session",
  none: 'a caller without tenant',
};

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

export const handler = defineStep(contract, verifyIsolation);

import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { TenantState } from '../../tasks/shared/registry';
import { asleep, changeHold, offboard, reinstate, toTheEnd } from '../requests';
import type { Sandbox } from '../sandbox';
import { snapshotOf } from '../snapshot';
import { stage } from './stage';

const DAY_MS = 86_400_000;
const HOLD_DAYS = 30;

type Prove = (fact: string, holds: boolean) => void;

/** A tenant leaves, another one changes its mind, and the neighbour with the similar id must not notice. */
export async function offboardAndReinstate(sandbox: Sandbox, prove: Prove): Promise<void> {
  const neighbour = await snapshotOf(sandbox, 'acme2');
  const { executionArn } = await offboard(sandbox, {
    tenantId: 'acme',
    requestId: 'leave-1',
    reason: 'contract ended',
    holdSeconds: HOLD_DAYS * 86_400,
  });
  await asleep(sandbox, executionArn);
  const held = await stateOf(sandbox, 'acme');
  prove(
    `acme is blocked at once and held until ${held.holdUntil?.slice(0, 10)}: users disabled, key disabled, nothing destroyed`,
    held.status === 'OFFBOARDING' && (await isBlocked(sandbox, 'acme')),
  );

  stage.say('Counsel puts acme under legal hold; the clock moves past the end of the hold:');
  await changeHold(sandbox, {
    change: 'set-legal-hold',
    tenantId: 'acme',
    requestId: 'case-1',
    reason: 'case 42',
    requestedBy: 'counsel',
  });
  await sandbox.clock.advance((HOLD_DAYS + 5) * DAY_MS);
  await asleep(sandbox, executionArn);
  const refused = await stateOf(sandbox, 'acme');
  prove(
    'the legal hold keeps acme from being purged',
    refused.status === 'OFFBOARDING' && refused.purgeStartedAt === undefined,
  );

  stage.say('The case is closed, the legal hold released; the hold is looked at again within a day:');
  await changeHold(sandbox, {
    change: 'release-legal-hold',
    tenantId: 'acme',
    requestId: 'case-2',
    legalHoldId: 'case-1',
    reason: 'case 42 closed',
    requestedBy: 'counsel',
  });
  await sandbox.clock.advance(2 * DAY_MS);
  const end = await toTheEnd(sandbox, executionArn);
  const { status, tombstone } = await stateOf(sandbox, 'acme');
  const evidence = await readEvidence(sandbox, tombstone?.evidenceKey);
  stage.table(
    ['evidence of deletion', tombstone?.evidenceKey ?? 'missing'],
    [
      ['SHA-256', tombstone?.evidenceSha256 ?? ''],
      ['stores listed again', `${evidence.proof?.stores.join(', ')}: ${evidence.proof?.hits} hits`],
      ...evidence.resources
        .filter(({ destroyedAt }) => destroyedAt !== undefined)
        .map(({ type, removed, destroyedAt }) => [
          type,
          `destroyed ${destroyedAt}${removed === undefined ? '' : `, ${removed} removed`}`,
        ]),
      ['key is destroyed on', tombstone?.encryptionKeyDeletionDate ?? ''],
    ],
  );
  prove(
    'acme is OFFBOARDED with evidence, its audit trail kept',
    end.status === 'SUCCEEDED' && status === 'OFFBOARDED' && evidence.proof?.hits === 0,
  );
  prove(
    'acme2 is untouched, to the last byte',
    JSON.stringify(await snapshotOf(sandbox, 'acme2')) === JSON.stringify(neighbour),
  );

  await cancel(sandbox, prove);
}

async function cancel(sandbox: Sandbox, prove: Prove): Promise<void> {
  stage.say('beta asks to leave, and changes its mind during the hold:');
  const before = await snapshotOf(sandbox, 'beta', { data: true });
  const { executionArn: leaving } = await offboard(sandbox, {
    tenantId: 'beta',
    requestId: 'leave-2',
    reason: 'contract ended',
    holdSeconds: HOLD_DAYS * 86_400,
  });
  await asleep(sandbox, leaving);
  const { executionArn: returning } = await reinstate(sandbox, {
    tenantId: 'beta',
    requestId: 'stay-2',
    reason: 'contract renewed',
  });
  const end = await toTheEnd(sandbox, returning);
  const { status } = await stateOf(sandbox, 'beta');
  const after = await snapshotOf(sandbox, 'beta', { data: true });
  prove(
    'beta is ACTIVE again with all its data, its sleeping offboarding stopped',
    end.status === 'SUCCEEDED' &&
      status === 'ACTIVE' &&
      sandbox.machines.describe(leaving).status === 'ABORTED' &&
      JSON.stringify(after) === JSON.stringify(before) &&
      !(await isBlocked(sandbox, 'beta')),
  );
}

/** No user of the tenant enabled, its key not usable. */
async function isBlocked(sandbox: Sandbox, tenantId: string): Promise<boolean> {
  const pool = sandbox.services.cognito.userPool(sandbox.output('UserPoolId'));
  const members = [...pool.users.values()].filter(({ groups }) => groups.has(tenantId));
  const keys = sandbox.services.kms.keys().filter(({ tags }) => tags.get('tenant-id') === tenantId);
  return members.every(({ enabled }) => !enabled) && keys.every(({ state }) => state !== 'Enabled');
}

interface Evidence {
  readonly proof?: { readonly stores: readonly string[]; readonly hits: number };
  readonly resources: readonly { readonly type: string; readonly destroyedAt?: string; readonly removed?: number }[];
}

async function readEvidence(sandbox: Sandbox, Key = ''): Promise<Evidence> {
  const { Body } = await new S3Client(sandbox.clientConfig).send(
    new GetObjectCommand({ Bucket: sandbox.output('AuditBucketName'), Key }),
  );
  return JSON.parse((await Body?.transformToString()) ?? '{}') as Evidence;
}

async function stateOf(sandbox: Sandbox, tenantId: string): Promise<TenantState> {
  const items = await sandbox.services.dynamodb.dump(sandbox.output('RegistryTableName'));
  return items.find((item) => item['sk'] === 'STATE' && item['tenantId'] === tenantId) as unknown as TenantState;
}

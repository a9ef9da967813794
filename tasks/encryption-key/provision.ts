import {
  CreateAliasCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  EnableKeyCommand,
  EnableKeyRotationCommand,
  GetKeyPolicyCommand,
  type KeyMetadata,
  KMSClient,
  PutKeyPolicyCommand,
  TagResourceCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms';
import { isNamed } from '../shared/aws-errors';
import { UNREPEATABLE } from '../shared/clients';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { NotReadyError, ResourceConflictError } from '../shared/errors';
import {
  ATTEMPT_TAG,
  appId,
  canonicalJson,
  executionNameOf,
  keyAlias,
  MANAGED_BY_TAG,
  TENANT_TAG,
} from '../shared/names';
import type { LedgerEntry } from '../shared/registry';
import { provisionEncryptionKey as contract, keyDescription } from './contract';
import { assertIntentVisible, describeKey, isTenantsKey, keysByTags, kms, tagsOfKey, whenVisible } from './find-key';
import { isSamePolicy, tenantKeyPolicy } from './key-policy';

/** CreateKey has no client token: every arrival makes a key. */
const kmsOnce = new KMSClient(UNREPEATABLE);

/**
 * Ensures the tenant's customer managed key: enabled, rotating, tagged, with its alias. Safe to repeat: the alias is
 * KMS's only unique name and decides between competitors; a key whose CreateKey answer was lost is found by its tags.
 */
export async function provisionEncryptionKey({ tenantId, executionArn }: TaskInput, scope: Scope) {
  const entry = await scope.ledger.read();
  const keyArn = await findOrCreate(tenantId, executionArn, entry, scope);
  const owned = await ensureAlias(tenantId, keyArn, scope);
  if (owned !== keyArn) {
    scope.logger.warn('another key holds the alias and is adopted; the unused one is left to the key sweeper', {
      keyArn,
    });
    await whenVisible(tenantId, () => ensurePolicy(tenantId, owned, scope));
    await scope.ledger.complete(owned, entry);
  }
  await whenVisible(tenantId, () => kms.send(new EnableKeyRotationCommand({ KeyId: owned })));
  return { physicalId: owned, ready: true as const };
}

type Scope = FencedScope<(typeof contract.environment)[number]>;

async function findOrCreate(
  tenantId: string,
  executionArn: string,
  entry: LedgerEntry | undefined,
  scope: Scope,
): Promise<string> {
  if (entry?.phase === 'DONE' && entry.physicalId !== undefined) {
    const KeyId = entry.physicalId;
    await whenVisible(tenantId, () => ensureTags(tenantId, KeyId, scope));
    const key = await whenVisible(tenantId, () => kms.send(new DescribeKeyCommand({ KeyId })));
    const keyArn = await usable(tenantId, key.KeyMetadata, scope);
    await whenVisible(tenantId, () => ensurePolicy(tenantId, keyArn, scope));
    return keyArn;
  }
  const known = (await byAlias(tenantId, scope)) ?? (entry && (await byTags(tenantId, entry, scope)));
  if (known !== undefined) {
    // An attempt that failed before an update of this app may have made it.
    await whenVisible(tenantId, () => ensurePolicy(tenantId, known, scope));
    await scope.ledger.complete(known, entry);
    return known;
  }
  return create(tenantId, executionArn, entry, scope);
}

async function create(
  tenantId: string,
  executionArn: string,
  entry: LedgerEntry | undefined,
  scope: Scope,
): Promise<string> {
  const attemptId = `${executionNameOf(executionArn)}.${scope.now().getTime()}`;
  const intent = await scope.ledger.intend(attemptId, entry);
  const { KeyMetadata } = await kmsOnce.send(
    new CreateKeyCommand({
      Description: keyDescription(tenantId),
      Policy: canonicalJson(tenantKeyPolicy(tenantId, scope.env)),
      Tags: [...tagsFor(tenantId, scope), { TagKey: ATTEMPT_TAG, TagValue: attemptId }],
    }),
  );
  const keyArn = arnOf(tenantId, KeyMetadata);
  await scope.ledger.complete(keyArn, intent);
  return keyArn;
}

const tagsFor = (tenantId: string, { app }: Pick<Scope, 'app'>) => [
  { TagKey: TENANT_TAG, TagValue: tenantId },
  { TagKey: MANAGED_BY_TAG, TagValue: appId(app) },
];

/** Tags that somebody has removed from the ledger's key come back first: without them the tasks have no power over it. */
async function ensureTags(tenantId: string, KeyId: string, scope: Scope): Promise<void> {
  const tags = await tagsOfKey(KeyId);
  const Tags = tagsFor(tenantId, scope);
  if (Tags.some(({ TagKey, TagValue }) => tags.get(TagKey) !== TagValue))
    await kms.send(new TagResourceCommand({ KeyId, Tags }));
}

/** A policy that was changed by hand, or that an older version of this app wrote, is made the tenant's again. */
async function ensurePolicy(tenantId: string, KeyId: string, { env }: Scope): Promise<void> {
  const { Policy } = await kms.send(new GetKeyPolicyCommand({ KeyId }));
  const expected = tenantKeyPolicy(tenantId, env);
  if (!isSamePolicy(Policy, expected))
    await kms.send(new PutKeyPolicyCommand({ KeyId, Policy: canonicalJson(expected) }));
}

/** The key behind the tenant's alias, if it is the tenant's. */
async function byAlias(tenantId: string, scope: Scope): Promise<string | undefined> {
  const { app } = scope;
  const key = await describeKey(keyAlias(app, tenantId));
  // A key on its way out may hold the alias for the rest of its window; ensureAlias moves the alias.
  if (key === undefined || key.KeyState === 'PendingDeletion') return undefined;
  const keyArn = arnOf(tenantId, key);
  if (!(await isTenantsKey(keyArn, tenantId, app))) {
    throw new ResourceConflictError(
      `tenant ${tenantId}: alias ${keyAlias(app, tenantId)} belongs to ${keyArn}, which is not tagged as the tenant's`,
    );
  }
  return usable(tenantId, key, scope);
}

/**
 * After a CreateKey whose answer was lost: the oldest enabled key with the tenant's tags. Only an earlier intent leads
 * here, so an ordinary onboarding does not pay for the listing.
 */
async function byTags(tenantId: string, intent: LedgerEntry, { app, now }: Scope): Promise<string | undefined> {
  assertIntentVisible(tenantId, intent, now());
  return (await keysByTags(tenantId, app)).find(({ KeyState }) => KeyState === 'Enabled')?.Arn;
}

/** Gives the key the tenant's alias and returns the key that has it in the end. */
async function ensureAlias(tenantId: string, keyArn: string, scope: Scope): Promise<string> {
  const { app } = scope;
  const AliasName = keyAlias(app, tenantId);
  try {
    await whenVisible(tenantId, () => kms.send(new CreateAliasCommand({ AliasName, TargetKeyId: keyArn })));
    return keyArn;
  } catch (error) {
    if (!isNamed(error, 'AlreadyExistsException')) throw error;
  }
  const { KeyMetadata } = await whenVisible(tenantId, () => kms.send(new DescribeKeyCommand({ KeyId: AliasName })));
  const holder = arnOf(tenantId, KeyMetadata);
  if (holder === keyArn) return keyArn;
  if (KeyMetadata?.KeyState === 'PendingDeletion') {
    await kms.send(new UpdateAliasCommand({ AliasName, TargetKeyId: keyArn }));
    return keyArn;
  }
  if (!(await isTenantsKey(holder, tenantId, app))) {
    throw new ResourceConflictError(
      `tenant ${tenantId}: alias ${AliasName} belongs to ${holder}, which is not tagged as the tenant's`,
    );
  }
  return usable(tenantId, KeyMetadata, scope);
}

/**
 * A disabled key is enabled again, whoever disabled it; one that is being deleted is not revived behind an operator's back.
 * Also a key that KMS shows as enabled: a reinstatement may come seconds after the block, and what KMS shows may be older.
 */
async function usable(tenantId: string, key: KeyMetadata | undefined, { assertStillAllowed }: Scope): Promise<string> {
  const keyArn = arnOf(tenantId, key);
  if (key?.KeyState !== 'Enabled' && key?.KeyState !== 'Disabled') {
    throw new ResourceConflictError(
      `tenant ${tenantId}: key ${keyArn} is ${key?.KeyState ?? 'in an unknown state'}; cancel its deletion first if the tenant needs it`,
    );
  }
  // An invocation that its execution has left behind goes on: the tenant may be blocked again.
  await assertStillAllowed();
  await whenVisible(tenantId, () => kms.send(new EnableKeyCommand({ KeyId: keyArn })));
  return keyArn;
}

function arnOf(tenantId: string, key: KeyMetadata | undefined): string {
  if (key?.Arn === undefined) throw new NotReadyError(`tenant ${tenantId}: KMS answered without a key ARN`);
  return key.Arn;
}

export const handler = defineStep(contract, provisionEncryptionKey);

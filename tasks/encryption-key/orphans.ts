import {
  GetKeyLastUsageCommand,
  type GetKeyLastUsageCommandOutput,
  ListAliasesCommand,
  paginateListAliases,
} from '@aws-sdk/client-kms';
import { isNamed } from '../shared/aws-errors';
import { describeExecution } from '../shared/executions';
import { after } from '../shared/holdings';
import { type App, ATTEMPT_TAG, appId, keyAlias, MANAGED_BY_TAG, TENANT_TAG } from '../shared/names';
import type { Registry, TenantRecord } from '../shared/registry';
import { TenantId } from '../shared/tenant';
import { ENCRYPTION_KEY, keyDescription } from './contract';
import { describeKey, kms, pagesOfKeys, selected, tagsOfKey } from './find-key';

/** Younger keys may belong to an attempt that is still under way, or whose retries are. */
const FRESH_MS = 86_400_000;

/** A key that this app made and that no tenant has. */
export interface Orphan {
  readonly keyArn: string;
  /** Whom its tag names, if anybody. */
  readonly tenantId?: string;
  /** Why it may not be retired, although nobody has it; absent when it is proved ours and unused. */
  readonly kept?: string;
}

export interface OrphanSearch {
  readonly app: App;
  readonly registry: Registry;
  readonly now: () => Date;
}

export interface Alias {
  readonly name: string;
  readonly keyId: string;
}

/** All aliases of the account and Region that lead to a key. */
export async function aliasesOfAccount(): Promise<readonly Alias[]> {
  const aliases: Alias[] = [];
  for await (const page of paginateListAliases({ client: kms, pageSize: 100 }, {})) {
    for (const { AliasName: name, TargetKeyId: keyId } of page.Aliases ?? [])
      if (name !== undefined && keyId !== undefined) aliases.push({ name, keyId });
  }
  return aliases;
}

/** Whose key an alias says it is; undefined for aliases that are not of this app and stage. */
export const tenantOfAlias = (app: App, { name }: Alias): string | undefined => after(keyAlias(app, ''), name);

/**
 * Finds orphaned keys. The tags are read only of keys that no alias leads to: an ordinary tenant's key costs a line in two
 * lists and no call of its own.
 */
export async function findOrphans(aliases: readonly Alias[], search: OrphanSearch): Promise<readonly Orphan[]> {
  const aliased = new Set(aliases.map(({ keyId }) => keyId));
  const orphans: Orphan[] = [];
  for await (const keyArns of pagesOfKeys()) {
    const bare = keyArns.filter((keyArn) => !aliased.has(keyArn.slice(keyArn.lastIndexOf('/') + 1)));
    for (const keyArn of await selected(bare, (arn) => isOurs(arn, search.app))) {
      const orphan = await examineKey(keyArn, search);
      if (orphan !== undefined) orphans.push(orphan);
    }
  }
  return orphans;
}

async function isOurs(keyArn: string, app: App): Promise<boolean> {
  try {
    return (await tagsOfKey(keyArn)).get(MANAGED_BY_TAG) === appId(app);
  } catch (error) {
    // AWS managed keys and keys deleted meanwhile do not show their tags.
    if (isNamed(error, 'AccessDeniedException', 'NotFoundException')) return false;
    throw error;
  }
}

/**
 * Looks at one key from all sides; undefined when it is not ours, or some tenant's, or might become one's, or is on its way out.
 * @param scheduled also looks at keys whose deletion is scheduled
 */
export async function examineKey(
  keyArn: string,
  { app, registry, now }: OrphanSearch,
  { scheduled = false }: { readonly scheduled?: boolean } = {},
): Promise<Orphan | undefined> {
  const key = await describeKey(keyArn);
  if (key === undefined || !(await isOurs(keyArn, app))) return undefined;
  if (key.KeyState === 'PendingDeletion' && !scheduled) return undefined;
  const { Aliases = [] } = await kms.send(new ListAliasesCommand({ KeyId: keyArn }));
  if (Aliases.length > 0 || now().getTime() - (key.CreationDate?.getTime() ?? now().getTime()) < FRESH_MS)
    return undefined;
  const tags = await tagsOfKey(keyArn);
  // Tags can be changed, and so can descriptions: a key is an orphan only if none of those that are named has it.
  const named = [tags.get(TENANT_TAG), after(keyDescription(''), key.Description)];
  const tenants = [...new Set(named)].flatMap((tenantId) => {
    const parsed = TenantId.safeParse(tenantId);
    return parsed.success ? [parsed.data] : [];
  });
  const records = await Promise.all(tenants.map((tenantId) => registry.getTenant(tenantId)));
  for (const record of records)
    if (knows(record, keyArn, tags.get(ATTEMPT_TAG)) || (await isRunning(record))) return undefined;
  const [tenantId] = tenants;
  const held = records.some(({ state }) => state?.legalHolds !== undefined);
  const kept =
    tenantId === undefined ? 'it names no tenant' : held ? 'its tenant is under a legal hold' : await use(keyArn);
  return { keyArn, ...(tenantId && { tenantId }), ...(kept && { kept }) };
}

/** The ledger has it, the tombstone names it, or it is what a recorded attempt may have made and a repeat will look for. */
function knows({ resources, state }: TenantRecord, keyArn: string, attemptId: string | undefined): boolean {
  const entry = resources.find(({ type }) => type === ENCRYPTION_KEY);
  return (
    entry?.physicalId === keyArn ||
    state?.tombstone?.encryptionKeyArn === keyArn ||
    (entry?.phase === 'INTENT' && (attemptId === undefined || entry.attemptId === attemptId))
  );
}

const isRunning = async ({ state }: TenantRecord): Promise<boolean> =>
  state?.leaseOwner !== undefined && (await describeExecution(state.leaseOwner))?.status === 'RUNNING';

/** Why the key's use, past or unknown, forbids to retire it. KMS knows of uses since it began to track them [GetKeyLastUsage]. */
async function use(KeyId: string): Promise<string | undefined> {
  const usage = await lastUsage(KeyId);
  if (usage === undefined) return 'its policy does not let KMS say whether it was used';
  const { KeyLastUsage, KeyCreationDate, TrackingStartDate } = usage;
  if (KeyLastUsage?.Timestamp !== undefined) return `it was used at ${KeyLastUsage.Timestamp.toISOString()}`;
  const tracked =
    KeyCreationDate !== undefined && TrackingStartDate !== undefined && KeyCreationDate >= TrackingStartDate;
  return tracked ? undefined : 'KMS does not know whether it was used';
}

/** Undefined where the key's own policy, which decides, says no: an orphan's policy is never brought up to date. */
async function lastUsage(KeyId: string): Promise<GetKeyLastUsageCommandOutput | undefined> {
  try {
    return await kms.send(new GetKeyLastUsageCommand({ KeyId }));
  } catch (error) {
    if (isNamed(error, 'AccessDeniedException')) return undefined;
    throw error;
  }
}

import {
  DescribeKeyCommand,
  type KeyMetadata,
  KMSClient,
  ListKeysCommand,
  ListResourceTagsCommand,
} from '@aws-sdk/client-kms';
import { isNamed } from '../shared/aws-errors';
import { REPEATABLE } from '../shared/clients';
import { NotReadyError } from '../shared/errors';
import { inParallel } from '../shared/in-parallel';
import { type App, appId, keyAlias, MANAGED_BY_TAG, TENANT_TAG } from '../shared/names';
import type { LedgerEntry } from '../shared/registry';

export const kms = new KMSClient(REPEATABLE);

/** ListResourceTags allows 2,000 requests a second per account [KMS requests-per-second]; this stays far below. */
const SEARCH_CONCURRENCY = 20;

/** AWS's own CloudFormation handler for keys waits this long after CreateKey until the new key shows in reads. */
const PROPAGATION_SECONDS = 15;

/** In some cases KMS does not know a new key everywhere for several minutes [programming-eventual-consistency]. */
const YOUNG_SECONDS = 600;

/** KMS is eventually consistent: a key just made may be unknown, and one just switched be as it was, for seconds to minutes. */
export async function whenVisible<T>(tenantId: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!isNamed(error, 'NotFoundException', 'DisabledException', 'KMSInvalidStateException')) throw error;
    throw new NotReadyError(`tenant ${tenantId}: the key is not usable everywhere yet (${(error as Error).name})`, {
      cause: error,
    });
  }
}

/** Before a key is looked for whose CreateKey answer may have been lost. */
export function assertIntentVisible(tenantId: string, intent: LedgerEntry, now: Date): void {
  if (ageSeconds(intent.attemptedAt ?? intent.since, now) < PROPAGATION_SECONDS)
    throw new NotReadyError(`tenant ${tenantId}: an earlier CreateKey may not be visible yet`);
}

const ageSeconds = (since: string, now: Date): number => (now.getTime() - Date.parse(since)) / 1000;

/**
 * The key in the ledger; undefined when there is none, or when KMS has destroyed it. One that is young and unknown has not
 * been destroyed, which takes a week at least: KMS will show it.
 */
export async function ledgersKey(
  tenantId: string,
  entry: LedgerEntry | undefined,
  now: Date,
): Promise<KeyMetadata | undefined> {
  if (entry?.physicalId === undefined) return undefined;
  const key = await describeKey(entry.physicalId);
  const made = entry.attemptedAt ?? entry.since;
  if (key === undefined && entry.deletionDate === undefined && ageSeconds(made, now) < YOUNG_SECONDS)
    throw new NotReadyError(`tenant ${tenantId}: KMS does not know ${entry.physicalId} yet`);
  return key;
}

/** A key by id, ARN or alias; undefined when there is none. */
export async function describeKey(KeyId: string): Promise<KeyMetadata | undefined> {
  try {
    return (await kms.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata;
  } catch (error) {
    if (isNamed(error, 'NotFoundException')) return undefined;
    throw error;
  }
}

export async function tagsOfKey(KeyId: string): Promise<ReadonlyMap<string, string>> {
  const { Tags = [] } = await kms.send(new ListResourceTagsCommand({ KeyId }));
  return new Map(Tags.map(({ TagKey = '', TagValue = '' }) => [TagKey, TagValue]));
}

/** Whether the key carries the tags with which this app and stage makes keys of the tenant. */
export async function isTenantsKey(keyArn: string, tenantId: string, app: App): Promise<boolean> {
  try {
    const tags = await tagsOfKey(keyArn);
    return tags.get(TENANT_TAG) === tenantId && tags.get(MANAGED_BY_TAG) === appId(app);
  } catch (error) {
    // AWS managed keys and keys deleted meanwhile do not show their tags: not ours.
    if (isNamed(error, 'AccessDeniedException', 'NotFoundException')) return false;
    throw error;
  }
}

/** Every key with the tenant's tags, oldest first, the same order for every searcher. Reads the tags of all keys of the account. */
export async function keysByTags(tenantId: string, app: App): Promise<readonly KeyMetadata[]> {
  const found: KeyMetadata[] = [];
  for await (const keyArns of pagesOfKeys()) {
    for (const keyArn of await selected(keyArns, (arn) => isTenantsKey(arn, tenantId, app))) {
      const key = await describeKey(keyArn);
      if (key !== undefined) found.push(key);
    }
  }
  const age = (key: KeyMetadata) => key.CreationDate?.getTime() ?? 0;
  return found.sort((a, b) => age(a) - age(b) || String(a.KeyId).localeCompare(String(b.KeyId)));
}

/**
 * Every key the tenant may have: the ledger's, the alias's, and, when a CreateKey answer may have been lost, those that
 * carry its tags.
 */
export async function keysOfTenant(
  tenantId: string,
  app: App,
  entry: LedgerEntry | undefined,
  now: Date,
): Promise<readonly KeyMetadata[]> {
  if (entry?.phase === 'INTENT') assertIntentVisible(tenantId, entry, now);
  const known = await ledgersKey(tenantId, entry, now);
  const aliased = await describeKey(keyAlias(app, tenantId));
  const ours =
    aliased?.Arn !== undefined && aliased.Arn !== known?.Arn && (await isTenantsKey(aliased.Arn, tenantId, app));
  const tagged = entry?.phase === 'INTENT' ? await keysByTags(tenantId, app) : [];
  const keys = [known, ours ? aliased : undefined, ...tagged].filter((key) => key !== undefined);
  return [...new Map(keys.map((key) => [key.Arn, key])).values()];
}

/** ARNs of all keys of the account and Region, in any state, up to 1,000 at a time. */
export async function* pagesOfKeys(): AsyncGenerator<readonly string[]> {
  let Marker: string | undefined;
  do {
    const page = await kms.send(new ListKeysCommand({ Limit: 1000, ...(Marker && { Marker }) }));
    yield (page.Keys ?? []).flatMap(({ KeyArn }) => (KeyArn === undefined ? [] : [KeyArn]));
    Marker = page.Truncated ? page.NextMarker : undefined;
  } while (Marker !== undefined);
}

/** Those of the keys that the question, which reads their tags, says yes to; a bounded number of questions at once. */
export async function selected(
  keyArns: readonly string[],
  question: (keyArn: string) => Promise<boolean>,
): Promise<readonly string[]> {
  const answers = await inParallel(keyArns, SEARCH_CONCURRENCY, question);
  return keyArns.filter((_, position) => answers[position]);
}

import {
  DescribeKeyCommand,
  type KeyMetadata,
  KMSClient,
  ListKeysCommand,
  ListResourceTagsCommand,
} from '@aws-sdk/client-kms';
import { isNamed } from '../shared/aws-errors';
import { REPEATABLE } from '../shared/clients';
import { inParallel } from '../shared/in-parallel';
import { type App, appId, keyAlias, MANAGED_BY_TAG, TENANT_TAG } from '../shared/names';
import type { LedgerEntry } from '../shared/registry';

export const kms = new KMSClient(REPEATABLE);

/** ListResourceTags allows 2,000 requests a second per account [KMS requests-per-second]; this stays far below. */
const SEARCH_CONCURRENCY = 20;

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
): Promise<readonly KeyMetadata[]> {
  const known = entry?.physicalId === undefined ? undefined : await describeKey(entry.physicalId);
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

import { GetObjectCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import { REPEATABLE } from '../shared/clients';
import { inParallel } from '../shared/in-parallel';
import { canonicalJson, doctorPartsPrefix } from '../shared/names';
import { writeOnce } from '../shared/write-once';
import type { Finding, TenantFindings } from './finding';

const s3 = new S3Client(REPEATABLE);

/** Which examination it is of. */
export interface Examination {
  readonly executionArn: string;
  readonly startedAt: string;
}

/** What one step of an examination found: about tenants, or about the account. */
export type Part = { readonly tenants: readonly TenantFindings[] } | { readonly account: readonly Finding[] };

/** Puts what a step found, once: the bucket locks every version, so a repeat must not add one. */
export async function putPart(bucket: string, examination: Examination, name: string, part: Part): Promise<void> {
  await putOnce(bucket, `${prefixOf(examination)}${name}.json`, part);
}

export async function putOnce(Bucket: string, Key: string, content: object): Promise<void> {
  await writeOnce({ Bucket, Key, Body: canonicalJson(content), ContentType: 'application/json' });
}

/** Objects read at once. */
const CONCURRENCY = 20;

/** All parts of an examination, by name. */
export async function readParts(Bucket: string, examination: Examination): Promise<readonly Part[]> {
  const parts: Part[] = [];
  for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket, Prefix: prefixOf(examination) })) {
    const keys = (page.Contents ?? []).flatMap(({ Key }) => Key ?? []);
    const read = async (Key: string) => {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
      return JSON.parse((await Body?.transformToString()) ?? '{}') as Part;
    };
    parts.push(...(await inParallel(keys, CONCURRENCY, read)));
  }
  return parts;
}

const prefixOf = ({ executionArn, startedAt }: Examination): string => doctorPartsPrefix(executionArn, startedAt);

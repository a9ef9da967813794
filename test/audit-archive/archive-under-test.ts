import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import type { DescribeExecutionOutput, HistoryEvent } from '@aws-sdk/client-sfn';
import type { Sandbox } from '../../sandbox/sandbox';
import type { ChainRecord } from '../../tasks/audit-archive/chain-record';
import { archiveDeadLetterQueueName, archiveQueueName, auditPrefix, chainPrefix } from '../../tasks/shared/names';
import { APP, functionName } from '../lifecycle/app-under-test';

export interface ArchivedHistory {
  readonly schemaVersion: 1;
  readonly tenantId: string | null;
  readonly requestId: string | null;
  readonly execution: DescribeExecutionOutput;
  readonly events: readonly HistoryEvent[];
}

export const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

const bucketOf = (sandbox: Sandbox) => {
  const bucket = sandbox.services.s3.bucket(sandbox.output('AuditBucketName'));
  if (bucket === undefined) throw new Error('there is no audit bucket');
  return bucket;
};

/** Current objects below a prefix of the audit bucket: key, bytes, number of versions. */
export const auditObjects = (sandbox: Sandbox, prefix: string) => {
  const bucket = bucketOf(sandbox);
  return [...bucket.keysFrom(prefix)]
    .filter((key) => key.startsWith(prefix))
    .map((key) => ({
      key,
      versions: bucket.versionsOf(key).length,
      bytes: bucket.current(key)?.content.body ?? Buffer.alloc(0),
      headers: bucket.current(key)?.content.headers ?? {},
      retention: bucket.current(key)?.retention,
    }));
};

/** The tenant's chain as it lies there, in order, each record with the hash of its bytes. */
export const chainOf = (sandbox: Sandbox, tenantId: string) =>
  auditObjects(sandbox, chainPrefix(tenantId)).map(({ key, bytes }) => ({
    key,
    sha256: sha256(bytes),
    record: JSON.parse(bytes.toString('utf8')) as ChainRecord,
  }));

/** What is wrong with the tenant's chain, looked at without the code that makes or verifies it. */
export function faultsOf(sandbox: Sandbox, tenantId: string): string[] {
  const faults: string[] = [];
  const objects = new Map(auditObjects(sandbox, auditPrefix(tenantId)).map((object) => [object.key, object]));
  const covered = new Map<string, number>();
  let previous: string | null = null;
  for (const [position, { key, sha256: hash, record }] of chainOf(sandbox, tenantId).entries()) {
    if (record.sequence !== position + 1) faults.push(`${key} has sequence ${record.sequence}`);
    if (record.previous !== previous) faults.push(`${key} does not follow from the one before`);
    previous = hash;
    for (const object of record.objects) {
      covered.set(object.key, (covered.get(object.key) ?? 0) + 1);
      const stored = objects.get(object.key);
      if (stored === undefined || sha256(stored.bytes) !== object.sha256 || stored.bytes.length !== object.bytes)
        faults.push(`${key} vouches for other bytes of ${object.key}`);
    }
  }
  for (const [key, { versions }] of objects) {
    if (versions !== 1) faults.push(`${key} has ${versions} versions`);
    if (!key.startsWith(chainPrefix(tenantId)) && covered.get(key) !== 1)
      faults.push(`${key} is covered by ${covered.get(key) ?? 0} records`);
  }
  return faults;
}

/** Archived histories below a prefix, by key. */
export const historiesOf = (sandbox: Sandbox, prefix: string): ReadonlyMap<string, ArchivedHistory> =>
  new Map(
    auditObjects(sandbox, prefix)
      .filter(({ key }) => key.endsWith('.json.gz'))
      .map(({ key, bytes }) => [key, JSON.parse(gunzipSync(bytes).toString('utf8')) as ArchivedHistory]),
  );

const queueOf = (sandbox: Sandbox, name: string) => {
  const queue = sandbox.services.sqs.queues().find((one) => one.name === name);
  if (queue === undefined) throw new Error(`there is no queue ${name}`);
  return queue;
};

export const waiting = (sandbox: Sandbox) => queueOf(sandbox, archiveQueueName(APP)).messages;
export const failed = (sandbox: Sandbox) => queueOf(sandbox, archiveDeadLetterQueueName(APP)).messages;

/** Runs the daily reconciliation now. */
export const reconcile = (sandbox: Sandbox): Promise<void> => sandbox.fireSchedule(functionName('reconcile-archive'));

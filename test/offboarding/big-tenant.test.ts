import { BatchWriteItemCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateMultipartUploadCommand, DeleteObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { toTheEnd } from '../../sandbox/requests';
import { functionName, registryItem, stateOf, useApp } from '../lifecycle/app-under-test';
import {
  anActiveTenant,
  bytesOf,
  dataOf,
  evidenceOf,
  offboardToTheEnd,
  putObject,
  releaseLegalHold,
  setLegalHold,
  statesOf,
} from './offboarding-under-test';

const app = useApp();

const VERSIONS = 30_000;
const VERSIONS_PER_KEY = 3;
const ITEMS = 20_000;
const UPLOADS = 5;

/** Written straight into the store: over the wire it would take minutes. */
function addVersions(tenantId: string): void {
  const bucket = app().services.s3.bucket(app().output('DataBucketName'));
  const key = `tenants/${tenantId}/record.txt`;
  const content = bucket?.current(key)?.content;
  if (bucket === undefined || content === undefined) throw new Error(`${key} is missing`);
  for (let n = 0; n < VERSIONS; n += 1) {
    bucket.add(`tenants/${tenantId}/bulk/${Math.floor(n / VERSIONS_PER_KEY)}`, { content, lastModified: 0 });
  }
}

async function addItems(tenantId: string): Promise<void> {
  const dynamodb = new DynamoDBClient(app().clientConfig);
  // Small further partitions: dynalite's index tells items of one partition apart by 24 bits of a hash only.
  const partitionOf = (batch: number) => `TENANT#${tenantId}${batch % 2 === 0 ? '' : `#PATIENT#${batch}`}`;
  const table = app().output('DataTableName');
  const batches = Array.from({ length: ITEMS / 25 }, (_, batch) =>
    Array.from({ length: 25 }, (_unused, n) => ({
      PutRequest: {
        Item: {
          pk: { S: partitionOf(batch) },
          sk: { S: `ITEM#${batch}#${n}` },
          tenantKey: { S: `TENANT#${tenantId}` },
        },
      },
    })),
  );
  while (batches.length > 0) {
    const some = batches.splice(0, 20);
    await Promise.all(
      some.map((requests) => dynamodb.send(new BatchWriteItemCommand({ RequestItems: { [table]: requests } }))),
    );
  }
  dynamodb.destroy();
}

describe('a tenant with 30,000 object versions and 20,000 items', () => {
  it('is destroyed in bounded pages, with progress, a legal hold between two pages included', async () => {
    await anActiveTenant(app(), 'acme');
    await anActiveTenant(app(), 'acme2');
    await putObject(app(), 'tenants/acme2/x', 'y');
    const neighbour = await bytesOf(app(), 'acme2');
    addVersions('acme');
    await addItems('acme');
    const s3 = new S3Client(app().clientConfig);
    const Bucket = app().output('DataBucketName');
    for (let n = 0; n < UPLOADS; n += 1) {
      await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: `tenants/acme/upload/${n}` }));
      await s3.send(new DeleteObjectCommand({ Bucket, Key: `tenants/acme/bulk/${n}` }));
    }
    s3.destroy();
    const stored = JSON.parse(await dataOf(app(), 'acme')) as { items: unknown[]; objects: unknown[] };
    let pages = 0;
    const watching = app().faults.add({
      functionName: functionName('destroy-storage-prefix'),
      operation: 'DeleteObjects',
      when: 'after',
      input: () => {
        pages += 1;
        if (pages === 13) void setLegalHold(app(), 'acme');
        return pages === 13;
      },
      // Long enough for the hold to be set, also on a busy machine.
      effect: { kind: 'delay', ms: 5000 },
    });

    const refused = await offboardToTheEnd(app(), 'acme');
    watching.remove();
    const left = JSON.parse(await dataOf(app(), 'acme')) as { items: unknown[]; objects: unknown[] };

    expect(refused).toMatchObject({ status: 'FAILED', error: 'LegalHoldError' });
    expect(stored.objects.length - left.objects.length).toBe(13_000);
    expect(left.items).toHaveLength(stored.items.length);

    await releaseLegalHold(app(), 'acme');
    app().machines.redrive(refused.executionArn);
    const end = await toTheEnd(app(), refused.executionArn);

    expect(end).toMatchObject({ status: 'SUCCEEDED' });
    const states = statesOf(app(), refused.executionArn);
    expect(states.filter((name) => name === 'Destroy storage prefix').length).toBeGreaterThanOrEqual(3);
    expect(states.filter((name) => name === 'Destroy data partition').length).toBeGreaterThanOrEqual(2);
    expect(await dataOf(app(), 'acme')).toBe(await dataOf(app(), 'never-made'));
    expect([...(app().services.s3.bucket(Bucket)?.uploads.values() ?? [])]).toEqual([]);
    expect((await stateOf(app(), 'acme')).status).toBe('OFFBOARDED');
    expect(await registryItem(app(), 'acme', 'RESOURCE#data-partition')).toMatchObject({
      phase: 'DESTROYED',
      removed: stored.items.length,
    });
    expect((await evidenceOf(app(), 'acme')).evidence.proof.hits).toBe(0);
    expect(await bytesOf(app(), 'acme2')).toBe(neighbour);
  });
});

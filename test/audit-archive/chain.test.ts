import { onboard, onboardToTheEnd } from '../../sandbox/requests';
import { auditPrefix, chainKey, historyKey } from '../../tasks/shared/names';
import { tenantctl } from '../cli/a-terminal';
import { aRequest, useApp, withoutPausesOfTheSdk } from '../lifecycle/app-under-test';
import { setLegalHold } from '../offboarding/offboarding-under-test';
import { auditObjects, chainOf, faultsOf, historiesOf, reconcile } from './archive-under-test';

withoutPausesOfTheSdk();
const app = useApp();

async function verify(tenantId: string) {
  const endpoint = app().endpoint.url;
  const { exitCode, json } = await tenantctl(
    'audit',
    'verify',
    '--tenant-id',
    tenantId,
    '--json',
    '--endpoint',
    endpoint,
  );
  return { exitCode, ...json() };
}

/** Changes what lies in the bucket as nobody can on AWS. */
function tamper(key: string, body: string): void {
  const current = app().services.s3.bucket(app().output('AuditBucketName'))?.current(key);
  if (current === undefined) throw new Error(`there is no ${key}`);
  // Without the checksums, by which the SDK would notice it already.
  Object.assign(current.content, { body: Buffer.from(body), headers: {} });
}

describe('tenantctl audit verify', () => {
  it('finds the archive of an onboarded tenant unbroken, and its end compared with the registry', async () => {
    await onboardToTheEnd(app(), aRequest({ tenantId: 'whole' }));

    const [last] = chainOf(app(), 'whole');
    expect(await verify('whole')).toMatchObject({
      exitCode: 0,
      ok: true,
      records: 1,
      endKnown: true,
      head: { sequence: 1, sha256: last?.sha256 },
    });
  });

  it('does not call the archive of a mistyped tenant whole', async () => {
    const { exitCode, stderr } = await tenantctl(
      'audit',
      'verify',
      '--tenant-id',
      'wohle',
      '--endpoint',
      app().endpoint.url,
    );

    expect(exitCode).toBe(1);
    expect(stderr()).toContain('TenantNotRequestedError: tenant wohle: it has no audit archive');
  });

  it.each([
    [
      'altered',
      'an object that was altered',
      (tenantId: string) => tamper(`${auditPrefix(tenantId)}requests/request-1.json`, '{}'),
    ],
    ['altered', 'a record that was altered', (tenantId: string) => tamper(chainKey(tenantId, 1), '{}')],
  ])('exits with 1 and names %s for %s', async (kind, what, act) => {
    const tenantId = what.replaceAll(' ', '-').slice(0, 36).replace(/-$/, '');
    await onboardToTheEnd(app(), aRequest({ tenantId }));
    act(tenantId);

    expect(await verify(tenantId)).toMatchObject({ exitCode: 1, ok: false, firstBreak: { kind } });
  });
});

describe('many executions at once', () => {
  it('leave one unforked chain per tenant', async () => {
    const tenants = Array.from({ length: 10 }, (_, number) => `crowd-${number}`);
    for (const tenantId of tenants) await onboard(app(), aRequest({ tenantId }));
    const machine = app().output('OnboardTenantStateMachineArn');
    for (const tenantId of tenants) {
      for (const again of [1, 2, 3, 4]) {
        const input = JSON.stringify({ tenantId, requestId: 'request-1' });
        app().machines.start({ stateMachineArn: machine, name: `${tenantId}-again-${again}`, input });
      }
    }
    const all = app().machines.list({ stateMachineArn: machine, maxResults: 1000 }).items;
    await Promise.all(all.map(({ executionArn }) => app().machines.settled(executionArn)));
    await app().settled();

    expect(tenants.flatMap((tenantId) => faultsOf(app(), tenantId))).toEqual([]);
    expect(tenants.map((tenantId) => historiesOf(app(), auditPrefix(tenantId)).size)).toEqual(tenants.map(() => 5));
  });
});

describe('a tenant for which nothing runs', () => {
  it('has its hold changes chained by the reconciliation, after a day', async () => {
    await onboardToTheEnd(app(), aRequest({ tenantId: 'idle' }));
    await setLegalHold(app(), 'idle', 'case-7');
    await reconcile(app());
    const atOnce = chainOf(app(), 'idle').length;

    await app().clock.advance(25 * 3_600_000);
    await reconcile(app());

    const [, second] = chainOf(app(), 'idle');
    expect(atOnce).toBe(1);
    expect(second?.record).toMatchObject({ execution: null, objects: [{ key: 'audit/idle/requests/case-7.json' }] });
    expect(faultsOf(app(), 'idle')).toEqual([]);
  });
});

describe('an execution that is named like a folder of the archive', () => {
  it('does not get among the records of the chain', async () => {
    await onboardToTheEnd(app(), aRequest({ tenantId: 'named' }));
    const { executionArn } = app().machines.start({
      stateMachineArn: app().output('OnboardTenantStateMachineArn'),
      name: 'chain',
      input: JSON.stringify({ tenantId: 'named', requestId: 'request-1' }),
    });
    await app().machines.settled(executionArn);
    await app().settled();

    expect(auditObjects(app(), historyKey('named', executionArn, 0))).toHaveLength(1);
    expect(historyKey('named', executionArn, 0)).toMatch(/^audit\/named\/chain--execution\//);
    expect(faultsOf(app(), 'named')).toEqual([]);
  });
});

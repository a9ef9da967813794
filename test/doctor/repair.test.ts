import { AdminEnableUserCommand } from '@aws-sdk/client-cognito-identity-provider';
import { CreateKeyCommand, EnableKeyCommand, EncryptCommand } from '@aws-sdk/client-kms';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { invoke, invokeFrontDoor, onboardToTheEnd } from '../../sandbox/requests';
import { MANAGED_BY_TAG, TENANT_TAG } from '../../tasks/shared/names';
import { tenantctl } from '../cli/a-terminal';
import { aRequest, functionName, stateOf, useApp, withoutPausesOfTheSdk } from '../lifecycle/app-under-test';
import {
  anActiveTenant,
  change,
  DAY,
  enabledUsers,
  keyStates,
  quiet,
  setLegalHold,
  startOffboarding,
} from '../offboarding/offboarding-under-test';
import { clientsOf, examined, HOUR, keyArnOf, summaryOf } from './doctor-under-test';
import { DRIFTS } from './drifts';

withoutPausesOfTheSdk();
const app = useApp();

const doctor = (...args: readonly string[]) => tenantctl('doctor', ...args, '--endpoint', app().endpoint.url);
const aKey = async (tenantId: string): Promise<string> => {
  const tags = { [TENANT_TAG]: tenantId, [MANAGED_BY_TAG]: 'tenant-lifecycle-dev' };
  const Tags = Object.entries(tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue }));
  return (await clientsOf(app()).kms.send(new CreateKeyCommand({ Tags }))).KeyMetadata?.Arn ?? '';
};
const retire = (keyArn: string) =>
  invoke(app(), 'RetireOrphanedKeyFunctionName', { keyArn, requestId: 'retire-1', requestedBy: 'operator' });

describe('tenantctl doctor', () => {
  it('refuses a tenant that the registry does not know, and starts nothing', async () => {
    const started = app().calls.countBy('sfn/StartExecution');
    const { exitCode, stderr } = await doctor('--tenant-id', 'nobody');

    expect(exitCode).toBe(1);
    expect(stderr()).toContain('TenantNotRequestedError: tenant nobody: the registry does not know it');
    expect(app().calls.countBy('sfn/StartExecution')).toBe(started);
  });
});

describe('tenantctl doctor --repair', () => {
  it('brings back all that the app itself can bring back, leaves the rest, and says so', async () => {
    const clients = clientsOf(app());
    for (const { tenantId, tier = 'standard' } of DRIFTS) await onboardToTheEnd(app(), aRequest({ tenantId, tier }));
    for (const { tenantId, plant } of DRIFTS) await plant(tenantId, app(), clients);
    const before = summaryOf(await examined(app()));

    const planned = await doctor('--repair');
    const untouched = summaryOf(await examined(app()));
    const repaired = await doctor('--repair', '--yes', '--json');
    const left = summaryOf(await examined(app()));

    const byHand = DRIFTS.filter(({ found }) => found.some((words) => words.endsWith('none')));
    expect(planned.exitCode).toBe(1);
    expect(planned.stdout()).toContain('marker-gone is onboarded again');
    expect(planned.stdout()).toContain('Nothing was done. To do it: npm run tenant -- doctor --repair --yes');
    expect(untouched).toEqual(before);
    expect(repaired.exitCode).toBe(1);
    expect(left).toEqual(Object.fromEntries(byHand.map(({ tenantId, found }) => [tenantId, found])));
    const repairs = repaired.json()['repairs'] as { ok: boolean }[];
    expect(repairs).toHaveLength(DRIFTS.length - byHand.length);
    expect(repairs.filter(({ ok }) => !ok)).toEqual([]);
    expect((await stateOf(app(), 'marker-gone')).status).toBe('ACTIVE');
    expect(app().services.cognito.userPool(app().output('UserPoolId')).groups.has('group-gone')).toBe(true);
    expect(enabledUsers(app(), 'group-gone')).toHaveLength(1);
  });

  it('blocks an unblocked tenant again, and its hold ends when it did', async () => {
    const clients = clientsOf(app());
    await anActiveTenant(app(), 'leaver');
    await startOffboarding(app(), 'leaver', { holdSeconds: 90 * DAY });
    const { holdUntil, generation } = await stateOf(app(), 'leaver');
    const UserPoolId = app().output('UserPoolId');
    const [user] = [...app().services.cognito.userPool(UserPoolId).users.values()].filter(({ groups }) =>
      groups.has('leaver'),
    );
    await clients.kms.send(new EnableKeyCommand({ KeyId: keyArnOf(app(), 'leaver') }));
    await clients.cognito.send(new AdminEnableUserCommand({ UserPoolId, Username: user?.username }));
    await app().clock.advance(HOUR);

    const repaired = await doctor('--tenant-id', 'leaver', '--repair', '--yes');
    await quiet(app());

    expect(repaired.stdout()).toContain('blocked again by');
    expect(repaired.exitCode).toBe(0);
    expect(keyStates(app(), 'leaver')).toEqual(['Disabled']);
    expect(enabledUsers(app(), 'leaver')).toEqual([]);
    expect(await stateOf(app(), 'leaver')).toMatchObject({
      status: 'OFFBOARDING',
      holdUntil,
      generation: generation + 1,
    });
  });

  it('has nothing to do for a healthy tenant', async () => {
    await anActiveTenant(app(), 'healthy');

    const { exitCode, stdout } = await doctor('--tenant-id', 'healthy', '--repair', '--yes');

    expect(exitCode).toBe(0);
    expect(stdout()).toBe('✓ Nothing differs from the registry; tenants: 1 examined\n');
  });

  it('does not do anything by --yes alone', async () => {
    const { json } = await doctor('--yes', '--json');

    expect(json()).toMatchObject({ error: { problems: ['--yes: needs --repair'] } });
  });
});

describe('operation repair', () => {
  it('is audited under the name of who asked, starts once, and refuses a tenant that is leaving', async () => {
    await anActiveTenant(app(), 'asked');
    const request = { operation: 'repair', tenantId: 'asked', requestId: 'repair-1', requestedBy: 'operator' };

    const first = (await invokeFrontDoor(app(), request)) as { executionArn: string };
    const second = await invokeFrontDoor(app(), request);
    await app().machines.settled(first.executionArn);
    await startOffboarding(app(), 'asked', { holdSeconds: DAY });

    expect(second).toMatchObject({ repeated: true, executionArn: first.executionArn });
    const { s3 } = clientsOf(app());
    const Key = 'audit/asked/requests/repair-1.json';
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: app().output('AuditBucketName'), Key }));
    expect(JSON.parse((await Body?.transformToString()) ?? '')).toMatchObject({
      action: 'request-repair',
      requestedBy: 'operator',
      reason: 'repair',
    });
    await expect(invokeFrontDoor(app(), { ...request, requestId: 'repair-2' })).rejects.toMatchObject({
      errorType: 'TenantRetiredError',
    });
    await expect(change(app(), 'healthy', 'suspend-again')).rejects.toMatchObject({
      errorType: 'PurgeNotAllowedError',
    });
  });
});

describe('retire-orphaned-key', () => {
  const stateOfKey = (keyArn: string) => app().services.kms.describe(keyArn);

  it('schedules the deletion of a proved orphan with the longest window, once, and audits it', async () => {
    const keyArn = await aKey('healthy');
    await app().clock.advance(25 * HOUR);

    const found = await doctor('--repair', '--yes', '--json');
    const again = await retire(keyArn);

    expect(found.json()['repairs']).toContainEqual(expect.objectContaining({ repair: 'retire-key', keyArn, ok: true }));
    expect(stateOfKey(keyArn)).toMatchObject({ state: 'PendingDeletion', pendingWindowInDays: 30 });
    expect(again).toMatchObject({ keyArn, tenantId: 'healthy' });
    const records = [...(app().services.s3.bucket(app().output('AuditBucketName'))?.keysFrom('audit/healthy/') ?? [])];
    expect(records.filter((key) => key.startsWith('audit/healthy/retired-keys/'))).toHaveLength(1);
  });

  it('refuses whatever is not proved to be ours, old, unused and nobody’s', async () => {
    const { kms } = clientsOf(app());
    const used = await aKey('healthy');
    await kms.send(new EncryptCommand({ KeyId: used, Plaintext: Buffer.from('x') }));
    await anActiveTenant(app(), 'held');
    await startOffboarding(app(), 'held', { holdSeconds: 90 * DAY });
    await setLegalHold(app(), 'held');
    const ofHeld = await aKey('held');
    await app().clock.advance(25 * HOUR);
    const fresh = await aKey('healthy');
    const foreign = app().services.kms.createKey({ tags: { [TENANT_TAG]: 'healthy' } });
    const owned = keyArnOf(app(), 'healthy');

    for (const keyArn of [used, ofHeld, fresh, foreign, owned])
      await expect(retire(keyArn)).rejects.toMatchObject({ errorType: 'ResourceConflictError' });

    for (const keyArn of [used, ofHeld, fresh, foreign, owned]) expect(stateOfKey(keyArn).state).toBe('Enabled');
  });

  it('gives the key back when an onboarding has taken it while it was being disabled', async () => {
    const keyArn = await aKey('healthy');
    await app().clock.advance(25 * HOUR);
    const { kms } = app().services;
    let taken = false;
    app().faults.add({
      operation: 'DisableKey',
      when: 'after',
      effect: { kind: 'delay', ms: 1 },
      input: ({ KeyId }) => {
        // Between the two looks.
        if (KeyId === keyArn && !taken) kms.createAlias('alias/taken', keyArn);
        taken ||= KeyId === keyArn;
        return KeyId === keyArn;
      },
    });

    await expect(retire(keyArn)).rejects.toMatchObject({ errorType: 'ResourceConflictError' });
    app().faults.clear();

    expect(stateOfKey(keyArn).state).toBe('Enabled');
  });

  it.each(['before', 'after'] as const)('converges when it dies %s any of its calls', async (when) => {
    for (const operation of ['DisableKey', 'ScheduleKeyDeletion', 'PutObject']) {
      const keyArn = await aKey('healthy');
      await app().clock.advance(25 * HOUR);
      app().faults.add({
        operation,
        functionName: functionName('retire-orphaned-key'),
        when,
        effect: { kind: 'crash' },
      });
      await expect(retire(keyArn)).rejects.toMatchObject({ errorType: expect.any(String) });
      app().faults.clear();

      await retire(keyArn);

      expect(stateOfKey(keyArn)).toMatchObject({ state: 'PendingDeletion' });
    }
  });
});

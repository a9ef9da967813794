import {
  CognitoIdentityProviderClient,
  DeleteGroupCommand,
  ListUsersInGroupCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { DescribeKeyCommand, GetKeyPolicyCommand, KMSClient, PutKeyPolicyCommand } from '@aws-sdk/client-kms';
import { DeleteIndexCommand, GetIndexCommand, OpenSearchClient } from '@aws-sdk/client-opensearch';
import { takeInventory } from '../../sandbox/inventory';
import { invokeFrontDoor, offboard, onboard, onboardToTheEnd, reinstate, toTheEnd } from '../../sandbox/requests';
import { auditLogGroupName, groupName, isAuditRecordKey, keyAlias, vectorIndexName } from '../../tasks/shared/names';
import {
  APP,
  aRequest,
  everythingOf,
  functionName,
  loggedRecords,
  redriveToTheEnd,
  registryItem,
  registryItems,
  stateOf,
  useApp,
} from '../lifecycle/app-under-test';
import {
  anActiveTenant,
  bytesOf,
  change,
  DAY,
  dataOf,
  enabledUsers,
  evidenceOf,
  keyStates,
  offboardToTheEnd,
  pass,
  quiet,
  releaseLegalHold,
  setLegalHold,
  startOffboarding,
  statesOf,
} from './offboarding-under-test';

const app = useApp();

const foundOf = async (tenantId: string) =>
  (await takeInventory(app())).found.filter((one) => one.tenantId === tenantId).map(({ kind }) => kind);

describe('an offboarding with a hold of 30 days', () => {
  let leaving: string;
  let neighbour: string;
  let held: string;

  beforeAll(async () => {
    await anActiveTenant(app(), 'acme', 'premium');
    await anActiveTenant(app(), 'acme2', 'premium');
    neighbour = await bytesOf(app(), 'acme2');
    held = await dataOf(app(), 'acme');
    leaving = await startOffboarding(app(), 'acme');
  });

  it('blocks the tenant at once', async () => {
    const { status, holdUntil = '' } = await stateOf(app(), 'acme');

    expect(status).toBe('OFFBOARDING');
    expect(enabledUsers(app(), 'acme')).toEqual([]);
    expect(keyStates(app(), 'acme')).toEqual(['Disabled']);
    expect(Math.round((Date.parse(holdUntil) - app().clock.now()) / (DAY * 1000))).toBe(30);
  });

  it('destroys nothing before the hold ends', async () => {
    await pass(app(), 29 * DAY);

    expect(await dataOf(app(), 'acme')).toBe(held);
    expect(app().machines.describe(leaving).status).toBe('RUNNING');
  });

  it('then purges in order, within 25 state transitions', async () => {
    await pass(app(), 2 * DAY);

    const end = await toTheEnd(app(), leaving);
    const states = statesOf(app(), leaving);
    const polls = states.filter((name) => /knowledge base( is deleted| gone\?)?$/.test(name)).length - 2;
    const order = ['Claim purge', 'Destroy knowledge base', 'Disable encryption key for good', 'Destroy vector index'];
    const rest = ['Destroy storage prefix', 'Destroy data partition', 'Destroy user group', 'Prove tenant is gone'];
    const last = ['Destroy encryption key', 'Seal audit log', 'Close tenant'];
    const expected = [...order, ...rest, ...last];

    expect(end).toMatchObject({ status: 'SUCCEEDED' });
    expect([...new Set(states.filter((name) => expected.includes(name)))]).toEqual(expected);
    expect(app().machines.transitions(leaving) - polls).toBeLessThanOrEqual(25);
  });

  it('leaves nothing but the audit log and the key that KMS is about to destroy', async () => {
    expect((await foundOf('acme')).sort()).toEqual(['audit-log', 'encryption-key']);
    expect(keyStates(app(), 'acme')).toEqual(['PendingDeletion']);
    expect(app().services.logs.group(auditLogGroupName(APP, 'acme'))).toBeDefined();
    expect(JSON.parse(await dataOf(app(), 'acme'))).toEqual({ items: [], objects: [], index: [], knowledgeBases: [] });
  });

  it('has logged every audit record of onboarding and offboarding, each as it stands in the bucket', async () => {
    const { audit } = await everythingOf(app(), 'acme');
    const records = audit.filter(({ key }) => isAuditRecordKey('acme', key));

    expect(records.map(({ key }) => key)).toEqual(
      expect.arrayContaining([
        'audit/acme/onboard--acme--request-1/claim-tenant.json',
        'audit/acme/onboard--acme--request-1/provision-encryption-key.json',
        'audit/acme/offboard--acme--leave-1/claim-offboarding.json',
        'audit/acme/offboard--acme--leave-1/close-tenant.json',
        'audit/acme/requests/leave-1.json',
      ]),
    );
    expect(loggedRecords(app(), 'acme')).toEqual(
      records.map(({ key, versions }) => ({ ...JSON.parse(versions[0]?.body ?? ''), key })),
    );
  });

  it('leaves a tombstone, and evidence whose hash it holds', async () => {
    const { status, tombstone } = await stateOf(app(), 'acme');
    const { evidence, sha256 } = await evidenceOf(app(), 'acme');
    const key = evidence.resources.find(({ type }) => type === 'encryption-key');
    const destroyed = evidence.resources.filter(({ type }) => type !== 'audit-log');

    expect(status).toBe('OFFBOARDED');
    expect(tombstone?.evidenceSha256).toBe(sha256);
    expect(evidence.proof).toMatchObject({ hits: 0 });
    expect(evidence.proof.stores).toHaveLength(5);
    expect(key?.deletionDate).toBe(tombstone?.encryptionKeyDeletionDate);
    expect(Date.parse(key?.deletionDate ?? '')).toBeGreaterThan(app().clock.now() + 6 * DAY * 1000);
    expect(destroyed.map(({ type }) => type).sort()).toEqual([
      'data-partition',
      'encryption-key',
      'first-admin',
      'knowledge-base',
      'storage-prefix',
      'user-group',
      'vector-index',
    ]);
    expect(destroyed.filter(({ destroyedBy }) => destroyedBy !== 'offboard--acme--leave-1')).toEqual([]);
    expect(destroyed.filter(({ destroyedAt }) => destroyedAt === undefined)).toEqual([]);
  });

  it('erases what is personal from the registry', async () => {
    const kept = JSON.stringify(await registryItems(app(), 'acme'));

    expect(await registryItem(app(), 'acme', 'PROFILE')).toBeUndefined();
    expect(kept).not.toContain('Example Clinic');
    expect(kept).not.toContain('@');
    expect(kept).not.toContain('payloadHash');
  });

  it('leaves an id that nobody gets again', async () => {
    const again = onboard(app(), aRequest({ tenantId: 'acme', requestId: 'again' }));

    await expect(again).rejects.toMatchObject({ errorType: 'TenantRetiredError' });
  });

  it.each(['leave-1', 'another'])('answers request %s with the tombstone', async (requestId) => {
    const { tombstone } = await stateOf(app(), 'acme');

    const answer = await invokeFrontDoor(app(), {
      operation: 'offboard',
      tenantId: 'acme',
      requestId,
      reason: 'contract ended',
      holdSeconds: 30 * DAY,
      requestedBy: 'alice',
    });

    expect(answer).toMatchObject({ status: 'OFFBOARDED', tombstone });
    expect(answer).not.toHaveProperty('executionArn');
  });

  it('has not touched the neighbour, to the last byte', async () => {
    expect(await bytesOf(app(), 'acme2')).toBe(neighbour);
  });

  it('does not let the closed tenant be put under legal hold', async () => {
    await expect(setLegalHold(app(), 'acme')).rejects.toMatchObject({ errorType: 'TenantRetiredError' });
  });
});

describe('a tenant whose onboarding failed', () => {
  const STEPS = [
    'claim-tenant',
    'check-quotas',
    'provision-encryption-key',
    'provision-data-partition',
    'provision-storage-prefix',
    'provision-vector-index',
    'provision-knowledge-base',
    'provision-user-group',
    'provision-first-admin',
    'provision-audit-log',
    'verify-tenant',
    'verify-isolation',
    'activate-tenant',
  ];

  it.each(STEPS)('at %s is offboarded without a hold', async (step) => {
    const tenantId = `at-${step}`;
    const broken = { service: 'dynamodb', functionName: functionName(step), when: 'before', times: 100 } as const;
    app().faults.add({ ...broken, effect: { kind: 'error', code: 'ValidationException' } });
    const failed = await onboardToTheEnd(app(), aRequest({ tenantId, tier: 'premium' }));
    app().faults.clear();

    const end = await offboardToTheEnd(app(), tenantId);

    expect(failed.status).toBe('FAILED');
    expect(end).toMatchObject({ status: 'SUCCEEDED' });
    expect(await stateOf(app(), tenantId)).toMatchObject({ status: 'OFFBOARDED' });
    expect((await foundOf(tenantId)).filter((kind) => !['audit-log', 'encryption-key'].includes(kind))).toEqual([]);
    expect(keyStates(app(), tenantId).filter((state) => state !== 'PendingDeletion')).toEqual([]);
  });

  it('cannot be reinstated, because it never was ACTIVE', async () => {
    app().functions.failNext(functionName('provision-user-group'), 'crash before the handler');
    app().faults.add({
      functionName: functionName('verify-tenant'),
      when: 'before',
      times: 100,
      effect: { kind: 'error', code: 'ValidationException' },
    });
    await onboardToTheEnd(app(), aRequest({ tenantId: 'never-active' }));
    app().faults.clear();
    await startOffboarding(app(), 'never-active');

    const back = reinstate(app(), { tenantId: 'never-active', requestId: 'back', reason: 'changed our mind' });

    await expect(back).rejects.toMatchObject({ errorType: 'PurgeNotAllowedError' });
  });
});

describe('the end of a hold', () => {
  it('can be put off', async () => {
    await anActiveTenant(app(), 'extended');
    const before = await dataOf(app(), 'extended');
    const leaving = await startOffboarding(app(), 'extended', { holdSeconds: 10 * DAY });

    await change(app(), 'extended', 'set-hold', { until: inDays(40) });
    await pass(app(), 39 * DAY);

    expect(await dataOf(app(), 'extended')).toBe(before);
    await pass(app(), 2 * DAY);
    expect(await toTheEnd(app(), leaving)).toMatchObject({ status: 'SUCCEEDED' });
    expect((await stateOf(app(), 'extended')).status).toBe('OFFBOARDED');
  });

  it('can be brought forward: a successor sleeps until then', async () => {
    await anActiveTenant(app(), 'shortened');
    const leaving = await startOffboarding(app(), 'shortened', { holdSeconds: 300 * DAY });

    await change(app(), 'shortened', 'set-hold', { until: inDays(2) });
    await quiet(app());

    expect(app().machines.describe(leaving)).toMatchObject({ status: 'ABORTED', error: 'HoldShortened' });
    expect(await stateOf(app(), 'shortened')).toMatchObject({ status: 'OFFBOARDING', generation: 3 });
    await pass(app(), 3 * DAY);
    expect((await stateOf(app(), 'shortened')).status).toBe('OFFBOARDED');
  });

  it('is brought forward also when the change is sent again after a crash in the middle', async () => {
    await anActiveTenant(app(), 'shortened-again');
    await startOffboarding(app(), 'shortened-again', { holdSeconds: 300 * DAY });
    const until = inDays(2);
    app().faults.add({
      functionName: functionName('change-hold'),
      service: 'sfn',
      operation: 'StopExecution',
      when: 'before',
      effect: { kind: 'crash' },
    });

    await expect(change(app(), 'shortened-again', 'set-hold', { until })).rejects.toThrow('Runtime.ExitError');
    app().faults.clear();
    await change(app(), 'shortened-again', 'set-hold', { until });
    await pass(app(), 3 * DAY);

    expect((await stateOf(app(), 'shortened-again')).status).toBe('OFFBOARDED');
  });

  it('that is longer than a year is kept by a successor', async () => {
    await anActiveTenant(app(), 'long');
    const before = await dataOf(app(), 'long');
    const leaving = await startOffboarding(app(), 'long', { holdSeconds: 700 * DAY });

    await pass(app(), 320 * DAY);

    expect(statesOf(app(), leaving)).toContain('Goes on in a new execution');
    expect(await stateOf(app(), 'long')).toMatchObject({ status: 'OFFBOARDING', generation: 3 });
    await pass(app(), 379 * DAY);
    expect(await dataOf(app(), 'long')).toBe(before);
    expect(await stateOf(app(), 'long')).toMatchObject({ status: 'OFFBOARDING', generation: 4 });
    await pass(app(), 2 * DAY);
    expect((await stateOf(app(), 'long')).status).toBe('OFFBOARDED');
  });
});

const inDays = (days: number): string => new Date(app().clock.now() + days * DAY * 1000).toISOString();

describe('a legal hold', () => {
  it('keeps the tenant although its hold is over, until it is released', async () => {
    await anActiveTenant(app(), 'litigated');
    const before = await dataOf(app(), 'litigated');
    const leaving = await startOffboarding(app(), 'litigated');
    await setLegalHold(app(), 'litigated');
    await pass(app(), 60 * DAY);

    expect(await dataOf(app(), 'litigated')).toBe(before);
    expect(await stateOf(app(), 'litigated')).toMatchObject({
      status: 'OFFBOARDING',
      legalHolds: { 'case-1': { by: 'counsel', reason: 'case 42' } },
    });
    await releaseLegalHold(app(), 'litigated');
    await pass(app(), 2 * DAY);
    expect(await toTheEnd(app(), leaving)).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('can be set before the offboarding is requested', async () => {
    await anActiveTenant(app(), 'held-early');
    await setLegalHold(app(), 'held-early');
    const before = await dataOf(app(), 'held-early');

    const leaving = await startOffboarding(app(), 'held-early', { holdSeconds: 0 });
    await pass(app(), 5 * DAY);

    expect(app().machines.describe(leaving).status).toBe('RUNNING');
    expect(await dataOf(app(), 'held-early')).toBe(before);
  });

  it.each([
    ['destroy-knowledge-base', 'knowledge-base'],
    ['destroy-vector-index', 'vector-index'],
    ['destroy-storage-prefix', 'storage-prefix'],
    ['destroy-data-partition', 'data-partition'],
    ['destroy-user-group', 'user-group'],
    ['destroy-encryption-key', 'encryption-key'],
  ])('set during the purge stops %s immediately before it acts', async (task, kind) => {
    const tenantId = `hold-${kind}`;
    await anActiveTenant(app(), tenantId, 'premium');
    const stopped = setLegalHoldBeforeSecondLook(tenantId, task);

    const end = await offboardToTheEnd(app(), tenantId);
    stopped();

    expect(end).toMatchObject({ status: 'FAILED', error: 'LegalHoldError' });
    expect(await foundOf(tenantId)).toContain(kind);
    expect(await stateOf(app(), tenantId)).toMatchObject({
      status: 'OFFBOARDING_FAILED',
      lastFailure: { error: 'LegalHoldError' },
    });
    const refused = await redriveToTheEnd(app(), end.executionArn);
    expect(refused).toMatchObject({ status: 'FAILED', error: 'LegalHoldError' });
    await releaseLegalHold(app(), tenantId);
    expect(await redriveToTheEnd(app(), end.executionArn)).toMatchObject({ status: 'SUCCEEDED' });
    expect((await stateOf(app(), tenantId)).status).toBe('OFFBOARDED');
  });
});

describe('the two-person rule', () => {
  const rule = async (on: boolean) => {
    for (const task of ['check-hold', 'claim-purge']) {
      const deployed = app()
        .functions.functions()
        .find(({ name }) => name === functionName(task));
      if (deployed === undefined) throw new Error(`${task} is not deployed`);
      (deployed.variables as Record<string, string>)['PURGE_NEEDS_APPROVAL'] = String(on);
      // Warm environments keep the variables they were started with; dead ones make way for cold starts.
      for (let n = 0; n < 3; n += 1) {
        app().functions.failNext(deployed.name, 'crash before the handler');
        await app().functions.invoke(deployed.name, {}, { invocationType: 'RequestResponse', requestId: 'none' });
      }
    }
  };
  afterAll(() => rule(false));

  // A stage of its own that was synthesized with the rule would say the same: the variable is all that differs.
  it('lets the hold go on until somebody else has approved the purge', async () => {
    await anActiveTenant(app(), 'two-persons');
    const before = await dataOf(app(), 'two-persons');
    await rule(true);
    const leaving = await startOffboarding(app(), 'two-persons', { holdSeconds: 5 * DAY });
    await pass(app(), 50 * DAY);

    expect(await dataOf(app(), 'two-persons')).toBe(before);
    await expect(change(app(), 'two-persons', 'approve-purge', { requestedBy: 'alice' })).rejects.toMatchObject({
      errorType: 'SelfApprovalError',
    });
    await change(app(), 'two-persons', 'approve-purge', { requestedBy: 'bob' });
    await pass(app(), 2 * DAY);
    expect(await toTheEnd(app(), leaving)).toMatchObject({ status: 'SUCCEEDED' });
    expect((await evidenceOf(app(), 'two-persons')).evidence).toMatchObject({
      offboarding: { requestedBy: 'alice', purgeApproval: { by: 'bob' } },
    });
  });
});

describe('an offboarding that is cancelled during its hold', () => {
  let leaving: string;
  let before: string;

  beforeAll(async () => {
    await anActiveTenant(app(), 'beta', 'premium');
    before = await dataOf(app(), 'beta');
    leaving = await startOffboarding(app(), 'beta');
  });

  it('makes the tenant ACTIVE again with all its data, within 25 state transitions', async () => {
    const { executionArn } = await reinstate(app(), { tenantId: 'beta', requestId: 'stay', reason: 'renewed' });
    const end = await toTheEnd(app(), executionArn);

    expect(end).toMatchObject({ status: 'SUCCEEDED' });
    expect((await stateOf(app(), 'beta')).status).toBe('ACTIVE');
    expect(await dataOf(app(), 'beta')).toBe(before);
    expect(enabledUsers(app(), 'beta')).toHaveLength(1);
    expect(keyStates(app(), 'beta')).toEqual(['Enabled']);
    expect(app().machines.transitions(executionArn)).toBeLessThanOrEqual(25);
  });

  it('has its sleeping execution stopped, whose redrive changes nothing', async () => {
    expect(app().machines.describe(leaving)).toMatchObject({ status: 'ABORTED', error: 'Cancelled' });
    const { updatedAt: _before, ...state } = await stateOf(app(), 'beta');

    app().machines.redrive(leaving);
    await pass(app(), 40 * DAY);

    expect(app().machines.describe(leaving)).toMatchObject({ status: 'FAILED', error: 'StaleExecutionError' });
    expect(await stateOf(app(), 'beta')).toMatchObject(state);
    expect(await dataOf(app(), 'beta')).toBe(before);
  });

  it('is not begun again by a new execution of its request', async () => {
    const { executionArn } = app().machines.start({
      stateMachineArn: app().output('OffboardTenantStateMachineArn'),
      input: JSON.stringify({ tenantId: 'beta', requestId: 'leave-1' }),
    });

    const end = await toTheEnd(app(), executionArn);

    expect(end).toMatchObject({ status: 'FAILED', error: 'PurgeNotAllowedError' });
    expect((await stateOf(app(), 'beta')).status).toBe('ACTIVE');
  });

  it('can be requested anew, and ends in a purge then', async () => {
    const { executionArn } = await offboard(app(), {
      tenantId: 'beta',
      requestId: 'leave-2',
      reason: 'contract ended at last',
      holdSeconds: 10 * DAY,
    });
    await pass(app(), 11 * DAY);

    expect(await toTheEnd(app(), executionArn)).toMatchObject({ status: 'SUCCEEDED' });
    expect((await stateOf(app(), 'beta')).status).toBe('OFFBOARDED');
  });

  it('comes back whole when an update, or somebody, has changed or removed what is its own meanwhile', async () => {
    await anActiveTenant(app(), 'gamma');
    // The index is made anew, without its vectors.
    const data = async () => ({ ...JSON.parse(await dataOf(app(), 'gamma')), index: undefined });
    const before = await data();
    await startOffboarding(app(), 'gamma');
    const { clientConfig } = app();
    const kms = new KMSClient(clientConfig);
    const cognito = new CognitoIdentityProviderClient(clientConfig);
    const opensearch = new OpenSearchClient(clientConfig);
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { AWS: '*' }, Action: 'kms:*', Resource: '*' }],
    });
    const KeyId = (await kms.send(new DescribeKeyCommand({ KeyId: keyAlias(APP, 'gamma') }))).KeyMetadata?.Arn;
    await kms.send(new PutKeyPolicyCommand({ KeyId, Policy }));
    const index = { DomainName: app().output('VectorDomainName'), IndexName: vectorIndexName('gamma') };
    await opensearch.send(new DeleteIndexCommand(index));
    const group = { UserPoolId: app().output('UserPoolId'), GroupName: groupName('gamma') };
    await cognito.send(new DeleteGroupCommand(group));

    const { executionArn } = await reinstate(app(), { tenantId: 'gamma', requestId: 'stay', reason: 'renewed' });

    expect(await toTheEnd(app(), executionArn)).toMatchObject({ status: 'SUCCEEDED' });
    expect((await kms.send(new GetKeyPolicyCommand({ KeyId }))).Policy).not.toContain('kms:*');
    expect(await opensearch.send(new GetIndexCommand(index))).toHaveProperty('IndexSchema');
    expect((await cognito.send(new ListUsersInGroupCommand(group))).Users).toHaveLength(1);
    expect(enabledUsers(app(), 'gamma')).toHaveLength(1);
    expect(await data()).toEqual(before);
  });

  it('is withdrawn while no execution has claimed it', async () => {
    await anActiveTenant(app(), 'delta');
    // The first try and both retries.
    for (let n = 0; n < 3; n += 1)
      app().functions.failNext(functionName('claim-offboarding'), 'crash before the handler');
    const { executionArn: failed } = await offboard(app(), {
      tenantId: 'delta',
      requestId: 'leave-1',
      reason: 'contract ended',
      holdSeconds: 10 * DAY,
    });
    expect(await toTheEnd(app(), failed)).toMatchObject({ status: 'FAILED' });
    expect(await stateOf(app(), 'delta')).toMatchObject({ status: 'ACTIVE', offboarding: { requestId: 'leave-1' } });

    const { executionArn } = await reinstate(app(), { tenantId: 'delta', requestId: 'stay', reason: 'renewed' });

    expect(await toTheEnd(app(), executionArn)).toMatchObject({ status: 'SUCCEEDED' });
    const { offboarding, status } = await stateOf(app(), 'delta');
    expect({ offboarding, status }).toEqual({ offboarding: undefined, status: 'ACTIVE' });
    app().machines.redrive(failed);
    expect(await toTheEnd(app(), failed)).toMatchObject({ status: 'FAILED', error: 'PurgeNotAllowedError' });
    expect((await stateOf(app(), 'delta')).status).toBe('ACTIVE');
  });

  it('cannot be cancelled once the purge has started', async () => {
    await anActiveTenant(app(), 'too-late');
    const stop = setLegalHoldBeforeSecondLook('too-late', 'destroy-vector-index');
    await offboardToTheEnd(app(), 'too-late');
    stop();

    const back = reinstate(app(), { tenantId: 'too-late', requestId: 'back', reason: 'changed our mind' });

    await expect(back).rejects.toMatchObject({ errorType: 'PurgeNotAllowedError' });
  });
});

/** Sets the legal hold when the task has passed its first fence, so that only its last look before it acts can see it. */
function setLegalHoldBeforeSecondLook(tenantId: string, task: string): () => void {
  let looks = 0;
  const handle = app().faults.add({
    functionName: functionName(task),
    service: 'dynamodb',
    operation: 'GetItem',
    when: 'before',
    input: (input) => {
      const text = JSON.stringify(input);
      if (!text.includes('"STATE"') || !text.includes(`TENANT#${tenantId}"`)) return false;
      looks += 1;
      if (looks === 2) void setLegalHold(app(), tenantId);
      return looks === 2;
    },
    effect: { kind: 'delay', ms: 250 },
  });
  return () => handle.remove();
}

import { takeInventory } from '../../sandbox/inventory';
import { invokeFrontDoor, onboard, onboardToTheEnd } from '../../sandbox/requests';
import {
  aRequest,
  CLEAN,
  callsOf,
  everythingOf,
  irregularities,
  lastCall,
  registryItem,
  startByHand,
  stateOf,
  useApp,
} from './app-under-test';

const app = useApp();

describe('an onboarding', () => {
  it.each([
    ['standard', 'plain', 7],
    ['premium', 'deluxe', 8],
  ] as const)('of a %s tenant ends ACTIVE with exactly one of everything', async (tier, tenantId, kinds) => {
    const end = await onboardToTheEnd(app(), aRequest({ tenantId, tier }));

    expect(end).toMatchObject({ status: 'SUCCEEDED', redriveCount: 0 });
    expect(await stateOf(app(), tenantId)).toMatchObject({ status: 'ACTIVE', generation: 1, capacityReserved: true });
    expect(await irregularities(app())).toEqual(CLEAN);
    const found = (await takeInventory(app())).found.filter((one) => one.tenantId === tenantId);
    expect(found.map(({ kind }) => kind).sort()).toEqual([...new Set(found.map(({ kind }) => kind))].sort());
    expect(found).toHaveLength(kinds);
  });

  it('of a premium tenant takes at most 20 state transitions', async () => {
    const { executionArn } = await onboardToTheEnd(app(), aRequest({ tenantId: 'counted', tier: 'premium' }));

    const transitions = app().machines.transitions(executionArn);

    expect(transitions).toBeLessThanOrEqual(20);
  });

  it('gives back ids only, and gives back the lease', async () => {
    const { output } = await onboardToTheEnd(app(), aRequest({ tenantId: 'idsonly' }));

    const answer = JSON.parse(output ?? '') as Record<string, unknown>;

    expect(answer).toMatchObject({ tenantId: 'idsonly', requestId: 'request-1', generation: 1, tier: 'standard' });
    expect(answer['activation']).toEqual({ output: { tenantId: 'idsonly', requestId: 'request-1', status: 'ACTIVE' } });
    expect(await stateOf(app(), 'idsonly')).not.toHaveProperty('leaseOwner');
  });

  it('records the outcome on the request', async () => {
    const { executionArn } = await onboardToTheEnd(app(), aRequest({ tenantId: 'recorded' }));

    const operation = await registryItem(app(), 'recorded', 'OPERATION#request-1');

    expect(operation).toMatchObject({ executionArn, outcome: 'SUCCEEDED', endedAt: expect.any(String) });
  });

  it('makes a key that rotates, an index of one shard, a data source that cannot read a neighbour', async () => {
    await onboardToTheEnd(app(), aRequest({ tenantId: 'looked-at', tier: 'premium' }));

    const everything = await everythingOf(app(), 'looked-at');

    expect(everything.keys).toEqual([expect.objectContaining({ state: 'Enabled', rotates: true })]);
    expect(everything.keyBehindAlias).toBe(everything.keys[0]?.arn);
    expect(everything.objects).toMatchObject([
      {
        key: 'tenants/looked-at/.provisioned',
        versions: [{ encryption: { algorithm: 'aws:kms', keyArn: everything.keyBehindAlias } }],
      },
    ]);
    expect(everything.knowledgeBases).toMatchObject([
      { status: 'ACTIVE', dataSources: [{ name: 'documents-looked-at', status: 'AVAILABLE' }] },
    ]);
    expect(everything.users).toMatchObject([{ groups: ['looked-at'], enabled: true }]);
    expect(everything.invitations).toBe(1);
    const createDataSource = app()
      .calls.entries()
      .findLast(({ operation }) => operation === 'CreateDataSource');
    expect(JSON.stringify(createDataSource?.input)).toContain('"tenants/looked-at/docs/"');
  });

  it('leaves an audit record of the request and of every step, one version each', async () => {
    const { executionArn } = await onboardToTheEnd(app(), aRequest({ tenantId: 'audited', tier: 'premium' }));

    const { audit } = await everythingOf(app(), 'audited');

    const steps = app()
      .machines.history(executionArn, { maxResults: 1000 })
      .items.filter(({ type }) => type === 'TaskStateExited')
      .map(({ stateExitedEventDetails }) => stateExitedEventDetails?.name?.toLowerCase().replaceAll(' ', '-'));
    const files = new Set(steps.map((step) => `onboard--audited--request-1/${step}`));
    expect(audit.map(({ key }) => key.replace(/^audit\/audited\/(.*)\.json$/, '$1')).sort()).toEqual(
      [...files, 'onboard--audited--request-1/verify-isolation-checks-succeeded', 'requests/request-1'].sort(),
    );
    expect(audit.filter(({ versions }) => versions.length !== 1)).toEqual([]);
  });
});

describe('tenants whose ids begin alike', () => {
  it('have nothing in common and do not touch each other', async () => {
    await onboardToTheEnd(app(), aRequest({ tenantId: 'acme', tier: 'premium' }));
    const before = await everythingOf(app(), 'acme');

    await onboardToTheEnd(app(), aRequest({ tenantId: 'acme2', tier: 'premium' }));

    expect(await everythingOf(app(), 'acme')).toEqual(before);
    expect(JSON.stringify(before)).not.toContain('acme2');
    expect(JSON.stringify(await everythingOf(app(), 'acme2')).replaceAll('acme2', '')).not.toContain('acme');
    expect(await irregularities(app())).toEqual(CLEAN);
  });
});

describe('a request that was made before', () => {
  const request = aRequest({ tenantId: 'repeated', tier: 'premium' });

  it('starts nothing and makes nothing when it is the same', async () => {
    const first = await onboardToTheEnd(app(), request);
    const before = await everythingOf(app(), 'repeated');
    const executions = app().machines.list({ stateMachineArn: first.stateMachineArn }).items.length;

    const again = await onboard(app(), request);

    expect(again).toMatchObject({
      status: 'ACTIVE',
      executionArn: first.executionArn,
      executionStatus: 'SUCCEEDED',
      repeated: true,
    });
    expect(app().machines.list({ stateMachineArn: first.stateMachineArn }).items).toHaveLength(executions);
    expect(await everythingOf(app(), 'repeated')).toEqual(before);
  });

  it.each([
    ['name', { displayName: 'Another Clinic' }],
    ['e-mail address', { adminEmail: 'somebody@else.example' }],
    ['tier', { tier: 'standard' }],
  ] as const)('is a conflict when it has another %s', async (_what, changes) => {
    const { audit: _earlier, auditLog: _log, ...before } = await everythingOf(app(), 'repeated');

    const refused = onboard(app(), { ...request, ...changes });

    await expect(refused).rejects.toMatchObject({
      errorType: 'RequestConflictError',
      errorMessage: expect.stringContaining('request-1'),
    });
    const { audit, auditLog: _more, ...after } = await everythingOf(app(), 'repeated');
    expect(after).toEqual(before);
    // One record, of however many refusals for that reason.
    const refusals = audit.filter(({ key }) => key.startsWith('audit/repeated/requests/request-1.refused-'));
    expect(refusals.map(({ versions }) => versions.map(({ body }) => JSON.parse(body ?? '')))).toEqual([
      [expect.objectContaining({ outcome: 'REFUSED', error: 'RequestConflictError', requestId: 'request-1' })],
    ]);
  });

  it('is already active under another id, and nothing is started', async () => {
    const before = await everythingOf(app(), 'repeated');

    const answer = await onboard(app(), { ...request, requestId: 'request-2' });

    expect(answer).toMatchObject({ status: 'ACTIVE', alreadyActive: true, repeated: false });
    expect(answer).not.toHaveProperty('executionArn');
    expect(await everythingOf(app(), 'repeated')).toEqual(before);
  });

  it('is a conflict under another id when the profile differs', async () => {
    const refused = onboard(app(), { ...request, requestId: 'request-3', adminEmail: 'somebody@else.example' });

    await expect(refused).rejects.toMatchObject({ errorType: 'RequestConflictError' });
  });
});

describe('a bad request', () => {
  it('is refused with every problem, and changes nothing', async () => {
    const before = lastCall(app());

    const refused = invokeFrontDoor(app(), {
      operation: 'onboard',
      tenantId: 'a--b',
      requestId: '',
      displayName: 'bell\u0007',
      adminEmail: 'nobody',
      tier: 'gold',
      requestedBy: 'a b',
      phone: '1',
    });

    await expect(refused).rejects.toMatchObject({
      errorType: 'InvalidInputError',
      errorMessage: expect.stringMatching(/tenantId.*requestId.*displayName.*adminEmail.*tier.*requestedBy.*phone/),
    });
    expect(callsOf(app(), before)).toEqual([]);
  });
});

describe('the machine started by hand', () => {
  const ids = { tenantId: 'nobody-asked', requestId: 'request-1' };

  it.each([
    ['an empty object', {}, ['request.tenantId', 'request.requestId']],
    ['a list', [], ['request']],
    ['a text', 'x', ['request']],
    ['a number', 7, ['request']],
    ['nothing', null, ['request']],
    ['further fields', { ...ids, displayName: 'Example Clinic' }, ['displayName']],
    ['an upper-case id', { ...ids, tenantId: 'Acme' }, ['request.tenantId']],
    ['a path', { ...ids, tenantId: '../acme' }, ['request.tenantId']],
    ['a wildcard', { ...ids, tenantId: '*' }, ['request.tenantId']],
    ['a delimiter', { ...ids, tenantId: 'acme#x' }, ['request.tenantId']],
    ['two hyphens', { ...ids, tenantId: 'a--b' }, ['request.tenantId']],
    ['37 characters', { ...ids, tenantId: 'a'.repeat(37) }, ['request.tenantId']],
    ['another script', { ...ids, tenantId: 'аcmе' }, ['request.tenantId']],
    ['ids of other types', { tenantId: 1, requestId: ['r'] }, ['request.tenantId', 'request.requestId']],
  ])('with %s fails with every problem before any call', async (_what, input, problems) => {
    const inventory = await takeInventory(app());
    const before = lastCall(app());

    const end = await startByHand(app(), input);

    expect(end).toMatchObject({ status: 'FAILED', error: 'InvalidInputError' });
    for (const problem of problems) expect(JSON.parse(end.cause ?? '').errorMessage).toContain(problem);
    expect(callsOf(app(), before).filter((call) => !call.startsWith('record-outcome'))).toEqual([]);
    expect(await takeInventory(app())).toEqual(inventory);
  });

  it.each([
    ['a tenant that nobody asked for', ids],
    ['a request that nobody made', { tenantId: 'acme', requestId: 'request-9' }],
  ])('for %s fails and changes nothing', async (_what, input) => {
    const inventory = await takeInventory(app());
    const before = lastCall(app());

    const end = await startByHand(app(), input);

    expect(end).toMatchObject({
      status: 'FAILED',
      error: 'TenantNotRequestedError',
      cause: expect.stringContaining(input.tenantId),
    });
    expect(
      callsOf(app(), before).filter((call) => !/^claim-tenant: dynamodb GetItem$|^record-outcome/.test(call)),
    ).toEqual([]);
    expect(await registryItem(app(), 'nobody-asked', 'STATE')).toBeUndefined();
    expect(await takeInventory(app())).toEqual(inventory);
  });
});

describe('"New execution" with the input of an earlier one', () => {
  it('converges an ACTIVE tenant and makes nothing new', async () => {
    const first = await onboardToTheEnd(app(), aRequest({ tenantId: 'converged', tier: 'premium' }));
    const { registry: _before, audit: _records, auditLog: _log, ...before } = await everythingOf(app(), 'converged');

    const end = await startByHand(app(), JSON.parse(first.input), 'by-hand-1');

    expect(end.status).toBe('SUCCEEDED');
    const { registry: _after, audit: _more, auditLog: _grown, ...after } = await everythingOf(app(), 'converged');
    expect(after).toEqual(before);
    expect(await stateOf(app(), 'converged')).toMatchObject({ status: 'ACTIVE', generation: 2 });
    expect(await irregularities(app())).toEqual(CLEAN);
  });

  it('repairs what an ACTIVE tenant has lost', async () => {
    const first = await onboardToTheEnd(app(), aRequest({ tenantId: 'repaired' }));
    app().services.cognito.userPool(app().output('UserPoolId')).groups.delete('repaired');

    const end = await startByHand(app(), JSON.parse(first.input), 'by-hand-2');

    expect(end.status).toBe('SUCCEEDED');
    expect(await irregularities(app())).toEqual(CLEAN);
  });

  it('makes a FAILED tenant ACTIVE', async () => {
    const fault = app().faults.add({
      operation: 'CreateLogGroup',
      when: 'before',
      effect: { kind: 'error', code: 'InvalidParameterException' },
      times: 1,
    });
    const first = await onboardToTheEnd(app(), aRequest({ tenantId: 'second-try', tier: 'premium' }));
    fault.remove();

    const end = await startByHand(app(), JSON.parse(first.input), 'by-hand-3');

    expect(first).toMatchObject({ status: 'FAILED', error: 'RejectedCallError' });
    expect(end.status).toBe('SUCCEEDED');
    expect(await stateOf(app(), 'second-try')).toMatchObject({ status: 'ACTIVE', generation: 2 });
    expect(await stateOf(app(), 'second-try')).not.toHaveProperty('lastFailure');
    expect(await irregularities(app())).toEqual(CLEAN);
  });
});

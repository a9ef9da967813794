import { onboard, RefusedError, toTheEnd } from '../../sandbox/requests';
import { aRequest, CLEAN, capacity, irregularities, registryItems, stateOf, useApp } from './app-under-test';

const app = useApp();

const settledAll = (executionArns: readonly (string | undefined)[]) =>
  Promise.all(executionArns.map((executionArn) => toTheEnd(app(), executionArn ?? '')));

describe('two onboardings of one tenant at once', () => {
  it.each([1, 2, 3])('by two requests: one runs, the other is told so (round %s)', async (round) => {
    const tenantId = `two-requests-${round}`;

    const answers = await Promise.allSettled(
      ['request-a', 'request-b'].map((requestId) => onboard(app(), aRequest({ tenantId, requestId, tier: 'premium' }))),
    );

    const accepted = answers.filter((answer) => answer.status === 'fulfilled').map(({ value }) => value);
    const refused = answers
      .filter((answer) => answer.status === 'rejected')
      .map(({ reason }) => reason as RefusedError);
    expect(accepted).toHaveLength(1);
    expect(refused).toEqual([expect.any(RefusedError)]);
    expect(refused[0]).toMatchObject({
      errorType: 'OperationInProgressError',
      errorMessage: expect.stringContaining(tenantId),
    });
    await settledAll(accepted.map(({ executionArn }) => executionArn));
    expect(await stateOf(app(), tenantId)).toMatchObject({ status: 'ACTIVE', generation: 1 });
    expect((await registryItems(app(), tenantId)).filter(({ sk }) => String(sk).startsWith('OPERATION#'))).toHaveLength(
      1,
    );
    expect(await irregularities(app())).toEqual(CLEAN);
  });

  it('by the same request: both get the same answer, and one execution runs', async () => {
    const request = aRequest({ tenantId: 'same-request' });

    const answers = await Promise.all([onboard(app(), request), onboard(app(), request), onboard(app(), request)]);

    const executions = new Set(answers.map(({ executionArn }) => executionArn));
    expect(executions.size).toBe(1);
    expect(await settledAll([...executions])).toMatchObject([{ status: 'SUCCEEDED' }]);
    expect(await stateOf(app(), 'same-request')).toMatchObject({ status: 'ACTIVE', generation: 1 });
  });

  it('started by hand: one runs, the others end with who does', async () => {
    const request = aRequest({ tenantId: 'by-hand', tier: 'premium' });
    const { executionArn } = await onboard(app(), request);
    await toTheEnd(app(), executionArn ?? '');
    const start = (name: string) =>
      app().machines.start({
        stateMachineArn: app().output('OnboardTenantStateMachineArn'),
        name,
        input: JSON.stringify({ tenantId: request.tenantId, requestId: request.requestId }),
      }).executionArn;

    const ends = await settledAll(['one', 'two', 'three'].map(start));

    const won = ends.filter(({ status }) => status === 'SUCCEEDED');
    const lost = ends.filter(({ status }) => status === 'FAILED');
    expect(won).toHaveLength(1);
    expect(lost).toHaveLength(2);
    for (const { error, cause } of lost) {
      expect(error).toBe('OperationInProgressError');
      expect(cause).toContain(won[0]?.executionArn);
    }
    expect(await stateOf(app(), 'by-hand')).toMatchObject({ status: 'ACTIVE', generation: 2 });
    expect(await stateOf(app(), 'by-hand')).not.toHaveProperty('lastFailure');
    expect(await irregularities(app())).toEqual(CLEAN);
  });
});

describe('50 tenants at once', () => {
  it('all become ACTIVE, each with its own, and each is counted once', async () => {
    const before = await capacity(app());
    const tenants = Array.from({ length: 50 }, (_, position) =>
      aRequest({ tenantId: `crowd-${position}`, tier: position % 5 === 0 ? 'premium' : 'standard' }),
    );

    const answers = await Promise.all(tenants.map((request) => onboard(app(), request)));

    const ends = await settledAll(answers.map(({ executionArn }) => executionArn));
    expect(ends.filter(({ status }) => status !== 'SUCCEEDED')).toEqual([]);
    const states = await Promise.all(tenants.map(({ tenantId }) => stateOf(app(), tenantId)));
    expect(new Set(states.map(({ status }) => status))).toEqual(new Set(['ACTIVE']));
    expect(await irregularities(app())).toEqual(CLEAN);
    const added = (type: string, count: number) => [type, Number(before[type]) + count];
    expect(await capacity(app())).toEqual(
      Object.fromEntries([
        added('encryption-key', 50),
        added('vector-index', 50),
        added('user-group', 50),
        added('knowledge-base', 10),
      ]),
    );
  });
});

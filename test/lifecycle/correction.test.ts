import { invokeFrontDoor, offboard, onboard, onboardToTheEnd, toTheEnd } from '../../sandbox/requests';
import { aRequest, CLEAN, executionArnOf, irregularities, redriveToTheEnd, stateOf, useApp } from './app-under-test';

const app = useApp();
afterEach(() => app().faults.clear());

const addressesOf = (tenantId: string): (string | undefined)[] =>
  [...app().services.cognito.userPool(app().output('UserPoolId')).users.values()]
    .filter(({ groups }) => groups.has(tenantId))
    .map(({ attributes }) => attributes.get('email'));

describe('a wrong admin address', () => {
  it('that belongs to a user of another tenant is corrected by a new request, and the failed execution stays stale', async () => {
    await onboardToTheEnd(app(), aRequest({ tenantId: 'first' }));
    const wrong = aRequest({ tenantId: 'second', adminEmail: 'admin@first.example' });
    const failed = await onboardToTheEnd(app(), wrong);
    const corrected = aRequest({ tenantId: 'second', requestId: 'request-2' });

    const end = await onboardToTheEnd(app(), corrected);
    const redriven = await redriveToTheEnd(app(), executionArnOf(app(), wrong));

    expect(failed).toMatchObject({ status: 'FAILED', error: 'ResourceConflictError' });
    expect(end.status).toBe('SUCCEEDED');
    expect(addressesOf('second')).toEqual(['admin@second.example']);
    expect(redriven).toMatchObject({ status: 'FAILED', error: 'StaleExecutionError' });
    expect((await stateOf(app(), 'second')).status).toBe('ACTIVE');
    expect(await onboard(app(), corrected)).toMatchObject({ repeated: true, status: 'ACTIVE' });
    expect(await irregularities(app())).toEqual(CLEAN);
  });

  it('that was invited is not corrected: the tenant is offboarded without a hold and requested under a new id', async () => {
    app().faults.add({
      operation: 'GetGroup',
      functionName: 'tenant-lifecycle-dev-verify-tenant',
      when: 'before',
      effect: { kind: 'error', code: 'InvalidParameterException', status: 400 },
    });
    const mistyped = aRequest({ tenantId: 'mistyped', adminEmail: 'stranger@third.example' });
    const failed = await onboardToTheEnd(app(), mistyped);

    const correction = onboard(app(), { ...mistyped, requestId: 'request-2', adminEmail: 'admin@third.example' });

    expect(failed.status).toBe('FAILED');
    await expect(correction).rejects.toMatchObject({ errorType: 'RequestConflictError' });
    const { executionArn } = await offboard(app(), {
      tenantId: 'mistyped',
      requestId: 'leave-1',
      reason: 'mistyped address',
      holdSeconds: 0,
    });
    expect((await toTheEnd(app(), executionArn)).status).toBe('SUCCEEDED');
    const again = aRequest({ tenantId: 'third', adminEmail: 'admin@third.example' });
    expect((await onboardToTheEnd(app(), again)).status).toBe('SUCCEEDED');
    expect(addressesOf('mistyped')).toEqual([]);
    await expect(invokeFrontDoor(app(), { operation: 'onboard', requestedBy: 'x', ...mistyped })).rejects.toMatchObject(
      {
        errorType: 'TenantRetiredError',
      },
    );
  });
});

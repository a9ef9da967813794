import { GetCommand } from '@aws-sdk/lib-dynamodb';
import { changeHold } from '../../docs/examples/change-hold';
import { sandboxClient } from '../../docs/examples/invoke';
import { readSettings } from '../../docs/examples/read-settings';
import { requestOffboarding, requestReinstatement } from '../../docs/examples/request-offboarding';
import { requestOnboarding } from '../../docs/examples/request-onboarding';
import { requestRepair } from '../../docs/examples/request-repair';
import { toTheEnd } from '../../sandbox/requests';
import { claimsOf, signIn } from '../../sandbox/sign-in';
import { TenantClients } from '../../tasks/tenant-access/tenant-clients';
import { issueBy, tenantSessions } from '../../tasks/tenant-access/tenant-sessions';
import { functionName, useApp } from '../lifecycle/app-under-test';
import { quiet } from '../offboarding/offboarding-under-test';
import { aContext, setEnvironment } from '../support/builders';
import { captureOutput } from '../support/output';

const app = useApp();
const FRONT_DOOR = functionName('request-operation');
const CHANGE_HOLD = functionName('change-hold');
const DAY = 86_400;

const request = (requestId: string) => ({ tenantId: 'acme', requestId, requestedBy: 'signup/backend' });
const leaving = (requestId: string) => ({ ...request(requestId), reason: 'contract ended' });
const tenant = {
  ...request('signup-1'),
  displayName: 'Acme Clinic',
  adminEmail: 'admin@acme.example',
  tier: 'standard' as const,
};

/** The page of the documentation follows one tenant, and so does this. */
describe('the examples of the documentation, in the sandbox', () => {
  const client = () => sandboxClient(app().endpoint.url);

  it('onboard a tenant, once', async () => {
    const first = await requestOnboarding(client(), FRONT_DOOR, tenant);
    await toTheEnd(app(), first.executionArn ?? '');

    expect(first).toMatchObject({ operation: 'onboard', repeated: false, executionStatus: 'RUNNING' });
    expect(await requestOnboarding(client(), FRONT_DOOR, tenant)).toMatchObject({ repeated: true, status: 'ACTIVE' });
  });

  it('read its settings for a member, with credentials that reach nothing else', async () => {
    captureOutput();
    const issuer = functionName('issue-tenant-credentials');
    // What the function would be deployed with, and the table.
    const { variables } = app()
      .functions.functions()
      .find(({ name }) => name === functionName('list-roles')) ?? { variables: {} };
    setEnvironment({
      ...variables,
      DATA_TABLE: app().output('DataTableName'),
      AWS_ENDPOINT_URL: app().endpoint.url,
      AWS_REGION: app().clientConfig.region,
      AWS_ACCESS_KEY_ID: 'sandbox',
      AWS_SECRET_ACCESS_KEY: 'sandbox',
    });
    const { accessToken } = await signIn(app(), tenant.adminEmail);
    const sessions = tenantSessions(issueBy(issuer));

    expect(await readSettings(sessions)({ accessToken }, aContext())).toMatchObject({ pk: 'TENANT#acme' });
    expect(await readSettings(sessions)({ accessToken }, aContext())).toMatchObject({ sk: 'SETTINGS' });

    const issued = app()
      .calls.entries()
      .filter((call) => call.operation === 'Invoke' && JSON.stringify(call).includes(issuer));
    expect(issued).toHaveLength(1);
    const { dynamodb } = new TenantClients(
      await sessions.credentialsOf({ tenantId: 'acme', sub: String(claimsOf(accessToken)['sub']) }, accessToken),
    );
    const elsewhere = { TableName: app().output('DataTableName'), Key: { pk: 'TENANT#acme2', sk: 'SETTINGS' } };
    await expect(dynamodb.send(new GetCommand(elsewhere))).rejects.toMatchObject({ name: 'AccessDeniedException' });
  });

  it('repair it, once', async () => {
    const asked = request('repair-1');
    const { executionArn } = await requestRepair(client(), FRONT_DOOR, asked);
    const end = await toTheEnd(app(), executionArn ?? '');

    expect(end.status).toBe('SUCCEEDED');
    expect(await requestRepair(client(), FRONT_DOOR, asked)).toMatchObject({
      executionArn,
      repeated: true,
      status: 'ACTIVE',
    });
  });

  it('offboard it into a hold, and extend the hold once', async () => {
    const asked = { ...leaving('leave-1'), holdSeconds: 30 * DAY };
    await requestOffboarding(client(), FRONT_DOOR, asked);
    await quiet(app());
    const held = await requestOffboarding(client(), FRONT_DOOR, asked);
    const extend = { ...request('longer-1'), change: 'extend-hold' as const, bySeconds: 10 * DAY };

    const extended = await changeHold(client(), CHANGE_HOLD, extend);

    expect(held).toMatchObject({ status: 'OFFBOARDING', repeated: true, legalHolds: [] });
    expect(Date.parse(extended.holdUntil ?? '') - Date.parse(held.holdUntil ?? '')).toBe(10 * DAY * 1000);
    expect(await changeHold(client(), CHANGE_HOLD, extend)).toEqual(extended);
  });

  it('block it once more', async () => {
    const again = { ...request('again-1'), change: 'suspend-again' } as const;

    const answer = await changeHold(client(), CHANGE_HOLD, again);
    await quiet(app());

    expect(answer).toMatchObject({ status: 'OFFBOARDING', holdUntil: expect.stringMatching(/^\d{4}-/) });
    expect(await changeHold(client(), CHANGE_HOLD, again)).toMatchObject({ holdUntil: answer.holdUntil });
  });

  it('set the end of the hold, put it under legal hold and release it, and approve the purge', async () => {
    const until = new Date(app().clock.now() + 20 * DAY * 1000).toISOString();
    const counsel = { tenantId: 'acme', requestedBy: 'counsel/one', reason: 'case 42' };

    expect(await changeHold(client(), CHANGE_HOLD, { ...request('set-1'), change: 'set-hold', until })).toMatchObject({
      holdUntil: until,
    });
    // A shortened hold wakes its execution, which claims the tenant anew; a change in between is to be sent again.
    await quiet(app());
    expect(
      await changeHold(client(), CHANGE_HOLD, { ...counsel, requestId: 'case-1', change: 'set-legal-hold' }),
    ).toMatchObject({ legalHolds: ['case-1'] });
    expect(
      await changeHold(client(), CHANGE_HOLD, {
        ...counsel,
        requestId: 'case-2',
        change: 'release-legal-hold',
        legalHoldId: 'case-1',
      }),
    ).toMatchObject({ legalHolds: [] });
    expect(
      await changeHold(client(), CHANGE_HOLD, {
        tenantId: 'acme',
        requestId: 'yes-1',
        requestedBy: 'ops/two',
        change: 'approve-purge',
      }),
    ).toMatchObject({ approvedBy: 'ops/two' });
    await quiet(app());
  });

  it('bring it back', async () => {
    const { executionArn } = await requestReinstatement(client(), FRONT_DOOR, leaving('stay-1'));
    await toTheEnd(app(), executionArn ?? '');

    expect(await requestReinstatement(client(), FRONT_DOOR, leaving('stay-1'))).toMatchObject({ status: 'ACTIVE' });
  });

  it('end it without a hold, and show its tombstone ever after', async () => {
    const asked = { ...leaving('leave-2'), holdSeconds: 0 };
    const { executionArn } = await requestOffboarding(client(), FRONT_DOOR, asked);
    await toTheEnd(app(), executionArn ?? '');

    const gone = await requestOffboarding(client(), FRONT_DOOR, leaving('leave-3'));

    expect(gone).toMatchObject({ status: 'OFFBOARDED', repeated: false, alreadyActive: false });
    expect(gone.tombstone).toMatchObject({
      evidenceKey: 'audit/acme/evidence-of-deletion/leave-2.json',
      evidenceSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      encryptionKeyDeletionDate: expect.stringMatching(/^\d{4}-/),
    });
    expect(gone).not.toHaveProperty('executionArn');
  });

  it('refuse by name, with the tenant', async () => {
    await expect(requestOnboarding(client(), FRONT_DOOR, { ...tenant, requestId: 'signup-2' })).rejects.toMatchObject({
      name: 'TenantRetiredError',
      message: 'tenant acme is OFFBOARDED',
    });
    await expect(
      changeHold(client(), CHANGE_HOLD, { ...request('late-1'), change: 'extend-hold', bySeconds: DAY }),
    ).rejects.toMatchObject({ name: 'TenantRetiredError' });
  });
});

import { DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/lifecycle/claim-tenant';
import { RETIRED_STATUSES } from '../../../tasks/shared/tenant';
import type { AuditBucket } from '../../support/audit-bucket';
import { recordIn, serveAuditTrail } from '../../support/audit-log';
import { anAwsError } from '../../support/aws-errors';
import {
  aContext,
  anExecutionArn,
  anOperationItem,
  aStateItem,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const sfn = mockClient(SFNClient);
let tables: Tables;
let audit: AuditBucket;

const OURS = anExecutionArn();
const THEIRS = anExecutionArn('another-execution');
const aClaim = (executionArn = OURS, request: object = { tenantId: 'acme', requestId: 'request-1' }) => ({
  request,
  executionArn,
  step: 'Claim tenant',
});
/** A tenant requested and not yet claimed. */
const aRequested = (changes: object = {}) => {
  const { leaseOwner: _, ...state } = aStateItem({ status: 'REQUESTED', generation: 0 });
  return { ...state, ...changes };
};
const state = () => tables.get(REGISTRY_TABLE, 'TENANT#acme', 'STATE');
const isUpdate = (operation: string) => operation === 'Update';

describe('claim-tenant', () => {
  beforeEach(async () => {
    captureOutput();
    setEnvironment();
    dynamodb.reset();
    sfn.reset();
    audit = serveAuditTrail();
    tables = await serveTables(dynamodb, REGISTRY_TABLE);
    await tables.put(REGISTRY_TABLE, aRequested(), anOperationItem());
  });

  afterEach(() => jest.restoreAllMocks());

  it('takes the lease with a new generation and answers with ids, generation and tier', async () => {
    const claimed = await handler(aClaim(), aContext());

    expect(claimed).toEqual({ tenantId: 'acme', requestId: 'request-1', generation: 1, tier: 'premium' });
    expect(await state()).toMatchObject({ status: 'PROVISIONING', generation: 1, leaseOwner: OURS });
    expect(sfn.calls()).toHaveLength(0);
  });

  it('gives the same generation to the execution that has the lease', async () => {
    const first = await handler(aClaim(), aContext());

    const second = await handler(aClaim(), aContext());

    expect(second).toEqual(first);
    expect(dynamodb.commandCalls(UpdateCommand)).toHaveLength(1);
  });

  it('records the claim once, also when it died right after it', async () => {
    const KEY = 'audit/acme/onboard--acme--request-1/claim-tenant.json';
    audit.fail('PutObject', /claim-tenant/, anAwsError('SlowDown', undefined, 503));
    await expect(handler(aClaim(), aContext())).rejects.toMatchObject({ name: 'ThrottledError' });
    expect(await state()).toMatchObject({ generation: 1, leaseOwner: OURS });
    audit.loseAnswer('PutObject', /claim-tenant/);
    await expect(handler(aClaim(), aContext())).rejects.toMatchObject({ name: 'TransientError' });

    expect(await handler(aClaim(), aContext())).toMatchObject({ generation: 1 });

    expect(audit.keys()).toEqual([KEY]);
    expect(audit.versionsOf(KEY)).toBe(1);
    expect(recordIn(audit, KEY)).toEqual({
      schemaVersion: 1,
      tenantId: 'acme',
      action: 'claim-tenant',
      requestedBy: 'signup/backend',
      requestId: 'request-1',
      executionArn: OURS,
      step: 'Claim tenant',
      outcome: 'SUCCEEDED',
      at: expect.stringMatching(/Z$/),
    });
  });

  it('finds its own claim when the answer was lost within the call', async () => {
    tables.before(isUpdate, () => handler(aClaim(), aContext()));

    const claimed = await handler(aClaim(), aContext());

    expect(claimed).toMatchObject({ generation: 1 });
    expect(await state()).toMatchObject({ generation: 1, leaseOwner: OURS });
  });

  it('refuses while the owner runs, naming its execution, and changes nothing', async () => {
    await tables.put(REGISTRY_TABLE, aStateItem({ leaseOwner: THEIRS }));
    sfn.on(DescribeExecutionCommand, { executionArn: THEIRS }).resolves({ status: 'RUNNING' });

    const run = handler(aClaim(), aContext());

    await expect(run).rejects.toMatchObject({
      name: 'OperationInProgressError',
      message: `tenant acme: execution ${THEIRS} is running`,
    });
    expect(await state()).toMatchObject({ generation: 1, leaseOwner: THEIRS });
    expect(audit.keys()).toEqual([]);
  });

  it.each(['FAILED', 'TIMED_OUT', 'ABORTED', 'SUCCEEDED'] as const)(
    'takes over from an owner that %s',
    async (status) => {
      await tables.put(REGISTRY_TABLE, aStateItem({ leaseOwner: THEIRS, status: 'ONBOARDING_FAILED' }));
      sfn.on(DescribeExecutionCommand).resolves({ status });

      const claimed = await handler(aClaim(), aContext());

      expect(claimed).toMatchObject({ generation: 2 });
      expect(await state()).toMatchObject({ status: 'PROVISIONING', generation: 2, leaseOwner: OURS });
    },
  );

  it('takes over from an owner that Step Functions has forgotten', async () => {
    await tables.put(REGISTRY_TABLE, aStateItem({ leaseOwner: THEIRS }));
    sfn.on(DescribeExecutionCommand).rejects(anAwsError('ExecutionDoesNotExist'));

    expect(await handler(aClaim(), aContext())).toMatchObject({ generation: 2 });
  });

  it('does not take over when it cannot tell whether the owner runs', async () => {
    await tables.put(REGISTRY_TABLE, aStateItem({ leaseOwner: THEIRS }));
    sfn.on(DescribeExecutionCommand).rejects(anAwsError('ThrottlingException'));

    await expect(handler(aClaim(), aContext())).rejects.toMatchObject({ name: 'ThrottledError' });
    expect(await state()).toMatchObject({ generation: 1, leaseOwner: THEIRS });
  });

  it('lets exactly one of two claims at once have the tenant', async () => {
    const claims = await Promise.allSettled([handler(aClaim(OURS), aContext()), handler(aClaim(THEIRS), aContext())]);

    expect(claims.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(claims.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { name: 'OperationInProgressError', message: expect.stringContaining('acme') },
    });
    expect(await state()).toMatchObject({ generation: 1 });
  });

  it('comes back when only the status changed meanwhile: nobody has the lease', async () => {
    await tables.put(REGISTRY_TABLE, aStateItem({ leaseOwner: THEIRS }));
    sfn.on(DescribeExecutionCommand).resolves({ status: 'FAILED' });
    tables.before(isUpdate, () =>
      tables.put(REGISTRY_TABLE, aStateItem({ leaseOwner: THEIRS, status: 'ONBOARDING_FAILED' })),
    );

    await expect(handler(aClaim(), aContext())).rejects.toMatchObject({ name: 'TransientError' });
    await expect(handler(aClaim(), aContext())).resolves.toMatchObject({ generation: 2 });
  });

  it('leaves an ACTIVE tenant ACTIVE while its resources are converged again', async () => {
    await tables.put(REGISTRY_TABLE, aRequested({ status: 'ACTIVE', generation: 4 }));

    expect(await handler(aClaim(), aContext())).toMatchObject({ generation: 5 });
    expect(await state()).toMatchObject({ status: 'ACTIVE', leaseOwner: OURS });
  });

  it('says whose request it works for from here on', async () => {
    await tables.put(REGISTRY_TABLE, anOperationItem({ requestId: 'request-2', requestedBy: 'ops/console' }));

    await handler(aClaim(OURS, { tenantId: 'acme', requestId: 'request-2' }), aContext());

    expect(await state()).toMatchObject({ requestId: 'request-2', requestedBy: 'ops/console' });
  });

  it.each(RETIRED_STATUSES)('refuses a tenant that is %s', async (status) => {
    await tables.put(REGISTRY_TABLE, aStateItem({ status, leaseOwner: OURS }));

    const run = handler(aClaim(), aContext());

    await expect(run).rejects.toMatchObject({ name: 'TenantRetiredError', message: `tenant acme is ${status}` });
    expect(dynamodb.commandCalls(UpdateCommand)).toHaveLength(0);
  });

  it.each([
    { tenantId: 'never', requestId: 'request-1' },
    { tenantId: 'acme', requestId: 'request-9' },
  ])('refuses %j: nobody requested it', async (request) => {
    const run = handler(aClaim(OURS, request), aContext());

    await expect(run).rejects.toMatchObject({
      name: 'TenantNotRequestedError',
      message: `tenant ${request.tenantId}: request ${request.requestId} is not recorded as an onboarding`,
    });
    expect(dynamodb.commandCalls(UpdateCommand)).toHaveLength(0);
  });

  it.each([
    {},
    { tenantId: 'Acme', requestId: 'request-1' },
    { tenantId: 'a--b', requestId: 'request-1' },
    { tenantId: 'acme' },
    { tenantId: 'acme', requestId: 'request-1', adminEmail: 'ada@acme.example' },
    'nonsense',
  ])('refuses an execution started by hand with %j, before any call', async (request) => {
    const run = handler(aClaim(OURS, request as object), aContext());

    await expect(run).rejects.toMatchObject({ name: 'InvalidInputError', message: expect.not.stringContaining('@') });
    expect(dynamodb.calls()).toHaveLength(0);
  });
});

import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/lifecycle/activate-tenant';
import { serveAuditLog } from '../../support/audit-log';
import { aContext, aFailure, aStateItem, aTaskInput, REGISTRY_TABLE, setEnvironment } from '../../support/builders';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
serveAuditLog();
let tables: Tables;

const state = () => tables.get(REGISTRY_TABLE, 'TENANT#acme', 'STATE');
const isUpdate = (operation: string) => operation === 'Update';

describe('activate-tenant', () => {
  beforeEach(async () => {
    captureOutput();
    setEnvironment();
    dynamodb.reset();
    s3.reset();
    tables = await serveTables(dynamodb, REGISTRY_TABLE);
    await tables.put(REGISTRY_TABLE, aStateItem());
  });

  afterEach(() => jest.restoreAllMocks());

  it('makes the tenant ACTIVE and gives the lease back', async () => {
    const output = await handler(aTaskInput(), aContext());

    expect(output).toEqual({ tenantId: 'acme', requestId: 'request-1', status: 'ACTIVE' });
    expect(await state()).toMatchObject({ status: 'ACTIVE', generation: 1, activatedAt: expect.any(String) });
    expect(await state()).not.toHaveProperty('leaseOwner');
  });

  it('sets right the failure that was recorded before a redrive', async () => {
    await tables.put(REGISTRY_TABLE, aStateItem({ status: 'ONBOARDING_FAILED', lastFailure: aFailure() }));

    await handler(aTaskInput(), aContext());

    expect(await state()).toMatchObject({ status: 'ACTIVE' });
    expect(await state()).not.toHaveProperty('lastFailure');
  });

  it('may be repeated after a lost answer, and keeps the first time of activation', async () => {
    tables.loseAnswer(isUpdate);
    await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'TransientError' });
    const first = (await state())?.['activatedAt'];

    const output = await handler(aTaskInput(), aContext());

    expect(output).toMatchObject({ status: 'ACTIVE' });
    expect((await state())?.['activatedAt']).toBe(first);
  });

  it.each([{ generation: 2 }, { status: 'OFFBOARDING' as const }])(
    'changes nothing when the tenant became %j after the fence',
    async (changes) => {
      tables.before(isUpdate, () => tables.put(REGISTRY_TABLE, aStateItem(changes)));

      await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({
        name: 'StaleExecutionError',
        message: expect.stringContaining('tenant acme'),
      });
      expect(await state()).toMatchObject(aStateItem(changes));
    },
  );
});

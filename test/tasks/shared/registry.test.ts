import { DynamoDBDocumentClient, GetCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { openRegistry } from '../../../tasks/shared/registry';
import { aLostAnswer } from '../../support/aws-errors';
import {
  aLedgerItem,
  anOperation,
  anOperationItem,
  aProfile,
  aProfileItem,
  aStateItem,
  aTenantState,
  REGISTRY_TABLE,
} from '../../support/builders';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const registry = openRegistry(REGISTRY_TABLE);
let tables: Tables;

beforeEach(async () => {
  dynamodb.reset();
  tables = await serveTables(dynamodb, REGISTRY_TABLE);
});

describe('registry', () => {
  it('reads with strong consistency, and nothing as undefined', async () => {
    const state = await registry.getState('acme');

    expect(state).toBeUndefined();
    expect(dynamodb.commandCalls(GetCommand)[0]?.args[0].input).toMatchObject({
      Key: { pk: 'TENANT#acme', sk: 'STATE' },
      ConsistentRead: true,
    });
  });

  it('puts profile, state and operation only where none exist', async () => {
    const first = [
      await registry.putNewProfile('acme', aProfile()),
      await registry.putNewState('acme', aTenantState()),
      await registry.putNewOperation('acme', anOperation()),
    ];
    const second = [
      await registry.putNewProfile('acme', aProfile({ displayName: 'Other' })),
      await registry.putNewState('acme', aTenantState({ generation: 9 })),
      await registry.putNewOperation('acme', anOperation({ payloadHash: 'other' })),
    ];

    expect([first, second]).toEqual([
      [true, true, true],
      [false, false, false],
    ]);
    expect(await registry.getProfile('acme')).toMatchObject(aProfile());
    expect(await registry.getState('acme')).toMatchObject(aTenantState());
    expect(await registry.getOperation('acme', 'request-1')).toMatchObject(anOperation());
  });

  it('reads the whole tenant over several pages, and no other tenant', async () => {
    await tables.put(
      REGISTRY_TABLE,
      aProfileItem(),
      aStateItem(),
      anOperationItem(),
      anOperationItem({ requestId: 'request-2' }),
      aLedgerItem(),
      aStateItem({ tenantId: 'acme2' }),
    );
    tables.pageSize = 2;

    const tenant = await registry.getTenant('acme');

    expect(tenant.state).toMatchObject(aTenantState());
    expect(tenant.operations.map(({ requestId }) => requestId)).toEqual(['request-1', 'request-2']);
    expect(tenant.resources.map(({ type }) => type)).toEqual(['encryption-key']);
    expect(dynamodb.commandCalls(QueryCommand)).toHaveLength(3);
  });

  it('knows nothing of a tenant that was never requested', async () => {
    expect(await registry.getTenant('acme')).toEqual({ operations: [], resources: [] });
  });

  it('lists the tenants of one status over all pages of the index', async () => {
    const byStatus = { IndexName: 'by-status', ExpressionAttributeValues: { ':status': 'ACTIVE' } };
    const position = { pk: 'TENANT#acme', sk: 'STATE', status: 'ACTIVE', tenantId: 'acme' };
    dynamodb
      .on(QueryCommand, byStatus)
      .resolves({ Items: [aStateItem()], LastEvaluatedKey: position })
      .on(QueryCommand, { ...byStatus, ExclusiveStartKey: position })
      .resolves({ Items: [aStateItem({ tenantId: 'acme2' })] });

    const tenants = await registry.listTenants('ACTIVE');

    expect(tenants.map(({ tenantId }) => tenantId)).toEqual(['acme', 'acme2']);
  });

  it('updates and removes attributes when the condition holds', async () => {
    await tables.put(REGISTRY_TABLE, aStateItem());

    const updated = await registry.update(
      { tenantId: 'acme', item: 'STATE' },
      { status: 'ACTIVE', leaseOwner: undefined },
      { expression: '#generation = :known', names: ['generation'], values: { ':known': 1 } },
    );

    const { leaseOwner: _, ...expected } = aTenantState({ status: 'ACTIVE' });
    expect(updated).toBe(true);
    expect(await tables.get(REGISTRY_TABLE, 'TENANT#acme', 'STATE')).toEqual({
      ...expected,
      pk: 'TENANT#acme',
      sk: 'STATE',
    });
  });

  it('changes nothing when the condition does not hold', async () => {
    await tables.put(REGISTRY_TABLE, aStateItem());

    const updated = await registry.update(
      { tenantId: 'acme', item: 'STATE' },
      { status: 'ACTIVE' },
      { expression: '#generation = :known', names: ['generation'], values: { ':known': 2 } },
    );

    expect(updated).toBe(false);
    expect(await registry.getState('acme')).toMatchObject({ status: 'PROVISIONING' });
  });

  it('passes other errors on', async () => {
    tables.fail(() => true, aLostAnswer());

    await expect(registry.putNewState('acme', aTenantState())).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});

describe('ledger', () => {
  const at = new Date('2026-01-01T00:00:00.000Z');
  const ledger = (generation: number) => registry.ledger('acme', 'encryption-key', generation, () => at);

  it('goes from intent to done, keeping since when and by which attempt', async () => {
    const intent = await ledger(1).intend('attempt-1');
    await ledger(1).complete('key-1', intent);

    expect(intent).toEqual({
      type: 'encryption-key',
      phase: 'INTENT',
      attemptId: 'attempt-1',
      attemptedAt: at.toISOString(),
      since: at.toISOString(),
      generation: 1,
    });
    expect(await ledger(1).read()).toEqual({
      type: 'encryption-key',
      phase: 'DONE',
      physicalId: 'key-1',
      attemptId: 'attempt-1',
      attemptedAt: at.toISOString(),
      since: at.toISOString(),
      generation: 1,
      pk: 'TENANT#acme',
      sk: 'RESOURCE#encryption-key',
    });
  });

  it('keeps since over a second intent', async () => {
    const earlier = { ...(await ledger(1).intend('attempt-1')), since: '2025-01-01T00:00:00.000Z' };

    const intent = await ledger(1).intend('attempt-2', earlier);

    expect(intent).toMatchObject({ attemptId: 'attempt-2', since: earlier.since, attemptedAt: at.toISOString() });
  });

  it('lets a newer execution write over an older one’s entry', async () => {
    await ledger(1).complete('key-1');
    await ledger(2).complete('key-2');

    expect(await ledger(2).read()).toMatchObject({ physicalId: 'key-2', generation: 2 });
  });

  it('refuses the entry of an execution that was overtaken', async () => {
    await ledger(2).complete('key-2');

    await expect(ledger(1).intend('attempt-1')).rejects.toMatchObject({
      name: 'StaleExecutionError',
      message: 'tenant acme: a newer execution has written the ledger of encryption-key',
    });
    await expect(ledger(1).complete('key-1')).rejects.toMatchObject({ name: 'StaleExecutionError' });
    expect(await ledger(2).read()).toMatchObject({ physicalId: 'key-2' });
  });

  it('keeps when and by whom a resource was destroyed, unless a later run has found more to remove', async () => {
    const clock = { at: '2026-01-01T00:00:00.000Z' };
    const ledger = registry.ledger('acme', 'storage-prefix', 1, () => new Date(clock.at));
    const run = async (at: string, destroyedBy: string, removed: number) => {
      clock.at = at;
      await ledger.destroyed(await ledger.read(), { destroyedBy, removed });
      return ledger.read();
    };
    const first = { destroyedBy: 'first', destroyedAt: '2026-01-01T00:00:00.000Z', removed: 5 };

    expect(await run('2026-01-01T00:00:00.000Z', 'first', 5)).toMatchObject(first);
    expect(await run('2026-01-02T00:00:00.000Z', 'repeat', 5)).toMatchObject(first);

    expect(await run('2026-01-03T00:00:00.000Z', 'later', 6)).toMatchObject({
      destroyedBy: 'later',
      destroyedAt: '2026-01-03T00:00:00.000Z',
      removed: 6,
    });
  });
});

import { takeInventory } from '../../sandbox/inventory';
import { onboardToTheEnd } from '../../sandbox/requests';
import { APP, aRequest, CLEAN, irregularities, useApp } from './app-under-test';

const app = useApp();

describe('the inventory', () => {
  it('counts what there is by kind', async () => {
    await onboardToTheEnd(app(), aRequest({ tenantId: 'standard' }));
    await onboardToTheEnd(app(), aRequest({ tenantId: 'premium', tier: 'premium' }));

    const { counts, tenants } = await takeInventory(app());

    expect(await irregularities(app())).toEqual(CLEAN);
    expect(tenants).toEqual([
      { tenantId: 'premium', tier: 'premium', status: 'ACTIVE' },
      { tenantId: 'standard', tier: 'standard', status: 'ACTIVE' },
    ]);
    expect(counts).toEqual({
      'encryption-key': 2,
      'data-partition': 2,
      'storage-prefix': 2,
      'vector-index': 2,
      'knowledge-base': 1,
      'user-group': 2,
      'first-admin': 2,
      'audit-log': 2,
    });
  });

  it('finds what belongs to nobody, what there is twice, and what is missing', async () => {
    const tags = { 'managed-by': `${APP.name}-${APP.stage}` };
    const orphan = app().services.kms.createKey({ tags: { ...tags, 'tenant-id': 'nobody' } });
    app().services.kms.createKey({ tags: { ...tags, 'tenant-id': 'standard' } });
    app().services.cognito.userPool(app().output('UserPoolId')).groups.delete('premium');

    const { orphans, duplicates, missing } = await irregularities(app());

    expect(orphans).toEqual([{ kind: 'encryption-key', tenantId: 'nobody', id: orphan }]);
    expect(duplicates).toHaveLength(1);
    expect(duplicates[0]).toMatchObject({ kind: 'encryption-key', tenantId: 'standard' });
    expect(missing).toEqual(['user-group of premium']);
  });
});

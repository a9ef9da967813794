import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import fc from 'fast-check';
import { changeMembership, finishChange } from '../../../tasks/membership/change';
import { isOwner, type Memberships, openMemberships } from '../../../tasks/membership/memberships';
import { errorName } from '../../../tasks/shared/errors';
import { connectRegistry } from '../../../tasks/shared/registry';
import { aMembership, aMembershipItem, anOwnersItem, MEMBERSHIP_TABLE } from '../../support/builders';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
let tables: Tables;
let memberships: Memberships;

const SUBS = ['sub-1', 'sub-2', 'sub-3'] as const;
const CHANGES = {
  promote: { status: 'ACTIVE', roles: ['owner'] },
  demote: { status: 'ACTIVE', roles: ['member'] },
  remove: { status: 'REMOVED', roles: [] },
} as const;

beforeEach(start);

/** Two owners and a member. */
async function start(): Promise<void> {
  dynamodb.reset();
  tables = await serveTables(dynamodb, MEMBERSHIP_TABLE);
  memberships = openMemberships(MEMBERSHIP_TABLE, connectRegistry());
  await tables.put(MEMBERSHIP_TABLE, anOwnersItem(['sub-1', 'sub-2']));
  for (const sub of SUBS)
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ sub, roles: [sub === 'sub-3' ? 'member' : 'owner'] }));
}

async function change(kind: keyof typeof CHANGES, sub: string, requestId: string, through = memberships) {
  const read = await through.get(sub, 'acme');
  if (read === undefined || read.status === 'REMOVED') return undefined;
  if (read.requestId === requestId) return await finishChange(through, read);
  return await changeMembership(through, read, { ...read, ...CHANGES[kind], requestId });
}

/** Owners as they are, and as they are counted. */
async function owners() {
  const all = await Promise.all(SUBS.map((sub) => memberships.get(sub, 'acme')));
  const real = all.flatMap((one) => (one !== undefined && isOwner(one) ? [one.sub] : []));
  return { real, counted: (await memberships.owners('acme')).subs };
}

it('an owner can go as long as there is another one', async () => {
  await change('remove', 'sub-1', 'r-1');

  await expect(change('demote', 'sub-2', 'r-2')).rejects.toMatchObject({ name: 'LastOwnerError' });
  await expect(change('remove', 'sub-2', 'r-3')).rejects.toMatchObject({ name: 'LastOwnerError' });
  expect(await owners()).toEqual({ real: ['sub-2'], counted: ['sub-2'] });
});

it('two owners who remove each other in the same moment leave one of them', async () => {
  const results = await Promise.allSettled([change('remove', 'sub-1', 'r-1'), change('remove', 'sub-2', 'r-2')]);

  expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1);
  expect((await owners()).real).toHaveLength(1);
});

it('a member who becomes an owner is counted, also when the count changes meanwhile, and every write has a version', async () => {
  tables.before(
    (operation, { Key }) => operation === 'Update' && (Key as { sk: string }).sk === 'OWNERS',
    () => change('demote', 'sub-1', 'r-1'),
  );

  expect(await change('promote', 'sub-3', 'r-2')).toMatchObject({ version: 3, roles: ['owner'] });
  const { real, counted } = await owners();
  expect([...counted].sort()).toEqual(real);
  expect(real).toEqual(['sub-2', 'sub-3']);
});

it('a member who is removed while they are made an owner is neither', async () => {
  tables.before(
    (operation, { Key }) => operation === 'Update' && (Key as { sk: string }).sk === 'OWNERS',
    () => change('remove', 'sub-3', 'r-1'),
  );

  await expect(change('promote', 'sub-3', 'r-2')).rejects.toMatchObject({ name: 'VersionConflictError' });
  expect(await owners()).toEqual({ real: ['sub-1', 'sub-2'], counted: ['sub-1', 'sub-2'] });
});

it.each(['Put', 'Update'] as const)('the lost answer of a %s is found again by a repeat', async (lost) => {
  tables.loseAnswer((operation) => operation === lost);
  await expect(change('promote', 'sub-3', 'r-1')).rejects.toThrow();

  await change('promote', 'sub-3', 'r-1');

  expect((await owners()).counted).toContain('sub-3');
  expect((await memberships.get('sub-3', 'acme'))?.roles).toEqual(['owner']);
});

it('the SDK’s own repeat of a write whose answer was lost is no conflict', async () => {
  const written = { ...aMembership({ sub: 'sub-3' }), requestId: 'r-1', version: 2 };
  tables.before(
    (operation) => operation === 'Put',
    () => tables.put(MEMBERSHIP_TABLE, aMembershipItem({ ...written, roles: ['member', 'reader'] })),
  );
  const read = aMembership({ sub: 'sub-3', roles: ['member'] });

  const changed = await changeMembership(memberships, read, { ...written, roles: ['member', 'reader'] });

  expect(changed.version).toBe(2);
});

/**
 * Three calls at once, in any order of their steps, each of which may die after any of them; then the tenant has an owner,
 * and nobody is counted who is none: else the last real one could go.
 */
it('whatever happens at once and wherever it stops, an owner is left', async () => {
  const diesAfter = fc.constantFrom(1, 2, 3, 4, ...Array<number>(12).fill(Number.POSITIVE_INFINITY));
  const kinds = Object.keys(CHANGES) as (keyof typeof CHANGES)[];
  const any = fc.record({ kind: fc.constantFrom(...kinds), sub: fc.constantFrom(...SUBS), diesAfter });
  // What matters most is who meets whom: the same member is made an owner and unmade.
  const promotion = fc.record({ kind: fc.constant('promote' as const), sub: fc.constant('sub-3'), diesAfter });
  const end = fc.record({
    kind: fc.constantFrom('demote' as const, 'remove' as const),
    sub: fc.constant('sub-3'),
    diesAfter,
  });
  const others = fc.array(any, { maxLength: 2 });
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), promotion, end, others, async (scheduler, first, second, more) => {
      await start();
      const calls = [first, second, ...more];
      const running = calls.map(({ kind, sub, diesAfter }, index) =>
        change(kind, sub, `r-${index}`, stepwise(scheduler, diesAfter)).catch((error: unknown) => {
          const expected = ['LastOwnerError', 'VersionConflictError', 'TransientError', 'Died'];
          if (!expected.includes(errorName(error))) throw error;
        }),
      );
      await scheduler.waitFor(Promise.all(running));

      const { real, counted } = await owners();
      expect(real.length).toBeGreaterThan(0);
      expect(counted.filter((sub) => !real.includes(sub))).toEqual([]);
    }),
    { numRuns: 100 },
  );
});

/** The same memberships, each call of which waits for its turn. */
function stepwise(scheduler: fc.Scheduler, diesAfter: number): Memberships {
  let steps = 0;
  return new Proxy(memberships, {
    get(target, name: keyof Memberships) {
      const method = target[name];
      if (typeof method !== 'function') return method;
      return async (...args: unknown[]) => {
        await scheduler.schedule(Promise.resolve(), String(name));
        steps += 1;
        if (steps > diesAfter) throw Object.assign(new Error('died'), { name: 'Died' });
        return await (method as (...given: unknown[]) => Promise<unknown>).apply(target, args);
      };
    },
  });
}

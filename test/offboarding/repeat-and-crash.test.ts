import { OFFBOARDING_CONTRACTS } from '../../tasks/lifecycle/offboarding-contract';
import { RESOURCE_VERBS, TENANT_RESOURCES } from '../../tasks/resources';
import { functionName, useApp, withoutPausesOfTheSdk } from '../lifecycle/app-under-test';
import {
  functionsOf,
  problemsWhenEveryCallFails,
  problemsWithFaultyInvocations,
  problemsWithRandomFaults,
  readsOf,
  travelUndisturbed,
  type Undisturbed,
  writesOf,
} from '../lifecycle/faults-under-test';
import { comeAndGo, problemsBesideANeighbour } from './come-and-go';

withoutPausesOfTheSdk();
const app = useApp();
let undisturbed: Undisturbed;

beforeAll(async () => {
  undisturbed = await travelUndisturbed(app(), comeAndGo);
});

describe('every function of an offboarding and a reinstatement', () => {
  it('is looked at, with each of its calls', () => {
    const own = [...OFFBOARDING_CONTRACTS, ...RESOURCE_VERBS].map(({ name }) => name);
    const shared = [
      ...TENANT_RESOURCES.map(({ provision }) => provision.name),
      'request-operation',
      'record-outcome',
      'verify-tenant',
      'verify-isolation',
      'activate-tenant',
      'archive-execution',
    ];

    expect([...functionsOf(undisturbed)].sort()).toEqual([...own, ...shared].map(functionName).sort());
  });
});

describe('a tenant that comes and goes ends like an undisturbed one although every function', () => {
  it('dies after any one of its writes', async () => {
    const fault = { when: 'after', effect: { kind: 'crash' } } as const;

    expect(await problemsBesideANeighbour(app(), writesOf(undisturbed), 'died', fault)).toEqual([]);
  });

  it('dies after every one of its reads, one later each time', async () => {
    const fault = { when: 'after', effect: { kind: 'crash' } } as const;

    expect(await problemsWhenEveryCallFails(app(), readsOf(undisturbed), 'every-died', fault)).toEqual([]);
  });

  it.each(['crash before the handler', 'crash after the handler', 'timeout after the handler'] as const)(
    'is run twice because of a %s',
    async (fault) => {
      const problems = await problemsWithFaultyInvocations(app(), undisturbed, fault.replaceAll(' ', '-'), fault);

      expect(problems).toEqual([]);
    },
  );
});

describe('a tenant that comes and goes ends like an undisturbed one although', () => {
  it.each([1, 2, 3])('any call may fail in any way (seed %s)', async (seed) => {
    const problems = await problemsWithRandomFaults(app(), undisturbed, `random-${seed}`, seed);

    expect(problems).toEqual([]);
  });
});

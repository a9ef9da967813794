import { archiveExecution } from '../../tasks/audit-archive/contract';
import { LIFECYCLE_CONTRACTS } from '../../tasks/lifecycle/contract';
import { TENANT_RESOURCES } from '../../tasks/resources';
import { verifyIsolation } from '../../tasks/tenant-access/contract';
import { useApp, withoutPausesOfTheSdk } from './app-under-test';
import {
  functionsOf,
  onboarding,
  problemsWithFaultyCalls,
  problemsWithFaultyInvocations,
  problemsWithRandomFaults,
  travelUndisturbed,
  type Undisturbed,
} from './faults-under-test';

withoutPausesOfTheSdk();
const app = useApp();
let undisturbed: Undisturbed;

beforeAll(async () => {
  undisturbed = await travelUndisturbed(app(), onboarding);
});

describe('every function of an onboarding', () => {
  it('is looked at, with each of its calls', () => {
    const contracts = [
      ...TENANT_RESOURCES.map(({ provision }) => provision),
      ...LIFECYCLE_CONTRACTS,
      verifyIsolation,
      archiveExecution,
    ];

    expect(functionsOf(undisturbed).size).toBe(contracts.length);
  });
});

describe('an onboarding ends like an undisturbed one although every function', () => {
  // Dying before a call is dying after the call before it; before the first call, it is a crash before the handler.
  it('dies after any one of its calls', async () => {
    const fault = { when: 'after', effect: { kind: 'crash' } } as const;

    const problems = await problemsWithFaultyCalls(app(), undisturbed, 'died', fault);

    expect(problems).toEqual([]);
  });

  it.each(['crash before the handler', 'crash after the handler', 'timeout after the handler'] as const)(
    'is run twice because of a %s',
    async (fault) => {
      const problems = await problemsWithFaultyInvocations(app(), undisturbed, fault.replaceAll(' ', '-'), fault);

      expect(problems).toEqual([]);
    },
  );
});

describe('an onboarding ends like an undisturbed one although', () => {
  it.each([1, 2, 3])('any of its calls may fail in any way (seed %s)', async (seed) => {
    const problems = await problemsWithRandomFaults(app(), undisturbed, `random-${seed}`, seed);

    expect(problems).toEqual([]);
  });
});

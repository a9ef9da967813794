import { useApp, withoutPausesOfTheSdk } from './app-under-test';
import {
  onboardUndisturbed,
  problemsWithFaultyCalls,
  problemsWithFaultyInvocations,
  type Undisturbed,
} from './faults-under-test';

withoutPausesOfTheSdk();
const app = useApp();
let undisturbed: Undisturbed;

beforeAll(async () => {
  undisturbed = await onboardUndisturbed(app());
});

describe('every function of an onboarding', () => {
  it('is looked at, with each of its calls', () => {
    const functions = new Set(undisturbed.sites.map(({ functionName }) => functionName));

    expect(functions.size).toBe(app().functions.functions().length);
  });
});

describe('an onboarding ends like an undisturbed one although every function', () => {
  it.each([
    ['dies before', 'died-before', { when: 'before', effect: { kind: 'crash' } }],
    ['dies after', 'died-after', { when: 'after', effect: { kind: 'crash' } }],
  ] as const)('%s any one of its calls', async (_what, label, fault) => {
    const problems = await problemsWithFaultyCalls(app(), undisturbed, label, fault);

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

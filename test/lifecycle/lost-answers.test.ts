import { useApp, withoutPausesOfTheSdk } from './app-under-test';
import {
  onboarding,
  problemsWithFaultyCalls,
  TO_THE_TASK,
  travelUndisturbed,
  type Undisturbed,
} from './faults-under-test';

withoutPausesOfTheSdk();
const app = useApp();
let undisturbed: Undisturbed;

beforeAll(async () => {
  undisturbed = await travelUndisturbed(app(), onboarding);
});

describe('an onboarding ends like an undisturbed one although in every function', () => {
  it.each([
    ['the answer of any one call is lost', 'lost', { when: 'after', effect: { kind: 'reset' } }],
    ['all answers of any one call are lost', 'all', { when: 'after', effect: { kind: 'reset' }, times: TO_THE_TASK }],
  ] as const)('%s', async (_what, label, fault) => {
    const problems = await problemsWithFaultyCalls(app(), undisturbed, label, fault);

    expect(problems).toEqual([]);
  });
});

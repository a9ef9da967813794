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
    ['any one call is throttled', 'throttled', { when: 'before', effect: { kind: 'throttle' }, times: TO_THE_TASK }],
    [
      'any one call ends in an error of the service',
      'failed',
      { when: 'before', effect: { kind: 'error', code: 'ServiceUnavailable', status: 503 }, times: TO_THE_TASK },
    ],
  ] as const)('%s', async (_what, label, fault) => {
    const problems = await problemsWithFaultyCalls(app(), undisturbed, label, fault);

    expect(problems).toEqual([]);
  });
});

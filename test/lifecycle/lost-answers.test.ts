import { useApp, withoutPausesOfTheSdk } from './app-under-test';
import {
  onboarding,
  problemsWithFaultyCalls,
  TO_THE_TASK,
  travelUndisturbed,
  type Undisturbed,
} from './faults-under-test';

withoutPausesOfTheSdk();

const LOST = [
  ['the answer of any one call is lost', 'lost', { when: 'after', effect: { kind: 'reset' } }],
  ['all answers of any one call are lost', 'all', { when: 'after', effect: { kind: 'reset' }, times: TO_THE_TASK }],
] as const;
const REFUSED = [
  ['any one call is throttled', 'throttled', { when: 'before', effect: { kind: 'throttle' }, times: TO_THE_TASK }],
  [
    'any one call ends in an error of the service',
    'failed',
    { when: 'before', effect: { kind: 'error', code: 'ServiceUnavailable', status: 503 }, times: TO_THE_TASK },
  ],
] as const;

// Each has an app of its own: every faulty call is tried on a tenant of its own, and an account holds 100 knowledge bases.
describe.each([
  ['answers', LOST],
  ['calls', REFUSED],
])('an onboarding ends like an undisturbed one although in every function, faulty %s:', (_faulty, faults) => {
  const app = useApp();
  let undisturbed: Undisturbed;

  beforeAll(async () => {
    undisturbed = await travelUndisturbed(app(), onboarding);
  });

  it.each(faults)('%s', async (_what, label, fault) => {
    const problems = await problemsWithFaultyCalls(app(), undisturbed, label, fault);

    expect(problems).toEqual([]);
  });
});

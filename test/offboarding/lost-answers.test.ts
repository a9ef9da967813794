import { useApp, withoutPausesOfTheSdk } from '../lifecycle/app-under-test';
import {
  problemsWhenEveryCallFails,
  TO_THE_TASK,
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

const LOST = { when: 'after', effect: { kind: 'reset' }, times: TO_THE_TASK } as const;

describe('a tenant that comes and goes ends like an undisturbed one although', () => {
  it('in every function all answers of any one write are lost', async () => {
    expect(await problemsBesideANeighbour(app(), writesOf(undisturbed), 'lost', LOST)).toEqual([]);
  });

  it.each([
    ['all answers to the first call are lost', 'every-lost', LOST],
    // Throttled calls and errors of the service come to the same in every task: the onboarding's tests have them. No retry helps against this one: the execution fails each time, and somebody redrives it.
    [
      'it is refused until somebody has repaired something',
      'every-refused',
      { when: 'before', effect: { kind: 'error', code: 'ValidationException' } },
    ],
  ] as const)('of every single call %s', async (_what, label, fault) => {
    expect(await problemsWhenEveryCallFails(app(), undisturbed, label, fault)).toEqual([]);
  });
});

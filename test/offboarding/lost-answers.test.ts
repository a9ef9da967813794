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

  it('of every single call all answers to the first one are lost', async () => {
    expect(await problemsWhenEveryCallFails(app(), undisturbed, 'every-lost', LOST)).toEqual([]);
  });

  // Throttled calls and errors of the service come to the same in every task: the onboarding's tests have them. No retry
  // helps against this one: the execution fails each time, and somebody redrives it. That a function dies after each of its
  // reads is tested beside.
  it('every single write is refused until somebody has repaired something', async () => {
    const refused = { when: 'before', effect: { kind: 'error', code: 'ValidationException' } } as const;

    expect(await problemsWhenEveryCallFails(app(), writesOf(undisturbed), 'every-refused', refused)).toEqual([]);
  });
});

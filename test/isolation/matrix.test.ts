import { leaks, offences, powers, starts, takings } from './findings';
import { aStage, type Stage } from './policies';

let stage: Stage;
beforeAll(async () => {
  stage = await aStage();
});

describe('the synthesized policies', () => {
  it('let a session of a tenant do its work, and nothing on any other tenant, whose id begins or extends its own', () => {
    const { found, tried } = leaks(stage);

    expect(found).toEqual([]);
    expect(tried).toBeGreaterThan(2000);
  });

  it('isolate tenants by the role’s own policy alone, were bucket and keys without policies', () => {
    expect(leaks(stage, 'role alone').found).toEqual([]);
  });

  it('isolate objects and keys by their policies alone, were the role allowed everything', () => {
    const { found, tried } = leaks(stage, 'resource alone');

    expect(found).toEqual([]);
    expect(tried).toBeGreaterThan(300);
  });

  it('let sessions be started by those who must, for a tenant', () => {
    expect(starts(stage)).toEqual([]);
  });

  it('give no other role a power over tenants’ data that is not on the list', () => {
    expect(powers(stage)).toEqual([]);
  });

  it('let no role mark as this stage’s what another one, or another app, has made', () => {
    expect(takings(stage)).toEqual([]);
  });

  it('make none of the classic mistakes', () => {
    expect(offences(stage)).toEqual([]);
  });
});

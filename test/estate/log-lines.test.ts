import { asleep, offboard, onboardToTheEnd, reinstate, toTheEnd } from '../../sandbox/requests';
import {
  aRequest,
  functionName,
  redriveToTheEnd,
  stateOf,
  useApp,
  withoutPausesOfTheSdk,
} from '../lifecycle/app-under-test';
import { fireAllSchedules } from './emitted-metrics';

withoutPausesOfTheSdk();
const app = useApp();

/** Tasks about several tenants together: their lines name a tenant where they are about one. */
const ABOUT_NO_TENANT = [
  'observe-estate',
  'archive-execution',
  'reconcile-archive',
  'list-tenants-to-examine',
  'examine-account',
  'summarize-examination',
];
/** Tasks that a person or an event invokes, not a step of an execution. */
const OUTSIDE_OF_EXECUTIONS = ['request-operation', 'change-hold'];
/** Is told of an execution's end, not of a step. */
const ABOUT_AN_EXECUTION = ['record-outcome'];
/** Examines a tenant for nobody's request. */
const ABOUT_NO_REQUEST = ['examine-tenant'];

type Line = Readonly<Record<string, unknown>>;

/** Every line that a function wrote, by task. */
const linesByTask = (): ReadonlyMap<string, readonly Line[]> =>
  new Map(
    app()
      .services.logs.groups()
      .filter(({ name }) => name.startsWith(`/aws/lambda/${functionName('')}`))
      .map(({ name }) => [
        name.slice(`/aws/lambda/${functionName('')}`.length),
        app()
          .services.logs.lines(name)
          .map((line) => JSON.parse(line) as Line),
      ]),
  );

/** What every line of a task must have. */
const expectedTags = (task: string): readonly string[] => {
  if (ABOUT_NO_TENANT.includes(task)) return [];
  if (ABOUT_NO_REQUEST.includes(task)) return ['tenantId', 'executionArn', 'step'];
  if (OUTSIDE_OF_EXECUTIONS.includes(task)) return ['tenantId', 'requestId'];
  if (ABOUT_AN_EXECUTION.includes(task)) return ['tenantId', 'requestId', 'executionArn'];
  return ['tenantId', 'requestId', 'executionArn', 'step'];
};

const DAYS = 86_400_000;

/** Onboarding that fails and is redriven; an offboarding that is cancelled, and one that goes to its end. */
beforeAll(async () => {
  const refused = { kind: 'error', code: 'InvalidParameterException' } as const;
  app().faults.add({ operation: 'PutRetentionPolicy', when: 'before', effect: refused });
  const failed = await onboardToTheEnd(app(), aRequest({ tenantId: 'acme', tier: 'premium' }));
  await redriveToTheEnd(app(), failed.executionArn);

  const leave = (requestId: string) =>
    offboard(app(), { tenantId: 'acme', requestId, reason: 'contract ended', holdSeconds: 30 * 86_400 });
  const cancelled = await leave('leave-1');
  await asleep(app(), cancelled.executionArn);
  const back = await reinstate(app(), { tenantId: 'acme', requestId: 'stay-1', reason: 'contract renewed' });
  await toTheEnd(app(), back.executionArn);
  const final = await leave('leave-2');
  await asleep(app(), final.executionArn);
  await app().clock.advance(31 * DAYS);
  await toTheEnd(app(), final.executionArn);
  await fireAllSchedules(app());
});

describe('after a whole lifecycle', () => {
  it('the tenant is gone, so that every step has run', async () => {
    expect((await stateOf(app(), 'acme')).status).toBe('OFFBOARDED');
    expect([...linesByTask()].filter(([, lines]) => lines.length > 0).length).toBeGreaterThan(25);
  });

  it('no log line and no metric of a task lacks the tenant, the request, the execution and the step it is about', () => {
    const lacking = [...linesByTask()].flatMap(([task, lines]) =>
      lines.flatMap((line) => {
        const missing = expectedTags(task).filter((tag) => typeof line[tag] !== 'string' || line[tag] === '');
        return missing.length === 0 ? [] : [`${task}: ${JSON.stringify(line).slice(0, 200)} lacks ${missing.join()}`];
      }),
    );

    expect(lacking).toEqual([]);
  });

  it('every line names the one tenant that there was', () => {
    const tenants = [...linesByTask()].flatMap(([, lines]) => lines.flatMap(({ tenantId }) => tenantId ?? []));

    expect(new Set(tenants)).toEqual(new Set(['acme']));
  });

  it('lines say task and level, metrics their outcome', () => {
    const lines = [...linesByTask().values()].flat();
    const logged = lines.filter((line) => !('_aws' in line));
    const durations = lines.filter((line) => 'StepDuration' in line);

    expect(logged.filter(({ task, level }) => task === undefined || level === undefined)).toEqual([]);
    expect(durations.filter(({ outcome, step }) => outcome === undefined || step === undefined)).toEqual([]);
    expect(new Set(durations.map(({ outcome }) => outcome))).toEqual(new Set(['Success', 'RejectedCallError']));
  });
});

import { BedrockAgentClient, DeleteKnowledgeBaseCommand } from '@aws-sdk/client-bedrock-agent';
import type { FaultRule } from '../../sandbox/aws/faults';
import type { BusEvent } from '../../sandbox/events';
import { onboard, onboardToTheEnd, toTheEnd } from '../../sandbox/requests';
import type { Sandbox } from '../../sandbox/sandbox';
import {
  APP,
  aRequest,
  CLEAN,
  callsOf,
  capacity,
  everythingOf,
  functionName,
  irregularities,
  lastCall,
  redriveToTheEnd,
  registryItem,
  startApp,
  startByHand,
  stateOf,
  useApp,
  withoutPausesOfTheSdk,
} from './app-under-test';

withoutPausesOfTheSdk();
const app = useApp();

afterEach(() => app().faults.clear());

/** OpenSearch refuses the index for good. */
const indexRefused = (changes: Partial<FaultRule> = {}): FaultRule => ({
  service: 'opensearch',
  operation: 'CreateIndex',
  when: 'before',
  effect: { kind: 'error', code: 'ValidationException', message: 'the domain is upgrading' },
  ...changes,
});

describe('an onboarding whose index cannot be made', () => {
  it('fails at that step and leaves a typed failure on the tenant', async () => {
    app().faults.add(indexRefused());

    const end = await onboardToTheEnd(app(), aRequest({ tenantId: 'typed-failure', tier: 'premium' }));

    expect(end).toMatchObject({ status: 'FAILED', error: 'RejectedCallError', redriveStatus: 'REDRIVABLE' });
    expect(await stateOf(app(), 'typed-failure')).toMatchObject({
      status: 'ONBOARDING_FAILED',
      leaseOwner: end.executionArn,
      lastFailure: {
        step: 'Provision vector index',
        error: 'RejectedCallError',
        errorClass: 'validation',
        message: 'tenant typed-failure: ValidationException: the domain is upgrading',
        attempt: 1,
        redriveCount: 0,
        executionArn: end.executionArn,
        nextAction: expect.stringContaining('redrive'),
        failedAt: end.stopDate?.toISOString(),
      },
    });
    expect(await registryItem(app(), 'typed-failure', 'OPERATION#request-1')).toMatchObject({ outcome: 'FAILED' });
  });

  it('tells so to whoever sends the request again, and starts nothing', async () => {
    app().faults.add(indexRefused());
    const request = aRequest({ tenantId: 'told-so' });
    const { executionArn } = await onboardToTheEnd(app(), request);

    const answer = await onboard(app(), request);

    expect(answer).toMatchObject({
      status: 'ONBOARDING_FAILED',
      executionArn,
      executionStatus: 'FAILED',
      repeated: true,
    });
  });

  it('becomes ACTIVE by a redrive, which does not repeat the steps before', async () => {
    app().faults.add(indexRefused());
    const { executionArn } = await onboardToTheEnd(app(), aRequest({ tenantId: 'redriven', tier: 'premium' }));
    const before = lastCall(app());

    const end = await redriveToTheEnd(app(), executionArn);

    expect(end).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1 });
    const functions = new Set(callsOf(app(), before).map((call) => call.split(':')[0]));
    expect([...functions]).toEqual(expect.arrayContaining(['provision-vector-index', 'verify-tenant']));
    for (const done of ['claim-tenant', 'check-quotas', 'provision-encryption-key']) {
      expect([...functions]).not.toContain(done);
    }
    expect(await stateOf(app(), 'redriven')).toMatchObject({ status: 'ACTIVE', generation: 1 });
    expect(await stateOf(app(), 'redriven')).not.toHaveProperty('lastFailure');
    expect(await registryItem(app(), 'redriven', 'OPERATION#request-1')).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(await irregularities(app())).toEqual(CLEAN);
  });

  it('has its second failure recorded too', async () => {
    app().faults.add(indexRefused({ times: 2 }));
    const { executionArn } = await onboardToTheEnd(app(), aRequest({ tenantId: 'failed-twice' }));

    const second = await redriveToTheEnd(app(), executionArn);
    const third = await redriveToTheEnd(app(), executionArn);

    expect(second).toMatchObject({ status: 'FAILED', redriveCount: 1 });
    expect(third).toMatchObject({ status: 'SUCCEEDED', redriveCount: 2 });
    expect(await stateOf(app(), 'failed-twice')).toMatchObject({ status: 'ACTIVE' });
  });

  it('is refused once, also when virtual time is far ahead of real time', async () => {
    await app().clock.advance(2 * 86_400_000);
    app().faults.add(indexRefused());
    const before = lastCall(app());

    const end = await onboardToTheEnd(app(), aRequest({ tenantId: 'days-ahead' }));

    expect(end.status).toBe('FAILED');
    expect(callsOf(app(), before).filter((call) => call.endsWith('CreateIndex'))).toHaveLength(1);
  });

  it('has the number of its redrive and of its tries in the failure', async () => {
    const refused = app().faults.add(indexRefused({ times: Number.POSITIVE_INFINITY }));
    const { executionArn } = await onboardToTheEnd(app(), aRequest({ tenantId: 'counted' }));
    refused.remove();
    app().faults.add(indexRefused({ effect: { kind: 'throttle' }, times: Number.POSITIVE_INFINITY }));

    await redriveToTheEnd(app(), executionArn);

    expect((await stateOf(app(), 'counted')).lastFailure).toMatchObject({
      error: 'ThrottledError',
      errorClass: 'throttled',
      redriveCount: 1,
      attempt: 9,
    });
  });
});

describe('a knowledge base that Bedrock fails to make', () => {
  it('is deleted by hand and made anew by a redrive', async () => {
    app().services.bedrock.failNextCreation(`${APP.name}-${APP.stage}-broken-base`, ['the index has no such field']);
    const failed = await onboardToTheEnd(app(), aRequest({ tenantId: 'broken-base', tier: 'premium' }));
    const base = app()
      .services.bedrock.knowledgeBases()
      .find(({ name }) => name.endsWith('-broken-base'));
    const bedrock = new BedrockAgentClient(app().clientConfig);
    await bedrock.send(new DeleteKnowledgeBaseCommand({ knowledgeBaseId: base?.id }));
    await app().clock.advance(60_000);

    const end = await redriveToTheEnd(app(), failed.executionArn);

    expect(failed).toMatchObject({ status: 'FAILED', error: 'RejectedCallError' });
    expect(failed.cause).toContain('the index has no such field');
    expect(end.status).toBe('SUCCEEDED');
    expect(await irregularities(app())).toEqual(CLEAN);
  });
});

describe('a status event', () => {
  const events: BusEvent[] = [];
  const failureOf = (tenantId: string) =>
    events.find(
      ({ detail }) => JSON.stringify(detail).includes(`--${tenantId}--`) && 'error' in detail && detail.error,
    );

  const publishAgain = async (event: BusEvent | undefined) => {
    if (event === undefined) throw new Error('the failure was not announced');
    app().bus.publish(event);
    await app().settled();
  };

  beforeAll(() => app().bus.addRule({ name: 'tap', pattern: {}, deliver: (event) => events.push(event) }));

  it('that comes twice changes nothing more', async () => {
    app().faults.add(indexRefused());
    await onboardToTheEnd(app(), aRequest({ tenantId: 'told-twice' }));
    const { updatedAt: _before, ...before } = await stateOf(app(), 'told-twice');

    await publishAgain(failureOf('told-twice'));

    const { updatedAt: _after, ...after } = await stateOf(app(), 'told-twice');
    expect(after).toEqual(before);
  });

  it('that comes after a redrive has succeeded changes nothing', async () => {
    app().faults.add(indexRefused());
    const { executionArn } = await onboardToTheEnd(app(), aRequest({ tenantId: 'told-late' }));
    await redriveToTheEnd(app(), executionArn);
    const before = await everythingOf(app(), 'told-late');

    await publishAgain(failureOf('told-late'));

    expect(await everythingOf(app(), 'told-late')).toEqual(before);
  });

  it('that comes while the redriven execution runs changes nothing', async () => {
    app().faults.add(indexRefused());
    const { executionArn } = await onboardToTheEnd(app(), aRequest({ tenantId: 'told-between' }));
    const before = lastCall(app());
    app().machines.redrive(executionArn);
    app().bus.publish(failureOf('told-between') as BusEvent);

    const end = await toTheEnd(app(), executionArn);

    expect(end.status).toBe('SUCCEEDED');
    expect(callsOf(app(), before).filter((call) => call.startsWith('record-outcome: dynamodb'))).toHaveLength(1);
    expect(await stateOf(app(), 'told-between')).toMatchObject({ status: 'ACTIVE' });
  });

  it('that is lost does not keep a redrive from making the tenant ACTIVE', async () => {
    app().faults.add(indexRefused());
    const { executionArn } = await onboard(app(), aRequest({ tenantId: 'never-told' }));
    app().bus.loseNext();
    await toTheEnd(app(), executionArn ?? '');
    const between = await stateOf(app(), 'never-told');

    await redriveToTheEnd(app(), executionArn ?? '');

    expect(between).toMatchObject({ status: 'PROVISIONING' });
    expect(await stateOf(app(), 'never-told')).toMatchObject({ status: 'ACTIVE' });
    expect(await registryItem(app(), 'never-told', 'OPERATION#request-1')).toMatchObject({ outcome: 'SUCCEEDED' });
  });

  it('that cannot be recorded is kept in the dead-letter queue', async () => {
    const cannotRead = { functionName: functionName('record-outcome'), when: 'before', times: 99 } as const;
    app().faults.add({ ...cannotRead, effect: { kind: 'error', code: 'AccessDeniedException' } });

    const { executionArn } = await onboardToTheEnd(app(), aRequest({ tenantId: 'unrecorded' }));

    const messages = app()
      .services.sqs.queues()
      .flatMap(({ messages: kept }) => kept)
      .map(({ body }) => JSON.parse(body));
    expect(messages).toContainEqual(
      expect.objectContaining({
        requestPayload: expect.objectContaining({ detail: expect.objectContaining({ executionArn }) }),
        responsePayload: expect.objectContaining({ errorType: 'AccessDeniedError' }),
      }),
    );
  });
});

describe('an execution that is stopped', () => {
  /** Stops it when the step is entered. */
  const stopAt = (step: string, error?: string, cause?: string) => {
    const off = app().machines.onHistoryEvent((executionArn, { stateEnteredEventDetails }) => {
      if (stateEnteredEventDetails?.name !== step) return;
      off();
      void app().machines.stop(executionArn, error, cause);
    });
  };

  it('is recorded as ABORTED, and a redrive makes the tenant ACTIVE', async () => {
    stopAt('Provision vector index');
    const stopped = await onboardToTheEnd(app(), aRequest({ tenantId: 'stopped', tier: 'premium' }));
    const { status, lastFailure } = await stateOf(app(), 'stopped');

    const end = await redriveToTheEnd(app(), stopped.executionArn);

    expect(stopped.status).toBe('ABORTED');
    expect(status).toBe('ONBOARDING_FAILED');
    expect(lastFailure).toMatchObject({ error: 'Aborted', executionArn: stopped.executionArn, redriveCount: 0 });
    expect(end.status).toBe('SUCCEEDED');
    expect(await stateOf(app(), 'stopped')).toMatchObject({ status: 'ACTIVE' });
    expect(await irregularities(app())).toEqual(CLEAN);
  });

  it('is recorded with the reason that the operator gave', async () => {
    stopAt('Check quotas', 'WrongTier', 'ordered by mistake');

    await onboardToTheEnd(app(), aRequest({ tenantId: 'with-reason' }));

    expect((await stateOf(app(), 'with-reason')).lastFailure).toMatchObject({
      step: 'Check quotas',
      error: 'WrongTier',
      message: 'ordered by mistake',
    });
  });
});

describe('an execution that a newer one has taken over from', () => {
  it('is stale when it is redriven, and touches nothing', async () => {
    app().faults.add(indexRefused());
    const older = await onboardToTheEnd(app(), aRequest({ tenantId: 'taken-over', tier: 'premium' }));
    const newer = await startByHand(app(), JSON.parse(older.input), 'taken-over-by-hand');
    const { registry, ...before } = await everythingOf(app(), 'taken-over');
    const seq = lastCall(app());

    const end = await redriveToTheEnd(app(), older.executionArn);

    expect(newer.status).toBe('SUCCEEDED');
    expect(end).toMatchObject({ status: 'FAILED', error: 'StaleExecutionError' });
    const { registry: after, ...rest } = await everythingOf(app(), 'taken-over');
    expect(rest).toEqual(before);
    const withoutOperation = (items: readonly Record<string, unknown>[]) =>
      items.filter(({ sk }) => sk !== 'OPERATION#request-1');
    expect(withoutOperation(after)).toEqual(withoutOperation(registry));
    const touching = callsOf(app(), seq).filter((call) => !/: dynamodb GetItem$|^record-outcome/.test(call));
    expect(touching).toEqual([]);
  });
});

describe('a tenant that does not fit', () => {
  const limitsOf = (sandbox: Sandbox, limits: Readonly<Record<string, number>>) => {
    const name = functionName('check-quotas');
    const deployed = sandbox.functions.functions().find((one) => one.name === name);
    if (deployed === undefined) throw new Error(`${name} is not deployed`);
    const current = JSON.parse(deployed.variables['QUOTA_LIMITS'] ?? '{}') as object;
    const QUOTA_LIMITS = JSON.stringify({ ...current, ...limits });
    sandbox.functions.deploy({ ...deployed, variables: { ...deployed.variables, QUOTA_LIMITS } });
  };

  it('fails before anything is made, and fits after the quota was raised', async () => {
    const sandbox = await startApp();
    limitsOf(sandbox, { 'knowledge-base': 1 });
    await onboardToTheEnd(sandbox, aRequest({ tenantId: 'first-base', tier: 'premium' }));
    const counters = await capacity(sandbox);
    const before = lastCall(sandbox);

    const failed = await onboardToTheEnd(sandbox, aRequest({ tenantId: 'second-base', tier: 'premium' }));
    const { lastFailure } = await stateOf(sandbox, 'second-base');
    const made = callsOf(sandbox, before).filter((call) => call.startsWith('provision-'));
    const countersAfter = await capacity(sandbox);
    limitsOf(sandbox, { 'knowledge-base': 2 });
    const end = await redriveToTheEnd(sandbox, failed.executionArn);

    expect(failed).toMatchObject({ status: 'FAILED', error: 'QuotaExceededError' });
    expect(lastFailure).toMatchObject({
      step: 'Check quotas',
      errorClass: 'quota',
      message:
        'tenant second-base does not fit; nothing was made. Bedrock knowledge bases per account and Region: 1 of 1 used',
      nextAction: expect.stringContaining('Raise the quota'),
    });
    expect(made).toEqual([]);
    expect(countersAfter).toEqual(counters);
    expect(end.status).toBe('SUCCEEDED');
    expect(await irregularities(sandbox)).toEqual(CLEAN);
    await sandbox.stop();
  });

  it('does not fit as standard tenant when another quota is used up', async () => {
    const sandbox = await startApp();
    limitsOf(sandbox, { 'vector-index': 0, 'user-group': 0 });

    await onboardToTheEnd(sandbox, aRequest({ tenantId: 'too-many' }));

    expect((await stateOf(sandbox, 'too-many')).lastFailure?.message).toMatch(
      /OpenSearch shards of the domain: 0 of 0 used; Amazon Cognito groups per user pool: 0 of 0 used/,
    );
    await sandbox.stop();
  });

  it('is told by the service when others have used up the quota meanwhile', async () => {
    const sandbox = await startApp({ quotas: { knowledgeBases: 0 } });

    await onboardToTheEnd(sandbox, aRequest({ tenantId: 'refused-late', tier: 'premium' }));

    expect((await stateOf(sandbox, 'refused-late')).lastFailure).toMatchObject({
      step: 'Provision knowledge base',
      error: 'QuotaExceededError',
      errorClass: 'quota',
    });
    await sandbox.stop();
  });
});

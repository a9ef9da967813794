import { onboard, onboardToTheEnd } from '../../sandbox/requests';
import { auditPrefix, historyKey } from '../../tasks/shared/names';
import {
  aRequest,
  functionName,
  lastCall,
  redriveToTheEnd,
  startByHand,
  useApp,
  withoutPausesOfTheSdk,
} from '../lifecycle/app-under-test';
import { offboardToTheEnd } from '../offboarding/offboarding-under-test';
import { auditObjects, chainOf, failed, faultsOf, historiesOf, reconcile, sha256, waiting } from './archive-under-test';

withoutPausesOfTheSdk();
const app = useApp();

afterEach(() => app().faults.clear());

const ofArchiver = { functionName: functionName('archive-execution') } as const;
const refused = { kind: 'error', code: 'AccessDenied', status: 403 } as const;

describe('the audit bucket', () => {
  const ROLES = 'arn:aws:iam::000000000000:role/';
  /** What IAM says to a put by that role; undefined: it may. */
  const refusal = (roleName: string, key: string): string | undefined => {
    const call = {
      service: 's3',
      operation: 'PutObject',
      input: { Bucket: app().output('AuditBucketName'), Key: key },
      caller: { accessKeyId: 'of-the-test', roleArn: `${ROLES}${roleName}` },
      requestId: 'put-1',
    };
    try {
      app().iam.authorize(call);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  };
  const CHAINED = 'audit/acme/chain/0000000002.json';
  const recordOf = (step: string) => `audit/acme/onboard--acme--request-1/${step}.json`;

  it('takes chains from the archive alone, and from a task only its own records', () => {
    expect(refusal(functionName('archive-execution'), CHAINED)).toBeUndefined();
    expect(refusal(functionName('reconcile-archive'), CHAINED)).toBeUndefined();
    expect(refusal(functionName('provision-user-group'), CHAINED)).toMatch('explicit deny in policy of arn:aws:s3:::');
    expect(refusal(functionName('provision-user-group'), recordOf('provision-user-group'))).toBeUndefined();
    expect(refusal(functionName('provision-user-group'), recordOf('activate-tenant'))).toMatch(
      'no identity-based policy allows',
    );
    expect(refusal(functionName('archive-execution'), recordOf('activate-tenant'))).toMatch(
      'no identity-based policy allows',
    );
  });

  it('takes nothing from a role that may do everything else', () => {
    const everything = {
      Version: '2012-10-17',
      Statement: { Effect: 'Allow', Action: '*', Resource: '*' },
    };
    const name = 'wide-open';
    const arn = `${ROLES}${name}`;
    const trust = {
      Version: '2012-10-17',
      Statement: { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
    };
    app().directory.addRole({ arn, name, trust, policies: { everything } });

    for (const key of [CHAINED, recordOf('activate-tenant'), 'audit/acme/requests/x.json', 'audit-unassigned/x.json'])
      expect(refusal(name, key)).toMatch('explicit deny in policy of arn:aws:s3:::');
    expect(refusal(name, 'elsewhere/x.json')).toBeUndefined();
  });
});

describe('an execution that has ended', () => {
  it('is archived with its whole history, hashed, locked, and chained', async () => {
    const { executionArn, redriveCount } = await onboardToTheEnd(app(), aRequest({ tenantId: 'archived' }));

    const key = historyKey('archived', executionArn, redriveCount);
    const [object] = auditObjects(app(), key);
    const history = historiesOf(app(), key).get(key);
    const inStepFunctions = app().machines.history(executionArn, { maxResults: 1000 }).items;
    expect(key).toBe('audit/archived/onboard--archived--request-1/history-redrive-0.json.gz');
    expect(object?.headers).toMatchObject({
      'x-amz-meta-sha256': sha256(object?.bytes ?? ''),
      'content-type': 'application/gzip',
    });
    expect(object?.retention).toMatchObject({ mode: 'GOVERNANCE' });
    expect(object?.bytes.readUInt32LE(4)).toBe(0);
    expect(history).toMatchObject({ schemaVersion: 1, tenantId: 'archived', requestId: 'request-1' });
    expect(history?.execution).toEqual(JSON.parse(JSON.stringify(app().machines.describe(executionArn))));
    expect(history?.events).toEqual(JSON.parse(JSON.stringify(inStepFunctions)));
    expect(chainOf(app(), 'archived')).toMatchObject([
      {
        key: 'audit/archived/chain/0000000001.json',
        record: {
          schemaVersion: 1,
          tenantId: 'archived',
          sequence: 1,
          previous: null,
          execution: { arn: executionArn, name: 'onboard--archived--request-1', redriveCount: 0, status: 'SUCCEEDED' },
        },
      },
    ]);
    expect(faultsOf(app(), 'archived')).toEqual([]);
  });

  it('is archived again after each redrive, under its count', async () => {
    app().faults.add({
      operation: 'PutRetentionPolicy',
      when: 'before',
      effect: { kind: 'error', code: 'InvalidParameterException' },
    });
    const { executionArn } = await onboardToTheEnd(app(), aRequest({ tenantId: 'redriven' }));
    app().faults.add({
      operation: 'PutRetentionPolicy',
      when: 'before',
      effect: { kind: 'error', code: 'InvalidParameterException' },
    });
    await redriveToTheEnd(app(), executionArn);
    await redriveToTheEnd(app(), executionArn);

    const histories = [0, 1, 2].map((redrive) => {
      const key = historyKey('redriven', executionArn, redrive);
      return historiesOf(app(), key).get(key);
    });
    expect(histories.map((history) => history?.execution.status)).toEqual(['FAILED', 'FAILED', 'SUCCEEDED']);
    expect(histories[2]?.events.slice(0, histories[1]?.events.length)).toEqual(histories[1]?.events);
    expect(chainOf(app(), 'redriven').map(({ record }) => record.execution?.redriveCount)).toEqual([0, 1, 2]);
    expect(faultsOf(app(), 'redriven')).toEqual([]);
  });

  it('of no tenant is kept apart, in no chain', async () => {
    const { executionArn } = await startByHand(app(), { nobody: true }, 'by-hand');

    const key = 'audit-unassigned/by-hand/history-redrive-0.json.gz';
    expect(historyKey(undefined, executionArn, 0)).toBe(key);
    expect(historiesOf(app(), key).get(key)).toMatchObject({ tenantId: null, execution: { status: 'FAILED' } });
  });

  it('of a tenant that is gone stays readable, in an unbroken chain', async () => {
    await onboardToTheEnd(app(), aRequest({ tenantId: 'closed', tier: 'premium' }));
    const { status, executionArn } = await offboardToTheEnd(app(), 'closed');
    await app().clock.advance(91 * 86_400_000);

    expect(status).toBe('SUCCEEDED');
    expect(() => app().machines.describe(executionArn)).toThrow('Does Not Exist');
    expect([...historiesOf(app(), auditPrefix('closed')).values()].map(({ execution }) => execution.status)).toEqual([
      'SUCCEEDED',
      'SUCCEEDED',
    ]);
    expect(faultsOf(app(), 'closed')).toEqual([]);
  });
});

describe('an execution whose end nobody was told', () => {
  it('is archived by the reconciliation', async () => {
    const { executionArn = '' } = await onboard(app(), aRequest({ tenantId: 'untold' }));
    app().bus.loseNext();
    await app().machines.settled(executionArn);
    await app().settled();
    const before = historiesOf(app(), auditPrefix('untold')).size;

    await reconcile(app());

    expect(before).toBe(0);
    expect(historiesOf(app(), auditPrefix('untold')).size).toBe(1);
    expect(faultsOf(app(), 'untold')).toEqual([]);
  });
});

describe('an execution that cannot be archived', () => {
  it('is tried again, is kept among the failed, and is archived when its message is moved back', async () => {
    app().faults.add({ ...ofArchiver, operation: 'PutObject', when: 'before', effect: refused, times: 99 });
    const seq = lastCall(app());
    const { executionArn } = await onboardToTheEnd(app(), aRequest({ tenantId: 'unlucky' }));
    const tries = app()
      .calls.entries()
      .filter(
        (call) => call.seq > seq && call.operation === 'PutObject' && call.functionName === ofArchiver.functionName,
      );
    const given = failed(app()).map(({ body }) => JSON.parse(body).detail.executionArn);
    app().faults.clear();

    const [queue] = app()
      .services.sqs.queues()
      .filter(({ name }) => name.endsWith('audit-archive-failed'));
    queue?.moveAll(({ deadLetterSource }) => app().services.sqs.queue(deadLetterSource ?? ''));
    await app().settled();

    expect(tries).toHaveLength(5);
    expect(given).toEqual([executionArn]);
    expect([...failed(app()), ...waiting(app())]).toEqual([]);
    expect(faultsOf(app(), 'unlucky')).toEqual([]);
    expect(historiesOf(app(), auditPrefix('unlucky')).size).toBe(1);
  });
});

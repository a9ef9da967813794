import { gunzipSync } from 'node:zlib';
import { readPolicy } from '../../sandbox/iam/policy';
import { invokeFrontDoor, onboard, onboardToTheEnd, RefusedError } from '../../sandbox/requests';
import type { Sandbox } from '../../sandbox/sandbox';
import { auditPrefix, storagePrefix } from '../../tasks/shared/names';
import { anActiveTenant, executions, offboardToTheEnd, putObject } from '../offboarding/offboarding-under-test';
import {
  aRequest,
  everythingOf,
  functionName,
  redriveToTheEnd,
  startByHand,
  stateOf,
  useApp,
  withoutPausesOfTheSdk,
} from './app-under-test';

withoutPausesOfTheSdk();
const app = useApp();

const PERSON = {
  displayName: 'Zaphodian Dental Care',
  adminEmail: "trillian.o'hara+signup@Heartofgold.example",
} as const;
/** Any of these, in any case, betrays the person. */
const TRACES = ['zaphodian', 'dental', 'trillian', 'hara+signup', 'heartofgold'];

const aPerson = (tenantId: string, changes = {}) => aRequest({ tenantId, ...PERSON, tier: 'premium', ...changes });

/** Where the person is mentioned, first words of each place. */
function betrayals(places: Readonly<Record<string, string>>): string[] {
  return Object.entries(places)
    .filter(([, text]) => TRACES.some((trace) => text.toLowerCase().includes(trace)))
    .map(([place, text]) => `${place}: ${text.slice(0, 500)}`);
}

const numbered = (kind: string, texts: readonly string[]) =>
  Object.fromEntries(texts.map((text, position) => [`${kind} ${position}`, text]));

const executionsOf = (sandbox: Sandbox) =>
  sandbox.machines.list({ stateMachineArn: sandbox.output('OnboardTenantStateMachineArn'), maxResults: 1000 }).items;

const logLines = (sandbox: Sandbox, prefix: string) =>
  sandbox.services.logs
    .groups()
    .filter(({ name }) => name.startsWith(prefix))
    .flatMap(({ name }) => sandbox.services.logs.lines(name));

const refused = async (request: Promise<unknown>): Promise<string> => {
  try {
    await request;
  } catch (error) {
    if (error instanceof RefusedError) return error.message;
    throw error;
  }
  throw new Error('the request was accepted');
};

const TENANTS = ['goes-well', 'fails-once', 'fails-for-good', 'same-address', 'told-nothing'];
let linesAboutTenants: string[];
const refusals: string[] = [];

beforeAll(async () => {
  const { faults } = app();
  await onboardToTheEnd(app(), aPerson('goes-well'));
  const conflict = onboard(app(), aPerson('goes-well', { displayName: 'Zaphodian Dental Care, new' }));
  refusals.push(await refused(conflict));
  await onboardToTheEnd(app(), aPerson('same-address'));

  // AWS repeats what it was sent.
  const repeating = { kind: 'error', message: `1 error: '${PERSON.adminEmail}' at 'username' is odd` } as const;
  const invite = { operation: 'AdminCreateUser', when: 'before' } as const;
  const elsewhere = { adminEmail: `other.${PERSON.adminEmail}` };
  faults.add({ ...invite, effect: { ...repeating, code: 'InvalidParameterException' } });
  const failed = await onboardToTheEnd(app(), aPerson('fails-once', elsewhere));
  await redriveToTheEnd(app(), failed.executionArn);
  faults.add({ ...invite, effect: { ...repeating, code: 'InternalErrorException' }, times: 99 });
  await onboardToTheEnd(app(), aPerson('fails-for-good', { adminEmail: `third.${PERSON.adminEmail}` }));
  faults.clear();

  const put = { functionName: functionName('request-operation'), operation: 'PutItem', when: 'before' } as const;
  faults.add({ ...put, effect: { ...repeating, code: 'ValidationException' } });
  refusals.push(await refused(onboard(app(), aPerson('told-nothing'))));
  await startByHand(app(), { tenantId: 'goes-well', requestId: 'request-1' }, 'by-hand');
  await startByHand(app(), { tenantId: 'goes-well', requestId: 'request-1' });
  linesAboutTenants = logLines(app(), '/aws/lambda/');

  for (const nonsense of [
    { tenantId: PERSON.adminEmail },
    { tenantId: PERSON.displayName },
    { requestId: PERSON.adminEmail },
    { requestId: PERSON.displayName },
    { requestedBy: PERSON.adminEmail },
    { tier: PERSON.displayName },
    { adminEmail: PERSON.displayName },
    { displayName: `${PERSON.displayName}\u0007` },
    { contact: PERSON },
    { [PERSON.adminEmail]: true },
    { operation: PERSON.displayName },
  ]) {
    const request = { operation: 'onboard', requestedBy: 'signup', ...aPerson('refused-one'), ...nonsense };
    refusals.push(await refused(invokeFrontDoor(app(), request)));
  }
});

describe('after onboardings that went well, failed, and were refused, no personal data', () => {
  it('is in the answers to refused requests', () => {
    const found = betrayals(numbered('refusal', refusals));

    expect(refusals).toHaveLength(13);
    expect(found).toEqual([]);
  });

  it('is in any input, output, error or history event of an execution', () => {
    const executions = executionsOf(app());

    const found = executions.flatMap((execution) => [
      ...betrayals({ [execution.name]: JSON.stringify(execution) }),
      ...betrayals(
        numbered(
          execution.name,
          app()
            .machines.history(execution.executionArn, { maxResults: 1000 })
            .items.map((event) => JSON.stringify(event)),
        ),
      ),
    ]);

    expect(new Set(executions.map(({ status }) => status))).toEqual(new Set(['SUCCEEDED', 'FAILED']));
    expect(found).toEqual([]);
  });

  it('is in any log line', () => {
    const lines = logLines(app(), '/');

    const found = betrayals(numbered('line', lines));

    expect(lines.length).toBeGreaterThan(500);
    expect(found).toEqual([]);
  });

  it('is in any store but the PROFILE item and the user directory', async () => {
    const found: string[] = [];
    for (const tenantId of TENANTS.slice(0, 4)) {
      const { users: _users, registry, ...rest } = await everythingOf(app(), tenantId);
      const items = registry.filter(({ sk }) => sk !== 'PROFILE');
      found.push(
        ...betrayals({ [tenantId]: JSON.stringify(rest) }),
        ...betrayals({ [tenantId]: JSON.stringify(items) }),
      );
    }

    expect(found).toEqual([]);
  });

  it('is sent to any service but with the PROFILE item and the invitation', () => {
    const entitled = [
      'lambda Invoke',
      'cognito-identity-provider AdminCreateUser',
      'cognito-identity-provider AdminGetUser',
    ];
    const isProfile = (input: Readonly<Record<string, unknown>>) =>
      (input['Item'] as { sk?: { S?: string } } | undefined)?.sk?.S === 'PROFILE';
    const calls = app()
      .calls.entries()
      .filter(({ service, operation, input }) => !entitled.includes(`${service} ${operation}`) && !isProfile(input));

    const found = betrayals(
      numbered(
        'call',
        calls.map((call) => JSON.stringify(call)),
      ),
    );

    expect(found).toEqual([]);
  });

  it('hides from this test: the PROFILE item and the invitations do hold it', async () => {
    const { registry, users } = await everythingOf(app(), 'goes-well');

    const found = betrayals({ registry: JSON.stringify(registry), users: JSON.stringify(users) });

    expect(found).toHaveLength(2);
  });
});

/** What the archiver says of a batch as a whole, which is of many tenants. */
const isOfBatch = ({ task, step, message }: Record<string, unknown>): boolean =>
  (task === 'archive-execution' && (message === 'started' || message === 'completed')) || step === 'Archive execution';

describe('every line that a function writes about a tenant', () => {
  it('is JSON and names the tenant', () => {
    const anonymous = linesAboutTenants.filter((line) => {
      const parsed = JSON.parse(line) as Record<string, unknown>;
      return !TENANTS.includes(String(parsed['tenantId'])) && !isOfBatch(parsed);
    });

    expect(linesAboutTenants.length).toBeGreaterThan(200);
    expect([...new Set(anonymous)]).toEqual([]);
  });
});

/** A refusal that somebody adds to the role of the function. */
function refuse(task: string, Action: string): () => void {
  const { policies = [] } =
    app()
      .directory.roles()
      .find(({ name }) => name === functionName(task)) ?? {};
  const document = { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action, Resource: '*' }] };
  policies.push(readPolicy('a refusal', document, 'identity'));
  return () => void policies.pop();
}

/** Everything in the tenant's archive, histories unpacked. */
function archiveOf(tenantId: string): string[] {
  const bucket = app().services.s3.bucket(app().output('AuditBucketName'));
  const keys = [...(bucket?.keysFrom(auditPrefix(tenantId)) ?? [])].filter((key) =>
    key.startsWith(auditPrefix(tenantId)),
  );
  return keys.map((key) => {
    const body = bucket?.current(key)?.content?.body ?? Buffer.from('');
    return `${key} ${key.endsWith('.gz') ? gunzipSync(body) : body}`;
  });
}

describe('after a purge in which S3 refuses to delete, the name of a patient in an object’s key', () => {
  const tenantId = 'leaves';
  const errors: (string | undefined)[] = [];

  beforeAll(async () => {
    await anActiveTenant(app(), tenantId);
    const key = `${storagePrefix(tenantId)}Zaphodian "Z" because of a Dental scan.pdf`;
    await putObject(app(), key, 'a scan');

    const allow = refuse('destroy-storage-prefix', 's3:DeleteObjectVersion');
    const { executionArn, error } = await offboardToTheEnd(app(), tenantId);
    allow();
    errors.push(error, (await stateOf(app(), tenantId)).lastFailure?.message);
    // The answer to a call as a whole: its message names the object.
    app().faults.add({
      operation: 'DeleteObjects',
      when: 'before',
      times: 99,
      effect: {
        kind: 'error',
        code: 'AccessDenied',
        status: 403,
        message: `User: x is not authorized to perform: s3:DeleteObjectVersion on resource: "arn:aws:s3:::data/${key}" because no identity-based policy allows the s3:DeleteObjectVersion action`,
      },
    });
    errors.push((await redriveToTheEnd(app(), executionArn)).error);
    errors.push((await stateOf(app(), tenantId)).lastFailure?.message);
    app().faults.clear();
    await redriveToTheEnd(app(), executionArn);
  });

  it('is not what tells the operator: versions, codes and the bucket are', async () => {
    expect(errors).toEqual([
      'AccessDeniedError',
      expect.stringMatching(/: 3 of 3 versions could not be deleted \(AccessDenied\), among them version \S+$/),
      'AccessDeniedError',
      expect.stringMatching(/:s3:::data\/\[redacted\] because no identity-based policy allows /),
    ]);
    expect((await stateOf(app(), tenantId)).status).toBe('OFFBOARDED');
  });

  it('is in no history, log line or archive', () => {
    const histories = executions(app())
      .filter(({ name }) => name.includes(`--${tenantId}--`))
      .map(({ executionArn }) => JSON.stringify(app().machines.history(executionArn, { maxResults: 1000 }).items));
    const archive = archiveOf(tenantId);

    const found = betrayals({
      ...numbered('history', histories),
      ...numbered('line', logLines(app(), '/')),
      ...numbered('archived', archive),
    });

    expect(histories).toHaveLength(2);
    expect(archive.filter((text) => /offboard\S+\/history-redrive-\d+\.json\.gz /.test(text))).toHaveLength(3);
    expect(found).toEqual([]);
  });
});

import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/tenant-access/issue-credentials';
import { issueBy, tenantSessions } from '../../../tasks/tenant-access/tenant-sessions';
import { serveAuditBucket } from '../../support/audit-bucket';
import { serveAuditLog } from '../../support/audit-log';
import { anAwsError } from '../../support/aws-errors';
import {
  aContext,
  aMembershipItem,
  aStateItem,
  MEMBERSHIP_TABLE,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput, type Output } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';
import { aUserPool } from '../../support/tokens';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
const sts = mockClient(STSClient);
const lambda = mockClient(LambdaClient);
serveAuditLog();
const pool = aUserPool();
const EXPIRATION = new Date('2026-01-01T00:15:00.000Z');
let tables: Tables;
let output: Output;

beforeEach(async () => {
  output = captureOutput();
  setEnvironment();
  for (const client of [dynamodb, s3, sts, lambda]) client.reset();
  pool.serveKeys();
  serveAuditBucket(s3);
  tables = await serveTables(dynamodb, REGISTRY_TABLE, MEMBERSHIP_TABLE);
  await tables.put(REGISTRY_TABLE, aStateItem({ status: 'ACTIVE' }));
  await tables.put(MEMBERSHIP_TABLE, aMembershipItem());
  sts.on(AssumeRoleCommand).resolves({
    Credentials: { AccessKeyId: 'ASIA1', SecretAccessKey: 'secret', SessionToken: 'session', Expiration: EXPIRATION },
  });
});
afterEach(() => jest.restoreAllMocks());

const call = (input: object = {}, token = pool.accessToken({})) =>
  handler({ accessToken: token, ...input }, aContext());
const ISSUED = {
  tenantId: 'acme',
  userId: 'sub-1',
  credentials: {
    accessKeyId: 'ASIA1',
    secretAccessKey: 'secret',
    sessionToken: 'session',
    expiration: EXPIRATION.toISOString(),
  },
};

describe('issue-tenant-credentials', () => {
  it('starts a session for tenant and user of the verified token', async () => {
    expect(await call()).toEqual(ISSUED);
    expect(sts.commandCalls(AssumeRoleCommand).map(({ args: [{ input }] }) => input)).toEqual([
      {
        RoleArn: 'arn:aws:iam::123456789012:role/tenant-access',
        RoleSessionName: 'acme@sub-1',
        DurationSeconds: 900,
        Tags: [
          { Key: 'tenant_id', Value: 'acme' },
          { Key: 'user_id', Value: 'sub-1' },
        ],
      },
    ]);
    expect(output.text()).not.toMatch(/secret|session"/);
  });

  it('starts none for a tenant that only the request names', async () => {
    await expect(call({ tenantId: 'acme2' })).rejects.toMatchObject({ name: 'TenantMismatchError' });
    expect(sts.calls()).toHaveLength(0);
  });

  it('starts none for a former member', async () => {
    await tables.put(MEMBERSHIP_TABLE, aMembershipItem({ status: 'REMOVED' as never }));

    await expect(call()).rejects.toMatchObject({ name: 'ForbiddenError' });
    expect(sts.calls()).toHaveLength(0);
  });

  it.each(['OFFBOARDING', 'PURGING', 'REINSTATING', 'PROVISIONING'] as const)(
    'starts none for a tenant that is %s',
    async (status) => {
      await tables.put(REGISTRY_TABLE, aStateItem({ status }));

      await expect(call()).rejects.toMatchObject({ name: 'ForbiddenError' });
      expect(sts.calls()).toHaveLength(0);
    },
  );

  it('starts none for a token that is not genuine', async () => {
    await expect(call({}, 'a.b.c')).rejects.toMatchObject({ name: 'UnauthenticatedError' });
    expect(sts.calls()).toHaveLength(0);
  });

  it('says so when STS refuses', async () => {
    sts.on(AssumeRoleCommand).rejects(anAwsError('AccessDenied', 'no', 403));

    await expect(call()).rejects.toMatchObject({ name: 'AccessDeniedError' });
  });
});

describe('tenantSessions', () => {
  const caller = { tenantId: 'acme', sub: 'sub-1' };
  const sessionsAt = (start: Date) => {
    let now = start.getTime();
    const issue = jest.fn(async (token: string) => ({
      ...ISSUED,
      tenantId: token.split('/')[0] ?? '',
      userId: token.split('/')[1] ?? '',
    }));
    const advance = (to: string) => {
      now = Date.parse(to);
    };
    return { issue, sessions: tenantSessions(issue, () => now), advance };
  };
  const NOON = new Date('2026-01-01T00:00:00.000Z');

  it('keeps credentials until two minutes before they end', async () => {
    const { issue, sessions, advance } = sessionsAt(NOON);

    const first = await sessions.credentialsOf(caller, 'acme/sub-1');
    advance('2026-01-01T00:12:59.000Z');
    expect(await sessions.credentialsOf(caller, 'acme/sub-1')).toBe(first);
    advance('2026-01-01T00:13:00.000Z');
    await sessions.credentialsOf(caller, 'acme/sub-1');

    expect(first).toEqual({ ...ISSUED.credentials, expiration: EXPIRATION });
    expect(issue).toHaveBeenCalledTimes(2);
  });

  it('keeps them for one tenant and one user', async () => {
    const { issue, sessions } = sessionsAt(NOON);

    await sessions.credentialsOf(caller, 'acme/sub-1');
    await sessions.credentialsOf({ ...caller, tenantId: 'acme2' }, 'acme2/sub-1');
    await sessions.credentialsOf({ ...caller, sub: 'sub-2' }, 'acme/sub-2');

    expect(issue.mock.calls.flat()).toEqual(['acme/sub-1', 'acme2/sub-1', 'acme/sub-2']);
  });

  it('refuses credentials of another tenant or user, and does not keep them', async () => {
    const { issue, sessions } = sessionsAt(NOON);

    for (const token of ['acme2/sub-1', 'acme/sub-2'])
      await expect(sessions.credentialsOf(caller, token)).rejects.toMatchObject({ name: 'TenantMismatchError' });
    await sessions.credentialsOf(caller, 'acme/sub-1');

    expect(issue).toHaveBeenCalledTimes(3);
  });

  it('keeps a bounded number of sessions, and lets the oldest go', async () => {
    const { issue, sessions } = sessionsAt(NOON);

    for (let user = 0; user <= 500; user += 1)
      await sessions.credentialsOf({ ...caller, sub: `sub-${user}` }, `acme/sub-${user}`);
    await sessions.credentialsOf({ ...caller, sub: 'sub-500' }, 'acme/sub-500');
    await sessions.credentialsOf({ ...caller, sub: 'sub-0' }, 'acme/sub-0');

    expect(issue).toHaveBeenCalledTimes(502);
  });

  it('asks the deployed function, whose refusals keep their names', async () => {
    const payload = (answer: object) => ({ Payload: Buffer.from(JSON.stringify(answer)) as never });
    lambda
      .on(InvokeCommand)
      .resolvesOnce(payload(ISSUED))
      .resolvesOnce({
        ...payload({ errorType: 'UnauthenticatedError', errorMessage: 'has expired' }),
        FunctionError: 'Unhandled',
      });
    const issue = issueBy('issuer');

    expect(await issue('token')).toEqual(ISSUED);
    await expect(issue('token')).rejects.toMatchObject({ name: 'UnauthenticatedError', message: 'has expired' });
    expect(lambda.commandCalls(InvokeCommand)[0]?.args[0].input).toEqual({
      FunctionName: 'issuer',
      Payload: '{"accessToken":"token"}',
    });
  });
});

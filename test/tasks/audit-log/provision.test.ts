import {
  AssociateKmsKeyCommand,
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
  PutLogGroupDeletionProtectionCommand,
  PutRetentionPolicyCommand,
  TagResourceCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/audit-log/provision';
import { type AuditBucket, serveAuditBucket } from '../../support/audit-bucket';
import { aLostAnswer, anAwsError } from '../../support/aws-errors';
import {
  ACCOUNT,
  aContext,
  aKeyArn,
  aStateItem,
  aTaskInput,
  REGION,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
const logs = mockClient(CloudWatchLogsClient);
let tables: Tables;
let bucket: AuditBucket;

const NAME = '/tenant-lifecycle/dev/tenants/acme/audit';
const ARN = `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:${NAME}`;
const TAGS = { 'tenant-id': 'acme', 'managed-by': 'tenant-lifecycle-dev' };
const STREAM = { logGroupName: NAME, logStreamName: 'lifecycle' };
const OWN = 'audit/acme/onboard--acme--request-1/a-step.json';
/** Calls about the group and its stream; what is put into it is looked at by logged(). */
const calls = () =>
  logs
    .calls()
    .filter(({ args: [command] }) => !(command instanceof PutLogEventsCommand))
    .map(({ args: [command] }) => [command.constructor.name, command.input]);
const logged = () =>
  logs
    .commandCalls(PutLogEventsCommand)
    .map((call) =>
      (call.args[0].input.logEvents ?? []).map(({ message }) => JSON.parse(message ?? '') as Record<string, unknown>),
    );
const keys = () => logged().map((events) => events.map(({ key }) => key));

describe('provision-audit-log', () => {
  beforeEach(async () => {
    captureOutput();
    setEnvironment();
    dynamodb.reset();
    s3.reset();
    logs.reset();
    logs.on(PutLogEventsCommand).resolves({});
    bucket = serveAuditBucket(s3);
    tables = await serveTables(dynamodb, REGISTRY_TABLE);
    await tables.put(REGISTRY_TABLE, aStateItem());
  });

  afterEach(() => jest.restoreAllMocks());

  it('makes the log group under the platform’s audit key, tagged and protected, and sets its retention', async () => {
    const output = await handler(aTaskInput(), aContext());

    expect(output).toEqual({ physicalId: ARN, ready: true });
    expect(calls()).toEqual([
      [
        CreateLogGroupCommand.name,
        { logGroupName: NAME, kmsKeyId: aKeyArn('audit'), tags: TAGS, deletionProtectionEnabled: true },
      ],
      [PutRetentionPolicyCommand.name, { logGroupName: NAME, retentionInDays: 365 }],
      [CreateLogStreamCommand.name, STREAM],
    ]);
    expect(await tables.get(REGISTRY_TABLE, 'TENANT#acme', 'RESOURCE#audit-log')).toMatchObject({
      phase: 'DONE',
      physicalId: ARN,
    });
  });

  it('sets key, tags, protection and retention again on a group that is there', async () => {
    logs.on(CreateLogGroupCommand).rejects(anAwsError('ResourceAlreadyExistsException'));

    const output = await handler(aTaskInput(), aContext());

    expect(output).toEqual({ physicalId: ARN, ready: true });
    expect(calls().slice(1)).toEqual([
      [AssociateKmsKeyCommand.name, { logGroupName: NAME, kmsKeyId: aKeyArn('audit') }],
      [TagResourceCommand.name, { resourceArn: ARN, tags: TAGS }],
      [PutLogGroupDeletionProtectionCommand.name, { logGroupIdentifier: NAME, deletionProtectionEnabled: true }],
      [PutRetentionPolicyCommand.name, { logGroupName: NAME, retentionInDays: 365 }],
      [CreateLogStreamCommand.name, STREAM],
    ]);
  });

  it('sets the retention after a crash between create and retention', async () => {
    logs.on(PutRetentionPolicyCommand).rejectsOnce(aLostAnswer()).resolves({});
    logs.on(CreateLogGroupCommand).resolvesOnce({}).rejects(anAwsError('ResourceAlreadyExistsException'));

    await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'TransientError' });
    await handler(aTaskInput(), aContext());

    expect(logs.commandCalls(PutRetentionPolicyCommand)).toHaveLength(2);
  });

  describe('logs what was recorded before there was a group', () => {
    const EARLIER = ['audit/acme/onboard--acme--request-1/claim-tenant.json', 'audit/acme/requests/request-1.json'];
    const others = [
      'audit/acme/chain/0000000001.json',
      'audit/acme/evidence-of-deletion/request-2.json',
      'audit/acme/onboard--acme--request-1/history-redrive-0.json.gz',
      'audit/acme2/requests/request-1.json',
    ];

    beforeEach(() => {
      for (const key of [...EARLIER, ...others]) bucket.put(key, JSON.stringify({ action: key }));
    });

    it('records only, of this tenant only, as they stand; its own record follows', async () => {
      await handler(aTaskInput(), aContext());

      expect(keys()).toEqual([EARLIER, [OWN]]);
      expect(logged()[0]).toEqual(EARLIER.map((key) => ({ action: key, key })));
    });

    it('page by page', async () => {
      bucket.pageSize = 1;

      await handler(aTaskInput(), aContext());

      expect(keys()).toEqual([...EARLIER.map((key) => [key]), [OWN]]);
    });

    it.each([
      ['the stream was made', () => logs.on(CreateLogStreamCommand).rejectsOnce(aLostAnswer()).resolves({})],
      ['they were logged', () => logs.on(PutLogEventsCommand).rejectsOnce(aLostAnswer()).resolves({})],
    ])('again after a death when %s: the ledger says DONE only then', async (_, die) => {
      die();

      await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'TransientError' });
      expect(await tables.get(REGISTRY_TABLE, 'TENANT#acme', 'RESOURCE#audit-log')).toBeUndefined();
      await handler(aTaskInput(), aContext());

      expect(keys().slice(-2)).toEqual([EARLIER, [OWN]]);
    });

    it('into a stream that is there', async () => {
      logs.on(CreateLogStreamCommand).rejects(anAwsError('ResourceAlreadyExistsException'));

      await handler(aTaskInput(), aContext());

      expect(keys()).toEqual([EARLIER, [OWN]]);
    });

    it('and fails when one cannot be read', async () => {
      bucket.fail('GetObject', /claim-tenant/);

      await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'AccessDeniedError' });
    });
  });

  it.each([
    ['OperationAbortedException', 400, 'TransientError'],
    ['ServiceUnavailableException', 503, 'TransientError'],
    ['ThrottlingException', 400, 'ThrottledError'],
    ['LimitExceededException', 400, 'QuotaExceededError'],
    ['InvalidParameterException', 400, 'RejectedCallError'],
    ['AccessDeniedException', 400, 'AccessDeniedError'],
  ])('reports %s (%i) as %s', async (name, status, expected) => {
    logs.on(CreateLogGroupCommand).rejects(anAwsError(name, 'told by Logs', status));

    const run = handler(aTaskInput(), aContext());

    await expect(run).rejects.toMatchObject({ name: expected, message: `tenant acme: ${name}: told by Logs` });
  });
});

import {
  AssociateKmsKeyCommand,
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  PutLogGroupDeletionProtectionCommand,
  PutRetentionPolicyCommand,
  TagResourceCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/audit-log/provision';
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

const NAME = '/tenant-lifecycle/dev/tenants/acme/audit';
const ARN = `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:${NAME}`;
const TAGS = { 'tenant-id': 'acme', 'managed-by': 'tenant-lifecycle-dev' };
const calls = () => logs.calls().map(({ args: [command] }) => [command.constructor.name, command.input]);

describe('provision-audit-log', () => {
  beforeEach(async () => {
    captureOutput();
    setEnvironment();
    dynamodb.reset();
    s3.reset();
    logs.reset();
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
    ]);
  });

  it('sets the retention after a crash between create and retention', async () => {
    logs.on(PutRetentionPolicyCommand).rejectsOnce(aLostAnswer()).resolves({});
    logs.on(CreateLogGroupCommand).resolvesOnce({}).rejects(anAwsError('ResourceAlreadyExistsException'));

    await expect(handler(aTaskInput(), aContext())).rejects.toMatchObject({ name: 'TransientError' });
    await handler(aTaskInput(), aContext());

    expect(logs.commandCalls(PutRetentionPolicyCommand)).toHaveLength(2);
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

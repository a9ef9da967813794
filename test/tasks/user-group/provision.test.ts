import {
  CognitoIdentityProviderClient,
  CreateGroupCommand,
  GetGroupCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/user-group/provision';
import { serveAuditLog } from '../../support/audit-log';
import { anAwsError } from '../../support/aws-errors';
import {
  aContext,
  anEnvironment,
  aStateItem,
  aTaskInput,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
const cognito = mockClient(CognitoIdentityProviderClient);
serveAuditLog();
let tables: Tables;

const GROUP = { UserPoolId: anEnvironment()['USER_POOL_ID'], GroupName: 'acme' };

describe('provision-user-group', () => {
  beforeEach(async () => {
    captureOutput();
    setEnvironment();
    dynamodb.reset();
    s3.reset();
    cognito.reset();
    tables = await serveTables(dynamodb, REGISTRY_TABLE);
    await tables.put(REGISTRY_TABLE, aStateItem());
  });

  afterEach(() => jest.restoreAllMocks());

  it('makes the group, without a role', async () => {
    const output = await handler(aTaskInput(), aContext());

    expect(output).toEqual({ physicalId: 'acme', ready: true });
    expect(cognito.commandCalls(CreateGroupCommand)[0]?.args[0].input).toEqual({
      ...GROUP,
      Description: 'Members of tenant acme',
    });
    expect(await tables.get(REGISTRY_TABLE, 'TENANT#acme', 'RESOURCE#user-group')).toMatchObject({
      phase: 'DONE',
      physicalId: 'acme',
    });
  });

  it('adopts the tenant’s group when it is there', async () => {
    cognito.on(CreateGroupCommand).rejects(anAwsError('GroupExistsException'));
    cognito.on(GetGroupCommand, GROUP).resolves({ Group: { Description: 'Members of tenant acme' } });

    const output = await handler(aTaskInput(), aContext());

    expect(output).toEqual({ physicalId: 'acme', ready: true });
  });

  it.each([
    { Description: 'Members of tenant acme2' },
    { Description: 'Members of tenant acme', RoleArn: 'arn:aws:iam::123456789012:role/admin' },
    {},
  ])('refuses a group that is %j', async (Group) => {
    cognito.on(CreateGroupCommand).rejects(anAwsError('GroupExistsException'));
    cognito.on(GetGroupCommand).resolves({ Group });

    const run = handler(aTaskInput(), aContext());

    await expect(run).rejects.toMatchObject({
      name: 'ResourceConflictError',
      message: 'tenant acme: group acme exists and was not made for this tenant',
    });
  });

  it.each([
    ['TooManyRequestsException', 400, 'ThrottledError'],
    ['InternalErrorException', 500, 'TransientError'],
    ['LimitExceededException', 400, 'QuotaExceededError'],
    ['ResourceNotFoundException', 400, 'MissingDependencyError'],
    ['NotAuthorizedException', 400, 'AccessDeniedError'],
    ['InvalidParameterException', 400, 'RejectedCallError'],
  ])('reports %s (%i) as %s', async (name, status, expected) => {
    cognito.on(CreateGroupCommand).rejects(anAwsError(name, 'told by Cognito', status));

    const run = handler(aTaskInput(), aContext());

    await expect(run).rejects.toMatchObject({ name: expected, message: `tenant acme: ${name}: told by Cognito` });
  });
});

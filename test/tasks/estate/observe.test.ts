import { BedrockAgentClient, ListKnowledgeBasesCommand } from '@aws-sdk/client-bedrock-agent';
import { ListExecutionsCommand, SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient, GetCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/estate/observe';
import { anAwsError } from '../../support/aws-errors';
import {
  aContext,
  aFailure,
  anExecutionArn,
  aStateItem,
  OFFBOARD_MACHINE_ARN,
  REGISTRY_TABLE,
  STATE_MACHINE_ARN,
  setEnvironment,
} from '../../support/builders';
import { captureOutput, type Output } from '../../support/output';

const dynamodb = mockClient(DynamoDBDocumentClient);
const sfn = mockClient(SFNClient);
const bedrock = mockClient(BedrockAgentClient);
let output: Output;

const inStatus = (status: string) => ({ ExpressionAttributeValues: { ':status': status } });
const run = () => handler({}, aContext());
/** Values by metric name and dimension. */
const emitted = () =>
  Object.fromEntries(
    output
      .lines()
      .filter((line) => '_aws' in line && !('StepDuration' in line))
      .flatMap(({ _aws, service: _, ...members }) => {
        const dimension = Object.values(members).find((value) => typeof value === 'string');
        return Object.entries(members)
          .filter(([, value]) => typeof value === 'number')
          .map(([name, value]) => [dimension === undefined ? name : `${name} ${String(dimension)}`, value]);
      }),
  );

beforeEach(() => {
  output = captureOutput();
  setEnvironment();
  dynamodb.reset();
  sfn.reset();
  bedrock.reset();
  dynamodb.on(QueryCommand).resolves({ Items: [], ScannedCount: 0 });
  dynamodb
    .on(GetCommand)
    .resolves({ Item: { pk: 'ESTATE', sk: 'CAPACITY', 'encryption-key': 9, pending: new Set(['x']) } });
  sfn.on(ListExecutionsCommand).resolves({ executions: [] });
  bedrock.on(ListKnowledgeBasesCommand).resolves({ knowledgeBaseSummaries: [] });
});

afterEach(() => jest.restoreAllMocks());

describe('observe-estate', () => {
  it('counts tenants by status over all pages, the settled ones without receiving them', async () => {
    const position = { pk: 'TENANT#acme', sk: 'STATE', status: 'ACTIVE', tenantId: 'acme' };
    dynamodb
      .on(QueryCommand, inStatus('ACTIVE'))
      .resolves({ Items: [], ScannedCount: 1000, LastEvaluatedKey: position })
      .on(QueryCommand, { ...inStatus('ACTIVE'), ExclusiveStartKey: position })
      .resolves({ Items: [], ScannedCount: 234 })
      .on(QueryCommand, inStatus('PURGING'))
      .resolves({ Items: [aStateItem({ status: 'PURGING' })], ScannedCount: 1 });

    const result = await run();

    expect(result).toMatchObject({ tenants: 1235 });
    expect(emitted()).toMatchObject({ 'Tenants ACTIVE': 1234, 'Tenants PURGING': 1, 'Tenants REQUESTED': 0 });
    const filters = dynamodb
      .commandCalls(QueryCommand)
      .map(({ args: [{ input }] }) => [input.ExpressionAttributeValues?.[':status'], input.FilterExpression]);
    expect(filters).toContainEqual([
      'ACTIVE',
      'attribute_exists(#leaseOwner) OR attribute_exists(#lastFailure) OR attribute_exists(#legalHolds)',
    ]);
    expect(filters.filter(([, filter]) => filter !== undefined).map(([status]) => status)).toEqual([
      'ACTIVE',
      'OFFBOARDED',
      'ACTIVE',
    ]);
  });

  it('emits every gauge in each run, also of an empty estate', async () => {
    dynamodb.on(GetCommand).resolves({});

    await run();

    expect(emitted()).toEqual({
      StuckExecutions: 0,
      UnattendedTenants: 0,
      FailedTenants: 0,
      OldestFailureHours: 0,
      RedriveWindowClosing: 0,
      Holds: 0,
      LegalHolds: 0,
      PurgesAwaitingApproval: 0,
      'Tenants REQUESTED': 0,
      'Tenants PROVISIONING': 0,
      'Tenants ACTIVE': 0,
      'Tenants ONBOARDING_FAILED': 0,
      'Tenants OFFBOARDING': 0,
      'Tenants PURGING': 0,
      'Tenants OFFBOARDED': 0,
      'Tenants OFFBOARDING_FAILED': 0,
      'Tenants REINSTATING': 0,
      'OldestExecutionMinutes onboard': 0,
      'OldestExecutionMinutes offboard': 0,
      'OldestExecutionMinutes reinstate': 0,
      'QuotaHeadroom encryption-key': 100,
      'QuotaHeadroom vector-index': 100,
      'QuotaHeadroom knowledge-base': 100,
      'QuotaHeadroom user-group': 100,
    });
  });

  it('reads places taken from the counter, and knowledge bases of the whole account', async () => {
    const summary = {
      knowledgeBaseId: 'KB1',
      name: 'somebody-elses',
      status: 'ACTIVE',
      updatedAt: new Date(0),
    } as const;
    bedrock.on(ListKnowledgeBasesCommand).resolves({ knowledgeBaseSummaries: [summary] });

    await run();

    expect(emitted()).toMatchObject({ 'QuotaHeadroom encryption-key': 10, 'QuotaHeadroom knowledge-base': 50 });
  });

  it('follows all pages of running executions, and takes the redrive for the start', async () => {
    const minutes = (count: number) => new Date(Date.now() - count * 60_000);
    const item = (name: string, changes: object) => ({
      executionArn: anExecutionArn(name),
      stateMachineArn: STATE_MACHINE_ARN,
      name,
      status: 'RUNNING' as const,
      startDate: minutes(9000),
      ...changes,
    });
    const ofOnboarding = { stateMachineArn: STATE_MACHINE_ARN, statusFilter: 'RUNNING' } as const;
    sfn
      .on(ListExecutionsCommand, ofOnboarding)
      .resolves({ executions: [item('onboard--one--r', { redriveDate: minutes(5) })], nextToken: 'more' })
      .on(ListExecutionsCommand, { ...ofOnboarding, nextToken: 'more' })
      .resolves({ executions: [item('onboard--two--r', { startDate: minutes(7) })] });

    const result = await run();

    expect(emitted()['OldestExecutionMinutes onboard']).toBeCloseTo(7, 0);
    expect(result).toMatchObject({ stuck: 0 });
  });

  it('names each tenant that needs somebody in a line of its own', async () => {
    const lastFailure = aFailure({ failedAt: new Date(Date.now() - 86_400_000).toISOString() });
    dynamodb
      .on(QueryCommand, inStatus('ONBOARDING_FAILED'))
      .resolves({ Items: [aStateItem({ status: 'ONBOARDING_FAILED', lastFailure })], ScannedCount: 1 });

    const result = await run();

    expect(result).toMatchObject({ failed: 1 });
    expect(output.lines().filter(({ level }) => level === 'WARN')).toMatchObject([
      { message: 'failed', tenantId: 'acme', executionArn: lastFailure.executionArn, since: lastFailure.failedAt },
    ]);
  });

  it('asks a fixed number of times, however many tenants there are, and writes nothing', async () => {
    await run();

    expect(dynamodb.commandCalls(QueryCommand)).toHaveLength(9);
    expect(dynamodb.commandCalls(GetCommand)).toHaveLength(1);
    expect(dynamodb.calls()).toHaveLength(10);
    expect(sfn.commandCalls(ListExecutionsCommand).map(({ args: [{ input }] }) => input)).toContainEqual(
      expect.objectContaining({ stateMachineArn: OFFBOARD_MACHINE_ARN, statusFilter: 'RUNNING', maxResults: 1000 }),
    );
    expect(sfn.calls()).toHaveLength(3);
    expect(dynamodb.commandCalls(QueryCommand)[0]?.args[0].input.TableName).toBe(REGISTRY_TABLE);
  });

  it('emits no gauge of a moment that it could not read, so that its absence is noticed', async () => {
    sfn.on(ListExecutionsCommand).rejects(anAwsError('ThrottlingException', 'Rate exceeded'));

    await expect(run()).rejects.toMatchObject({ name: 'ThrottledError' });

    expect(emitted()).toEqual({});
  });
});

import { CloudFormationClient, DescribeStacksCommand, ListStacksCommand } from '@aws-sdk/client-cloudformation';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { type CloudFormation, createCloudFormation } from '../../../sandbox/aws/cloudformation';
import { Endpoint } from '../../../sandbox/aws/endpoint';
import { parseForm } from '../../../sandbox/aws/query-protocol';
import type { Estate } from '../../../sandbox/aws/service';
import { createSts } from '../../../sandbox/aws/sts';
import { anEstate, type Served, serve } from './serve';

describe('CloudFormation in the sandbox', () => {
  let estate: Estate;
  let cloudFormation: CloudFormation;
  let served: Served;
  let client: CloudFormationClient;

  beforeEach(async () => {
    estate = anEstate();
    cloudFormation = createCloudFormation(estate);
    served = await serve(estate, cloudFormation.service);
    client = new CloudFormationClient(served.client);
  });

  afterEach(async () => {
    client.destroy();
    await served.stop();
  });

  it('describes a stack with what it was deployed with', async () => {
    const StackId = cloudFormation.registerStack({
      name: 'tenants-dev',
      outputs: { Table: 'registry', Pattern: '<a> & "b"' },
      exports: { Table: 'tenants-dev:Table' },
      parameters: { Stage: 'dev' },
      tags: { app: 'tenants' },
    });

    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: 'tenants-dev' }));

    expect(Stacks).toEqual([
      expect.objectContaining({
        StackId,
        StackName: 'tenants-dev',
        StackStatus: 'CREATE_COMPLETE',
        CreationTime: new Date('2026-01-01T00:00:00Z'),
        Parameters: [{ ParameterKey: 'Stage', ParameterValue: 'dev' }],
        Outputs: [
          { OutputKey: 'Table', OutputValue: 'registry', ExportName: 'tenants-dev:Table' },
          { OutputKey: 'Pattern', OutputValue: '<a> & "b"' },
        ],
        Tags: [{ Key: 'app', Value: 'tenants' }],
      }),
    ]);
    expect((await client.send(new DescribeStacksCommand({ StackName: StackId }))).Stacks).toHaveLength(1);
  });

  it('keeps the id of a stack that is deployed again', async () => {
    const first = cloudFormation.registerStack({ name: 'tenants-dev', outputs: {} });
    await estate.clock.advance(1000);
    const second = cloudFormation.registerStack({ name: 'tenants-dev', outputs: { New: 'yes' } });

    const { Stacks } = await client.send(new DescribeStacksCommand({}));

    expect(second).toBe(first);
    expect(Stacks).toMatchObject([
      {
        StackStatus: 'UPDATE_COMPLETE',
        LastUpdatedTime: new Date('2026-01-01T00:00:01Z'),
        Outputs: [{ OutputKey: 'New' }],
      },
    ]);
  });

  it('lists stacks by status', async () => {
    cloudFormation.registerStack({ name: 'one', outputs: {} });
    const listed = async (status: 'CREATE_COMPLETE' | 'DELETE_COMPLETE') =>
      (await client.send(new ListStacksCommand({ StackStatusFilter: [status] }))).StackSummaries ?? [];

    expect(await listed('CREATE_COMPLETE')).toMatchObject([{ StackName: 'one' }]);
    expect(await listed('DELETE_COMPLETE')).toEqual([]);
  });

  it('says that a stack does not exist as CloudFormation does', async () => {
    await expect(client.send(new DescribeStacksCommand({ StackName: 'missing' }))).rejects.toMatchObject({
      name: 'ValidationError',
      message: 'Stack with id missing does not exist',
      $metadata: { httpStatusCode: 400 },
    });
  });
});

describe('STS in the sandbox', () => {
  it('tells a person and a role apart by their key', async () => {
    const estate = anEstate();
    const roleArn = 'arn:aws:iam::123456789012:role/service-role/provision-key';
    const endpoint = await new Endpoint({
      estate,
      services: [createSts(estate).service],
      callers: (accessKeyId) =>
        accessKeyId === 'ROLE' ? { accessKeyId, roleArn, functionName: 'provision' } : { accessKeyId },
    }).start();
    const identityOf = async (accessKeyId: string) => {
      const credentials = { accessKeyId, secretAccessKey: 'test' };
      const client = new STSClient({ endpoint: endpoint.url, region: estate.region, credentials });
      const { Arn, Account } = await client.send(new GetCallerIdentityCommand({}));
      client.destroy();
      return { Arn, Account };
    };

    const [person, role] = [await identityOf('PERSON'), await identityOf('ROLE')];
    await endpoint.stop();

    expect(person).toEqual({ Account: '123456789012', Arn: 'arn:aws:iam::123456789012:user/sandbox' });
    expect(role.Arn).toBe('arn:aws:sts::123456789012:assumed-role/provision-key/provision');
  });
});

describe('parseForm', () => {
  it('nests members and puts lists in the order of their numbers', () => {
    const form = new URLSearchParams('Name=a&Tags.member.10.Key=last&Tags.member.2.Key=first&Deep.er.Still=b');

    expect(parseForm(form)).toEqual({
      Name: 'a',
      Tags: [{ Key: 'first' }, { Key: 'last' }],
      Deep: { er: { Still: 'b' } },
    });
  });

  it('takes a member called __proto__ for one like any other', () => {
    parseForm(new URLSearchParams('__proto__.polluted=yes'));

    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

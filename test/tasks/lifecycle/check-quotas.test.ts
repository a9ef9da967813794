import { BedrockAgentClient, ListKnowledgeBasesCommand } from '@aws-sdk/client-bedrock-agent';
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/lifecycle/check-quotas';
import { serveAuditLog } from '../../support/audit-log';
import { aLostAnswer, anAwsError } from '../../support/aws-errors';
import { aContext, aLedgerItem, aStateItem, aTaskInput, REGISTRY_TABLE, setEnvironment } from '../../support/builders';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
const bedrock = mockClient(BedrockAgentClient);
serveAuditLog();
let tables: Tables;

const capacity = () => tables.get(REGISTRY_TABLE, 'ESTATE', 'CAPACITY');
const state = () => tables.get(REGISTRY_TABLE, 'TENANT#acme', 'STATE');
const run = (changes: object = {}) => handler(aTaskInput(changes), aContext());
const ONE_EACH = { 'encryption-key': 1, 'vector-index': 1, 'knowledge-base': 1, 'user-group': 1 };
const counts = async () => {
  const { pk: _, sk: __, pending: ___, ...rest } = (await capacity()) ?? {};
  return rest;
};
const pending = async () => [...(((await capacity())?.['pending'] as Set<string> | undefined) ?? [])];
const limits = (changes: object) =>
  setEnvironment({
    QUOTA_LIMITS: JSON.stringify({
      ...{ 'encryption-key': 9, 'vector-index': 9, 'knowledge-base': 9, 'user-group': 9 },
      ...changes,
    }),
  });
const knowledgeBases = (count: number) =>
  bedrock.on(ListKnowledgeBasesCommand).resolves({
    knowledgeBaseSummaries: Array.from({ length: count }, (_, position) => ({
      knowledgeBaseId: `KB${position}`,
      name: `other-${position}`,
      status: 'ACTIVE',
      updatedAt: new Date(0),
    })),
  });
const toItem =
  (sk: string) =>
  (operation: string, { Key }: Record<string, unknown>) =>
    operation === 'Update' && (Key as { sk: string }).sk === sk;
/** The counting update, the first of two that go to the item. */
const isCount = toItem('CAPACITY');

describe('check-quotas', () => {
  beforeEach(async () => {
    captureOutput();
    setEnvironment();
    dynamodb.reset();
    s3.reset();
    bedrock.reset();
    knowledgeBases(0);
    tables = await serveTables(dynamodb, REGISTRY_TABLE);
    await tables.put(REGISTRY_TABLE, aStateItem());
  });

  afterEach(() => jest.restoreAllMocks());

  it('counts the tenant once in every quota of its tier', async () => {
    const output = await run();

    expect(output).toEqual({ reserved: true });
    expect(await counts()).toEqual(ONE_EACH);
    expect(await pending()).toEqual([]);
    expect(await state()).toMatchObject({ capacityReserved: true });
  });

  it('takes no place of a quota that the tier does not use, and does not ask Bedrock', async () => {
    await tables.put(REGISTRY_TABLE, aStateItem({ tier: 'standard' }));

    await run();

    const { 'knowledge-base': _, ...others } = ONE_EACH;
    expect(await counts()).toEqual(others);
    expect(bedrock.calls()).toHaveLength(0);
  });

  it('counts nobody twice when it runs again', async () => {
    await run();

    await run();

    expect(await counts()).toEqual(ONE_EACH);
  });

  it.each([
    ['the count', isCount],
    ['the note on the tenant', toItem('STATE')],
  ])('counts nobody twice when it died after %s', async (_, matches) => {
    tables.loseAnswer(matches);

    await expect(run()).rejects.toMatchObject({ name: 'TransientError' });
    const output = await run();

    expect(output).toEqual({ reserved: true });
    expect(await counts()).toEqual(ONE_EACH);
    expect(await pending()).toEqual([]);
  });

  it.each([
    ['the count', isCount],
    ['the note on the tenant', toItem('STATE')],
  ])('counts nobody twice when it died before %s', async (_, matches) => {
    tables.fail(matches, aLostAnswer());

    await expect(run()).rejects.toMatchObject({ name: 'TransientError' });
    await run();

    expect(await counts()).toEqual(ONE_EACH);
    expect(await pending()).toEqual([]);
  });

  it('counts nobody twice when two attempts run at once', async () => {
    await Promise.all([run(), run()]);

    expect(await counts()).toEqual(ONE_EACH);
    expect(await pending()).toEqual([]);
  });

  it('leaves the tenant pending for the execution that overtook it: that one must not count again', async () => {
    tables.before(toItem('STATE'), () => tables.put(REGISTRY_TABLE, aStateItem({ generation: 2 })));

    await expect(run()).rejects.toMatchObject({ name: 'StaleExecutionError' });
    expect(await pending()).toEqual(['acme']);
    await run({ generation: 2 });

    expect(await counts()).toEqual(ONE_EACH);
    expect(await pending()).toEqual([]);
  });

  it('refuses a tenant that does not fit, with quota, value and use, and counts nothing', async () => {
    limits({ 'encryption-key': 1, 'user-group': 1 });
    await run();
    await tables.put(REGISTRY_TABLE, aStateItem({ tenantId: 'acme2' }));

    const refused = run({ tenantId: 'acme2' });

    await expect(refused).rejects.toMatchObject({
      name: 'QuotaExceededError',
      message:
        'tenant acme2 does not fit; nothing was made. AWS KMS keys per account and Region: 1 of 1 used; Amazon Cognito groups per user pool: 1 of 1 used',
    });
    expect(await counts()).toEqual(ONE_EACH);
    expect(await pending()).toEqual([]);
  });

  it('fits again once the quota was raised', async () => {
    limits({ 'encryption-key': 0 });
    await expect(run()).rejects.toMatchObject({ name: 'QuotaExceededError' });
    limits({ 'encryption-key': 1 });

    expect(await run()).toEqual({ reserved: true });
  });

  it.each([{ 'user-group': 0 }, { 'user-group': undefined }])(
    'takes %j for "none", also for the first tenant',
    async (limit) => {
      limits(limit);

      await expect(run()).rejects.toMatchObject({
        name: 'QuotaExceededError',
        message: expect.stringContaining('Amazon Cognito groups per user pool: 0 of 0 used'),
      });
      expect(await capacity()).toBeUndefined();
    },
  );

  it('asks the account itself for knowledge bases, which others make too', async () => {
    knowledgeBases(2);

    const refused = run();

    await expect(refused).rejects.toMatchObject({
      name: 'QuotaExceededError',
      message: expect.stringContaining('Bedrock knowledge bases per account and Region: 2 of 2 used'),
    });
    expect(await capacity()).toBeUndefined();
  });

  it('does not count the tenant’s own knowledge base against it', async () => {
    knowledgeBases(2);
    await tables.put(REGISTRY_TABLE, aLedgerItem({ type: 'knowledge-base', phase: 'INTENT' }));

    expect(await run()).toEqual({ reserved: true });
  });

  it('never admits more tenants than fit, however many come at once', async () => {
    limits({ 'vector-index': 3 });
    const tenants = Array.from({ length: 6 }, (_, position) => `tenant-${position}`);
    await tables.put(REGISTRY_TABLE, ...tenants.map((tenantId) => aStateItem({ tenantId })));

    const outcomes = await Promise.allSettled(tenants.map((tenantId) => run({ tenantId })));

    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(await counts()).toMatchObject({ 'vector-index': 3, 'encryption-key': 3 });
  });

  it('makes the same calls with one tenant as with many', async () => {
    await run();
    const first = dynamodb.commandCalls(UpdateCommand).length;
    await tables.put(REGISTRY_TABLE, aStateItem({ tenantId: 'acme2' }));

    await run({ tenantId: 'acme2' });

    expect(dynamodb.commandCalls(UpdateCommand)).toHaveLength(2 * first);
  });

  it('does not take it for a full quota when another attempt settles between its count and its look', async () => {
    const item = { pk: 'ESTATE', sk: 'CAPACITY', ...ONE_EACH };
    await tables.put(REGISTRY_TABLE, { ...item, pending: new Set(['acme']) });
    tables.before(
      (operation, { Key }) => operation === 'Get' && (Key as { sk: string }).sk === 'CAPACITY',
      () => tables.put(REGISTRY_TABLE, item, aStateItem({ capacityReserved: true })),
    );

    await expect(run()).rejects.toMatchObject({ name: 'TransientError' });
    await run();

    expect(await counts()).toEqual(ONE_EACH);
  });

  it.each([
    ['ProvisionedThroughputExceededException', 'ThrottledError'],
    ['AccessDeniedException', 'AccessDeniedError'],
  ])('reports %s as %s', async (name, expected) => {
    tables.fail(isCount, anAwsError(name));

    await expect(run()).rejects.toMatchObject({ name: expected });
  });
});

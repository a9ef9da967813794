import {
  BedrockAgentClient,
  type DataSource,
  DeleteDataSourceCommand,
  DeleteKnowledgeBaseCommand,
  GetDataSourceCommand,
  GetKnowledgeBaseCommand,
  type KnowledgeBase,
  ListDataSourcesCommand,
  ListIngestionJobsCommand,
  ListKnowledgeBasesCommand,
  StopIngestionJobCommand,
  UpdateDataSourceCommand,
} from '@aws-sdk/client-bedrock-agent';
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { handler } from '../../../tasks/knowledge-base/destroy';
import { serveAuditLog } from '../../support/audit-log';
import { anAwsError } from '../../support/aws-errors';
import {
  aContext,
  aDataSource,
  aKnowledgeBase,
  aLedgerItem,
  anOffboardingInput,
  aPurgedTenant,
  aStateItem,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const bedrock = mockClient(BedrockAgentClient);
const s3 = mockClient(S3Client);
serveAuditLog();
let tables: Tables;
let knowledgeBase: KnowledgeBase | undefined;
let source: DataSource | undefined;
let job: string | undefined;

const run = () => handler(anOffboardingInput(), aContext());
const ledger = () => tables.get(REGISTRY_TABLE, 'TENANT#acme', 'RESOURCE#knowledge-base');
const notFound = () => anAwsError('ResourceNotFoundException');

describe('destroy-knowledge-base', () => {
  beforeEach(async () => {
    captureOutput();
    setEnvironment();
    dynamodb.reset();
    bedrock.reset();
    s3.reset();
    tables = await serveTables(dynamodb, REGISTRY_TABLE);
    await tables.put(
      REGISTRY_TABLE,
      aStateItem(aPurgedTenant()),
      aLedgerItem({ type: 'knowledge-base', physicalId: 'KB1' }),
    );
    knowledgeBase = aKnowledgeBase();
    source = aDataSource({ dataDeletionPolicy: 'DELETE', description: 'documents' });
    job = undefined;
    bedrock.on(ListKnowledgeBasesCommand).callsFake(() => ({
      knowledgeBaseSummaries: [
        { knowledgeBaseId: 'KB2', name: 'tenant-lifecycle-dev-acme2' },
        ...(knowledgeBase ? [{ knowledgeBaseId: 'KB1', name: knowledgeBase.name }] : []),
      ],
    }));
    bedrock.on(GetKnowledgeBaseCommand).callsFake(({ knowledgeBaseId }) => {
      if (knowledgeBase === undefined || knowledgeBaseId !== 'KB1') throw notFound();
      return { knowledgeBase };
    });
    bedrock.on(ListDataSourcesCommand).callsFake(() => ({
      dataSourceSummaries: source ? [{ dataSourceId: 'DS1', name: source.name }] : [],
    }));
    bedrock.on(GetDataSourceCommand).callsFake(() => ({ dataSource: source }));
    bedrock.on(ListIngestionJobsCommand).callsFake(() => ({
      ingestionJobSummaries: job ? [{ ingestionJobId: 'J1', status: job }] : [],
    }));
    bedrock.on(StopIngestionJobCommand).callsFake(() => {
      job = 'STOPPED';
      return {};
    });
    bedrock.on(UpdateDataSourceCommand).callsFake(({ dataDeletionPolicy }) => {
      source = source && { ...source, dataDeletionPolicy };
      return {};
    });
    bedrock.on(DeleteDataSourceCommand).callsFake(() => {
      source = undefined;
      return {};
    });
    bedrock.on(DeleteKnowledgeBaseCommand).callsFake(({ knowledgeBaseId }) => {
      expect(knowledgeBaseId).toBe('KB1');
      knowledgeBase = undefined;
      return {};
    });
  });

  afterEach(() => jest.restoreAllMocks());

  it('takes it apart step by step: RETAIN, data source, knowledge base, and then it is gone', async () => {
    const answers = [await run(), await run(), await run(), await run()];

    expect(answers.map((answer) => (answer as { gone: boolean }).gone)).toEqual([false, false, true, true]);
    expect(bedrock.commandCalls(UpdateDataSourceCommand)).toHaveLength(1);
    expect(await ledger()).toMatchObject({ phase: 'DESTROYED', physicalId: 'KB1', removed: 1 });
  });

  it('sends the whole data source when it changes the deletion policy: an update replaces everything', async () => {
    await run();

    const { name, description, dataSourceConfiguration } = aDataSource({ description: 'documents' });
    expect(bedrock.commandCalls(UpdateDataSourceCommand)[0]?.args[0].input).toMatchObject({
      knowledgeBaseId: 'KB1',
      dataSourceId: 'DS1',
      name,
      description,
      dataSourceConfiguration,
      dataDeletionPolicy: 'RETAIN',
    });
  });

  it('stops ingestion before it deletes', async () => {
    job = 'IN_PROGRESS';

    await run();

    expect(bedrock.commandCalls(DeleteDataSourceCommand)).toHaveLength(0);
    await run();
    expect(bedrock.commandCalls(DeleteDataSourceCommand)).toHaveLength(1);
  });

  it.each(['CREATING', 'UPDATING', 'DELETING'] as const)('waits while it is %s', async (status) => {
    knowledgeBase = aKnowledgeBase({ status });

    expect(await run()).toMatchObject({ gone: false });
    expect(bedrock.commandCalls(DeleteDataSourceCommand)).toHaveLength(0);
  });

  describe('bounds the time of a step', () => {
    const hours = (n: number) => Date.UTC(2026, 1, 2) + n * 3_600_000;
    const at = async (time: number) => {
      jest.useFakeTimers({ now: time, doNotFake: ['setImmediate', 'setTimeout', 'nextTick', 'queueMicrotask'] });
      try {
        return await run();
      } finally {
        jest.useRealTimers();
      }
    };

    it.each(['knowledge base', 'data source'])('that leaves the %s DELETING', async (what) => {
      if (what === 'knowledge base') knowledgeBase = aKnowledgeBase({ status: 'DELETING' });
      else source = aDataSource({ status: 'DELETING' });
      const [first, soon, late] = [hours(0), hours(1.9), hours(2.1)];
      expect(await at(first)).toMatchObject({ gone: false });
      expect(await at(soon)).toMatchObject({ gone: false });

      await expect(at(late)).rejects.toMatchObject({
        name: 'ResourceTimedOutError',
        message: expect.stringContaining(`KB1`),
      });

      expect(await at(hours(2.2))).toMatchObject({ gone: false });
      await expect(at(hours(4.5))).rejects.toMatchObject({ name: 'ResourceTimedOutError' });
    });

    it('anew for each step that is taken', async () => {
      await at(hours(0));
      await at(hours(3));
      knowledgeBase = aKnowledgeBase({ status: 'DELETING' });

      expect(await at(hours(4))).toMatchObject({ gone: false });

      knowledgeBase = undefined;
      expect(await at(hours(9))).toMatchObject({ gone: true });
      expect(await ledger()).not.toHaveProperty('deletingSince');
    });
  });

  it('waits when Bedrock is busy, or forgets it between two calls', async () => {
    bedrock.on(DeleteDataSourceCommand).rejects(anAwsError('ConflictException'));
    expect(await run()).toMatchObject({ gone: false });

    bedrock.on(ListDataSourcesCommand).rejects(notFound());

    expect(await run()).toMatchObject({ gone: false });
  });

  it.each(['knowledge base', 'data source'])(
    'gives up when the %s cannot be deleted, and tries anew when redriven',
    async (what) => {
      const failing = { status: 'DELETE_UNSUCCESSFUL' as const, failureReasons: ['role is gone'] };
      if (what === 'knowledge base') {
        source = undefined;
        knowledgeBase = aKnowledgeBase(failing);
      } else source = aDataSource({ ...failing, dataDeletionPolicy: 'RETAIN' });
      bedrock.on(DeleteKnowledgeBaseCommand).resolves({});
      bedrock.on(DeleteDataSourceCommand).resolves({});
      for (let attempt = 0; attempt < 5; attempt += 1) expect(await run()).toMatchObject({ gone: false });

      await expect(run()).rejects.toMatchObject({
        name: 'ResourceTimedOutError',
        message: expect.stringContaining('role is gone'),
      });

      expect(await run()).toMatchObject({ gone: false });
    },
  );

  it('finds one whose id the ledger never learned, by its exact name', async () => {
    source = undefined;
    await tables.put(
      REGISTRY_TABLE,
      aLedgerItem({ type: 'knowledge-base', phase: 'INTENT', physicalId: undefined as never }),
    );

    expect(await run()).toMatchObject({ physicalId: 'KB1', gone: false });
    expect(await run()).toMatchObject({ physicalId: 'KB1', gone: true });
  });

  it('is done for a tenant that never had one', async () => {
    knowledgeBase = undefined;
    await tables.put(
      REGISTRY_TABLE,
      aLedgerItem({ type: 'knowledge-base', phase: 'INTENT', physicalId: undefined as never }),
    );

    expect(await run()).toEqual({ physicalId: 'never made', gone: true, removed: 0 });
  });
});

import { S3Client } from '@aws-sdk/client-s3';
import { DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import type { Walk } from '../../../tasks/doctor/contract';
import * as examineTenant from '../../../tasks/doctor/examine-tenant';
import * as list from '../../../tasks/doctor/list-tenants-to-examine';
import * as summarize from '../../../tasks/doctor/summarize-examination';
import { type AuditBucket, serveAuditBucket } from '../../support/audit-bucket';
import { recordIn } from '../../support/audit-log';
import { anAwsError } from '../../support/aws-errors';
import {
  aContext,
  anExecutionArn,
  aPurgedTenant,
  aStateItem,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput, type Output } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';
import { manyTenants, serveIndex } from '../../support/tenants';

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
const sfn = mockClient(SFNClient);
let bucket: AuditBucket;
let output: Output;

const EXAMINATION = {
  executionArn: 'arn:aws:states:eu-central-1:123456789012:execution:tenant-lifecycle-dev-examine-tenants:exam-1',
  startedAt: '2026-03-01T06:00:00.000Z',
} as const;
const PARTS = 'reports/doctor/2026-03-01/exam-1/';
const BEGIN: Walk = { tenants: [], cursor: '', more: true, wholeEstate: true, examined: 0, unexamined: 0 };

beforeEach(() => {
  output = captureOutput();
  setEnvironment();
  dynamodb.reset();
  s3.reset();
  sfn.reset();
  bucket = serveAuditBucket(s3);
});
afterEach(() => jest.restoreAllMocks());

describe('list-tenants-to-examine', () => {
  const next = (walk: Walk, { request = {}, failed = [] as readonly string[] } = {}) =>
    list.handler(
      {
        ...EXAMINATION,
        step: 'List tenants to examine',
        request,
        walk,
        results: walk.tenants.filter((tenantId) => !failed.includes(tenantId)).map((tenantId) => ({ tenantId })),
      },
      aContext(),
    ) as Promise<Walk>;

  async function walkThrough(failed: readonly string[] = []) {
    const pages: string[][] = [];
    let walk = await next(BEGIN, { failed });
    while (walk.more) {
      pages.push(walk.tenants);
      walk = await next(walk, { failed });
    }
    return { pages, walk };
  }

  it('walks through an estate of any size, every tenant of every status once, in pages of 500', async () => {
    const tenants = [
      ...manyTenants(1203, { status: 'ACTIVE' }),
      ...manyTenants(501, { status: 'OFFBOARDED' }, 'gone'),
      ...manyTenants(2, { status: 'ONBOARDING_FAILED' }, 'failed'),
    ];
    serveIndex(dynamodb, tenants);

    const { pages, walk } = await walkThrough();

    expect(pages.flat().sort()).toEqual(tenants.map(({ tenantId }) => tenantId).sort());
    expect(Math.max(...pages.map(({ length }) => length))).toBe(500);
    expect(walk).toMatchObject({ examined: 1706, unexamined: 0, wholeEstate: true, tenants: [] });
    expect(bucket.keys()).toEqual([]);
    // One query a page, one for each status that has no more, and no state is larger than Step Functions takes.
    expect(dynamodb.commandCalls(QueryCommand).length).toBeLessThan(40);
    expect(JSON.stringify(walk).length).toBeLessThan(256 * 1024);
  });

  it('goes on with a tenant of the same status that came meanwhile, and asks nobody twice', async () => {
    const tenants = manyTenants(600, { status: 'ACTIVE' });
    serveIndex(dynamodb, tenants);
    const first = await next(BEGIN);
    serveIndex(dynamodb, [...tenants, ...manyTenants(1, { status: 'ACTIVE' }, 'zoe')]);

    const second = await next(first);

    expect(second.tenants).toHaveLength(101);
    expect(second.tenants.at(-1)).toBe('zoe-00000');
    expect(new Set([...first.tenants, ...second.tenants]).size).toBe(601);
  });

  it('counts whom the page before left unexamined, and notes it once however often it runs', async () => {
    serveIndex(dynamodb, manyTenants(3, { status: 'ACTIVE' }));
    const first = await next(BEGIN);
    const failed = ['tenant-00001'];

    const second = await next(first, { failed });
    expect(await next(first, { failed })).toEqual(second);

    expect(second).toMatchObject({ examined: 2, unexamined: 1, more: false });
    expect(bucket.keys()).toEqual([`${PARTS}unexamined-tenant-00000.json`]);
    expect(bucket.versionsOf(`${PARTS}unexamined-tenant-00000.json`)).toBe(1);
    expect(recordIn(bucket, `${PARTS}unexamined-tenant-00000.json`)).toMatchObject({
      tenants: [{ tenantId: 'tenant-00001', findings: [{ kind: 'unexamined', repair: 'none' }] }],
    });
  });

  it('lists one tenant where one was asked for, and looks at no index', async () => {
    const request = { tenantId: 'acme' };

    const first = await next(BEGIN, { request });
    const second = await next(first, { request });

    expect(first).toMatchObject({ tenants: ['acme'], more: true, wholeEstate: false });
    expect(second).toMatchObject({ tenants: [], more: false, examined: 1 });
    expect(dynamodb.calls()).toHaveLength(0);
  });
});

describe('examine-tenant, of a tenant that something should be working on', () => {
  let tables: Tables;
  const OWNER = anExecutionArn();
  const examine = () =>
    examineTenant.handler({ ...EXAMINATION, step: 'Examine tenant', tenantId: 'acme' }, aContext()) as Promise<{
      findings: { kind: string; repair: string; message: string }[];
    }>;
  const put = (changes: object) => tables.put(REGISTRY_TABLE, aStateItem(changes));
  const ended = () => sfn.on(DescribeExecutionCommand).resolves({ status: 'FAILED' });
  const justNow = () => new Date(Date.now() - 60_000).toISOString();

  beforeEach(async () => {
    tables = await serveTables(dynamodb, REGISTRY_TABLE);
    sfn.on(DescribeExecutionCommand).resolves({ status: 'RUNNING' });
  });

  it.each([
    ['REQUESTED', 'onboard'],
    ['PROVISIONING', 'onboard'],
    ['REINSTATING', 'none'],
  ])('finds %s stuck when its execution has ended, and puts the finding once', async (status, repair) => {
    await put({ status, leaseOwner: OWNER });
    ended();

    const { findings } = await examine();
    await examine();

    expect(findings).toEqual([
      expect.objectContaining({ kind: 'stuck', resource: 'tenant', physicalId: OWNER, repair }),
    ]);
    expect(findings[0]?.message).toContain('FAILED');
    expect(bucket.versionsOf(`${PARTS}tenant-acme.json`)).toBe(1);
  });

  it('finds a purge stuck that nothing carries on, and leaves it to a person', async () => {
    await put(aPurgedTenant());
    sfn.on(DescribeExecutionCommand).rejects(anAwsError('ExecutionDoesNotExist'));

    const { findings } = await examine();

    expect(findings).toEqual([expect.objectContaining({ kind: 'stuck', repair: 'none' })]);
    expect(findings[0]?.message).toContain('forgotten');
  });

  it.each<[string, () => Promise<unknown>]>([
    ['its execution runs', () => put({ status: 'PROVISIONING', leaseOwner: OWNER })],
    [
      'it changed a moment ago',
      async () => {
        await put({ status: 'PROVISIONING', leaseOwner: OWNER, updatedAt: justNow() });
        ended();
      },
    ],
    [
      'it has failed, which its operators know',
      async () => {
        await put({ status: 'ONBOARDING_FAILED', leaseOwner: OWNER });
        ended();
      },
    ],
    [
      'it moved on while it was examined',
      async () => {
        await put({ status: 'PROVISIONING', leaseOwner: OWNER });
        sfn.on(DescribeExecutionCommand).callsFake(async () => {
          await put({ status: 'ONBOARDING_FAILED', leaseOwner: OWNER });
          return { status: 'FAILED' };
        });
      },
    ],
    [
      'another execution has taken it meanwhile',
      async () => {
        await put({ status: 'PROVISIONING', leaseOwner: OWNER });
        sfn.on(DescribeExecutionCommand).callsFake(async () => {
          await put({ status: 'PROVISIONING', leaseOwner: OWNER, generation: 2 });
          return { status: 'FAILED' };
        });
      },
    ],
  ])('finds nothing when %s', async (_, prepare) => {
    await prepare();

    expect(await examine()).toMatchObject({ findings: [] });
    expect(bucket.keys()).toEqual([]);
  });

  it('fails for a tenant that the registry does not know', async () => {
    await expect(examine()).rejects.toMatchObject({ name: 'TenantNotRequestedError' });
  });
});

describe('summarize-examination', () => {
  const finding = (kind: string, resource = 'user-group') => ({ kind, resource, message: 'it is so', repair: 'none' });
  const walk = (changes: Partial<Walk> = {}) => ({ ...BEGIN, more: false, examined: 1500, unexamined: 1, ...changes });
  const run = (changes: Partial<Walk> = {}) =>
    summarize.handler({ ...EXAMINATION, step: 'Summarize examination', walk: walk(changes) }, aContext());
  const REPORT = 'reports/doctor/2026-03-01/exam-1.json';
  const gauges = () => output.lines().filter((line) => 'DoctorFindings' in line || 'OrphanedKeys' in line);

  beforeEach(() => {
    for (let tenant = 0; tenant < 1200; tenant += 1) {
      const tenantId = `tenant-${String(tenant).padStart(4, '0')}`;
      const tenants = [{ tenantId, findings: [finding('missing')] }];
      bucket.put(`${PARTS}tenant-${tenantId}.json`, JSON.stringify({ tenants }));
    }
    const account = [finding('orphaned', 'encryption-key'), finding('extra')];
    bucket.put(`${PARTS}account.json`, JSON.stringify({ account }));
    // Of another examination of that day.
    bucket.put('reports/doctor/2026-03-01/exam-10/account.json', JSON.stringify({ account }));
    s3.resetHistory();
  });

  it('puts all parts together, however many pages they fill, and emits every count', async () => {
    const answer = await run();

    expect(answer).toMatchObject({ report: REPORT, examined: 1500, unexamined: 1, findings: 1202 });
    const report = recordIn(bucket, REPORT);
    expect(report).toMatchObject({
      schemaVersion: 1,
      execution: 'exam-1',
      counts: { missing: 1200, orphaned: 1, extra: 1, stuck: 0 },
    });
    expect(new Set((report['tenants'] as { tenantId: string }[]).map(({ tenantId }) => tenantId)).size).toBe(1200);
    expect(gauges()).toContainEqual(expect.objectContaining({ kind: 'missing', DoctorFindings: 1200 }));
    expect(gauges()).toContainEqual(expect.objectContaining({ kind: 'stuck', DoctorFindings: 0 }));
    expect(gauges()).toContainEqual(expect.objectContaining({ OrphanedKeys: 1 }));
  });

  it('keeps the first report when it runs again', async () => {
    await run();
    bucket.put(`${PARTS}tenant-late.json`, JSON.stringify({ tenants: [] }));
    await run();

    expect(bucket.versionsOf(REPORT)).toBe(1);
  });

  it('emits no gauge of the estate for an examination of one tenant', async () => {
    await run({ wholeEstate: false, examined: 1, unexamined: 0 });

    expect(gauges()).toEqual([]);
  });
});

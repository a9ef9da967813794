import { S3Client } from '@aws-sdk/client-s3';
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import * as changeHold from '../../../tasks/lifecycle/change-hold';
import * as claimOffboarding from '../../../tasks/lifecycle/claim-offboarding';
import * as claimReinstatement from '../../../tasks/lifecycle/claim-reinstatement';
import * as handOver from '../../../tasks/lifecycle/hand-over';
import * as front from '../../../tasks/lifecycle/request-operation';
import { type AuditBucket, serveAuditBucket } from '../../support/audit-bucket';
import { recordIn, serveAuditLog } from '../../support/audit-log';
import { anAwsError } from '../../support/aws-errors';
import {
  aContext,
  aHeldTenant,
  anExecutionArnOf,
  anOffboardingInput,
  anOperationItem,
  aStateItem,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput } from '../../support/output';
import { serveTables, type Tables } from '../../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const sfn = mockClient(SFNClient);
const s3 = mockClient(S3Client);
serveAuditLog();
let tables: Tables;
let audit: AuditBucket;

const OFFBOARDING = anExecutionArnOf('offboard--acme--request-2');
const REINSTATEMENT = anExecutionArnOf('reinstate--acme--request-3');
const aClaim = (requestId: string, executionArn: string, step: string) => ({
  request: { tenantId: 'acme', requestId },
  executionArn,
  step,
});

beforeEach(async () => {
  captureOutput();
  setEnvironment();
  for (const client of [dynamodb, sfn, s3]) client.reset();
  sfn.on(DescribeExecutionCommand).rejects(anAwsError('ExecutionDoesNotExist'));
  audit = serveAuditBucket(s3);
  tables = await serveTables(dynamodb, REGISTRY_TABLE);
  await tables.put(
    REGISTRY_TABLE,
    aStateItem(aHeldTenant()),
    anOperationItem({ requestId: 'request-2', operation: 'offboard', requestedBy: 'ops/one', reason: 'end' }),
    anOperationItem({ requestId: 'request-3', operation: 'reinstate', requestedBy: 'ops/three' }),
  );
});

afterEach(() => jest.restoreAllMocks());

describe('the record of', () => {
  it.each([
    [
      'claim-offboarding',
      () => claimOffboarding.handler(aClaim('request-2', OFFBOARDING, 'Claim offboarding'), aContext()),
      { requestId: 'request-2', requestedBy: 'ops/one', executionArn: OFFBOARDING },
      'audit/acme/offboard--acme--request-2/claim-offboarding.json',
    ],
    [
      'claim-reinstatement',
      () => claimReinstatement.handler(aClaim('request-3', REINSTATEMENT, 'Claim reinstatement'), aContext()),
      { requestId: 'request-3', requestedBy: 'ops/three', executionArn: REINSTATEMENT },
      'audit/acme/reinstate--acme--request-3/claim-reinstatement.json',
    ],
    [
      'hand-over',
      () => handOver.handler(anOffboardingInput({ step: 'Hand over to a new execution' }), aContext()),
      { requestId: 'request-2', requestedBy: 'ops/one', executionArn: OFFBOARDING },
      'audit/acme/offboard--acme--request-2/hand-over-to-a-new-execution.json',
    ],
  ])('%s is written once, also when the task died between its effect and the record', async (action, run, who, key) => {
    audit.fail('PutObject', /./, anAwsError('SlowDown', undefined, 503));
    await expect(run()).rejects.toMatchObject({ name: 'ThrottledError' });
    audit.loseAnswer('PutObject', /./);
    await expect(run()).rejects.toMatchObject({ name: 'TransientError' });

    await run();

    expect(audit.keys()).toEqual([key]);
    expect(audit.versionsOf(key)).toBe(1);
    expect(recordIn(audit, key)).toMatchObject({ ...who, tenantId: 'acme', action, outcome: 'SUCCEEDED' });
  });

  it('hand-over is written too by a repeat after the successor has claimed the tenant', async () => {
    await tables.put(REGISTRY_TABLE, aStateItem({ ...aHeldTenant(), generation: 2 }));

    await handOver.handler(anOffboardingInput({ step: 'Hand over to a new execution' }), aContext());

    expect(audit.keys()).toEqual(['audit/acme/offboard--acme--request-2/hand-over-to-a-new-execution.json']);
    expect(sfn.commandCalls(StartExecutionCommand)).toHaveLength(0);
  });

  it('a claim is not written when the claim is refused', async () => {
    const run = claimOffboarding.handler(aClaim('other', OFFBOARDING, 'Claim offboarding'), aContext());

    await expect(run).rejects.toMatchObject({ name: 'TenantNotRequestedError' });
    expect(audit.keys()).toEqual([]);
  });
});

describe('a refusal', () => {
  const approve = (requestedBy: string, changes: object = {}) =>
    changeHold.handler(
      { change: 'approve-purge', tenantId: 'acme', requestId: 'change-1', requestedBy, ...changes },
      aContext(),
    );
  const offboard = (changes: object = {}) =>
    front.handler(
      {
        operation: 'offboard',
        tenantId: 'acme',
        requestId: 'leave-2',
        reason: 'contract ended',
        requestedBy: 'ops/four',
        ...changes,
      },
      aContext(),
    );

  it('of a hold change is one record, however often it is sent, and does not stand in the way of its acceptance', async () => {
    await expect(approve('ops/one')).rejects.toMatchObject({ name: 'SelfApprovalError' });
    await expect(approve('ops/one')).rejects.toMatchObject({ name: 'SelfApprovalError' });
    const [key = '', ...others] = audit.keys();

    expect(others).toEqual([]);
    expect(key).toMatch(/^audit\/acme\/requests\/change-1\.refused-[0-9a-f]{16}\.json$/);
    expect(audit.versionsOf(key)).toBe(1);
    expect(recordIn(audit, key)).toEqual({
      schemaVersion: 1,
      tenantId: 'acme',
      action: 'approve-purge',
      requestedBy: 'ops/one',
      requestId: 'change-1',
      outcome: 'REFUSED',
      error: 'SelfApprovalError',
      at: expect.stringMatching(/Z$/),
    });
    await approve('ops/two');
    expect(audit.keys()).toEqual(['audit/acme/requests/change-1.json', key]);
  });

  it('of a request is a record of its own for each principal and reason', async () => {
    await expect(offboard()).rejects.toMatchObject({ name: 'OperationInProgressError' });
    await expect(offboard({ requestedBy: 'ops/five' })).rejects.toMatchObject({ name: 'OperationInProgressError' });
    await tables.put(REGISTRY_TABLE, aStateItem({ status: 'ACTIVE', activatedAt: '2026-01-01T00:00:00.000Z' }));
    await expect(offboard({ holdSeconds: 0 })).rejects.toMatchObject({ name: 'InvalidInputError' });

    const records = audit.keys().map((key) => recordIn(audit, key));
    expect(records).toHaveLength(3);
    expect(new Set(records.map(({ requestedBy, error }) => `${requestedBy} ${error}`))).toEqual(
      new Set(['ops/four OperationInProgressError', 'ops/five OperationInProgressError', 'ops/four InvalidInputError']),
    );
    for (const record of records) expect(record).toMatchObject({ action: 'request-offboard', outcome: 'REFUSED' });
  });

  it('that cannot be audited is not told: the request fails and is sent again', async () => {
    audit.fail('PutObject', /refused/, anAwsError('SlowDown', undefined, 503));

    await expect(approve('ops/one')).rejects.toMatchObject({ name: 'ThrottledError' });
    await expect(approve('ops/one')).rejects.toMatchObject({ name: 'SelfApprovalError' });

    expect(audit.keys()).toHaveLength(1);
  });

  it.each([
    ['an id that nobody requested', () => approve('ops/one', { tenantId: 'nobody' }), 'TenantNotRequestedError'],
    ['what does not pass validation', () => approve('a b'), 'InvalidInputError'],
  ])('begins no trail for %s', async (_, run, name) => {
    await expect(run()).rejects.toMatchObject({ name });

    expect(audit.keys()).toEqual([]);
  });
});

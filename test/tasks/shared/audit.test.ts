import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { type AuditRecord, writeAuditRecord } from '../../../tasks/shared/audit';
import { anAwsError } from '../../support/aws-errors';
import { anExecutionArn } from '../../support/builders';

const s3 = mockClient(S3Client);

const aRecord = (): AuditRecord => ({
  tenantId: 'acme',
  action: 'provision-user-group',
  requestedBy: 'signup/backend',
  requestId: 'request-1',
  executionArn: anExecutionArn(),
  step: 'Provision user group',
  resource: { type: 'user-group', physicalId: 'acme' },
  outcome: 'SUCCEEDED',
  at: '2026-01-01T00:00:00.000Z',
});

describe('writeAuditRecord', () => {
  beforeEach(() => s3.reset());

  it('puts canonical JSON only where nothing is yet', async () => {
    await writeAuditRecord('audit-bucket', 'audit/acme/x/y.json', aRecord());

    const [put] = s3.commandCalls(PutObjectCommand);
    expect(put?.args[0].input).toMatchObject({
      Bucket: 'audit-bucket',
      Key: 'audit/acme/x/y.json',
      IfNoneMatch: '*',
      ContentType: 'application/json',
    });
    expect(JSON.parse(String(put?.args[0].input.Body))).toEqual({ schemaVersion: 1, ...aRecord() });
  });

  it('takes a record that is there already for its own', async () => {
    s3.on(PutObjectCommand).rejects(anAwsError('PreconditionFailed', 'At least one of the pre-conditions failed', 412));

    const written = writeAuditRecord('audit-bucket', 'audit/acme/x/y.json', aRecord());

    await expect(written).resolves.toBeUndefined();
  });

  it.each(['NoSuchBucket', 'AccessDenied', 'SlowDown', 'ConditionalRequestConflict'])(
    'passes %s on: no evidence, no success',
    async (name) => {
      s3.on(PutObjectCommand).rejects(anAwsError(name));

      const written = writeAuditRecord('audit-bucket', 'audit/acme/x/y.json', aRecord());

      await expect(written).rejects.toMatchObject({ name });
    },
  );
});

import { HeadObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { verifyStoragePrefix } from '../../../tasks/storage-prefix/verify';
import { anAwsError } from '../../support/aws-errors';
import { aKeyArn, aVerification, messagesOf } from '../../support/builders';

const s3 = mockClient(S3Client);
const verification = () => aVerification({ 'encryption-key': aKeyArn() });

describe('verifyStoragePrefix', () => {
  beforeEach(() => {
    s3.reset();
    s3.on(ListObjectsV2Command, { Prefix: 'tenants/acme/.provisioned', MaxKeys: 1 }).resolves({
      Contents: [{ Key: 'tenants/acme/.provisioned' }],
    });
  });

  it('finds nothing wrong with a marker under the tenant’s key', async () => {
    s3.on(HeadObjectCommand, { Key: 'tenants/acme/.provisioned' }).resolves({ SSEKMSKeyId: aKeyArn() });

    expect(messagesOf(await verifyStoragePrefix(verification()))).toEqual([]);
  });

  it('reports a marker under another key', async () => {
    s3.on(HeadObjectCommand).resolves({ SSEKMSKeyId: aKeyArn('2222') });

    expect(messagesOf(await verifyStoragePrefix(verification()))).toEqual([
      "object tenants/acme/.provisioned is not encrypted with the tenant's key",
    ]);
  });

  it.each(['NotFound', 'NoSuchKey'])('reports a marker that is %s', async (name) => {
    s3.on(HeadObjectCommand).rejects(anAwsError(name, '', 404));

    expect(messagesOf(await verifyStoragePrefix(verification()))).toEqual([
      'object tenants/acme/.provisioned does not exist',
    ]);
  });

  it('reports a marker that is not in the list, without asking for it: S3 would refuse', async () => {
    s3.on(ListObjectsV2Command).resolves({ Contents: [{ Key: 'tenants/acme/.provisioned-not' }] });

    expect(messagesOf(await verifyStoragePrefix(verification()))).toEqual([
      'object tenants/acme/.provisioned does not exist',
    ]);
    expect(s3.commandCalls(HeadObjectCommand)).toHaveLength(0);
  });

  it('does not take a refused look for a finding', async () => {
    s3.on(HeadObjectCommand).rejects(anAwsError('AccessDenied', '', 403));

    await expect(verifyStoragePrefix(verification())).rejects.toMatchObject({ name: 'AccessDenied' });
  });
});

import {
  DescribeKeyCommand,
  GetKeyRotationStatusCommand,
  KMSClient,
  ListResourceTagsCommand,
} from '@aws-sdk/client-kms';
import { mockClient } from 'aws-sdk-client-mock';
import { verifyEncryptionKey } from '../../../tasks/encryption-key/verify';
import { anAwsError } from '../../support/aws-errors';
import { aKeyArn, aVerification } from '../../support/builders';

const kms = mockClient(KMSClient);
const ALIAS = 'alias/tenant-lifecycle-dev/tenant/acme';
const verification = () => aVerification({ 'encryption-key': aKeyArn() });

describe('verifyEncryptionKey', () => {
  beforeEach(() => {
    kms.reset();
    kms.on(DescribeKeyCommand).resolves({ KeyMetadata: { KeyId: '1111', Arn: aKeyArn(), KeyState: 'Enabled' } });
    kms.on(GetKeyRotationStatusCommand).resolves({ KeyRotationEnabled: true });
    kms.on(ListResourceTagsCommand).resolves({ Tags: [{ TagKey: 'tenant-id', TagValue: 'acme' }] });
  });

  it('finds nothing wrong with a key as it must be, looked up by its alias', async () => {
    const problems = await verifyEncryptionKey(verification());

    expect(problems).toEqual([]);
    expect(kms.commandCalls(DescribeKeyCommand)[0]?.args[0].input).toEqual({ KeyId: ALIAS });
  });

  it('lists everything that is wrong at once', async () => {
    kms.on(DescribeKeyCommand).resolves({ KeyMetadata: { KeyId: '2', Arn: aKeyArn('2'), KeyState: 'Disabled' } });
    kms.on(GetKeyRotationStatusCommand).resolves({ KeyRotationEnabled: false });
    kms.on(ListResourceTagsCommand).resolves({ Tags: [{ TagKey: 'tenant-id', TagValue: 'acme2' }] });

    const problems = await verifyEncryptionKey(verification());

    expect(problems).toEqual([
      `${ALIAS} does not lead to the key in the ledger`,
      `${ALIAS} is Disabled, not Enabled`,
      `${ALIAS} does not rotate`,
      `${ALIAS} is not tagged tenant-id=acme`,
    ]);
  });

  it('reports a missing alias', async () => {
    kms.on(DescribeKeyCommand).rejects(anAwsError('NotFoundException'));

    expect(await verifyEncryptionKey(verification())).toEqual([`${ALIAS} does not exist`]);
  });

  it('does not take a throttled look for a finding', async () => {
    kms.on(DescribeKeyCommand).rejects(anAwsError('ThrottlingException'));

    await expect(verifyEncryptionKey(verification())).rejects.toMatchObject({ name: 'ThrottlingException' });
  });
});

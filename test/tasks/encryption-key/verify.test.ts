import {
  DescribeKeyCommand,
  GetKeyPolicyCommand,
  GetKeyRotationStatusCommand,
  KMSClient,
  ListResourceTagsCommand,
} from '@aws-sdk/client-kms';
import { mockClient } from 'aws-sdk-client-mock';
import { verifyEncryptionKey } from '../../../tasks/encryption-key/verify';
import { anAwsError } from '../../support/aws-errors';
import { aKeyArn, aKeyPolicy, aVerification, messagesOf } from '../../support/builders';

const kms = mockClient(KMSClient);
const TAGS = [
  { TagKey: 'tenant-id', TagValue: 'acme' },
  { TagKey: 'managed-by', TagValue: 'tenant-lifecycle-dev' },
];
const ALIAS = 'alias/tenant-lifecycle-dev/tenant/acme';
const verification = () => aVerification({ 'encryption-key': aKeyArn() });

describe('verifyEncryptionKey', () => {
  beforeEach(() => {
    kms.reset();
    kms.on(DescribeKeyCommand).resolves({ KeyMetadata: { KeyId: '1111', Arn: aKeyArn(), KeyState: 'Enabled' } });
    kms.on(GetKeyRotationStatusCommand).resolves({ KeyRotationEnabled: true });
    kms.on(ListResourceTagsCommand).resolves({ Tags: TAGS });
    kms.on(GetKeyPolicyCommand).resolves({ Policy: JSON.stringify(aKeyPolicy()) });
  });

  it('finds nothing wrong with a key as it must be, looked up by its alias', async () => {
    const problems = await verifyEncryptionKey(verification());

    expect(messagesOf(problems)).toEqual([]);
    expect(kms.commandCalls(DescribeKeyCommand)[0]?.args[0].input).toEqual({ KeyId: ALIAS });
  });

  it('lists everything that is wrong at once', async () => {
    kms.on(DescribeKeyCommand).resolves({ KeyMetadata: { KeyId: '2', Arn: aKeyArn('2'), KeyState: 'Disabled' } });
    kms.on(GetKeyRotationStatusCommand).resolves({ KeyRotationEnabled: false });
    kms.on(ListResourceTagsCommand).resolves({ Tags: [{ TagKey: 'tenant-id', TagValue: 'acme2' }] });
    kms.on(GetKeyPolicyCommand).resolves({ Policy: '{"Statement":[]}' });

    const problems = await verifyEncryptionKey(verification());

    expect(messagesOf(problems)).toEqual([
      `${ALIAS} does not lead to the key in the ledger`,
      `${ALIAS} is Disabled, not Enabled`,
      `${ALIAS} does not rotate`,
      `${ALIAS} has another key policy`,
      `${ALIAS} is not tagged tenant-id=acme`,
      `${ALIAS} is not tagged managed-by=tenant-lifecycle-dev`,
    ]);
  });

  it('reports a missing alias, and looks at the key in the ledger nevertheless', async () => {
    kms.on(DescribeKeyCommand, { KeyId: ALIAS }).rejects(anAwsError('NotFoundException'));
    kms.on(GetKeyRotationStatusCommand).resolves({ KeyRotationEnabled: false });

    expect(await verifyEncryptionKey(verification())).toEqual([
      { kind: 'missing', message: `${ALIAS} does not exist` },
      { kind: 'mis-configured', message: `${aKeyArn()} does not rotate` },
    ]);
  });

  it('reports a key that is gone as beyond its own repair', async () => {
    kms.on(DescribeKeyCommand).rejects(anAwsError('NotFoundException'));

    expect(await verifyEncryptionKey(verification())).toEqual([
      { kind: 'missing', message: `${ALIAS} does not exist` },
      { kind: 'missing', message: `key ${aKeyArn()} does not exist`, byHand: true },
    ]);
  });

  it('wants the key of a blocked tenant disabled', async () => {
    const problems = await verifyEncryptionKey({ ...verification(), blocked: true });
    kms.on(DescribeKeyCommand).resolves({ KeyMetadata: { KeyId: '1111', Arn: aKeyArn(), KeyState: 'Disabled' } });
    const blocked = await verifyEncryptionKey({ ...verification(), blocked: true });

    expect(problems).toEqual([{ kind: 'wrong-status', message: `${ALIAS} is Enabled, not Disabled`, byHand: false }]);
    expect(blocked).toEqual([]);
  });

  it('does not take a throttled look for a finding', async () => {
    kms.on(DescribeKeyCommand).rejects(anAwsError('ThrottlingException'));

    await expect(verifyEncryptionKey(verification())).rejects.toMatchObject({ name: 'ThrottlingException' });
  });
});

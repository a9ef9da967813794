import {
  DescribeKeyCommand,
  GetKeyRotationStatusCommand,
  KMSClient,
  ListResourceTagsCommand,
} from '@aws-sdk/client-kms';
import { isNamed } from '../shared/aws-errors';
import { REPEATABLE } from '../shared/clients';
import { keyAlias, TENANT_TAG } from '../shared/names';
import { problemsOf, type Verify } from '../shared/verification';
import { ENCRYPTION_KEY } from './contract';

const kms = new KMSClient(REPEATABLE);

/** The alias leads to the ledger's key, and that key is enabled, rotating and tagged. */
export const verifyEncryptionKey: Verify<never> = async ({ tenantId, app, ledger }) => {
  const alias = keyAlias(app, tenantId);
  try {
    const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: alias }));
    const KeyId = KeyMetadata?.Arn;
    const [{ KeyRotationEnabled }, { Tags = [] }] = await Promise.all([
      kms.send(new GetKeyRotationStatusCommand({ KeyId })),
      kms.send(new ListResourceTagsCommand({ KeyId })),
    ]);
    return problemsOf({
      [`${alias} does not lead to the key in the ledger`]: KeyId === ledger(ENCRYPTION_KEY)?.physicalId,
      [`${alias} is ${KeyMetadata?.KeyState}, not Enabled`]: KeyMetadata?.KeyState === 'Enabled',
      [`${alias} does not rotate`]: KeyRotationEnabled === true,
      [`${alias} is not tagged ${TENANT_TAG}=${tenantId}`]: Tags.some(
        ({ TagKey, TagValue }) => TagKey === TENANT_TAG && TagValue === tenantId,
      ),
    });
  } catch (error) {
    if (isNamed(error, 'NotFoundException')) return [`${alias} does not exist`];
    throw error;
  }
};

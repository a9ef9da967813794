import {
  CancelKeyDeletionCommand,
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  DeleteAliasCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  EnableKeyRotationCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GetKeyLastUsageCommand,
  GetKeyPolicyCommand,
  GetKeyRotationStatusCommand,
  KMSClient,
  ListAliasesCommand,
  ListGrantsCommand,
  ListKeysCommand,
  ListResourceTagsCommand,
  paginateListKeys,
  ScheduleKeyDeletionCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms';
import type { Endpoint } from '../../../sandbox/aws/endpoint';
import { createKms, type Kms } from '../../../sandbox/aws/kms';
import { anEstate, clientFor, DAY, startedEndpoint } from './an-estate';

describe('KMS', () => {
  const estate = anEstate();
  let kms: Kms;
  let endpoint: Endpoint;
  let client: KMSClient;

  beforeAll(async () => {
    kms = createKms(estate, { keyQuota: 10, principalExists: (arn) => !arn.endsWith('/too-young') });
    endpoint = await startedEndpoint({ estate, services: [kms.service] });
    client = new KMSClient(clientFor(endpoint));
  });
  beforeEach(() => kms.reset());
  afterAll(() => endpoint.stop());

  const aKey = async () => (await client.send(new CreateKeyCommand({}))).KeyMetadata?.KeyId ?? '';
  const stateOf = async (KeyId: string) => (await client.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata?.KeyState;
  const schedule = (KeyId: string, PendingWindowInDays?: number) =>
    client.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays }));

  describe('keys', () => {
    it('creates a key with tags, description and policy, found by id, ARN and alias', async () => {
      const policy = JSON.stringify({
        Statement: [{ Effect: 'Allow', Principal: { AWS: '*' }, Action: 'kms:*', Resource: '*' }],
      });
      const { KeyMetadata: made } = await client.send(
        new CreateKeyCommand({
          Description: 'op-1',
          Policy: policy,
          Tags: [{ TagKey: 'tenant-id', TagValue: 'acme' }],
        }),
      );
      const KeyId = made?.KeyId ?? '';
      await client.send(new CreateAliasCommand({ AliasName: 'alias/app/acme', TargetKeyId: KeyId }));

      expect(made).toMatchObject({
        Arn: `arn:aws:kms:eu-central-1:111122223333:key/${KeyId}`,
        KeyState: 'Enabled',
        Enabled: true,
        KeySpec: 'SYMMETRIC_DEFAULT',
        Description: 'op-1',
        CreationDate: new Date(estate.clock.now()),
      });
      for (const name of [made?.Arn, 'alias/app/acme', 'arn:aws:kms:eu-central-1:111122223333:alias/app/acme']) {
        const { KeyMetadata: found } = await client.send(new DescribeKeyCommand({ KeyId: name }));
        expect(found?.KeyId).toBe(KeyId);
      }
      expect(await client.send(new ListResourceTagsCommand({ KeyId }))).toMatchObject({
        Tags: [{ TagKey: 'tenant-id', TagValue: 'acme' }],
        Truncated: false,
      });
      expect((await client.send(new GetKeyPolicyCommand({ KeyId }))).Policy).toBe(policy);
      expect((await client.send(new ListGrantsCommand({ KeyId }))).Grants).toEqual([]);
    });

    it.each([
      ['no JSON', '{'],
      ['no statements', '{}'],
      [
        'an unknown principal',
        '{"Statement":{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111122223333:role/too-young"]}}}',
      ],
    ])('refuses a policy with %s', async (_, Policy) => {
      await expect(client.send(new CreateKeyCommand({ Policy }))).rejects.toMatchObject({
        name: 'MalformedPolicyDocumentException',
      });
    });

    it('reports the key quota as LimitExceededException, which the SDK retries although it is permanent', async () => {
      for (let count = 0; count < 10; count += 1) kms.createKey();
      const retrying = new KMSClient({ ...clientFor(endpoint), maxAttempts: 3 });

      await expect(retrying.send(new CreateKeyCommand({}))).rejects.toMatchObject({
        name: 'LimitExceededException',
        $metadata: { attempts: 3 },
      });
    });

    it.each(['alias/none', '00000000-0000-0000-0000-000000000000', 'nonsense'])('does not find %s', async (KeyId) => {
      await expect(client.send(new DescribeKeyCommand({ KeyId }))).rejects.toMatchObject({ name: 'NotFoundException' });
    });

    it('lists keys page by page', async () => {
      const made = await Promise.all(Array.from({ length: 5 }, aKey));
      const listed: (string | undefined)[] = [];

      for await (const { Keys = [] } of paginateListKeys({ client, pageSize: 2 }, {})) {
        listed.push(...Keys.map(({ KeyId }) => KeyId));
      }

      expect(listed).toEqual(made.sort());
      await expect(client.send(new ListKeysCommand({ Marker: 'x' }))).rejects.toMatchObject({
        name: 'InvalidMarkerException',
      });
    });

    it('adds and removes tags', async () => {
      const KeyId = await aKey();
      await client.send(
        new TagResourceCommand({
          KeyId,
          Tags: [
            { TagKey: 'a', TagValue: '1' },
            { TagKey: 'b', TagValue: '2' },
          ],
        }),
      );
      await client.send(new UntagResourceCommand({ KeyId, TagKeys: ['a'] }));

      expect((await client.send(new ListResourceTagsCommand({ KeyId }))).Tags).toEqual([
        { TagKey: 'b', TagValue: '2' },
      ]);
      await expect(
        client.send(new TagResourceCommand({ KeyId, Tags: [{ TagKey: 'aws:x', TagValue: '' }] })),
      ).rejects.toMatchObject({ name: 'TagException' });
    });

    it('rotates, but not a disabled key', async () => {
      const KeyId = await aKey();
      await client.send(new EnableKeyRotationCommand({ KeyId }));
      await client.send(new EnableKeyRotationCommand({ KeyId }));

      expect((await client.send(new GetKeyRotationStatusCommand({ KeyId }))).KeyRotationEnabled).toBe(true);
      await client.send(new DisableKeyCommand({ KeyId }));
      await expect(client.send(new EnableKeyRotationCommand({ KeyId }))).rejects.toMatchObject({
        name: 'DisabledException',
      });
    });
  });

  describe('deletion', () => {
    it('waits for the window, may be cancelled, and leaves the key disabled then', async () => {
      const KeyId = await aKey();

      const { DeletionDate, KeyState } = await schedule(KeyId, 7);
      expect(KeyState).toBe('PendingDeletion');
      expect(DeletionDate?.getTime()).toBe(estate.clock.now() + 7 * DAY);
      await expect(schedule(KeyId)).rejects.toMatchObject({
        name: 'KMSInvalidStateException',
        message: expect.stringContaining('is pending deletion'),
      });
      await expect(client.send(new EnableKeyCommand({ KeyId }))).rejects.toMatchObject({
        name: 'KMSInvalidStateException',
      });

      await client.send(new CancelKeyDeletionCommand({ KeyId }));
      expect(await stateOf(KeyId)).toBe('Disabled');
      await client.send(new EnableKeyCommand({ KeyId }));
      expect(await stateOf(KeyId)).toBe('Enabled');
      await expect(client.send(new CancelKeyDeletionCommand({ KeyId }))).rejects.toMatchObject({
        name: 'KMSInvalidStateException',
      });
    });

    it('takes the key and its aliases when the window is over', async () => {
      const KeyId = await aKey();
      await client.send(new CreateAliasCommand({ AliasName: 'alias/acme', TargetKeyId: KeyId }));
      await schedule(KeyId, 7);

      await estate.clock.advance(7 * DAY - 1);
      expect(await stateOf('alias/acme')).toBe('PendingDeletion');

      await estate.clock.advance(1);
      await expect(stateOf(KeyId)).rejects.toMatchObject({ name: 'NotFoundException' });
      expect((await client.send(new ListAliasesCommand({}))).Aliases).toEqual([]);
    });

    it.each([6, 31])('refuses a window of %d days', async (days) => {
      await expect(schedule(await aKey(), days)).rejects.toMatchObject({ name: 'ValidationException' });
    });
  });

  describe('aliases', () => {
    it('are unique', async () => {
      const TargetKeyId = await aKey();
      const create = new CreateAliasCommand({ AliasName: 'alias/acme', TargetKeyId });
      await client.send(create);

      await expect(client.send(create)).rejects.toMatchObject({ name: 'AlreadyExistsException' });
    });

    it('need a key that exists and is not pending deletion', async () => {
      const KeyId = await aKey();
      await schedule(KeyId);

      await expect(
        client.send(new CreateAliasCommand({ AliasName: 'alias/a', TargetKeyId: KeyId })),
      ).rejects.toMatchObject({ name: 'KMSInvalidStateException' });
      await expect(
        client.send(
          new CreateAliasCommand({ AliasName: 'alias/a', TargetKeyId: '00000000-0000-0000-0000-000000000000' }),
        ),
      ).rejects.toMatchObject({ name: 'NotFoundException' });
    });

    it.each([
      ['acme', 'ValidationException'],
      ['alias/a.b', 'InvalidAliasNameException'],
      ['alias/aws/s3', 'NotAuthorizedException'],
    ])('may not be called %s', async (AliasName, name) => {
      await expect(client.send(new CreateAliasCommand({ AliasName, TargetKeyId: await aKey() }))).rejects.toMatchObject(
        { name },
      );
    });

    it('move away from a key that is pending deletion, but not to one', async () => {
      const [old, fresh] = [await aKey(), await aKey()];
      await client.send(new CreateAliasCommand({ AliasName: 'alias/acme', TargetKeyId: old }));
      await schedule(old);

      await client.send(new UpdateAliasCommand({ AliasName: 'alias/acme', TargetKeyId: fresh }));

      expect((await client.send(new ListAliasesCommand({ KeyId: fresh }))).Aliases).toMatchObject([
        { AliasName: 'alias/acme', TargetKeyId: fresh },
      ]);
      expect((await client.send(new ListAliasesCommand({ KeyId: old }))).Aliases).toEqual([]);
      await expect(
        client.send(new UpdateAliasCommand({ AliasName: 'alias/acme', TargetKeyId: old })),
      ).rejects.toMatchObject({ name: 'KMSInvalidStateException' });
    });

    it('can be deleted from a key that is pending deletion; the second time there is none', async () => {
      const KeyId = await aKey();
      await client.send(new CreateAliasCommand({ AliasName: 'alias/acme', TargetKeyId: KeyId }));
      await schedule(KeyId);
      const remove = new DeleteAliasCommand({ AliasName: 'alias/acme' });

      await client.send(remove);
      await expect(client.send(remove)).rejects.toMatchObject({ name: 'NotFoundException' });
    });
  });

  describe('encryption', () => {
    const Plaintext = Buffer.from('secret');

    it('round-trips only with the same encryption context and the right key', async () => {
      const [KeyId, other] = [await aKey(), await aKey()];
      const EncryptionContext = { tenant: 'acme' };
      const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId, Plaintext, EncryptionContext }));

      const decrypted = await client.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }));

      expect(Buffer.from(decrypted.Plaintext ?? [])).toEqual(Plaintext);
      await expect(client.send(new DecryptCommand({ CiphertextBlob }))).rejects.toMatchObject({
        name: 'InvalidCiphertextException',
      });
      await expect(
        client.send(new DecryptCommand({ CiphertextBlob, EncryptionContext, KeyId: other })),
      ).rejects.toMatchObject({ name: 'IncorrectKeyException' });
    });

    it('makes data keys that decrypt to themselves', async () => {
      const KeyId = await aKey();
      const made = await client.send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256' }));

      const decrypted = await client.send(new DecryptCommand({ CiphertextBlob: made.CiphertextBlob }));

      expect(made.Plaintext).toHaveLength(32);
      expect(decrypted.Plaintext).toEqual(made.Plaintext);
    });

    it('refuses disabled keys and keys that are pending deletion', async () => {
      const KeyId = await aKey();
      await client.send(new DisableKeyCommand({ KeyId }));
      await expect(client.send(new EncryptCommand({ KeyId, Plaintext }))).rejects.toMatchObject({
        name: 'DisabledException',
      });

      await schedule(KeyId);
      await expect(client.send(new EncryptCommand({ KeyId, Plaintext }))).rejects.toMatchObject({
        name: 'KMSInvalidStateException',
      });
    });

    it('remembers the last use', async () => {
      const KeyId = await aKey();
      const before = await client.send(new GetKeyLastUsageCommand({ KeyId }));
      await client.send(new EncryptCommand({ KeyId, Plaintext }));
      const after = await client.send(new GetKeyLastUsageCommand({ KeyId }));

      expect(before.KeyLastUsage).toBeUndefined();
      expect(before.KeyCreationDate).toEqual(before.TrackingStartDate);
      expect(after.KeyLastUsage).toMatchObject({ Operation: 'Encrypt', Timestamp: new Date(estate.clock.now()) });
    });
  });
});

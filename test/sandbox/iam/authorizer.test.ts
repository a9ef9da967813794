// biome-ignore-all lint/suspicious/noTemplateCurlyInString: IAM writes policy variables like that.
import { DescribeKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  AssumeRoleCommand,
  type AssumeRoleCommandInput,
  GetCallerIdentityCommand,
  STSClient,
} from '@aws-sdk/client-sts';
import { createServices, type Services } from '../../../sandbox/aws';
import { Endpoint } from '../../../sandbox/aws/endpoint';
import { Authorizer } from '../../../sandbox/iam/authorizer';
import { Directory } from '../../../sandbox/iam/directory';
import { Sessions } from '../../../sandbox/iam/sessions';
import { VirtualClock } from '../../../sandbox/virtual-clock';

const ACCOUNT = '111122223333';
const BROKER = `arn:aws:iam::${ACCOUNT}:role/broker`;
const TENANT = `arn:aws:iam::${ACCOUNT}:role/tenant-access`;
const BUCKET = 'arn:aws:s3:::tenant-data';
const OWN = '${aws:PrincipalTag/tenant_id}';

const document = (...Statement: object[]) => ({ Version: '2012-10-17', Statement });
const allow = (Action: string | string[], Resource: string, more: object = {}) => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...more,
});

const trusting = (Condition: object) =>
  document({ Effect: 'Allow', Principal: { AWS: BROKER }, Action: ['sts:AssumeRole', 'sts:TagSession'], Condition });

let clock: VirtualClock;
let services: Services;
let endpoint: Endpoint;
let keyArn: string;

beforeAll(async () => {
  clock = new VirtualClock();
  const estate = { clock, accountId: ACCOUNT, region: 'eu-central-1' };
  const directory = new Directory();
  const sessions = new Sessions(estate);
  services = createServices(estate, {}, { directory, sessions });
  const iam = new Authorizer({ estate, services, directory }, sessions);
  directory.addRole({
    arn: BROKER,
    name: 'broker',
    trust: document({ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }),
  });
  directory.addRole({
    arn: TENANT,
    name: 'tenant-access',
    trust: trusting({ StringLike: { 'aws:RequestTag/tenant_id': '?*' } }),
    policies: {
      own: document(
        allow(['s3:GetObject', 's3:PutObject', 's3:DeleteObject'], `${BUCKET}/tenants/${OWN}/*`),
        allow('s3:ListBucket', BUCKET, { Condition: { StringLike: { 's3:prefix': `tenants/${OWN}/*` } } }),
        allow(['kms:Decrypt', 'kms:GenerateDataKey'], `arn:aws:kms:eu-central-1:${ACCOUNT}:key/*`, {
          Condition: {
            StringEquals: { 'aws:ResourceTag/tenant-id': OWN, 'kms:ViaService': 's3.eu-central-1.amazonaws.com' },
          },
        }),
      ),
    },
  });
  keyArn = services.kms.createKey({ tags: { 'tenant-id': 'acme' } });
  services.s3.createBucket({ name: 'tenant-data', versioning: true });
  endpoint = await new Endpoint({
    estate,
    services: Object.values(services).map(({ service }) => service),
    callers: (accessKeyId) =>
      sessions.callerOf(accessKeyId) ??
      (accessKeyId === 'BROKER' ? { accessKeyId, roleArn: BROKER, functionName: 'broker' } : { accessKeyId }),
    authorize: (call) => iam.authorize(call),
  }).start();
});

afterAll(() => endpoint.stop());

const settings = (accessKeyId: string) => ({
  endpoint: endpoint.url,
  region: 'eu-central-1',
  credentials: { accessKeyId, secretAccessKey: 'any' },
  maxAttempts: 1,
  forcePathStyle: true,
});

const asBroker = (input: Partial<AssumeRoleCommandInput> = {}) =>
  new STSClient(settings('BROKER')).send(
    new AssumeRoleCommand({
      RoleArn: TENANT,
      RoleSessionName: 'alice',
      Tags: [{ Key: 'tenant_id', Value: 'acme' }],
      ...input,
    }),
  );

const s3Of = async (tenantId: string) => {
  const { Credentials } = await asBroker({ Tags: [{ Key: 'tenant_id', Value: tenantId }] });
  return new S3Client(settings(Credentials?.AccessKeyId ?? ''));
};

const put = (Key: string, more: object = {}) =>
  new PutObjectCommand({ Bucket: 'tenant-data', Key, Body: 'x', ...more });

describe('a session with tags', () => {
  it('says who it is, and reaches its own prefix only', async () => {
    const { Credentials, AssumedRoleUser } = await asBroker();
    const credentials = settings(Credentials?.AccessKeyId ?? '');
    const s3 = new S3Client(credentials);

    const identity = await new STSClient(credentials).send(new GetCallerIdentityCommand({}));
    await s3.send(put('tenants/acme/a'));

    expect(identity.Arn).toBe(AssumedRoleUser?.Arn);
    expect(identity.Arn).toBe(`arn:aws:sts::${ACCOUNT}:assumed-role/tenant-access/alice`);
    await expect(s3.send(put('tenants/acme2/a'))).rejects.toMatchObject({
      name: 'AccessDenied',
      message: expect.stringContaining(
        `missing {"Effect":"Allow","Action":"s3:PutObject","Resource":"${BUCKET}/tenants/acme2/a"}`,
      ),
    });
  });

  it('lists its own prefix, and none that begins alike', async () => {
    const s3 = await s3Of('acme');
    const list = (Prefix: string) => s3.send(new ListObjectsV2Command({ Bucket: 'tenant-data', Prefix }));

    await expect(list('tenants/acme/')).resolves.toBeDefined();
    await expect(list('tenants/acme')).rejects.toMatchObject({ name: 'AccessDenied' });
    await expect(s3.send(new ListObjectsV2Command({ Bucket: 'tenant-data' }))).rejects.toMatchObject({
      name: 'AccessDenied',
    });
  });

  it('uses through S3 a key with its own tag, not another’s', async () => {
    const encrypted = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: keyArn };
    const [own, other] = [await s3Of('acme'), await s3Of('globex')];

    await own.send(put('tenants/acme/secret', encrypted));
    const read = own.send(new GetObjectCommand({ Bucket: 'tenant-data', Key: 'tenants/acme/secret' }));

    await expect(read).resolves.toBeDefined();
    await expect(other.send(put('tenants/globex/secret', encrypted))).rejects.toMatchObject({
      name: 'AccessDenied',
      message: expect.stringContaining('kms:GenerateDataKey'),
    });
  });

  it('hears 403 of an object that is not there, because it may not list without a prefix', async () => {
    const missing = (await s3Of('acme')).send(
      new GetObjectCommand({ Bucket: 'tenant-data', Key: 'tenants/acme/none' }),
    );

    await expect(missing).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  it('is told of each object of a batch that it may not delete', async () => {
    const s3 = await s3Of('acme');
    const Objects = [{ Key: 'tenants/acme/b' }, { Key: 'tenants/globex/b' }];

    const { Deleted, Errors } = await s3.send(new DeleteObjectsCommand({ Bucket: 'tenant-data', Delete: { Objects } }));

    expect(Deleted?.map(({ Key }) => Key)).toEqual(['tenants/acme/b']);
    expect(Errors).toMatchObject([{ Key: 'tenants/globex/b', Code: 'AccessDenied' }]);
  });

  it('may do what its session policy leaves', async () => {
    const Policy = JSON.stringify(document(allow('s3:GetObject', '*')));
    const { Credentials } = await asBroker({ Policy });

    await expect(
      new S3Client(settings(Credentials?.AccessKeyId ?? '')).send(put('tenants/acme/c')),
    ).rejects.toMatchObject({
      message: expect.stringContaining('no session policy allows'),
    });
  });

  it('ends by the virtual clock', async () => {
    const { Credentials } = await asBroker({ DurationSeconds: 900 });
    const credentials = settings(Credentials?.AccessKeyId ?? '');

    await clock.advance(901_000);

    await expect(new S3Client(credentials).send(put('tenants/acme/d'))).rejects.toMatchObject({ name: 'ExpiredToken' });
    await expect(new KMSClient(credentials).send(new DescribeKeyCommand({ KeyId: keyArn }))).rejects.toMatchObject({
      name: 'ExpiredTokenException',
    });
  });
});

describe('AssumeRole', () => {
  it.each([
    ['without the tag that the trust policy demands', { Tags: [] }, 'AccessDenied'],
    ['with an empty tag', { Tags: [{ Key: 'tenant_id', Value: '' }] }, 'AccessDenied'],
    ['of a role that does not exist', { RoleArn: `${TENANT}-2` }, 'AccessDenied'],
    ['for longer than a chained session may last', { DurationSeconds: 3601 }, 'ValidationError'],
    [
      'with one key twice',
      {
        Tags: [
          { Key: 'tenant_id', Value: 'a' },
          { Key: 'TENANT_ID', Value: 'b' },
        ],
      },
      'InvalidParameterValue',
    ],
  ] as const)('%s is refused', async (_title, input, name) => {
    await expect(asBroker(input as Partial<AssumeRoleCommandInput>)).rejects.toMatchObject({ name });
  });

  it('by the operator needs the trust policy as well', async () => {
    const sts = new STSClient(settings('sandbox'));
    const Tags = [{ Key: 'tenant_id', Value: 'acme' }];

    await expect(
      sts.send(new AssumeRoleCommand({ RoleArn: TENANT, RoleSessionName: 'me', Tags })),
    ).rejects.toMatchObject({
      name: 'AccessDenied',
    });
  });
});

describe('credentials that look like a session’s and are none', () => {
  it('are refused, not taken for the operator’s', async () => {
    await expect(new S3Client(settings('ASIA0000000000000000')).send(put('tenants/acme/e'))).rejects.toMatchObject({
      name: 'InvalidClientTokenId',
    });
  });
});

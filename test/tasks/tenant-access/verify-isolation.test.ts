import { BedrockAgentRuntimeClient } from '@aws-sdk/client-bedrock-agent-runtime';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { KMSClient } from '@aws-sdk/client-kms';
import { PutObjectCommand, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import type { Check } from '../../../tasks/tenant-access/contract';
import { handler } from '../../../tasks/tenant-access/verify-isolation';
import { anAwsError } from '../../support/aws-errors';
import {
  AUDIT_BUCKET,
  aContext,
  aKeyArn,
  aLedgerItem,
  aStateItem,
  aTaskInput,
  DATA_BUCKET,
  DATA_TABLE,
  REGISTRY_TABLE,
  setEnvironment,
} from '../../support/builders';
import { captureOutput } from '../../support/output';

type Input = Readonly<Record<string, unknown>>;
interface Asked {
  /** Whose session asks; undefined: the function itself. */
  readonly tenant: string | undefined;
  readonly command: string;
  readonly input: Input;
}

const dynamodb = mockClient(DynamoDBDocumentClient);
const s3 = mockClient(S3Client);
const sts = mockClient(STSClient);
/** What all stubs have, whatever their client. */
interface Stub {
  reset(): unknown;
  onAnyCommand(): { callsFake(fake: (input: Input, getClient: () => unknown) => unknown): unknown };
  calls(): readonly { readonly args: readonly [object, ...unknown[]] }[];
}
const clients = [
  dynamodb,
  s3,
  sts,
  mockClient(KMSClient),
  mockClient(CloudWatchLogsClient),
  mockClient(BedrockAgentRuntimeClient),
] as unknown as readonly Stub[];

/** An AWS that lets a session do what isolates tenants; a test widens or narrows it. */
let allows: (asked: Asked) => boolean;
/** An answer in place of the usual one, once IAM has let the call through. */
let answers: (asked: Asked) => Error | undefined;
let ledger: object[];
let stored: Map<string, unknown>;

const OWN: Readonly<Record<string, (tenant: string, input: Input) => boolean>> = {
  GetCommand: (tenant, { TableName, Key }) =>
    TableName === DATA_TABLE && (Key as { pk: string }).pk === `TENANT#${tenant}`,
  PutCommand: (tenant, { TableName, Item }) =>
    TableName === DATA_TABLE && (Item as { pk: string }).pk.startsWith(`TENANT#${tenant}#`),
  GetObjectCommand: (tenant, { Key }) => String(Key).startsWith(`tenants/${tenant}/`),
  HeadObjectCommand: (tenant, { Key }) => String(Key).startsWith(`tenants/${tenant}/`),
  PutObjectCommand: (tenant, { Key, SSEKMSKeyId }) =>
    String(Key).startsWith(`tenants/${tenant}/`) && SSEKMSKeyId === aKeyArn(),
  UploadPartCommand: (tenant, { Key }) => String(Key).startsWith(`tenants/${tenant}/`),
  ListObjectsV2Command: (tenant, { Bucket, Prefix }) =>
    Bucket === DATA_BUCKET && String(Prefix).startsWith(`tenants/${tenant}/`),
  GenerateDataKeyCommand: (tenant, { KeyId }) => tenant === 'acme' && KeyId === aKeyArn(),
  DecryptCommand: (tenant, { KeyId }) => tenant === 'acme' && KeyId === aKeyArn(),
  FilterLogEventsCommand: (tenant, { logGroupName }) =>
    logGroupName === `/tenant-lifecycle/dev/tenants/${tenant}/audit`,
  RetrieveCommand: (tenant, { knowledgeBaseId }) => tenant === 'acme' && knowledgeBaseId === 'KB1',
};

const isolated = ({ tenant, command, input }: Asked): boolean => {
  if (command !== 'AssumeRoleCommand') return tenant === undefined || OWN[command]?.(tenant, input) === true;
  const tags = new Map((input['Tags'] as { Key: string; Value: string }[]).map(({ Key, Value }) => [Key, Value]));
  const known = [...tags.keys()].every((key) => ['tenant_id', 'user_id'].includes(key));
  return tenant === undefined && known && (tags.get('tenant_id') ?? '') !== '';
};

const DENIED = (command: string) =>
  command === 'HeadObjectCommand'
    ? new S3ServiceException({ name: 'Unknown', $fault: 'client', $metadata: { httpStatusCode: 403 } })
    : anAwsError(/Object|UploadPart|AssumeRole/.test(command) ? 'AccessDenied' : 'AccessDeniedException');

/** What the services answer to what they let through. */
function answered({ tenant, command, input }: Asked): unknown {
  switch (command) {
    case 'AssumeRoleCommand': {
      const tag = (input['Tags'] as { Key: string; Value: string }[]).find(({ Key }) => Key === 'tenant_id');
      const AccessKeyId = `ASIA/${tag?.Value}`;
      return { Credentials: { AccessKeyId, SecretAccessKey: 's', SessionToken: 't', Expiration: new Date(0) } };
    }
    case 'GetCommand':
      return { Item: tenant === undefined ? aStateItem() : {} };
    case 'QueryCommand':
      return { Items: input['TableName'] === REGISTRY_TABLE ? [aStateItem(), ...ledger] : [] };
    case 'PutCommand':
      throw anAwsError('ConditionalCheckFailedException');
    case 'PutObjectCommand': {
      if (tenant !== undefined) throw anAwsError('PreconditionFailed', 'there is one', 412);
      const key = String(input['Key']);
      if (stored.has(key)) throw anAwsError('PreconditionFailed', 'there is one', 412);
      stored.set(key, JSON.parse(String(input['Body'])));
      return {};
    }
    case 'UploadPartCommand':
      throw anAwsError('NoSuchUpload', 'there is none', 404);
    case 'GetObjectCommand': {
      const record = stored.get(String(input['Key']));
      return { Body: { transformToString: async () => JSON.stringify(record) } };
    }
    case 'GenerateDataKeyCommand':
      return { CiphertextBlob: new Uint8Array([1]) };
    default:
      return {};
  }
}

beforeEach(() => {
  captureOutput();
  setEnvironment();
  allows = isolated;
  answers = () => undefined;
  stored = new Map();
  ledger = [aLedgerItem(), aLedgerItem({ type: 'knowledge-base', physicalId: 'KB1' })];
  for (const client of clients) {
    client.reset();
    client.onAnyCommand().callsFake(async (input: Input, getClient: () => unknown) => {
      const { config } = getClient() as { config: { credentials: () => Promise<{ accessKeyId: string }> } };
      const calls = client.calls();
      const command = calls[calls.length - 1]?.args[0].constructor.name ?? '';
      const tenant = await sessionOf(config.credentials);
      const asked = { tenant, command, input };
      if (!allows(asked)) throw DENIED(command);
      const error = answers(asked);
      if (error !== undefined) throw error;
      return answered(asked);
    });
  }
});

afterEach(() => jest.restoreAllMocks());

/** Credentials of a session tell its tenant; the function's own are not there in a test. */
async function sessionOf(credentials: () => Promise<{ accessKeyId: string }>): Promise<string | undefined> {
  try {
    return /^ASIA\/(.*)$/.exec((await credentials()).accessKeyId)?.[1];
  } catch {
    return undefined;
  }
}

const INPUT = aTaskInput({ step: 'Verify isolation' });
const run = () => handler(INPUT, aContext());
const RESULT = 'audit/acme/onboard--acme--request-1/verify-isolation-checks';
const checksIn = (outcome: string) => (stored.get(`${RESULT}-${outcome}.json`) as { checks: Check[] }).checks;

describe('verify-isolation', () => {
  it('archives every call that was tried, with the answer that it must get', async () => {
    const output = await run();

    const checks = checksIn('succeeded');
    expect(output).toEqual({ checks: checks.length });
    expect(checks.every(({ expected, answer }) => expected === answer)).toBe(true);
    expect(new Set(checks.map(({ session, expected }) => `${session} ${expected}`))).toEqual(
      new Set(['tenant allowed', 'tenant denied', 'neighbour denied', 'none denied']),
    );
    expect(stored.get(`${RESULT}-succeeded.json`)).toMatchObject({ tenantId: 'acme', outcome: 'SUCCEEDED' });
  });

  it('tries on the tenant, as its neighbour, whatever it tries as the tenant', async () => {
    await run();

    const calls = (session: string, expected: string) =>
      checksIn('succeeded')
        .filter((check) => check.session === session && check.expected === expected)
        .map(({ call }) => call);
    expect(calls('neighbour', 'denied')).toEqual(calls('tenant', 'allowed'));
    expect(calls('tenant', 'allowed').map((call) => call.split(' ')[0])).toEqual([
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      's3:GetObject',
      's3:GetObject',
      's3:PutObject',
      's3:PutObject',
      's3:ListBucket',
      'kms:GenerateDataKey',
      'kms:Decrypt',
      'logs:FilterLogEvents',
      'bedrock:Retrieve',
    ]);
  });

  it('asks no knowledge base of a tenant that has none', async () => {
    ledger = [aLedgerItem()];

    await run();

    expect(checksIn('succeeded').some(({ call }) => call.startsWith('bedrock:'))).toBe(false);
  });

  it('starts short sessions: for the tenant, and for an id that is its start and no tenant’s', async () => {
    await run();

    const started = sts.commandCalls(AssumeRoleCommand).map(({ args: [{ input }] }) => input);
    expect(started).toEqual(
      expect.arrayContaining(
        ['acme', 'ac'].map((tenant) => ({
          RoleArn: 'arn:aws:iam::123456789012:role/tenant-access',
          RoleSessionName: `${tenant}@verify-isolation`,
          DurationSeconds: 900,
          Tags: [
            { Key: 'tenant_id', Value: tenant },
            { Key: 'user_id', Value: 'verify-isolation' },
          ],
        })),
      ),
    );
  });

  const HOLES: readonly (readonly [hole: string, open: (asked: Asked) => boolean, named: string])[] = [
    [
      'leading keys without a delimiter',
      ({ tenant, command, input }) =>
        command === 'GetCommand' && (input['Key'] as { pk: string }).pk.startsWith(`TENANT#${tenant}`),
      "dynamodb:GetItem TENANT#acme0 by the tenant's session; dynamodb:GetItem TENANT#acme, the registry by the tenant's session; dynamodb:GetItem TENANT#acme by a neighbour's session",
    ],
    ['a scan', ({ command }) => command === 'ScanCommand', "dynamodb:Scan by the tenant's session"],
    [
      'an index',
      ({ command, input }) => command === 'QueryCommand' && input['IndexName'] !== undefined,
      "dynamodb:Query index by-tenant by the tenant's session",
    ],
    [
      'memberships',
      ({ command, input }) => command === 'PutCommand' && input['TableName'] === 'memberships',
      "dynamodb:PutItem TENANT#acme, memberships by the tenant's session",
    ],
    [
      'a list without prefix',
      ({ command, input }) => command === 'ListObjectsV2Command' && input['Prefix'] === undefined,
      "s3:ListBucket without a prefix by the tenant's session",
    ],
    [
      'a list by a prefix without delimiter',
      ({ tenant, command, input }) => command === 'ListObjectsV2Command' && input['Prefix'] === `tenants/${tenant}`,
      "s3:ListBucket tenants/acme by the tenant's session",
    ],
    [
      'objects to read, and no key to read them with',
      ({ command }) => command === 'HeadObjectCommand',
      "s3:GetObject tenants/acme/.provisioned, metadata by a neighbour's session",
    ],
    [
      'objects to write, and no key to write them with',
      ({ command }) => command === 'UploadPartCommand',
      "s3:PutObject tenants/acme0/.provisioned, a part by the tenant's session; s3:PutObject tenants/acme/.provisioned, a part by a neighbour's session",
    ],
    [
      'uploads that the tenant’s key does not reach',
      ({ tenant, command, input }) =>
        command === 'PutObjectCommand' && input['Key'] === `tenants/${tenant}/.provisioned`,
      "s3:PutObject tenants/acme/.provisioned, under no key of the tenant by the tenant's session",
    ],
    [
      'any key that is tagged',
      ({ command }) => command === 'DecryptCommand',
      `kms:Decrypt ${aKeyArn()} by a neighbour's session`,
    ],
    [
      'the key of all tenants',
      ({ command, input }) => command === 'GenerateDataKeyCommand' && input['KeyId'] === aKeyArn('data'),
      `kms:GenerateDataKey ${aKeyArn('data')} by the tenant's session`,
    ],
    [
      'a knowledge base of another tenant',
      ({ command }) => command === 'RetrieveCommand',
      "bedrock:Retrieve KB1 by a neighbour's session",
    ],
    [
      'a session that tags itself anew',
      ({ tenant, command }) => command === 'AssumeRoleCommand' && tenant !== undefined,
      "sts:AssumeRole for acme0 by the tenant's session",
    ],
    [
      'an empty tag',
      ({ command, input }) =>
        command === 'AssumeRoleCommand' && (input['Tags'] as { Value: string }[])[0]?.Value === '',
      'sts:AssumeRole with an empty tenant by a caller without tenant',
    ],
    [
      'no tag',
      ({ command, input }) => command === 'AssumeRoleCommand' && (input['Tags'] as unknown[]).length === 0,
      'sts:AssumeRole without a tenant by a caller without tenant',
    ],
  ];

  it.each(HOLES)('stops on %s, names the calls, and archives them', async (_hole, open, named) => {
    allows = (asked) => isolated(asked) || open(asked);

    await expect(run()).rejects.toMatchObject({
      name: 'IsolationBreachError',
      message: `tenant acme: let through and should not be: ${named}`,
    });
    const wrong = checksIn('refused').filter(({ expected, answer }) => expected !== answer);
    expect(wrong.length).toBe(named.split('; ').length);
    expect(stored.has('audit/acme/onboard--acme--request-1/verify-isolation.json')).toBe(false);
  });

  it.each([
    'GetCommand',
    'PutCommand',
    'GetObjectCommand',
    'HeadObjectCommand',
    'PutObjectCommand',
    'UploadPartCommand',
    'ListObjectsV2Command',
    'GenerateDataKeyCommand',
    'FilterLogEventsCommand',
    'RetrieveCommand',
  ])('waits while the tenant’s own %s is still denied, and archives nothing', async (denied) => {
    allows = (asked) => isolated(asked) && !(asked.tenant === 'acme' && asked.command === denied);

    await expect(run()).rejects.toMatchObject({ name: 'NotReadyError' });
    expect(stored.size).toBe(0);
  });

  it('waits while the key is not known everywhere', async () => {
    answers = ({ command }) => (command === 'GenerateDataKeyCommand' ? anAwsError('DisabledException') : undefined);

    await expect(run()).rejects.toMatchObject({ name: 'NotReadyError' });
  });

  it('takes no throttling for a denial', async () => {
    answers = ({ command }) => (command === 'GetObjectCommand' ? anAwsError('SlowDown', 'slow', 503) : undefined);

    await expect(run()).rejects.toMatchObject({ name: 'ThrottledError' });
    expect(stored.size).toBe(0);
  });

  it('takes no answer of AWS that it does not know for one of the two', async () => {
    answers = ({ tenant, command }) =>
      tenant === 'acme' && command === 'RetrieveCommand' ? anAwsError('SomethingNewException') : undefined;

    await expect(run()).rejects.toMatchObject({ name: 'RejectedCallError' });
  });

  it('leaves the first result as it stands when it runs again', async () => {
    await run();
    const first = stored.get(`${RESULT}-succeeded.json`);
    jest.useFakeTimers({ now: new Date('2030-01-01'), doNotFake: ['nextTick', 'setImmediate'] });

    await run();
    jest.useRealTimers();

    expect(stored.get(`${RESULT}-succeeded.json`)).toBe(first);
    expect(
      s3.commandCalls(PutObjectCommand).filter(({ args: [{ input }] }) => input.Bucket === AUDIT_BUCKET),
    ).toHaveLength(4);
  });

  it('needs the ledger’s key', async () => {
    ledger = [aLedgerItem({ phase: 'INTENT' })];

    await expect(run()).rejects.toMatchObject({ name: 'VerificationFailedError' });
    expect(sts.commandCalls(AssumeRoleCommand)).toHaveLength(0);
  });

  it('runs again when STS gives a session without credentials', async () => {
    sts.on(AssumeRoleCommand).resolves({});

    await expect(run()).rejects.toMatchObject({ name: 'TransientError' });
  });

  it('reads the ledger with a query of its own tenant’s partition alone', async () => {
    await run();

    const queries = dynamodb
      .commandCalls(QueryCommand, { TableName: REGISTRY_TABLE })
      .map(({ args: [{ input }] }) => input);
    expect(queries.map(({ ExpressionAttributeValues }) => ExpressionAttributeValues)).toEqual([
      { ':pk': 'TENANT#acme' },
    ]);
  });
});

import { readPolicy } from '../../sandbox/iam/policy';
import { onboardToTheEnd } from '../../sandbox/requests';
import { auditRecordKey, PRINCIPAL_TAG } from '../../tasks/shared/names';
import type { Check } from '../../tasks/tenant-access/contract';
import {
  aRequest,
  executionArnOf,
  functionName,
  redriveToTheEnd,
  stateOf,
  useApp,
  withoutPausesOfTheSdk,
} from '../lifecycle/app-under-test';

withoutPausesOfTheSdk();
const app = useApp();

const roleArn = () => `arn:aws:iam::000000000000:role/${functionName('tenant-access')}`;

/** The archived result of the tenant's onboarding. */
function checksOf(tenantId: string, outcome: string): readonly Check[] {
  const executionArn = executionArnOf(app(), { tenantId, requestId: 'request-1' });
  const key = auditRecordKey(tenantId, executionArn, `Verify isolation checks ${outcome}`);
  const body = app().services.s3.bucket(app().output('AuditBucketName'))?.current(key)?.content?.body.toString('utf8');
  return body === undefined ? [] : (JSON.parse(body) as { checks: Check[] }).checks;
}

/** A grant that somebody adds to the role of the tenants' sessions. */
function grant(statement: Readonly<Record<string, unknown>>): () => void {
  const policies = app().directory.role(roleArn())?.policies;
  if (policies === undefined) throw new Error('there is no tenant-access role');
  const document = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] };
  policies.push(readPolicy('a hole', document, 'identity'));
  return () => void policies.pop();
}

/** The bucket's policy without what keeps tenants apart, or without other statements of it. */
function openBucket(without = /Tenant/): () => void {
  const arn = `arn:aws:s3:::${app().output('DataBucketName')}`;
  const before = app().directory.policyOf(arn)?.policy;
  if (before === undefined) throw new Error('the data bucket has no policy');
  const { statements } = before;
  const left = statements.filter(({ label }) => !without.test(label));
  Object.assign(before, { statements: left });
  return () => void Object.assign(before, { statements });
}

/** The objects of all tenants, in role and bucket. Their keys stay shut. */
function openObjects(Action: string): () => void {
  const close = [grant({ Action, Resource: `${BUCKET()}/tenants/*` }), openBucket()];
  return () => close.forEach((one) => void one());
}

/** A trust policy that somebody writes who forgets the tag. */
function forgetTag(): () => void {
  const role = app().directory.role(roleArn());
  const trust = role?.trust;
  const document = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { AWS: 'arn:aws:iam::000000000000:root' },
        Action: ['sts:AssumeRole', 'sts:TagSession'],
        Condition: { ArnEquals: { 'aws:PrincipalArn': roleArn().replace('tenant-access', 'verify-isolation') } },
      },
    ],
  };
  Object.assign(role ?? {}, { trust: readPolicy('a forgetful trust', document, 'trust') });
  return () => void Object.assign(role ?? {}, { trust });
}

const TABLE = () => `arn:aws:dynamodb:us-east-1:000000000000:table/${app().output('DataTableName')}`;
const BUCKET = () => `arn:aws:s3:::${app().output('DataBucketName')}`;
const KEYS = 'arn:aws:kms:us-east-1:000000000000:key/*';

describe('Verify isolation', () => {
  it('lets a tenant through whose sessions reach what is the tenant’s alone, and archives what it tried', async () => {
    const { status } = await onboardToTheEnd(app(), aRequest({ tenantId: 'acme', tier: 'premium' }));

    const checks = checksOf('acme', 'succeeded');
    expect(status).toBe('SUCCEEDED');
    expect((await stateOf(app(), 'acme')).status).toBe('ACTIVE');
    expect(checks.length).toBeGreaterThan(30);
    expect(checks.filter(({ expected, answer }) => expected !== answer)).toEqual([]);
    expect(checks.map(({ call }) => call)).toContainEqual(expect.stringMatching(/^bedrock:Retrieve /));
  });

  const HOLES: readonly (readonly [hole: string, plant: () => () => void, named: RegExp])[] = [
    [
      'leading keys without a delimiter',
      () =>
        grant({
          Action: 'dynamodb:GetItem',
          Resource: TABLE(),
          Condition: {
            'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [`TENANT#\${aws:PrincipalTag/${PRINCIPAL_TAG}}*`] },
          },
        }),
      /dynamodb:GetItem TENANT#(\w+)0 by the tenant's session; dynamodb:GetItem TENANT#\1 by a neighbour's session$/,
    ],
    [
      'a scan of the table',
      () => grant({ Action: ['dynamodb:Scan'], Resource: TABLE() }),
      /: dynamodb:Scan by the tenant's session$/,
    ],
    [
      'writes to the objects of all tenants, in both layers',
      () => openObjects('s3:PutObject'),
      /: s3:PutObject tenants\/(\w+)0\/\.provisioned, a part by the tenant's session; s3:PutObject tenants\/\1\/\.provisioned, a part by a neighbour's session$/,
    ],
    [
      'reads of the objects of all tenants, in both layers',
      () => openObjects('s3:GetObject'),
      /: s3:GetObject tenants\/\w+\/\.provisioned, metadata by a neighbour's session$/,
    ],
    [
      'uploads that the tenant’s key does not reach',
      () => openBucket(/NameNoKey/),
      /: s3:PutObject tenants\/\w+\/\.provisioned, under no key of the tenant by the tenant's session$/,
    ],
    [
      'sessions without a tag',
      () => forgetTag(),
      /: sts:AssumeRole without a tenant by a caller without tenant; sts:AssumeRole with an empty tenant by a caller without tenant; sts:AssumeRole with a further tag by a caller without tenant$/,
    ],
  ];

  it.each(HOLES)(
    'keeps a tenant from becoming ACTIVE because of %s, until it is closed',
    async (hole, plant, named) => {
      const tenantId = `hole${HOLES.findIndex(([name]) => name === hole)}`;
      const close = plant();

      const failed = await onboardToTheEnd(app(), aRequest({ tenantId }));
      close();

      const { status, lastFailure } = await stateOf(app(), tenantId);
      expect(status).toBe('ONBOARDING_FAILED');
      expect(lastFailure).toMatchObject({ step: 'Verify isolation', error: 'IsolationBreachError', attempt: 1 });
      expect(lastFailure?.message).toMatch(named);
      expect(checksOf(tenantId, 'refused').some(({ expected, answer }) => expected !== answer)).toBe(true);
      expect((await redriveToTheEnd(app(), failed.executionArn)).status).toBe('SUCCEEDED');
      expect((await stateOf(app(), tenantId)).status).toBe('ACTIVE');
    },
  );

  it('finds nothing of the tenant open while the second layer stands: the key’s policy and the bucket’s', async () => {
    const close = [
      grant({ Action: 'kms:*', Resource: KEYS }),
      grant({ Action: 's3:*', Resource: [BUCKET(), `${BUCKET()}/*`] }),
    ];

    const { status } = await onboardToTheEnd(app(), aRequest({ tenantId: 'layered' }));
    for (const one of close.reverse()) one();

    // The platform's key has no tenant in its policy: it is shared, and only the role keeps sessions away from it.
    expect((await stateOf(app(), 'layered')).lastFailure?.message).toMatch(
      /: kms:GenerateDataKey arn:\S+ by the tenant's session$/,
    );
    expect(status).toBe('FAILED');
  });
});

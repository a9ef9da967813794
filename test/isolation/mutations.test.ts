// biome-ignore-all lint/suspicious/noTemplateCurlyInString: IAM writes policy variables like that.
import { PARTS, type Part } from './findings';
import { ACCOUNT, APP, aStage, named, ofType, REGION, roleArnOf, roleOf, type Stage, statementsOf } from './policies';

// biome-ignore lint/suspicious/noExplicitAny: mutations reach into documents of any shape.
type Statement = any;

const TAG = '${aws:PrincipalTag/tenant_id}';
const BUCKET = 's3:ListBucket';

const tenantRole = (stage: Stage) => roleOf(stage, 'tenant-access');
const trust = (stage: Stage): Statement[] => tenantRole(stage).AssumeRolePolicyDocument.Statement;
const bucketPolicy = (stage: Stage) => named(stage, 'AWS::S3::BucketPolicy', 'DataBucket').PolicyDocument;
const client = (stage: Stage) => ofType(stage, 'AWS::Cognito::UserPoolClient')[0]?.[1];
const pool = (stage: Stage) => ofType(stage, 'AWS::Cognito::UserPool')[0]?.[1];
const identityPool = (stage: Stage) => ofType(stage, 'AWS::Cognito::IdentityPool')[0]?.[1];

/** Statements of the tenant-access role that allow the action. */
function allowing(stage: Stage, action: string): Statement[] {
  const found = statementsOf(tenantRole(stage)).filter(({ Action }) => [Action].flat().includes(action));
  if (found.length === 0) throw new Error(`no statement of the tenant-access role allows ${action}`);
  return found;
}

/** Gives the statements another text: what a slip of the keyboard does. */
function replace(statements: readonly Statement[], from: string | RegExp, to: string): void {
  for (const statement of statements) {
    const text = JSON.stringify(statement);
    const changed = text.replaceAll(from instanceof RegExp ? new RegExp(from, 'g') : from, to);
    if (changed === text) throw new Error(`${text} does not say ${from}`);
    for (const key of Object.keys(statement)) delete statement[key];
    Object.assign(statement, JSON.parse(changed));
  }
}

const grant = (role: Statement, statement: object) =>
  role.Policies[0].PolicyDocument.Statement.push({ Effect: 'Allow', ...statement });

const tableArn = (stage: Stage): string => [allowing(stage, 'dynamodb:GetItem')[0].Resource].flat()[0];

/** Changes the policy that tasks give to each key. */
function changeKeyPolicy(stage: Stage, change: (statements: Statement[]) => Statement[]): void {
  const before = stage.keyPolicyOf;
  stage.keyPolicyOf = (tenantId) => {
    const policy = structuredClone(before(tenantId));
    return { ...policy, Statement: change(policy.Statement) };
  };
}

const without = (sid: string) => (statements: Statement[]) => statements.filter(({ Sid }) => Sid !== sid);

/** A mistake, how it is made, and the parts of the suite that have to see it. */
type Mutation = readonly [mistake: string, plant: (stage: Stage) => void, parts: readonly Part[]];

const OF_IDENTITY: readonly Mutation[] = [
  [
    'I1: an app client that may write the tenant',
    (stage) => client(stage).WriteAttributes.push('custom:tenant_id'),
    ['offences'],
  ],
  ['I2: writable attributes left unset', (stage) => delete client(stage).WriteAttributes, ['offences']],
  ['I2: writable attributes left empty', (stage) => client(stage).WriteAttributes.splice(0), ['offences']],
  [
    'I3: users who sign up by themselves',
    (stage) => Object.assign(pool(stage).AdminCreateUserConfig, { AllowAdminCreateUserOnly: false }),
    ['offences'],
  ],
  [
    'I4: an identity provider that writes the tenant',
    (stage) => {
      stage.resources['Provider'] = {
        Type: 'AWS::Cognito::UserPoolIdentityProvider',
        Properties: { AttributeMapping: { 'custom:tenant_id': 'org' } },
      };
    },
    ['offences'],
  ],
  ['I5: the implicit flow', (stage) => client(stage).AllowedOAuthFlows.push('implicit'), ['offences']],
  [
    'I5: tokens that may edit their user',
    (stage) => client(stage).AllowedOAuthScopes.push('aws.cognito.signin.user.admin'),
    ['offences'],
  ],
  [
    'I5: a password flow, whose tokens may do so too',
    (stage) => client(stage).ExplicitAuthFlows.push('ALLOW_USER_PASSWORD_AUTH'),
    ['offences'],
  ],
  [
    'I6: the tenant as a required attribute',
    (stage) => {
      for (const attribute of pool(stage).Schema) if (attribute.Name === 'tenant_id') attribute.Required = true;
    },
    ['offences'],
  ],
  [
    'I7: the tenant attribute under another name',
    (stage) => {
      for (const attribute of pool(stage).Schema) if (attribute.Name === 'tenant_id') attribute.Name = 'tenant';
    },
    ['offences'],
  ],
  ['I8: addresses that nobody has verified', (stage) => delete pool(stage).AutoVerifiedAttributes, ['offences']],
  [
    'I9: a second app with the same sign-in',
    (stage) => {
      stage.resources['SecondApp'] = { Type: 'AWS::Cognito::UserPoolClient', Properties: { ...client(stage) } };
    },
    ['offences'],
  ],
  [
    'I9: an identity provider that another app may trust as well',
    (stage) => Object.assign(client(stage), { SupportedIdentityProviders: ['COGNITO', 'Corporate'] }),
    ['offences'],
  ],
  [
    'I9: credentials for the tokens of a second app',
    (stage) => identityPool(stage)?.CognitoIdentityProviders.push({ ClientId: 'another', ServerSideTokenCheck: true }),
    ['offences'],
  ],
  ['I10: groups and claims that no trigger cuts', (stage) => delete pool(stage).LambdaConfig, ['offences']],
  [
    'I11: a group with a role',
    (stage) => {
      stage.resources['Group'] = {
        Type: 'AWS::Cognito::UserPoolGroup',
        Properties: { GroupName: 'acme', RoleArn: roleArnOf('acme') },
      };
    },
    ['offences'],
  ],
  [
    'I11: a role by token',
    (stage) =>
      Object.assign(ofType(stage, 'AWS::Cognito::IdentityPoolRoleAttachment')[0]?.[1] ?? {}, {
        RoleMappings: { pool: { Type: 'Token', AmbiguousRoleResolution: 'AuthenticatedRole' } },
      }),
    ['offences'],
  ],
  ['I12: the classic flow', (stage) => Object.assign(identityPool(stage), { AllowClassicFlow: true }), ['offences']],
  [
    'I12: guests',
    (stage) => Object.assign(identityPool(stage), { AllowUnauthenticatedIdentities: true }),
    ['offences'],
  ],
  [
    'I12: tokens of users that are signed out',
    (stage) => delete identityPool(stage).CognitoIdentityProviders[0].ServerSideTokenCheck,
    ['offences'],
  ],
  [
    'I13: a trust without aud',
    (stage) => {
      for (const { Condition } of trust(stage)) delete Condition.StringEquals;
    },
    ['starts'],
  ],
  [
    'I13: a trust without amr',
    (stage) => {
      for (const { Condition } of trust(stage)) delete Condition['ForAnyValue:StringLike'];
    },
    ['starts'],
  ],
  [
    'a tag that comes from an attribute instead of the claim',
    (stage) =>
      Object.assign(ofType(stage, 'AWS::Cognito::IdentityPoolPrincipalTag')[0]?.[1] ?? {}, {
        PrincipalTags: { tenant_id: 'custom:tenant_id' },
      }),
    ['offences'],
  ],
];

const OF_SESSIONS: readonly Mutation[] = [
  [
    'no tag demanded by the trust',
    (stage) => {
      for (const { Condition } of trust(stage)) delete Condition.StringLike;
    },
    ['starts'],
  ],
  [
    'an empty tag accepted by the trust',
    (stage) => replace(trust(stage), '"aws:RequestTag/tenant_id":"?*"', '"aws:RequestTag/tenant_id":"*"'),
    ['starts'],
  ],
  [
    'any further tag accepted by the trust',
    (stage) => {
      for (const { Condition } of trust(stage)) delete Condition['ForAllValues:StringEquals'];
    },
    ['starts'],
  ],
  [
    'a trust in the whole account, and the right to assume',
    (stage) => {
      for (const { Condition } of trust(stage)) delete Condition.ArnEquals;
      grant(roleOf(stage, 'verify-tenant'), { Action: 'sts:*', Resource: '*' });
    },
    ['starts'],
  ],
  [
    'a role that trusts itself',
    (stage) => {
      for (const { Condition } of trust(stage))
        Condition.ArnEquals?.['aws:PrincipalArn'].push?.(roleArnOf(`${APP.name}-${APP.stage}-tenant-access`));
      for (const { Condition } of trust(stage))
        if (typeof Condition.ArnEquals?.['aws:PrincipalArn'] === 'string')
          Condition.ArnEquals['aws:PrincipalArn'] = [
            Condition.ArnEquals['aws:PrincipalArn'],
            roleArnOf(`${APP.name}-${APP.stage}-tenant-access`),
          ];
      grant(tenantRole(stage), { Action: ['sts:AssumeRole', 'sts:TagSession'], Resource: '*' });
    },
    ['starts', 'matrix'],
  ],
  [
    'TagSession forgotten, so that no session starts',
    (stage) => {
      for (const statement of trust(stage)) statement.Action = statement.Action[0];
    },
    ['starts'],
  ],
  [
    'a tenant of its own on the role',
    (stage) => Object.assign(tenantRole(stage), { Tags: [{ Key: 'Tenant_Id', Value: 'acme' }] }),
    ['offences', 'matrix'],
  ],
  [
    'sessions of twelve hours',
    (stage) => Object.assign(tenantRole(stage), { MaxSessionDuration: 43_200 }),
    ['offences'],
  ],
];

const OF_DATA: readonly Mutation[] = [
  [
    'leading keys without a delimiter',
    (stage) => replace(allowing(stage, 'dynamodb:GetItem'), `${TAG}#*`, `${TAG}*`),
    ['matrix', 'offences'],
  ],
  [
    'leading keys without a Null guard',
    (stage) => {
      for (const { Condition } of allowing(stage, 'dynamodb:Query')) delete Condition.Null['dynamodb:LeadingKeys'];
    },
    ['matrix', 'offences'],
  ],
  [
    'leading keys of any item of a batch',
    (stage) => replace(allowing(stage, 'dynamodb:BatchGetItem'), 'ForAllValues:', 'ForAnyValue:'),
    ['matrix', 'offences'],
  ],
  [
    'a default for a missing tag',
    (stage) => replace(allowing(stage, 'dynamodb:GetItem'), TAG, "${aws:PrincipalTag/tenant_id, '*'}"),
    ['offences'],
  ],
  [
    'dynamodb:* on leading keys, without the Null guard',
    (stage) =>
      grant(tenantRole(stage), {
        Action: 'dynamodb:*',
        Resource: tableArn(stage),
        Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [`TENANT#${TAG}#*`] } },
      }),
    ['matrix', 'offences'],
  ],
  [
    'a scan',
    (stage) => grant(tenantRole(stage), { Action: 'dynamodb:Scan', Resource: tableArn(stage) }),
    ['matrix', 'offences'],
  ],
  [
    'PartiQL',
    (stage) => {
      for (const statement of allowing(stage, 'dynamodb:Query')) statement.Action.push('dynamodb:PartiQLSelect');
    },
    ['matrix'],
  ],
  [
    'every index of the table',
    (stage) => grant(tenantRole(stage), { Action: 'dynamodb:Query', Resource: `${tableArn(stage)}/index/*` }),
    ['matrix', 'offences'],
  ],
  [
    'writes to the platform’s own items',
    (stage) => {
      for (const statement of allowing(stage, 'dynamodb:GetItem')) statement.Action.push('dynamodb:PutItem');
    },
    ['matrix'],
  ],
  [
    'every table of the account',
    (stage) => {
      for (const statement of allowing(stage, 'dynamodb:GetItem')) statement.Resource = '*';
    },
    ['matrix'],
  ],
  [
    'objects without a delimiter, in the role',
    (stage) => replace(allowing(stage, 's3:GetObject'), `${TAG}/*`, `${TAG}*`),
    ['role alone', 'offences'],
  ],
  [
    'objects of all tenants, in the role',
    (stage) => replace(allowing(stage, 's3:GetObject'), `tenants/${TAG}/*`, 'tenants/*'),
    ['role alone'],
  ],
  [
    'a list without a prefix, in the role',
    (stage) => {
      for (const { Condition } of allowing(stage, BUCKET)) delete Condition.StringLike;
    },
    ['role alone'],
  ],
  [
    'a list by a prefix without a delimiter, in the role',
    (stage) => replace(allowing(stage, BUCKET), `tenants/${TAG}/*`, `tenants/${TAG}*`),
    ['role alone', 'offences'],
  ],
  ...['DenyObjectsOfOtherTenants', 'DenyListsOfOtherTenants', 'DenySessionsWithoutTenant'].map(
    (sid): Mutation => [
      `a bucket policy without ${sid}`,
      (stage) => {
        const policy = bucketPolicy(stage);
        policy.Statement = without(sid)(policy.Statement);
      },
      ['resource alone'],
    ],
  ),
  ...['DenyUploadsThatNameNoKey', 'DenyUploadsWithKeysOfCallers'].map(
    (sid): Mutation => [
      `a bucket policy without ${sid}`,
      (stage) => {
        const policy = bucketPolicy(stage);
        policy.Statement = without(sid)(policy.Statement);
      },
      ['matrix', 'resource alone'],
    ],
  ),
  [
    'a bucket policy without a delimiter',
    (stage) =>
      replace(
        bucketPolicy(stage).Statement.filter(({ NotResource }: Statement) => NotResource),
        `${TAG}/*`,
        `${TAG}*`,
      ),
    ['resource alone'],
  ],
  [
    'keys of any tag, in the role',
    (stage) => {
      for (const { Condition } of allowing(stage, 'kms:Decrypt'))
        delete Condition.StringEquals?.['aws:ResourceTag/tenant-id'];
    },
    ['role alone'],
  ],
  [
    'a set operator on a tag',
    (stage) => replace(allowing(stage, 'bedrock:Retrieve'), '"StringEquals"', '"ForAllValues:StringEquals"'),
    ['matrix', 'offences'],
  ],
  [
    'a session whose tag nobody looks at',
    (stage) => {
      for (const statement of allowing(stage, 'logs:GetLogEvents')) delete statement.Condition;
    },
    ['offences'],
  ],
  [
    'cryptography for the account in the key’s policy',
    (stage) =>
      changeKeyPolicy(stage, (statements) =>
        without('DenyCryptographyToEverybodyElse')(
          statements.map((statement) =>
            statement.Sid === 'AdministerWithoutCryptography' ? { ...statement, Action: 'kms:*' } : statement,
          ),
        ),
      ),
    ['offences'],
  ],
  [
    'a key’s policy that names no tenant',
    (stage) =>
      changeKeyPolicy(stage, (statements) =>
        without('DenyOtherTenants')(
          statements.map((statement) => {
            const { StringEquals: _tenant, ...Condition } = statement.Condition ?? {};
            return statement.Sid === 'UseInTheTenantsName' ? { ...statement, Condition } : statement;
          }),
        ),
      ),
    ['resource alone'],
  ],
  [
    'a key’s policy without a tenant’s session',
    (stage) => changeKeyPolicy(stage, without('UseInTheTenantsName')),
    ['matrix'],
  ],
  [
    'log groups without a delimiter',
    (stage) => replace(allowing(stage, 'logs:GetLogEvents'), `${TAG}/audit`, `${TAG}*`),
    ['matrix', 'offences'],
  ],
  [
    'knowledge bases of any tag',
    (stage) => {
      for (const { Condition } of allowing(stage, 'bedrock:Retrieve')) delete Condition.StringEquals;
    },
    ['matrix'],
  ],
  [
    'RetrieveAndGenerate, which has no resource',
    (stage) => grant(tenantRole(stage), { Action: 'bedrock:RetrieveAndGenerate', Resource: '*' }),
    ['matrix', 'offences'],
  ],
  [
    'the vector domain',
    (stage) =>
      grant(tenantRole(stage), {
        Action: 'es:ESHttp*',
        Resource: `arn:aws:es:${REGION}:${ACCOUNT}:domain/${APP.name}-${APP.stage}/tenant-${TAG}*`,
      }),
    ['matrix', 'offences'],
  ],
  [
    'executions, whose input names the tenant',
    (stage) => grant(tenantRole(stage), { Action: 'states:StartExecution', Resource: '*' }),
    ['matrix', 'offences'],
  ],
];

const OF_OTHER_ROLES: readonly Mutation[] = [
  [
    'table.grantReadData for a function',
    (stage) =>
      grant(roleOf(stage, 'issue-tenant-claim'), {
        Action: ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:Scan'],
        Resource: [tableArn(stage), `${tableArn(stage)}/index/*`],
      }),
    ['powers', 'offences'],
  ],
  [
    'bucket.grantRead for a function',
    (stage) => grant(roleOf(stage, 'check-quotas'), { Action: ['s3:GetObject*', 's3:List*'], Resource: '*' }),
    ['powers'],
  ],
  [
    'kms:Decrypt for a function, and a key’s policy that leaves it to IAM',
    (stage) => {
      changeKeyPolicy(stage, without('DenyCryptographyToEverybodyElse'));
      changeKeyPolicy(stage, (statements) => [
        ...statements,
        { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: 'kms:*', Resource: '*' },
      ]);
      grant(roleOf(stage, 'check-quotas'), { Action: 'kms:Decrypt', Resource: '*' });
    },
    ['powers', 'offences'],
  ],
  [
    'key policies in another function’s hands',
    (stage) => grant(roleOf(stage, 'check-quotas'), { Action: 'kms:PutKeyPolicy', Resource: '*' }),
    ['powers'],
  ],
  [
    'key tags in another function’s hands',
    (stage) =>
      grant(roleOf(stage, 'check-quotas'), { Action: ['kms:TagResource', 'kms:UntagResource'], Resource: '*' }),
    ['powers'],
  ],
  [
    'a tag of this stage on whatever key',
    (stage) => {
      for (const { Action, Condition } of statementsOf(roleOf(stage, 'provision-encryption-key')))
        if (Action === 'kms:TagResource') delete Condition.Null;
    },
    ['takings'],
  ],
  [
    'a tag of this stage on keys that have an alias of others',
    (stage) => {
      for (const { Action, Condition } of statementsOf(roleOf(stage, 'provision-encryption-key')))
        if (Action === 'kms:TagResource') delete Condition['ForAllValues:StringLike'];
    },
    ['takings'],
  ],
  [
    'a platform key that tasks of another stage may mark',
    (stage) => replace(named(stage, 'AWS::KMS::Key', 'DataKey').KeyPolicy.Statement.slice(-1), /prod-/, 'other-'),
    ['takings'],
  ],
  [
    'a function that may assume the role, and that the role trusts',
    (stage) => {
      for (const { Condition } of trust(stage)) delete Condition.ArnEquals;
      grant(roleOf(stage, 'check-quotas'), { Action: ['sts:AssumeRole', 'sts:TagSession'], Resource: '*' });
    },
    ['starts'],
  ],
  [
    'a function that may change the role',
    (stage) => grant(roleOf(stage, 'check-quotas'), { Action: 'iam:PutRolePolicy', Resource: '*' }),
    ['powers'],
  ],
];

describe('the suite', () => {
  it('finds nothing in the policies as they are', async () => {
    const stage = await aStage();

    expect(Object.values(PARTS).flatMap((found) => found(stage))).toEqual([]);
  });

  it.each([...OF_IDENTITY, ...OF_SESSIONS, ...OF_DATA, ...OF_OTHER_ROLES])(
    'sees %s',
    async (_mistake, plant, parts) => {
      const stage = await aStage();

      plant(stage);

      expect(parts.filter((part) => PARTS[part](stage).length === 0)).toEqual([]);
    },
  );
});

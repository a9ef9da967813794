import { Match, Template } from 'aws-cdk-lib/assertions';
import { addStage } from '../../infra/stage';
import {
  anApp,
  aStage,
  everyStage,
  listed,
  propertiesOf,
  type Resource,
  roleStatements,
  type Statement,
} from './a-stage';

const STATEFUL = [
  'AWS::DynamoDB::Table',
  'AWS::S3::Bucket',
  'AWS::KMS::Key',
  'AWS::Cognito::UserPool',
  'AWS::OpenSearchService::Domain',
  'AWS::Logs::LogGroup',
];

/** Properties that hold a name which is unique in account and Region. */
const NAMES: Readonly<Record<string, string>> = {
  'AWS::Logs::LogGroup': 'LogGroupName',
  'AWS::OpenSearchService::Domain': 'DomainName',
  'AWS::SQS::Queue': 'QueueName',
  'AWS::StepFunctions::StateMachine': 'StateMachineName',
};

const statefulOf = (stage: 'dev' | 'staging' | 'prod') =>
  Object.entries(aStage(stage).resources).filter(([, { Type }]) => STATEFUL.includes(Type));

describe('the data stack', () => {
  it.each(['staging', 'prod'] as const)('retains everything stateful in %s', (stage) => {
    const lost = statefulOf(stage).filter(
      ([, { DeletionPolicy, UpdateReplacePolicy }]) =>
        !/^Retain(ExceptOnCreate)?$/.test(DeletionPolicy ?? '') || UpdateReplacePolicy !== 'Retain',
    );

    expect(lost.map(([id]) => id)).toEqual([]);
  });

  it.each(['staging', 'prod'] as const)(
    'leaves no name of ours taken by a first deployment of %s that failed',
    (stage) => {
      const isRetained = ([, { DeletionPolicy }]: [string, Resource]) => DeletionPolicy?.startsWith('Retain');
      const hasName = ([, { Type, Properties }]: [string, Resource]) =>
        NAMES[Type] !== undefined && NAMES[Type] in Properties;
      const retained = Object.entries(aStage(stage).resources).filter(isRetained);
      const policies = (resources: readonly [string, Resource][]) =>
        new Set(resources.map(([, { Type, DeletionPolicy }]) => `${Type} ${DeletionPolicy}`));

      expect(policies(retained.filter(hasName))).toEqual(
        new Set(Object.keys(NAMES).map((type) => `${type} RetainExceptOnCreate`)),
      );
      expect(policies(retained.filter((resource) => !hasName(resource)))).toEqual(
        new Set(
          ['DynamoDB::Table', 'S3::Bucket', 'KMS::Key', 'Cognito::UserPool'].map((type) => `AWS::${type} Retain`),
        ),
      );
    },
  );

  it('retains the audit trail, its key and its access logs even in dev, and nothing else', () => {
    const kept = statefulOf('dev').filter(([, { DeletionPolicy }]) => DeletionPolicy === 'Retain');

    expect(kept.map(([id]) => id.replace(/[0-9A-F]{8}$/, '')).sort()).toEqual([
      'AccessLogsBucket',
      'AuditBucket',
      'AuditKey',
    ]);
  });

  it.each(['staging', 'prod'] as const)('protects tables and user pool against deletion in %s', (stage) => {
    const { data } = aStage(stage);

    data.allResourcesProperties('AWS::DynamoDB::Table', {
      DeletionProtectionEnabled: true,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    });
    data.allResourcesProperties('AWS::Cognito::UserPool', { DeletionProtection: 'ACTIVE', MfaConfiguration: 'ON' });
  });

  it('has invitations sent by Cognito, or through SES from the address that the context names', () => {
    const emailOf = (context: Record<string, unknown>) =>
      Object.values(
        Template.fromStack(addStage(anApp('prod', context)).data).findResources('AWS::Cognito::UserPool'),
      ).map(({ Properties }) => Properties.EmailConfiguration);

    expect(emailOf({})).toEqual([undefined]);
    expect(emailOf({ emailFrom: 'no-reply@example.com' })).toEqual([
      {
        EmailSendingAccount: 'DEVELOPER',
        From: 'no-reply@example.com',
        SourceArn: {
          'Fn::Join': [
            '',
            [
              'arn:',
              { Ref: 'AWS::Partition' },
              ':ses:',
              { Ref: 'AWS::Region' },
              ':',
              { Ref: 'AWS::AccountId' },
              ':identity/example.com',
            ],
          ],
        },
      },
    ]);
  });

  it('indexes the registry by status and the data table by tenant', () => {
    const { data } = aStage('dev');
    const index = (name: string, partition: string, sort: string) => ({
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      SSESpecification: Match.objectLike({ SSEEnabled: true, SSEType: 'KMS' }),
      GlobalSecondaryIndexes: [
        Match.objectLike({
          IndexName: name,
          KeySchema: [
            { AttributeName: partition, KeyType: 'HASH' },
            { AttributeName: sort, KeyType: 'RANGE' },
          ],
        }),
      ],
    });

    data.hasResourceProperties('AWS::DynamoDB::Table', index('by-status', 'status', 'tenantId'));
    data.hasResourceProperties('AWS::DynamoDB::Table', index('by-tenant', 'tenantKey', 'pk'));
  });

  it('keeps every bucket private, versioned and behind TLS', () => {
    const { data } = aStage('dev');

    data.allResourcesProperties('AWS::S3::Bucket', {
      VersioningConfiguration: { Status: 'Enabled' },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    });
    data.allResourcesProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ]),
      },
    });
  });

  it.each([
    ['dev', 'GOVERNANCE', 1],
    ['staging', 'GOVERNANCE', 30],
    ['prod', 'COMPLIANCE', 2557],
  ] as const)('locks the audit bucket of %s: %s, %i days', (stage, Mode, Days) => {
    aStage(stage).data.hasResourceProperties('AWS::S3::Bucket', {
      ObjectLockEnabled: true,
      ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode, Days } } },
    });
  });

  it('lets tasks that record what they do write the audit trail, only the archive write chains, and nobody else', () => {
    const policies = propertiesOf(aStage('dev'), 'AWS::S3::BucketPolicy').flatMap(
      ([, { PolicyDocument }]) => (PolicyDocument as { Statement: (Statement & { Sid?: string })[] }).Statement,
    );
    const writers = (sid: string) => {
      const statement = policies.find(({ Sid }) => Sid === sid);
      expect(statement).toMatchObject({ Effect: 'Deny', Principal: { AWS: '*' }, Action: 's3:PutObject' });
      const roles = JSON.stringify(statement?.Condition?.['ArnNotEquals']).match(/role\/tenant-lifecycle-dev-[a-z-]+/g);
      return roles?.map((role) => role.replace('role/tenant-lifecycle-dev-', ''));
    };

    expect(writers('OnlyTheArchiveWritesChains')).toEqual(['archive-execution', 'reconcile-archive']);
    expect(writers('OnlyTasksWriteTheAuditTrail')).toEqual(
      expect.arrayContaining(['claim-tenant', 'seal-audit-log', 'record-outcome', 'archive-execution']),
    );
    expect(writers('OnlyTasksWriteTheAuditTrail')).not.toContain('examine-tenant');
  });

  it('lets CloudWatch Logs use the audit key for the tenants’ audit log groups of this stage only', () => {
    aStage('dev').data.hasResourceProperties('AWS::KMS::Key', {
      KeyPolicy: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Condition: {
              ArnLike: {
                'kms:EncryptionContext:aws:logs:arn': {
                  'Fn::Join': ['', Match.arrayWith([':log-group:/tenant-lifecycle/dev/tenants/*/audit'])],
                },
              },
            },
          }),
        ]),
      },
    });
  });

  it('lets no app client write the attribute that says whose a user is', () => {
    const clients = propertiesOf(aStage('dev'), 'AWS::Cognito::UserPoolClient');

    expect(clients).toHaveLength(1);
    for (const [, client] of clients) {
      expect(client['WriteAttributes']).toEqual(['name']);
      expect(client['AllowedOAuthFlows']).toEqual(['code']);
      expect(client['AllowedOAuthScopes']).not.toContain('aws.cognito.signin.user.admin');
      // No trigger defines a custom flow, so there is none; an empty list would allow SRP.
      expect(client['ExplicitAuthFlows']).toEqual(['ALLOW_CUSTOM_AUTH']);
      expect(client['RefreshTokenRotation']).toEqual({ Feature: 'ENABLED', RetryGracePeriodSeconds: 10 });
      expect(client).toMatchObject({ AccessTokenValidity: 15, IdTokenValidity: 15, EnableTokenRevocation: true });
      expect(client['TokenValidityUnits']).toMatchObject({ AccessToken: 'minutes', IdToken: 'minutes' });
    }
  });

  it('has a function of its own write the claims of every token, in event version 2', () => {
    const { data } = aStage('prod');

    data.hasResourceProperties('AWS::Cognito::UserPool', {
      UserPoolTier: 'PLUS',
      LambdaConfig: {
        PreTokenGenerationConfig: {
          LambdaArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^IssueTenantClaim'), 'Arn'] },
          LambdaVersion: 'V2_0',
        },
      },
    });
    data.resourceCountIs('AWS::Lambda::Function', 1);
    data.hasResourceProperties('AWS::Lambda::Permission', {
      Principal: 'cognito-idp.amazonaws.com',
      SourceArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('UserPool'), 'Arn'] },
    });
  });

  it('lets that function read memberships and the status of tenants, and nothing else', () => {
    const statements = roleStatements(aStage('prod'))
      .filter(({ role }) => role === 'tenant-lifecycle-prod-issue-tenant-claim')
      .map(({ statement }) => statement)
      .filter(({ Action }) => listed(Action).some((action) => action.startsWith('dynamodb:')));

    expect(statements.map(({ Action, Condition }) => [listed(Action), Condition])).toEqual([
      [
        ['dynamodb:GetItem', 'dynamodb:Query'],
        {
          'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['USER#*'] },
          Null: { 'dynamodb:LeadingKeys': 'false' },
        },
      ],
      [
        ['dynamodb:GetItem'],
        {
          'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['TENANT#*'] },
          'ForAllValues:StringEquals': { 'dynamodb:Attributes': ['pk', 'sk', 'status'] },
          StringEqualsIfExists: { 'dynamodb:Select': 'SPECIFIC_ATTRIBUTES' },
          Null: { 'dynamodb:LeadingKeys': 'false', 'dynamodb:Attributes': 'false' },
        },
      ],
    ]);
  });

  it('knows users by e-mail address and makes none by itself', () => {
    aStage('dev').data.hasResourceProperties('AWS::Cognito::UserPool', {
      UsernameAttributes: ['email'],
      AliasAttributes: Match.absent(),
      UsernameConfiguration: { CaseSensitive: false },
      AdminCreateUserConfig: { AllowAdminCreateUserOnly: true },
      Schema: [
        {
          Name: 'tenant_id',
          AttributeDataType: 'String',
          Mutable: true,
          StringAttributeConstraints: { MaxLength: '36' },
        },
      ],
    });
  });

  it('names in the domain’s access policy exactly the roles that need it, and denies everybody else', () => {
    const [[, domain] = ['', {}]] = propertiesOf(aStage('dev'), 'AWS::OpenSearchService::Domain');
    const statements = (domain['AccessPolicies'] as { Statement: Statement[] }).Statement;
    const roles = (statement: Statement | undefined, operator: string) =>
      JSON.stringify(statement?.Condition?.[operator]).match(/role\/[a-z-]+/g);

    expect(roles(statements[0], 'ArnEquals')).toEqual([
      'role/tenant-lifecycle-dev-provision-vector-index',
      'role/tenant-lifecycle-dev-destroy-vector-index',
      'role/tenant-lifecycle-dev-verify-tenant',
      'role/tenant-lifecycle-dev-prove-tenant-gone',
      'role/tenant-lifecycle-dev-examine-tenant',
    ]);
    expect(roles(statements[1], 'ArnEquals')).toEqual(['role/tenant-lifecycle-dev-knowledge-base']);
    expect(statements[2]).toMatchObject({ Effect: 'Deny', Action: 'es:ESHttp*' });
    expect(roles(statements[2], 'ArnNotEquals')).toHaveLength(6);
    expect(statements.flatMap(({ Action }) => listed(Action))).not.toContain('es:*');
  });

  it.each(['dev', 'staging', 'prod'] as const)(
    'refuses in the domain of %s index names in the body, which its access policy does not see',
    (stage) => {
      aStage(stage).data.hasResourceProperties('AWS::OpenSearchService::Domain', {
        AdvancedOptions: { 'rest.action.multi.allow_explicit_index': 'false' },
      });
    },
  );

  it.each([
    ['dev', { InstanceCount: 1, ZoneAwarenessEnabled: false, DedicatedMasterEnabled: false }],
    [
      'prod',
      {
        InstanceCount: 3,
        ZoneAwarenessEnabled: true,
        ZoneAwarenessConfig: { AvailabilityZoneCount: 3 },
        DedicatedMasterEnabled: true,
        DedicatedMasterCount: 3,
      },
    ],
  ] as const)('sizes the domain of %s', (stage, ClusterConfig) => {
    aStage(stage).data.hasResourceProperties('AWS::OpenSearchService::Domain', {
      ClusterConfig,
      EncryptionAtRestOptions: { Enabled: true, KmsKeyId: Match.anyValue() },
      NodeToNodeEncryptionOptions: { Enabled: true },
      DomainEndpointOptions: { EnforceHTTPS: true, TLSSecurityPolicy: 'Policy-Min-TLS-1-2-PFS-2023-10' },
    });
  });

  it('lets only Bedrock, for knowledge bases of this account, take the knowledge base role', () => {
    aStage('dev').data.hasResourceProperties('AWS::IAM::Role', {
      RoleName: 'tenant-lifecycle-dev-knowledge-base',
      AssumeRolePolicyDocument: {
        Statement: [
          Match.objectLike({
            Principal: { Service: 'bedrock.amazonaws.com' },
            Condition: {
              StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
              ArnLike: { 'aws:SourceArn': Match.anyValue() },
            },
          }),
        ],
      },
    });
  });

  it.each(everyStage)('of %s uses no custom resource', (stage) => {
    const types = Object.values(aStage(stage).resources).map(({ Type }) => Type);

    expect(types.filter((type) => /^Custom::|CustomResource/.test(type))).toEqual([]);
  });
});

import { Match } from 'aws-cdk-lib/assertions';
import { CONTRACTS } from '../../infra/contracts';
import { BASE_ENVIRONMENT } from '../../tasks/shared/contract';
import { functionsOf, synthesizedDefinition } from '../state-machines/definition';
import { aStage, everyStage, listed, propertiesOf, roleStatements, type Statement } from './a-stage';

describe('every task function', () => {
  const functions = propertiesOf(aStage('prod'), 'AWS::Lambda::Function');

  it('belongs to a contract, and every contract has one', () => {
    const names = functions.map(([, { FunctionName }]) => FunctionName);

    expect(names.sort()).toEqual(CONTRACTS.map(({ name }) => `tenant-lifecycle-prod-${name}`).sort());
  });

  it('runs on Node 24 and arm64, traced, with JSON logs', () => {
    aStage('prod').lifecycle.allResourcesProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: 'index.handler',
      TracingConfig: { Mode: 'Active' },
      LoggingConfig: Match.objectLike({ LogFormat: 'JSON' }),
    });
  });

  it('has a role and a log group of its own', () => {
    const roles = functions.map(([, { Role }]) => JSON.stringify(Role));
    const logGroups = functions.map(([, { LoggingConfig }]) => JSON.stringify(LoggingConfig));

    expect(new Set(roles).size).toBe(functions.length);
    expect(new Set(logGroups).size).toBe(functions.length);
  });

  it.each(CONTRACTS)('$name gets the variables that its contract names, and no others of ours', (contract) => {
    const [found] = functions.filter(([, { FunctionName }]) => String(FunctionName).endsWith(`-${contract.name}`));
    const { Variables } = (found?.[1]['Environment'] ?? {}) as { Variables?: object };
    const ofPowertools = ['POWERTOOLS_SERVICE_NAME', 'POWERTOOLS_METRICS_NAMESPACE'];

    expect(new Set(Object.keys(Variables ?? {}))).toEqual(
      new Set([...BASE_ENVIRONMENT, ...contract.environment, ...ofPowertools]),
    );
  });

  it('keeps its log no longer than the stage says', () => {
    aStage('prod').lifecycle.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 400 });
  });
});

describe('every role', () => {
  const statements = roleStatements(aStage('prod'));

  it('has a fixed name that begins with app and stage', () => {
    const names = propertiesOf(aStage('prod'), 'AWS::IAM::Role').map(([, { RoleName }]) => RoleName);

    expect(names.every((name) => /^tenant-lifecycle-prod-[a-z-]{1,42}$/.test(String(name)))).toBe(true);
  });

  it('lists its actions one by one', () => {
    const wild = statements.filter(({ statement }) => listed(statement.Action).some((action) => action.includes('*')));

    expect(wild).toEqual([]);
  });

  it('holds no managed policy', () => {
    const managed = propertiesOf(aStage('prod'), 'AWS::IAM::Role').filter(([, role]) => role['ManagedPolicyArns']);

    expect(managed).toEqual([]);
  });

  it('cannot scan a table, nor delete anything unless it is in a task that destroys', () => {
    const destroying = [
      ...CONTRACTS.filter(({ destructive }) => destructive === true),
      { name: 'restore-users' },
      { name: 'retire-orphaned-key' },
      // In a tenant's name, of that tenant's own data.
      { name: 'tenant-access' },
    ].map(({ name }) => `tenant-lifecycle-prod-${name}`);
    const forbidden =
      /^(dynamodb:(Scan|BatchWriteItem|DeleteItem|PartiQL)|s3:Delete|s3:Abort|kms:ScheduleKeyDeletion|.*:Delete(?!LogDelivery|Message))/;
    const found = statements.flatMap(({ role, statement }) =>
      listed(statement.Action)
        .filter((action) => forbidden.test(action))
        .filter((action) => !destroying.includes(role) || /Scan|PartiQL/.test(action))
        .map((action) => `${role} ${action}`),
    );

    expect(found).toEqual([]);
  });

  it('reads and writes table items by key only', () => {
    const unguarded = statements.filter(
      ({ statement }) =>
        listed(statement.Action).some((action) => action.startsWith('dynamodb:')) &&
        (statement.Condition?.['Null']?.['dynamodb:LeadingKeys'] !== 'false' ||
          statement.Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'] === undefined),
    );

    expect(unguarded).toEqual([]);
  });

  it.each([
    [
      'memberships',
      /^dynamodb:(Put|Update|Delete|BatchWrite)/,
      'MembershipTable',
      [
        'accept-invitation',
        'change-member-roles',
        'define-role',
        'destroy-user-group',
        'invite-member',
        'provision-first-admin',
        'remove-member',
        'remove-role',
        'switch-tenant',
      ],
    ],
    [
      'who is in a group',
      /^cognito-idp:Admin(AddUserTo|RemoveUserFrom)Group$/,
      'UserPool',
      ['accept-invitation', 'destroy-user-group', 'invite-member', 'provision-first-admin', 'remove-member'],
    ],
    ['new users', /^cognito-idp:AdminCreateUser$/, 'UserPool', ['invite-member', 'provision-first-admin']],
    [
      'attributes, passwords and groups’ roles',
      /^cognito-idp:(AdminUpdate|AdminSet|UpdateGroup|UpdateUserPool)/,
      '',
      [],
    ],
  ])('writes %s only where it is named here', (_, actions, resource, names) => {
    const writers = statements.filter(
      ({ statement }) =>
        listed(statement.Action).some((action) => actions.test(action)) &&
        JSON.stringify(statement.Resource).includes(resource),
    );

    expect([...new Set(writers.map(({ role }) => role.replace('tenant-lifecycle-prod-', '')))].sort()).toEqual(names);
  });

  it('names a tag or a service wherever it may use any key of the account', () => {
    const cryptography = ['kms:Decrypt', 'kms:GenerateDataKey', 'kms:PutKeyPolicy', 'kms:EnableKey'];
    const open = statements.filter(
      ({ statement }) =>
        listed(statement.Action).some((action) => cryptography.includes(action)) &&
        JSON.stringify(statement.Resource).includes(':key/*') &&
        statement.Condition?.['StringEquals']?.['aws:ResourceTag/managed-by'] !== 'tenant-lifecycle-prod',
    );

    expect(open).toEqual([]);
  });

  it('has no power over platform keys: none carries the tag of what tasks make', () => {
    const tags = propertiesOf(aStage('prod'), 'AWS::KMS::Key').flatMap(([, { Tags }]) => Tags as { Key: string }[]);

    expect(tags.map(({ Key }) => Key)).not.toContain('managed-by');
    aStage('prod').data.allResourcesProperties('AWS::KMS::Key', {
      KeyPolicy: { Statement: Match.arrayWith([Match.objectLike({ Sid: 'NoTaskAdministersPlatformKeys' })]) },
    });
  });
});

describe.each(['onboard', 'offboard', 'reinstate'])('the machine that is to %s', (operation) => {
  const { lifecycle } = aStage('prod');

  it('is a traced Standard machine that logs everything to a vended log group', () => {
    lifecycle.hasResourceProperties('AWS::StepFunctions::StateMachine', {
      StateMachineName: `tenant-lifecycle-prod-${operation}-tenant`,
      StateMachineType: 'STANDARD',
      TracingConfiguration: { Enabled: true },
      LoggingConfiguration: { Level: 'ALL', IncludeExecutionData: true },
    });
    lifecycle.hasResourceProperties('AWS::Logs::LogGroup', {
      LogGroupName: `/aws/vendedlogs/states/tenant-lifecycle-prod-${operation}-tenant`,
    });
  });

  it('may invoke the functions of its steps and no others', () => {
    const invoked = roleStatements(aStage('prod'))
      .filter(({ role }) => role === `tenant-lifecycle-prod-${operation}-tenant`)
      .flatMap(({ statement }) =>
        listed(statement.Action).includes('lambda:InvokeFunction') ? listed(statement.Resource) : [],
      )
      .map((resource) => (resource as { 'Fn::GetAtt': [string] })['Fn::GetAtt'][0].replace(/Function[0-9A-F]{8}$/, ''));

    expect(invoked.sort()).toEqual(
      [...functionsOf(synthesizedDefinition(`${operation}-tenant`))]
        .map((name) => name.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase()))
        .sort(),
    );
  });
});

describe('the machine that examines all tenants', () => {
  const { lifecycle } = aStage('prod');
  const NAME = 'tenant-lifecycle-prod-examine-tenants';

  it('is started every day, by a role that can do nothing else', () => {
    const ofSchedule = roleStatements(aStage('prod')).filter(({ role }) => role === `${NAME}-schedule`);

    lifecycle.hasResourceProperties('AWS::Events::Rule', {
      Name: NAME,
      ScheduleExpression: 'cron(17 3 * * ? *)',
      Targets: [Match.objectLike({ Input: '{}' })],
    });
    expect(ofSchedule.flatMap(({ statement }) => listed(statement.Action))).toEqual(['states:StartExecution']);
  });

  it('may start, follow, stop and redrive the children of its own Map Runs', () => {
    const ofMachine = roleStatements(aStage('prod')).filter(({ role }) => role === NAME);
    const states = ofMachine.flatMap(({ statement }) =>
      listed(statement.Action)
        .filter((action) => action.startsWith('states:'))
        .map((action) => `${action} ${JSON.stringify(statement.Resource)}`),
    );

    expect(states).toHaveLength(4);
    expect(states.every((granted) => granted.includes(NAME))).toBe(true);
    expect(propertiesOf(aStage('prod'), 'AWS::IAM::Policy')).toEqual([]);
  });

  it('has a role that it may assume for those children too, and no other machine may', () => {
    const roles = propertiesOf(aStage('prod'), 'AWS::IAM::Role').filter(([, { RoleName }]) => RoleName === NAME);
    const sources = roles.flatMap(([, properties]) => {
      const { Statement } = properties['AssumeRolePolicyDocument'] as { Statement: readonly Required<Statement>[] };
      return Statement.flatMap(({ Condition }) => listed(Condition['ArnLike']?.['aws:SourceArn']));
    });

    expect(sources.map((arn) => JSON.stringify(arn).replace(/.*:(.*?)".*/, '$1'))).toEqual([NAME, `${NAME}/*`]);
  });

  it('changes no resource of any tenant: what its functions write are reports', () => {
    const functions = [...functionsOf(synthesizedDefinition('examine-tenants'))].map(
      (name) => `tenant-lifecycle-prod-${name}`,
    );
    const reading = /^(\w|-)+:(Get|List|Describe|Admin(Get|List)|Query|Encrypt|Decrypt|GenerateDataKey|ESHttpGet)/;
    const writing = roleStatements(aStage('prod'))
      .filter(({ role }) => functions.includes(role))
      .flatMap(({ statement }) =>
        listed(statement.Action)
          .filter((action) => !reading.test(action) && !/^(xray|logs:(Create|Put)Log)/.test(action))
          .map((action) => `${action} ${JSON.stringify(statement.Resource)}`),
      );

    expect(functions).toHaveLength(4);
    expect(writing.filter((granted) => !granted.includes('/reports/doctor/*'))).toEqual([]);
  });
});

describe('the rule for ended executions', () => {
  const { lifecycle } = aStage('prod');

  it('has its outcomes recorded: retried for hours, then kept in an encrypted queue', () => {
    lifecycle.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.states'],
        'detail-type': ['Step Functions Execution Status Change'],
        detail: { status: ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'], stateMachineArn: Match.anyValue() },
      },
      Targets: [
        Match.objectLike({
          DeadLetterConfig: Match.anyValue(),
          RetryPolicy: { MaximumEventAgeInSeconds: 21_600, MaximumRetryAttempts: 185 },
        }),
      ],
    });
    lifecycle.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      DestinationConfig: { OnFailure: Match.anyValue() },
    });
    lifecycle.hasResourceProperties('AWS::SQS::Queue', { SqsManagedSseEnabled: true });
  });
});

describe('the outputs', () => {
  it('have the names that tenantctl and the sandbox read', () => {
    expect(Object.keys(aStage('dev').lifecycle.toJSON()['Outputs']).sort()).toEqual([
      'AlarmTopicArn',
      'ArchiveQueueUrl',
      'AuditBucketName',
      'ChangeHoldFunctionName',
      'DataBucketName',
      'DataKeyArn',
      'DataTableName',
      'ExamineTenantsStateMachineArn',
      'IdentityPoolId',
      'MembershipTableName',
      'OffboardTenantStateMachineArn',
      'OnboardTenantStateMachineArn',
      'RegistryTableName',
      'ReinstateTenantStateMachineArn',
      'RequestOperationFunctionName',
      'RetireOrphanedKeyFunctionName',
      'TenantAccessRoleArn',
      'UnarchivedExecutionsQueueUrl',
      'UnrecordedOutcomesQueueUrl',
      'UserPoolClientId',
      'UserPoolId',
      'VectorDomainEndpoint',
      'VectorDomainName',
    ]);
  });
});

describe('stages in one account', () => {
  const NAMES = /^(.*Name|Name)$/;
  const namesOf = (stage: 'dev' | 'staging' | 'prod') =>
    Object.values(aStage(stage).resources).flatMap(({ Type, Properties }) =>
      Object.entries(Properties)
        .filter(([property, value]) => NAMES.test(property) && typeof value === 'string')
        .map(([property, value]) => `${Type} ${property} ${value}`),
    );

  it('share no physical name', () => {
    const names = everyStage.flatMap(([stage]) => namesOf(stage));

    expect(names.length).toBeGreaterThan(100);
    expect(names.filter((name, position) => names.indexOf(name) !== position)).toEqual([]);
  });

  it('share no export', () => {
    const exports = everyStage.flatMap(([stage]) =>
      Object.values(aStage(stage).data.toJSON()['Outputs'] as Record<string, { Export: { Name: string } }>).map(
        ({ Export }) => Export.Name,
      ),
    );

    expect(new Set(exports).size).toBe(exports.length);
  });
});

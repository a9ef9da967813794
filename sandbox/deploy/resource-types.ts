import { randomUUID } from 'node:crypto';
import type { Services } from '../aws';
import type { TableDefinition } from '../aws/dynamodb';
import type { Estate } from '../aws/service';
import type { StateMachines } from '../engine/executions';
import type { BusEvent, EventBus } from '../events';
import type { Authorizer } from '../iam/authorizer';
import type { Directory } from '../iam/directory';
import type { LocalFunctionHost } from '../runtime/function-host';
import type { Schedules } from '../schedules';

/** What `Ref` and `Fn::GetAtt` of a deployed resource give. */
export interface Deployed {
  readonly ref: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface DeploymentTarget {
  readonly estate: Estate;
  readonly services: Services;
  readonly functions: LocalFunctionHost;
  readonly machines: StateMachines;
  readonly bus: EventBus;
  readonly schedules: Schedules;
  readonly directory: Directory;
  readonly iam: Authorizer;
  /** What was deployed and does nothing here: alarms, dashboards, topics. */
  readonly recorded: RecordedResource[];
}

/** A resource without behaviour in the sandbox, as the template has it, references resolved. */
export interface RecordedResource {
  readonly type: string;
  readonly name: string;
  readonly properties: Properties;
}

export interface Placement {
  /** A name where the template gives none: unique per stack and logical id. */
  readonly generatedName: string;
  readonly assets: ReadonlyMap<string, string>;
}

// biome-ignore lint/suspicious/noExplicitAny: template properties follow CloudFormation's schemas, read member by member.
export type Properties = any;

type Deploy = (properties: Properties, target: DeploymentTarget, placement: Placement) => Deployed | Promise<Deployed>;

const tagsOf = (tags: unknown): Record<string, string> =>
  Array.isArray(tags)
    ? Object.fromEntries(tags.map(({ Key, Value }: { Key: string; Value: string }) => [Key, Value]))
    : {};

const arnOf = ({ estate }: DeploymentTarget, service: string, resource: string): string =>
  `arn:aws:${service}:${estate.region}:${estate.accountId}:${resource}`;

/** Policies and permissions: they shape no resource here. */
const recorded: Deploy = (_properties, _target, { generatedName }) => ({
  ref: generatedName,
  attributes: { Id: generatedName, Arn: generatedName },
});

/** Kept to be looked at: with its properties, under the name that the template or CloudFormation gives it. */
const observed =
  (type: string, nameProperty: string, deployed: (name: string, target: DeploymentTarget) => Deployed): Deploy =>
  (properties, target, { generatedName }) => {
    const name: string = properties[nameProperty] ?? generatedName;
    target.recorded.push({ type, name, properties });
    return deployed(name, target);
  };

const alarm = (name: string, target: DeploymentTarget): Deployed => ({
  ref: name,
  attributes: { Arn: arnOf(target, 'cloudwatch', `alarm:${name}`) },
});

const nameOnly = (name: string): Deployed => ({ ref: name, attributes: {} });

/** Roles that a policy is attached to; users and groups are none of the app's. */
function attachedTo({ Roles = [], ...rest }: Properties, policy: string): readonly string[] {
  if (Object.keys(rest).length > 0)
    throw new Error(
      `policy ${policy}: the sandbox attaches policies to roles, and does not know ${Object.keys(rest).join(', ')}`,
    );
  return Roles;
}

/** A service may use a role only if the role's trust policy names it. */
function requireTrust(
  { iam }: DeploymentTarget,
  who: string,
  roleArn: string,
  service: string,
  sourceArn: string,
): void {
  if (!iam.trusts(roleArn, service, { sourceArn })) throw new Error(`${who}: ${service} cannot assume ${roleArn}`);
}

/** Lambda polls a queue with the function's role, and makes no mapping when it may not [services-sqs-configure, permissions]. */
function requirePolling({ iam, directory, functions }: DeploymentTarget, functionName: string, queueArn: string): void {
  const role = functions.functions().find(({ name }) => name === functionName)?.roleArn;
  for (const action of ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes']) {
    const request = { action, resource: queueArn, policy: directory.policyOf(queueArn) };
    const refused = iam.refusal('sqs', iam.sessionOf(String(role), functionName), request);
    if (refused !== undefined) throw new Error(`event source mapping of ${functionName}: ${refused.message}`);
  }
}

/** Events that IAM keeps from their target are lost; on AWS they go to the target's dead-letter queue, if it has one. */
function unlessRefused(rule: string, refusal: () => Error | undefined, deliver: (event: BusEvent) => void) {
  return (event: BusEvent): void => {
    const refused = refusal();
    if (refused === undefined) deliver(event);
    else console.error(`rule ${rule}: ${refused.message}`);
  };
}

/** How a rule's target receives an event. */
function delivery(rule: string, { Arn, ...options }: RuleTarget, target: DeploymentTarget): (event: BusEvent) => void {
  const { iam, directory, estate } = target;
  const eventBridge = {
    kind: 'service',
    name: 'events.amazonaws.com',
    sourceArn: arnOf(target, 'events', `rule/${rule}`),
    sourceAccount: estate.accountId,
  } as const;
  for (const option of ['InputPath', 'InputTransformer'])
    if (option in options) throw new Error(`rule ${rule}: the sandbox does not know a target's ${option}`);
  const payloadOf = (event: BusEvent): unknown => (options.Input === undefined ? event : JSON.parse(options.Input));
  const functionName = /:function:([\w-]+)$/.exec(Arn)?.[1];
  if (functionName !== undefined) {
    const refusal = () =>
      iam.refusal('lambda', eventBridge, {
        action: 'lambda:InvokeFunction',
        resource: Arn,
        policy: directory.policyOf(Arn),
      });
    return unlessRefused(
      rule,
      refusal,
      (event) =>
        void target.functions.invoke(functionName, payloadOf(event), { invocationType: 'Event', requestId: event.id }),
    );
  }
  if (/:states:.*:stateMachine:[\w-]+$/.test(Arn)) {
    const role = iam.sessionOf(String(options.RoleArn), 'sandbox');
    return unlessRefused(
      rule,
      () => iam.refusal('sfn', role, { action: 'states:StartExecution', resource: Arn }),
      (event) =>
        void target.machines.start({ stateMachineArn: Arn, name: event.id, input: JSON.stringify(payloadOf(event)) }),
    );
  }
  const queue = target.services.sqs.queue(Arn);
  if (queue !== undefined) {
    return unlessRefused(
      rule,
      () =>
        iam.refusal('sqs', eventBridge, { action: 'sqs:SendMessage', resource: Arn, policy: directory.policyOf(Arn) }),
      (event) => void queue.send(JSON.stringify(payloadOf(event))),
    );
  }
  throw new Error(`rule ${rule}: the sandbox delivers to Lambda functions, state machines and queues, not to ${Arn}`);
}

interface RuleTarget {
  readonly Arn: string;
  /** Constant JSON in place of the event. */
  readonly Input?: string;
  /** Role with which EventBridge starts a state machine. */
  readonly RoleArn?: string;
}

/** Log group ARNs end in :* where CloudFormation makes them. */
const logGroupNameOf = (arn: string): string => arn.split(':log-group:')[1]?.replace(/:\*$/, '') ?? arn;

/** Vended logs at level ALL with execution data: every history event as one line. */
function writeHistoryTo(logGroup: string, stateMachineArn: string, { machines, services }: DeploymentTarget): void {
  const executions = `${stateMachineArn.replace(':stateMachine:', ':execution:')}:`;
  machines.onHistoryEvent((executionArn, { id, type, previousEventId, timestamp, ...details }) => {
    if (!executionArn.startsWith(executions)) return;
    const line = {
      id: String(id),
      type,
      details: Object.values(details)[0] ?? {},
      previous_event_id: String(previousEventId),
      event_timestamp: String(timestamp?.getTime()),
      execution_arn: executionArn,
    };
    services.logs.append(logGroup, `states/${executionArn.slice(executions.length)}`, JSON.stringify(line));
  });
}

/** By name or ARN. */
const functionNameOf = (function_: string): string => function_.slice(function_.lastIndexOf(':') + 1);

/** A function that reports failures of single messages and answers something else has failed on all of them [services-sqs-errorhandling]. */
function failedItems(answer: unknown): readonly string[] | 'all' {
  if (answer === null) return [];
  const { batchItemFailures = [] } = answer as { batchItemFailures?: readonly { itemIdentifier?: unknown }[] | null };
  const ids = (batchItemFailures ?? []).map(({ itemIdentifier }) => itemIdentifier);
  return ids.every((id): id is string => typeof id === 'string' && id !== '') ? ids : 'all';
}

/** CloudFormation types that the sandbox deploys. Everything else is refused, so that nothing is silently missing. */
export const RESOURCE_TYPES: Readonly<Record<string, Deploy>> = {
  'AWS::CDK::Metadata': recorded,
  'AWS::IAM::Policy': ({ PolicyName, PolicyDocument, ...rest }, { directory }, { generatedName }) => {
    directory.attach(PolicyName, PolicyDocument, attachedTo(rest, PolicyName));
    return { ref: generatedName, attributes: { Id: generatedName } };
  },
  'AWS::IAM::ManagedPolicy': (
    { ManagedPolicyName, PolicyDocument, Path = '/', Description: _, ...rest },
    { directory, estate },
    { generatedName },
  ) => {
    const name: string = ManagedPolicyName ?? generatedName;
    directory.attach(name, PolicyDocument, attachedTo(rest, name));
    const arn = `arn:aws:iam::${estate.accountId}:policy${Path}${name}`;
    return { ref: arn, attributes: { PolicyArn: arn } };
  },
  'AWS::S3::BucketPolicy': ({ Bucket, PolicyDocument }, { directory }, { generatedName }) => {
    directory.setResourcePolicy(`arn:aws:s3:::${Bucket}`, PolicyDocument);
    return { ref: generatedName, attributes: {} };
  },
  'AWS::SQS::QueuePolicy': ({ Queues, PolicyDocument }, target, { generatedName }) => {
    for (const url of Queues as string[]) {
      target.directory.setResourcePolicy(arnOf(target, 'sqs', url.slice(url.lastIndexOf('/') + 1)), PolicyDocument);
    }
    return { ref: generatedName, attributes: { Id: generatedName } };
  },
  'AWS::Lambda::Permission': (properties, target, { generatedName }) => {
    const { FunctionName, Action, Principal, SourceArn, SourceAccount, ...rest } = properties;
    if (Object.keys(rest).length > 0)
      throw new Error(`permission on ${FunctionName}: the sandbox does not know ${Object.keys(rest).join(', ')}`);
    const given = String(FunctionName);
    const arn = given.startsWith('arn:') ? given : arnOf(target, 'lambda', `function:${given}`);
    target.directory.addResourceStatement(arn, {
      Sid: generatedName,
      Effect: 'Allow',
      Principal: /\.amazonaws\.com$/.test(Principal) ? { Service: Principal } : { AWS: Principal },
      Action,
      Resource: arn,
      Condition: {
        ...(SourceArn && { ArnLike: { 'aws:SourceArn': SourceArn } }),
        ...(SourceAccount && { StringEquals: { 'aws:SourceAccount': SourceAccount } }),
      },
    });
    return { ref: generatedName, attributes: { Id: generatedName } };
  },
  'AWS::Logs::ResourcePolicy': recorded,

  'AWS::IAM::Role': (properties, { estate, directory }, { generatedName }) => {
    const { RoleName, Path = '/', AssumeRolePolicyDocument, Policies = [], Tags, MaxSessionDuration } = properties;
    const name: string = RoleName ?? generatedName;
    for (const member of ['ManagedPolicyArns', 'PermissionsBoundary']) {
      if (properties[member]?.length > 0) throw new Error(`role ${name}: the sandbox does not know its ${member}`);
    }
    const arn = `arn:aws:iam::${estate.accountId}:role${Path}${name}`;
    directory.addRole({
      arn,
      name,
      trust: AssumeRolePolicyDocument,
      policies: Object.fromEntries(
        (Policies as { PolicyName: string; PolicyDocument: unknown }[]).map((one) => [
          one.PolicyName,
          one.PolicyDocument,
        ]),
      ),
      tags: tagsOf(Tags),
      ...(MaxSessionDuration !== undefined && { maxSessionDuration: Number(MaxSessionDuration) }),
    });
    return { ref: name, attributes: { Arn: arn, RoleId: `AROA${generatedName}` } };
  },

  'AWS::KMS::Key': ({ KeyPolicy, Description, EnableKeyRotation, Tags }, { services }) => {
    const arn = services.kms.createKey({
      description: Description ?? '',
      policy: JSON.stringify(KeyPolicy),
      rotates: EnableKeyRotation === true,
      tags: tagsOf(Tags),
    });
    const id = arn.slice(arn.lastIndexOf('/') + 1);
    return { ref: id, attributes: { Arn: arn, KeyId: id } };
  },

  'AWS::KMS::Alias': ({ AliasName, TargetKeyId }, { services }) => {
    services.kms.createAlias(AliasName, TargetKeyId);
    return { ref: AliasName, attributes: {} };
  },

  'AWS::DynamoDB::Table': async (properties, { services }, { generatedName }) => {
    const {
      TableName = generatedName,
      AttributeDefinitions,
      KeySchema,
      GlobalSecondaryIndexes,
      PointInTimeRecoverySpecification,
      SSESpecification,
    } = properties;
    const definition: TableDefinition = {
      TableName,
      AttributeDefinitions,
      KeySchema,
      ...(GlobalSecondaryIndexes && { GlobalSecondaryIndexes }),
      pointInTimeRecovery: PointInTimeRecoverySpecification?.PointInTimeRecoveryEnabled === true,
      ...(SSESpecification?.KMSMasterKeyId && { encryptionKeyArn: SSESpecification.KMSMasterKeyId }),
    };
    const { arn } = await services.dynamodb.createTable(definition);
    return { ref: TableName, attributes: { Arn: arn } };
  },

  'AWS::S3::Bucket': (
    { BucketName, VersioningConfiguration, BucketEncryption, ObjectLockEnabled, ObjectLockConfiguration },
    { services, estate },
    { generatedName },
  ) => {
    const name: string = BucketName ?? generatedName.toLowerCase().replace(/[^a-z0-9-]/g, '-');
    const encryption = BucketEncryption?.ServerSideEncryptionConfiguration?.[0];
    const retention = ObjectLockConfiguration?.Rule?.DefaultRetention;
    const days: unknown = retention?.Days ?? (retention?.Years === undefined ? undefined : retention.Years * 365);
    services.s3.createBucket({
      name,
      versioning: VersioningConfiguration?.Status === 'Enabled' || ObjectLockEnabled === true,
      ...(ObjectLockEnabled === true && {
        objectLock: days === undefined ? true : { mode: retention.Mode, days: Number(days) },
      }),
      ...(encryption?.ServerSideEncryptionByDefault?.KMSMasterKeyID && {
        encryptionKeyArn: encryption.ServerSideEncryptionByDefault.KMSMasterKeyID,
      }),
      bucketKey: encryption?.BucketKeyEnabled === true,
    });
    return {
      ref: name,
      attributes: {
        Arn: `arn:aws:s3:::${name}`,
        DomainName: `${name}.s3.amazonaws.com`,
        RegionalDomainName: `${name}.s3.${estate.region}.amazonaws.com`,
      },
    };
  },

  'AWS::Logs::LogGroup': ({ LogGroupName, RetentionInDays, KmsKeyId, Tags }, { services }, { generatedName }) => {
    const name: string = LogGroupName ?? generatedName;
    const arn = services.logs.createLogGroup({
      name,
      tags: tagsOf(Tags),
      ...(RetentionInDays !== undefined && { retentionInDays: RetentionInDays }),
      ...(KmsKeyId !== undefined && { kmsKeyId: KmsKeyId }),
    });
    return { ref: name, attributes: { Arn: `${arn}:*` } };
  },

  'AWS::Cognito::UserPool': (properties, { services, estate }, { generatedName }) => {
    const {
      UserPoolName,
      UsernameAttributes,
      Schema,
      LambdaConfig = {},
      AdminCreateUserConfig,
      MfaConfiguration,
    } = properties;
    const { PreTokenGenerationConfig: preToken, ...otherTriggers } = LambdaConfig;
    if (Object.keys(otherTriggers).length > 0)
      throw new Error(`user pool ${generatedName}: the sandbox knows no trigger ${Object.keys(otherTriggers)}`);
    const { id, arn } = services.cognito.createUserPool({
      name: UserPoolName ?? generatedName,
      usernameAttributes: UsernameAttributes ?? [],
      schema: ((Schema ?? []) as { Name: string; Mutable?: boolean; Required?: boolean }[]).map(
        ({ Name, Mutable, Required }) => ({
          name: Name,
          mutable: Mutable ?? true,
          required: Required ?? false,
        }),
      ),
      selfSignUp: AdminCreateUserConfig?.AllowAdminCreateUserOnly !== true,
      mfaRequired: MfaConfiguration === 'ON',
      ...(preToken && {
        preTokenGeneration: {
          functionName: String(preToken.LambdaArn).replace(/^.*:function:/, ''),
          version: preToken.LambdaVersion,
        },
      }),
    });
    const provider = `cognito-idp.${estate.region}.amazonaws.com/${id}`;
    return {
      ref: id,
      attributes: { Arn: arn, UserPoolId: id, ProviderName: provider, ProviderURL: `https://${provider}` },
    };
  },
  'AWS::Cognito::UserPoolClient': (
    { UserPoolId, ClientName, CallbackURLs, GenerateSecret, ...settings },
    { services },
    { generatedName },
  ) => {
    if (GenerateSecret === true) throw new Error(`app client ${generatedName}: the sandbox knows no client secrets`);
    const id = services.cognito.createClient(UserPoolId, {
      name: ClientName ?? generatedName,
      CallbackURLs,
      ...(settings as object),
    });
    return { ref: id, attributes: { ClientId: id, Name: ClientName ?? generatedName } };
  },
  'AWS::Cognito::IdentityPool': (
    {
      IdentityPoolName,
      AllowUnauthenticatedIdentities,
      AllowClassicFlow = false,
      CognitoIdentityProviders = [],
      ...others
    },
    { services },
    { generatedName },
  ) => {
    const name = IdentityPoolName ?? generatedName;
    const unknown = Object.keys(others).filter((property) => property !== 'IdentityPoolTags');
    if (unknown.length > 0) throw new Error(`identity pool ${name}: the sandbox does not know ${unknown.join(', ')}`);
    const id = services.identityPools.createIdentityPool({
      name,
      allowUnauthenticated: AllowUnauthenticatedIdentities,
      allowClassicFlow: AllowClassicFlow,
      providers: CognitoIdentityProviders,
    });
    return { ref: id, attributes: { Name: name } };
  },
  'AWS::Cognito::IdentityPoolPrincipalTag': (
    { IdentityPoolId, IdentityProviderName, UseDefaults, PrincipalTags },
    { services },
  ) => {
    if (UseDefaults === true) throw new Error('identity pool: the sandbox does not know the default mapping of tags');
    services.identityPools.setPrincipalTags(IdentityPoolId, IdentityProviderName, PrincipalTags);
    return nameOnly(`${IdentityPoolId}|${IdentityProviderName}`);
  },
  'AWS::Cognito::IdentityPoolRoleAttachment': ({ IdentityPoolId, Roles, RoleMappings }, { services }) => {
    if (RoleMappings !== undefined) throw new Error('identity pool: the sandbox knows no mappings of roles');
    services.identityPools.setAuthenticatedRole(IdentityPoolId, Roles.authenticated);
    return nameOnly(IdentityPoolId);
  },
  'AWS::Cognito::ManagedLoginBranding': recorded,
  'AWS::Cognito::UserPoolDomain': ({ Domain }) => ({ ref: Domain, attributes: {} }),

  'AWS::OpenSearchService::Domain': (
    { DomainName, EngineVersion, AccessPolicies },
    { services, directory },
    { generatedName },
  ) => {
    const { arn, endpoint } = services.opensearch.createDomain({
      name: DomainName ?? generatedName,
      ...(EngineVersion && { engineVersion: EngineVersion }),
    });
    if (AccessPolicies !== undefined) directory.setResourcePolicy(arn, AccessPolicies);
    return { ref: DomainName ?? generatedName, attributes: { Arn: arn, DomainArn: arn, DomainEndpoint: endpoint } };
  },

  'AWS::SQS::Queue': (
    { QueueName, VisibilityTimeout, MessageRetentionPeriod, RedrivePolicy },
    { services },
    { generatedName },
  ) => {
    const { arn, url, name } = services.sqs.createQueue({
      name: QueueName ?? generatedName,
      visibilityTimeout: VisibilityTimeout,
      retention: MessageRetentionPeriod,
      redrive: RedrivePolicy && {
        deadLetterTargetArn: RedrivePolicy.deadLetterTargetArn,
        maxReceiveCount: Number(RedrivePolicy.maxReceiveCount),
      },
    });
    return { ref: url, attributes: { Arn: arn, QueueName: name, QueueUrl: url } };
  },

  'AWS::Lambda::EventSourceMapping': (
    { EventSourceArn, FunctionName, BatchSize, FunctionResponseTypes = [], ScalingConfig, Enabled = true, ...others },
    target,
    { generatedName },
  ) => {
    const { services, functions } = target;
    const strangers = Object.keys(others).filter((name) => name !== 'Tags');
    if (services.sqs.queue(EventSourceArn) === undefined || strangers.length > 0) {
      throw new Error(
        `event source mapping of ${FunctionName}: the sandbox polls deployed queues, and knows nothing of ${[...strangers, EventSourceArn].join(', ')}`,
      );
    }
    requirePolling(target, functionNameOf(FunctionName), EventSourceArn);
    const reports = (FunctionResponseTypes as string[]).includes('ReportBatchItemFailures');
    if (Enabled === true) {
      services.sqs.consume(EventSourceArn, {
        batchSize: BatchSize,
        maximumConcurrency: ScalingConfig?.MaximumConcurrency,
        deliver: async (Records) => {
          const invocation = { invocationType: 'RequestResponse', requestId: randomUUID() } as const;
          const answer = await functions.invoke(functionNameOf(FunctionName), { Records }, invocation);
          if ('error' in answer) return 'all';
          return reports ? failedItems(answer.payload) : [];
        },
      });
    }
    return { ref: generatedName, attributes: { Id: generatedName } };
  },

  'AWS::Lambda::Function': (properties, target, { generatedName, assets }) => {
    const {
      FunctionName: name = generatedName,
      Code,
      Environment,
      Role,
      Runtime,
      Handler,
      Timeout = 3,
      MemorySize = 128,
      LoggingConfig,
      DeadLetterConfig,
    } = properties;
    const codeDirectory = assets.get(String(Code?.S3Key).replace(/\.zip$/, ''));
    if (codeDirectory === undefined) throw new Error(`function ${name}: its code is no asset of the assembly`);
    const arn = arnOf(target, 'lambda', `function:${name}`);
    if (DeadLetterConfig !== undefined)
      throw new Error(`function ${name}: the sandbox knows no DeadLetterConfig; use an on-failure destination`);
    requireTrust(target, `function ${name}`, Role, 'lambda.amazonaws.com', arn);
    target.functions.deploy({
      name,
      arn,
      runtime: Runtime,
      handler: Handler,
      timeout: Timeout,
      memorySize: MemorySize,
      roleArn: Role,
      codeDirectory,
      variables: Environment?.Variables ?? {},
      logGroup: LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`,
    });
    return { ref: name, attributes: { Arn: arn } };
  },
  'AWS::Lambda::EventInvokeConfig': (
    { FunctionName, DestinationConfig, MaximumRetryAttempts, MaximumEventAgeInSeconds },
    target,
    { generatedName },
  ) => {
    const destination: unknown = DestinationConfig?.OnFailure?.Destination;
    const queue = target.services.sqs.queue(String(destination));
    if (DestinationConfig?.OnSuccess !== undefined || (destination !== undefined && queue === undefined)) {
      throw new Error(
        `function ${FunctionName}: the sandbox sends failed events to a deployed queue, and nothing else`,
      );
    }
    target.functions.configureEventInvoke(FunctionName, {
      maximumRetryAttempts: MaximumRetryAttempts,
      maximumEventAgeInSeconds: MaximumEventAgeInSeconds,
      onFailure:
        queue &&
        ((record) => {
          const role = target.functions.functions().find(({ name }) => name === FunctionName)?.roleArn;
          const resource = String(destination);
          const refused = target.iam.refusal('sqs', target.iam.sessionOf(String(role), FunctionName), {
            action: 'sqs:SendMessage',
            resource,
            policy: target.directory.policyOf(resource),
          });
          if (refused === undefined) queue.send(JSON.stringify(record));
          else console.error(`function ${FunctionName}: ${refused.message}`);
        }),
    });
    return { ref: generatedName, attributes: {} };
  },

  'AWS::StepFunctions::StateMachine': (
    { StateMachineName, DefinitionString, RoleArn, StateMachineType, Tags, LoggingConfiguration },
    target,
    { generatedName },
  ) => {
    const name: string = StateMachineName ?? generatedName;
    const arn = arnOf(target, 'states', `stateMachine:${name}`);
    requireTrust(target, `state machine ${name}`, RoleArn, 'states.amazonaws.com', arn);
    target.machines.register({
      arn,
      name,
      definition: typeof DefinitionString === 'string' ? DefinitionString : JSON.stringify(DefinitionString),
      roleArn: RoleArn,
      type: StateMachineType ?? 'STANDARD',
      tags: tagsOf(Tags),
    });
    const logGroupArn = LoggingConfiguration?.Destinations?.[0]?.CloudWatchLogsLogGroup?.LogGroupArn;
    if (logGroupArn !== undefined) writeHistoryTo(logGroupNameOf(logGroupArn), arn, target);
    return { ref: arn, attributes: { Arn: arn, Name: name } };
  },

  'AWS::Events::Rule': (
    { Name, EventPattern, ScheduleExpression, Targets = [], State = 'ENABLED' },
    target,
    { generatedName },
  ) => {
    const name: string = Name ?? generatedName;
    const arn = arnOf(target, 'events', `rule/${name}`);
    for (const ruleTarget of Targets as RuleTarget[]) {
      const deliver = delivery(name, ruleTarget, target);
      const enabled = State === 'ENABLED';
      if (ScheduleExpression !== undefined)
        target.schedules.add({ name, arn, expression: ScheduleExpression, enabled, deliver });
      if (EventPattern !== undefined && enabled) target.bus.addRule({ name, pattern: EventPattern, deliver });
    }
    return { ref: name, attributes: { Arn: arn } };
  },

  'AWS::CloudWatch::Alarm': observed('AWS::CloudWatch::Alarm', 'AlarmName', alarm),
  'AWS::CloudWatch::CompositeAlarm': observed('AWS::CloudWatch::CompositeAlarm', 'AlarmName', alarm),
  'AWS::CloudWatch::Dashboard': observed('AWS::CloudWatch::Dashboard', 'DashboardName', nameOnly),
  'AWS::Logs::MetricFilter': observed('AWS::Logs::MetricFilter', 'FilterName', nameOnly),
  'AWS::Logs::QueryDefinition': (properties, target, placement) => {
    const { QueryString, LogGroupNames = [], Parameters } = properties;
    return observed('AWS::Logs::QueryDefinition', 'Name', (name) => {
      const id = target.services.logs.saveQuery({
        name,
        queryString: QueryString,
        logGroupNames: LogGroupNames,
        ...(Parameters !== undefined && {
          parameters: (Parameters as { Name: string; Description?: string }[]).map(({ Name, Description }) => ({
            name: Name,
            ...(Description !== undefined && { description: Description }),
          })),
        }),
      });
      return { ref: id, attributes: { QueryDefinitionId: id } };
    })(properties, target, placement);
  },
  'AWS::SNS::Topic': observed('AWS::SNS::Topic', 'TopicName', (name, target) => {
    const arn = arnOf(target, 'sns', name);
    return { ref: arn, attributes: { TopicArn: arn, TopicName: name } };
  }),
  'AWS::SNS::Subscription': recorded,
  'AWS::SNS::TopicPolicy': recorded,
};

import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { Schedule } from 'aws-cdk-lib/aws-events';
import type { Function as Lambda } from 'aws-cdk-lib/aws-lambda';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { offboardTenant } from '../../state-machines/offboard-tenant';
import { onboardTenant } from '../../state-machines/onboard-tenant';
import { reinstateTenant } from '../../state-machines/reinstate-tenant';
import { archiveExecution, reconcileArchive } from '../../tasks/audit-archive/contract';
import { retireOrphanedKey } from '../../tasks/doctor/contract';
import { OBSERVATION_MINUTES, observeEstate } from '../../tasks/estate/contract';
import { recordOutcome, requestOperation } from '../../tasks/lifecycle/contract';
import { changeHold } from '../../tasks/lifecycle/offboarding-contract';
import type { Permission, TaskContract } from '../../tasks/shared/contract';
import { appId, stateMachineName, taskFunctionName } from '../../tasks/shared/names';
import type { OperationName } from '../../tasks/shared/tenant';
import { lifecycleStackName, type StageConfig, vectorDomainName } from '../config';
import { Alarms, DEAD_LETTER_QUEUES } from '../constructs/alarms';
import { AuditArchive } from '../constructs/audit-archive';
import { Dashboard } from '../constructs/dashboard';
import { Examination } from '../constructs/examination';
import { LifecycleMachine, type LifecycleMachineProps } from '../constructs/lifecycle-machine';
import type { MetricSources } from '../constructs/metrics';
import { OutcomeRecording } from '../constructs/outcome-recording';
import { removalPolicyOfNamed } from '../constructs/removal';
import { SavedQueries } from '../constructs/saved-queries';
import { ScheduledTask } from '../constructs/scheduled-task';
import { bundleTasks } from '../constructs/task-bundle';
import { TaskFunction } from '../constructs/task-function';
import { CONTRACTS, TRIGGERS } from '../contracts';
import { platformOf } from '../platform';
import { environmentOf, environmentValues } from '../task-environment';
import { taskPermissions } from '../task-permissions';
import type { SharedResources } from './data-stack';

export interface LifecycleStackProps extends StackProps {
  readonly config: StageConfig;
  readonly shared: SharedResources;
}

/** An onboarding takes minutes; a day bounds one whose retries go on and on, and leaves room for AWS incidents. */
const SHORT = Duration.days(1);
/** An offboarding sleeps through its hold; at 300 days it hands over, AWS itself ends an execution after a year. */
const LONG = Duration.days(364);

/** What acts: the task functions, the state machine, the rule that records outcomes. Holds no state of tenants. */
export class LifecycleStack extends Stack {
  constructor(scope: Construct, id: string, { config, shared, ...props }: LifecycleStackProps) {
    super(scope, id, {
      ...props,
      stackName: lifecycleStackName(config.app),
      description: 'Tenant lifecycle: tasks and state machines that onboard, offboard and reinstate tenants',
      terminationProtection: config.deletionProtection,
    });
    const platform = platformOf(this, config, shared);
    const deadLetterQueue = new Queue(this, 'UnrecordedOutcomes', {
      queueName: `${appId(config.app)}-unrecorded-outcomes`,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
      removalPolicy: removalPolicyOfNamed(config),
    });

    if (config.bundle) bundleTasks(CONTRACTS);
    const environment = environmentValues(this, config, platform, shared);
    const functions = new Map<string, Lambda>();
    for (const contract of CONTRACTS.filter((candidate) => !TRIGGERS.includes(candidate))) {
      const extra: readonly Permission[] =
        contract.name === recordOutcome.name
          ? [{ actions: ['sqs:SendMessage'], resources: [deadLetterQueue.queueArn] }]
          : [];
      const task = new TaskFunction(this, pascalCase(contract.name), {
        config,
        contract,
        environment: environmentOf(contract, environment),
        permissions: [...taskPermissions(contract, platform, shared), ...extra],
      });
      functions.set(contract.name, task.function);
    }
    const functionOf = ({ name }: Pick<TaskContract, 'name'>): Lambda => {
      const found = functions.get(name);
      if (found === undefined) throw new Error(`${name} is in no list of contracts, so it has no function`);
      return found;
    };

    const machine = (id: string, props: Omit<LifecycleMachineProps, 'config' | 'functionOf'>) =>
      new LifecycleMachine(this, id, { config, functionOf, ...props }).stateMachine;
    const nameOf = (operation: OperationName) => stateMachineName(config.app, operation);
    const onboard = machine('OnboardTenant', {
      name: nameOf('onboard'),
      define: onboardTenant,
      comment:
        'Onboards a tenant. Every step is safe to repeat; nothing is caught and nothing is undone: after a failure, redrive the execution.',
      timeout: SHORT,
    });
    const offboard = machine('OffboardTenant', {
      name: nameOf('offboard'),
      define: offboardTenant,
      comment:
        'Blocks a tenant, holds, then destroys and proves it. Nothing is destroyed during the hold or under a legal hold; after a refusal or a failure, redrive the execution.',
      timeout: LONG,
    });
    const reinstate = machine('ReinstateTenant', {
      name: nameOf('reinstate'),
      define: reinstateTenant,
      comment:
        'Brings a tenant back whose offboarding is cancelled during its hold. After a failure, redrive the execution.',
      timeout: SHORT,
    });
    const stateMachineArns = [onboard, offboard, reinstate].map(({ stateMachineArn }) => stateMachineArn);
    const archive = new AuditArchive(this, 'AuditArchive', {
      config,
      stateMachineArns,
      archiveExecution: functionOf(archiveExecution),
      reconcileArchive: functionOf(reconcileArchive),
    });
    new OutcomeRecording(this, 'OutcomeRecording', {
      config,
      stateMachineArns,
      recordOutcome: functionOf(recordOutcome),
      deadLetterQueue,
    });

    const examination = new Examination(this, 'Examination', { config, functionOf });
    new ScheduledTask(this, 'Observation', {
      config,
      contract: observeEstate,
      task: functionOf(observeEstate),
      schedule: Schedule.rate(Duration.minutes(OBSERVATION_MINUTES)),
    });
    const sources: MetricSources = {
      app: config.app,
      stateMachineArns: {
        onboard: onboard.stateMachineArn,
        offboard: offboard.stateMachineArn,
        reinstate: reinstate.stateMachineArn,
        examine: examination.stateMachine.stateMachineArn,
      },
    };
    const { alarms, topic } = new Alarms(this, 'Alarms', { config, sources });
    new Dashboard(this, 'Watch', { config, sources, alarms, queues: DEAD_LETTER_QUEUES.map(({ name }) => name) });
    new SavedQueries(this, 'SavedQueries', config);

    this.output({
      RequestOperationFunctionName: taskFunctionName(config.app, requestOperation.name),
      ChangeHoldFunctionName: taskFunctionName(config.app, changeHold.name),
      OnboardTenantStateMachineArn: onboard.stateMachineArn,
      OffboardTenantStateMachineArn: offboard.stateMachineArn,
      ReinstateTenantStateMachineArn: reinstate.stateMachineArn,
      ExamineTenantsStateMachineArn: examination.stateMachine.stateMachineArn,
      RetireOrphanedKeyFunctionName: taskFunctionName(config.app, retireOrphanedKey.name),
      RegistryTableName: shared.registryTableName,
      DataTableName: shared.dataTableName,
      MembershipTableName: shared.membershipTableName,
      DataBucketName: shared.dataBucketName,
      AuditBucketName: shared.auditBucketName,
      UserPoolId: shared.userPoolId,
      UserPoolClientId: shared.userPoolClientId,
      IdentityPoolId: shared.identityPoolId,
      TenantAccessRoleArn: platform.tenantAccessRoleArn,
      DataKeyArn: shared.dataKeyArn,
      VectorDomainName: vectorDomainName(config.app),
      VectorDomainEndpoint: `https://${shared.vectorDomainEndpoint}`,
      UnrecordedOutcomesQueueUrl: deadLetterQueue.queueUrl,
      AlarmTopicArn: topic.topicArn,
      ArchiveQueueUrl: archive.queue.queueUrl,
      UnarchivedExecutionsQueueUrl: archive.deadLetterQueue.queueUrl,
    });
  }

  private output(values: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(values)) new CfnOutput(this, name, { value });
  }
}

/** `claim-tenant` → `ClaimTenant` */
const pascalCase = (name: string): string =>
  name.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());

import { Duration, Stack } from 'aws-cdk-lib';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { SfnStateMachine } from 'aws-cdk-lib/aws-events-targets';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { examineTenants, MAP_LABEL } from '../../state-machines/examine-tenants';
import type { FunctionOf } from '../../state-machines/step';
import type { Permission } from '../../tasks/shared/contract';
import { appId, examinationMachineName } from '../../tasks/shared/names';
import type { StageConfig } from '../config';
import { LeastPrivilegeRole } from './least-privilege-role';
import { LifecycleMachine } from './lifecycle-machine';

export interface ExaminationProps {
  readonly config: StageConfig;
  readonly functionOf: FunctionOf;
}

/** The machine that compares registry and resources, and the rule that starts it every day. */
export class Examination extends Construct {
  readonly stateMachine: StateMachine;
  readonly rule: Rule;

  constructor(scope: Construct, id: string, { config, functionOf }: ExaminationProps) {
    super(scope, id);
    const name = examinationMachineName(config.app);
    this.stateMachine = new LifecycleMachine(this, 'Machine', {
      config,
      functionOf,
      name,
      define: examineTenants,
      comment:
        'Examines every tenant and the account, and reports what differs from the registry. It only reads; after a failure, redrive the execution.',
      // Ten thousand tenants at five a second take less than an hour; the rest is for throttling.
      timeout: Duration.hours(12),
      permissions: mapRun(this, name),
    }).stateMachine;
    const { role } = new LeastPrivilegeRole(this, 'Schedule', {
      roleName: `${name}-schedule`,
      description: `Starts the state machine ${name}`,
      assumedBy: new ServicePrincipal('events.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
      permissions: [{ actions: ['states:StartExecution'], resources: [this.stateMachine.stateMachineArn] }],
    });
    this.rule = new Rule(this, 'Rule', {
      ruleName: `${appId(config.app)}-examine-tenants`,
      description: 'Examines all tenants every day',
      // At a quiet hour; UTC.
      schedule: Schedule.cron({ hour: '3', minute: '17' }),
      targets: [
        // A missed day is made up for by the next, which looks at everything again.
        new SfnStateMachine(this.stateMachine, {
          role,
          input: RuleTargetInput.fromObject({}),
          maxEventAge: Duration.hours(6),
        }),
      ],
    });
  }
}

/** What a Map Run's parent needs: starting its children, and following, stopping and redriving them [iam-policies-eg-dist-map]. */
function mapRun(scope: Construct, name: string): readonly Permission[] {
  const { partition, region, account } = Stack.of(scope);
  const machine = (kind: string) => `arn:${partition}:states:${region}:${account}:${kind}:${name}`;
  return [
    { actions: ['states:StartExecution'], resources: [machine('stateMachine')] },
    {
      actions: ['states:DescribeExecution', 'states:StopExecution', 'states:RedriveExecution'],
      resources: [`${machine('execution')}:*`, `${machine('execution')}/${MAP_LABEL}:*`],
      wildcardReason: 'The child executions of this machine’s own Map Runs; Step Functions names them.',
    },
  ];
}

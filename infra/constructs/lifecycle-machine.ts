import { type Duration, Stack } from 'aws-cdk-lib';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import {
  DefinitionBody,
  type IChainable,
  LogLevel,
  StateMachine,
  StateMachineType,
} from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { FunctionOf } from '../../state-machines/step';
import type { Permission } from '../../tasks/shared/contract';
import { stateMachineLogGroupName } from '../../tasks/shared/names';
import type { StageConfig } from '../config';
import { LeastPrivilegeRole, TRACING } from './least-privilege-role';
import { removalPolicyOfNamed } from './removal';

export interface LifecycleMachineProps {
  readonly config: StageConfig;
  readonly functionOf: FunctionOf;
  readonly name: string;
  readonly comment: string;
  readonly timeout: Duration;
  /** Of the machine's role, beside calling its functions. @default none */
  readonly permissions?: readonly Permission[];
  /** Builds the definition from the functions of its steps. */
  define(scope: Construct, functionOf: FunctionOf): IChainable;
}

/** One state machine, with its log and a role that may invoke the functions of its steps and nothing else. */
export class LifecycleMachine extends Construct {
  readonly stateMachine: StateMachine;

  constructor(
    scope: Construct,
    id: string,
    { config, functionOf, name, comment, timeout, permissions = [], define }: LifecycleMachineProps,
  ) {
    super(scope, id);
    const { partition, region, account } = Stack.of(this);

    const called = new Set<IFunction>();
    const definition = define(this, (contract) => {
      const found = functionOf(contract);
      called.add(found);
      return found;
    });

    const logGroup = new LogGroup(this, 'Logs', {
      logGroupName: stateMachineLogGroupName(name),
      retention: config.operationalLogDays as number as RetentionDays,
      removalPolicy: removalPolicyOfNamed(config),
    });
    const machineArn = `arn:${partition}:states:${region}:${account}:stateMachine:${name}`;
    const { role } = new LeastPrivilegeRole(this, 'Execution', {
      roleName: name,
      description: `State machine ${name}`,
      assumedBy: new ServicePrincipal('states.amazonaws.com', {
        conditions: {
          StringEquals: { 'aws:SourceAccount': account },
          // The children of a Map Run belong to the machine's ARN with the map's label behind it [API_StartExecution]; that
          // they assume the role under the plain one is documented nowhere.
          ArnLike: { 'aws:SourceArn': [machineArn, `${machineArn}/*`] },
        },
      }),
      permissions: [
        { actions: ['lambda:InvokeFunction'], resources: [...called].map(({ functionArn }) => functionArn) },
        ...permissions,
        LOG_DELIVERY,
        TRACING,
        SAMPLING,
      ],
    });
    this.stateMachine = new StateMachine(this, 'StateMachine', {
      stateMachineName: name,
      stateMachineType: StateMachineType.STANDARD,
      comment,
      definitionBody: DefinitionBody.fromChainable(definition),
      timeout,
      role,
      tracingEnabled: true,
      // Execution data are ids only, by design.
      logs: { destination: logGroup, level: LogLevel.ALL, includeExecutionData: true },
      removalPolicy: removalPolicyOfNamed(config),
    });
    // What CDK would grant for a Map Run on its own; the role has it from `permissions`.
    this.stateMachine.node.tryRemoveChild('DistributedMapPolicy');
  }
}

const LOG_DELIVERY: Permission = {
  actions: [
    'logs:CreateLogDelivery',
    'logs:GetLogDelivery',
    'logs:UpdateLogDelivery',
    'logs:DeleteLogDelivery',
    'logs:ListLogDeliveries',
    'logs:PutResourcePolicy',
    'logs:DescribeResourcePolicies',
    'logs:DescribeLogGroups',
  ],
  resources: ['*'],
  wildcardReason:
    'Log delivery has no resource-level permission; it is what Step Functions asks of the role that logs [cw-logs].',
};

const SAMPLING: Permission = {
  actions: ['xray:GetSamplingRules', 'xray:GetSamplingTargets'],
  resources: ['*'],
  wildcardReason: 'Sampling rules have no resource-level permission; they hold no data of tenants.',
};

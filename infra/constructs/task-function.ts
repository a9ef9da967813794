import { join } from 'node:path';
import { Duration } from 'aws-cdk-lib';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  Code,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { DEFAULT_TIMEOUT_SECONDS } from '../../state-machines/step';
import type { Permission, TaskContract } from '../../tasks/shared/contract';
import { taskFunctionName, taskRoleName } from '../../tasks/shared/names';
import type { StageConfig } from '../config';
import { LeastPrivilegeRole, TRACING } from './least-privilege-role';
import { metricsNamespace } from './metrics';
import { removalPolicyOfNamed } from './removal';
import { BUNDLES } from './task-bundle';

export interface TaskFunctionProps {
  readonly config: StageConfig;
  readonly contract: TaskContract;
  readonly environment: Readonly<Record<string, string>>;
  /** All that its role may do beside writing its own log and trace. */
  readonly permissions: readonly Permission[];
}

const DEFAULT_MEMORY_MIB = 256;

/** The Lambda function of one contract, with a role and a log group of its own. */
export class TaskFunction extends Construct {
  readonly function: LambdaFunction;

  constructor(scope: Construct, id: string, { config, contract, environment, permissions }: TaskFunctionProps) {
    super(scope, id);
    const functionName = taskFunctionName(config.app, contract.name);
    const logGroup = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/lambda/${functionName}`,
      retention: config.operationalLogDays as number as RetentionDays,
      removalPolicy: removalPolicyOfNamed(config),
    });
    // Without CreateLogGroup: a group that is made again by the function would have no retention.
    const logging: Permission = {
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [logGroup.logGroupArn],
    };
    const { role } = new LeastPrivilegeRole(this, 'Execution', {
      roleName: taskRoleName(config.app, contract.name),
      description: `Task ${contract.name}`,
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      permissions: [...permissions, logging, TRACING],
    });
    this.function = new LambdaFunction(this, 'Function', {
      functionName,
      description: `${contract.stateName}. ${contract.repeatable}`.slice(0, 256),
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      handler: 'index.handler',
      code: config.bundle ? Code.fromAsset(join(BUNDLES, contract.name)) : Code.fromInline('// not bundled'),
      role,
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      tracing: Tracing.ACTIVE,
      timeout: Duration.seconds(contract.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS),
      memorySize: contract.memoryMiB ?? DEFAULT_MEMORY_MIB,
      environment: {
        ...environment,
        POWERTOOLS_SERVICE_NAME: config.app.name,
        POWERTOOLS_METRICS_NAMESPACE: metricsNamespace(config.app),
      },
    });
  }
}

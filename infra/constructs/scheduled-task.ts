import { Duration } from 'aws-cdk-lib';
import { Rule, type Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { Function as Lambda } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { TaskContract } from '../../tasks/shared/contract';
import { appId } from '../../tasks/shared/names';
import type { StageConfig } from '../config';

export interface ScheduledTaskProps {
  readonly config: StageConfig;
  readonly contract: Pick<TaskContract, 'name' | 'stateName'>;
  readonly task: Lambda;
  readonly schedule: Schedule;
}

/** Invokes a task by the clock. A run that fails is not repeated: the next one comes, and an alarm misses those that succeed. */
export class ScheduledTask extends Construct {
  constructor(scope: Construct, id: string, { config, contract, task, schedule }: ScheduledTaskProps) {
    super(scope, id);
    new Rule(this, 'Rule', {
      ruleName: `${appId(config.app)}-${contract.name}`,
      description: `${contract.stateName}, by the clock`,
      schedule,
      targets: [new LambdaFunction(task, { retryAttempts: 2, maxEventAge: Duration.minutes(5) })],
    });
    task.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(5) });
  }
}

import { Duration, Validations } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { Function as Lambda } from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { appId } from '../../tasks/shared/names';
import type { StageConfig } from '../config';

export interface OutcomeRecordingProps {
  readonly config: StageConfig;
  readonly stateMachineArns: readonly string[];
  readonly recordOutcome: Lambda;
  /** Takes events that could not be delivered, and those that the function failed on. */
  readonly deadLetterQueue: Queue;
}

/** Longer than an AWS incident that one would sleep through; later events are replayed from the queue. */
const GIVE_UP_AFTER = Duration.hours(6);

/**
 * Records the end of every execution on its tenant. Events also come after a redrive, which ends the execution once more.
 */
export class OutcomeRecording extends Construct {
  constructor(scope: Construct, id: string, props: OutcomeRecordingProps) {
    super(scope, id);
    const { config, stateMachineArns, recordOutcome, deadLetterQueue } = props;
    new Rule(this, 'Rule', {
      ruleName: `${appId(config.app)}-execution-ended`,
      description: 'Ended executions of this app, for the record on the tenant',
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        detail: { status: ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'], stateMachineArn: [...stateMachineArns] },
      },
      targets: [new LambdaFunction(recordOutcome, { deadLetterQueue, maxEventAge: GIVE_UP_AFTER, retryAttempts: 185 })],
    });
    recordOutcome.configureAsyncInvoke({
      onFailure: new SqsDestination(deadLetterQueue),
      maxEventAge: GIVE_UP_AFTER,
      retryAttempts: 2,
    });
    Validations.of(deadLetterQueue).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason:
        'This is a dead-letter queue itself: of the rule’s target and of the function’s asynchronous invocations.',
    });
  }
}

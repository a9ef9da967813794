import { Duration, Validations } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { EventSourceMapping, type Function as Lambda } from 'aws-cdk-lib/aws-lambda';
import { Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import {
  archiveExecution as archiveContract,
  reconcileArchive as reconcileContract,
} from '../../tasks/audit-archive/contract';
import { archiveDeadLetterQueueName, archiveQueueName, archiveRuleName } from '../../tasks/shared/names';
import type { StageConfig } from '../config';
import { removalPolicyOfNamed } from './removal';
import { ScheduledTask } from './scheduled-task';

export interface AuditArchiveProps {
  readonly config: StageConfig;
  readonly stateMachineArns: readonly string[];
  readonly archiveExecution: Lambda;
  readonly reconcileArchive: Lambda;
}

/** Lambda polls a queue for a function whose timeout is a sixth of the visibility timeout [services-sqs-configure]. */
const VISIBILITY = Duration.seconds(6 * (archiveContract.timeoutSeconds ?? 0));
/** Deliveries before a message is given up: about an hour, longer than most throttling lasts. */
const DELIVERIES = 5;
/** Longer than an AWS incident that one would sleep through. */
const GIVE_UP_AFTER = Duration.hours(24);
/**
 * Batches at a time. GetExecutionHistory refills at 20 calls a second, shared with everybody in the account who reads
 * histories [service-quotas]; the archive need not be quick.
 */
const BATCHES = 5;

/**
 * Archives every ended execution: rule → queue → function; what fails again and again is kept among the failed messages.
 * Status events are delivered best effort, so once a day a second function looks for executions that were missed.
 */
export class AuditArchive extends Construct {
  readonly queue: Queue;
  /** Messages that were given up. Each is an execution that is not archived: alarm on the first. */
  readonly deadLetterQueue: Queue;
  readonly rule: Rule;

  constructor(scope: Construct, id: string, props: AuditArchiveProps) {
    super(scope, id);
    const { config, stateMachineArns, archiveExecution, reconcileArchive } = props;
    const common = {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
      removalPolicy: removalPolicyOfNamed(config),
    } satisfies QueueProps;
    this.deadLetterQueue = new Queue(this, 'Failed', {
      ...common,
      queueName: archiveDeadLetterQueueName(config.app),
    });
    this.queue = new Queue(this, 'Queue', {
      ...common,
      queueName: archiveQueueName(config.app),
      visibilityTimeout: VISIBILITY,
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: DELIVERIES },
    });
    this.rule = new Rule(this, 'Rule', {
      ruleName: archiveRuleName(config.app),
      description: 'Ended executions of this app, for the audit archive',
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        detail: { status: ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'], stateMachineArn: [...stateMachineArns] },
      },
      targets: [
        new SqsQueue(this.queue, {
          deadLetterQueue: this.deadLetterQueue,
          maxEventAge: GIVE_UP_AFTER,
          retryAttempts: 185,
        }),
      ],
    });
    new EventSourceMapping(this, 'Mapping', {
      target: archiveExecution,
      eventSourceArn: this.queue.queueArn,
      batchSize: 10,
      maxConcurrency: BATCHES,
      reportBatchItemFailures: true,
    });
    new ScheduledTask(this, 'Reconciliation', {
      config,
      contract: reconcileContract,
      task: reconcileArchive,
      schedule: Schedule.rate(Duration.days(1)),
    });
    Validations.of(this.deadLetterQueue).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'This is a dead-letter queue itself: of the archive’s queue and of the rule that feeds it.',
    });
  }
}

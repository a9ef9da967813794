import * as z from 'zod/mini';
import { executionArnPattern } from '../shared/arns';
import { defineContract, type Permission, type Platform, Text } from '../shared/contract';
import { AUDIT_ROOT, archiveQueueName, CHAINS, UNASSIGNED_AUDIT_ROOT } from '../shared/names';
import { auditKey, registryItems } from '../shared/permissions';

/** What archiving one execution, and extending a chain, needs. */
const archiving = (platform: Platform): readonly Permission[] => [
  registryItems(platform, ['dynamodb:GetItem', 'dynamodb:UpdateItem']),
  {
    actions: ['s3:PutObject'],
    resources: [
      `${platform.auditBucketArn}/${CHAINS}`,
      ...[AUDIT_ROOT, UNASSIGNED_AUDIT_ROOT].map(
        (root) => `${platform.auditBucketArn}/${root}*/history-redrive-*.json.gz`,
      ),
    ],
    wildcardReason:
      'Histories of executions of every tenant, and of those whose input names none, and the tenants’ chains; Object Lock keeps each version, so none can be replaced.',
  },
  auditKey(platform),
  {
    actions: ['s3:GetObjectVersion'],
    resources: [`${platform.auditBucketArn}/${AUDIT_ROOT}*`, `${platform.auditBucketArn}/${UNASSIGNED_AUDIT_ROOT}*`],
    wildcardReason: 'The archive of every tenant is hashed into its chain; it holds ids, no personal data.',
  },
  {
    actions: ['s3:ListBucketVersions'],
    resources: [platform.auditBucketArn],
    conditions: { StringLike: { 's3:prefix': [`${AUDIT_ROOT}*`, `${UNASSIGNED_AUDIT_ROOT}*`] } },
  },
  {
    actions: ['states:DescribeExecution', 'states:DescribeStateMachineForExecution', 'states:GetExecutionHistory'],
    resources: [executionArnPattern(platform)],
    wildcardReason: 'Executions of the state machines of this app and stage; their names hold the request.',
  },
];

export const archiveExecution = defineContract({
  name: 'archive-execution',
  stateName: 'Archive execution',
  repeatable: 'Every object is put only where none is, and the chain is extended by what no record covers yet.',
  entry: 'audit-archive/archive',
  /** Messages of the archive's queue; each body is an EventBridge event. */
  input: z.object({ Records: z.array(z.object({ messageId: Text, body: z.string() })) }),
  /** What Lambda leaves in the queue. */
  output: z.strictObject({ batchItemFailures: z.array(z.strictObject({ itemIdentifier: Text })) }),
  // A batch of ten ordinary executions takes seconds; one of 25,000 events some ten more.
  timeoutSeconds: 120,
  memoryMiB: 512,
  environment: [],
  permissions: (platform) => [
    ...archiving(platform),
    {
      actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
      resources: [
        `arn:${platform.partition}:sqs:${platform.region}:${platform.account}:${archiveQueueName(platform.app)}`,
      ],
    },
  ],
});

export const reconcileArchive = defineContract({
  name: 'reconcile-archive',
  stateName: 'Reconcile archive',
  repeatable: 'It archives what it finds missing, by the same code, and counts what it could not.',
  entry: 'audit-archive/reconcile',
  /** EventBridge event of the schedule; nothing else of it is used. */
  input: z.object({ 'detail-type': z.literal('Scheduled Event') }),
  output: z.strictObject({
    /** Ended executions that Step Functions still knows. */
    executions: z.int(),
    /** Found missing, and archived now. */
    archived: z.int(),
    /** Found missing, and still are. */
    unarchived: z.int(),
    /** Tenants whose chain was extended by what no execution's end had chained. */
    extended: z.int(),
    /** Tenants whose chain could not be looked at, for lack of time or by a fault. The next run begins with another. */
    left: z.int(),
  }),
  timeoutSeconds: 900,
  memoryMiB: 512,
  environment: ['ONBOARD_STATE_MACHINE_ARN', 'OFFBOARD_STATE_MACHINE_ARN', 'REINSTATE_STATE_MACHINE_ARN'],
  permissions: (platform) => [
    ...archiving(platform),
    {
      actions: ['s3:ListBucket'],
      resources: [platform.auditBucketArn],
      conditions: { StringEquals: { 's3:prefix': AUDIT_ROOT, 's3:delimiter': '/' } },
    },
    {
      actions: ['states:ListExecutions'],
      resources: [platform.onboardStateMachineArn, platform.offboardStateMachineArn, platform.reinstateStateMachineArn],
    },
  ],
});

export const ARCHIVE_CONTRACTS = [archiveExecution, reconcileArchive] as const;

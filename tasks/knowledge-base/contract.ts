import * as z from 'zod/mini';
import { Destroyed, defineContract, type Permission, type Platform, TaskInput, Text } from '../shared/contract';
import { appId, MANAGED_BY_TAG } from '../shared/names';
import { markAsOurs } from '../shared/permissions';
import { PROVISION_STATUSES, PURGE_STATUSES } from '../shared/tenant';

export const KNOWLEDGE_BASE = 'knowledge-base';

/** Between two looks at a knowledge base that is being created. Creation was seen to take about 80 s; AWS promises no time. */
export const POLL_SECONDS = 90;
/** After this long a knowledge base that is not active counts as stuck. */
export const READY_WITHIN_MINUTES = 30;

const all = ({ partition, region, account }: Platform): string =>
  `arn:${partition}:bedrock:${region}:${account}:knowledge-base/*`;

const knowledgeBases = (platform: Platform, actions: readonly string[]): Permission => ({
  actions,
  resources: [all(platform)],
  conditions: { StringEquals: { [`aws:ResourceTag/${MANAGED_BY_TAG}`]: appId(platform.app) } },
  wildcardReason:
    'Ids are chosen by Bedrock; the condition admits only knowledge bases tagged as made by this app and stage.',
});

const LIST: Permission = {
  actions: ['bedrock:ListKnowledgeBases'],
  resources: ['*'],
  wildcardReason: 'ListKnowledgeBases has no resource-level permission; it shows names and ids only.',
};

/** Without a condition on tags, which would turn "not found" and "somebody else's" into "access denied". */
const look = (platform: Platform, actions: readonly string[]): Permission => ({
  actions,
  resources: [all(platform)],
  wildcardReason: 'A knowledge base that is gone has no tag to compare; it reads settings, no documents.',
});

export const provisionKnowledgeBase = defineContract({
  name: 'provision-knowledge-base',
  stateName: 'Provision knowledge base',
  repeatable:
    'The name is unique and the client token is the same for every repeat of one attempt; what exists is adopted, its state read, its data source listed before one is made.',
  entry: 'knowledge-base/provision',
  input: TaskInput,
  /** `ready` is false while Bedrock is still creating; the machine waits and runs the task again. */
  output: z.strictObject({ physicalId: Text, ready: z.boolean() }),
  resource: KNOWLEDGE_BASE,
  fence: PROVISION_STATUSES,
  timeoutSeconds: 60,
  environment: [
    'DATA_BUCKET',
    'VECTOR_DOMAIN_ARN',
    'VECTOR_DOMAIN_ENDPOINT',
    'KNOWLEDGE_BASE_ROLE_ARN',
    'EMBEDDING_MODEL_ARN',
  ],
  permissions: (platform) => [
    LIST,
    {
      actions: ['bedrock:CreateKnowledgeBase'],
      resources: ['*'],
      conditions: { StringEquals: { [`aws:RequestTag/${MANAGED_BY_TAG}`]: appId(platform.app) } },
      wildcardReason:
        'CreateKnowledgeBase has no resource before it ran; the condition demands the tag that marks it as ours.',
    },
    ...markAsOurs(platform, 'bedrock:TagResource', all(platform)),
    look(platform, ['bedrock:GetKnowledgeBase', 'bedrock:ListTagsForResource']),
    knowledgeBases(platform, ['bedrock:CreateDataSource', 'bedrock:GetDataSource', 'bedrock:ListDataSources']),
    {
      actions: ['iam:PassRole'],
      resources: [platform.knowledgeBaseRoleArn],
      conditions: { StringEquals: { 'iam:PassedToService': 'bedrock.amazonaws.com' } },
    },
  ],
});

/** Without the condition on the tag: a missing tag is one of the things to be found. */
export const verifyKnowledgeBasePermissions = (platform: Platform): readonly Permission[] => [
  look(platform, [
    'bedrock:GetKnowledgeBase',
    'bedrock:ListDataSources',
    'bedrock:GetDataSource',
    'bedrock:ListTagsForResource',
  ]),
];

/** Between two looks at a knowledge base that is being deleted. */
export const DELETION_POLL_SECONDS = 30;

/** After this long a step of the deletion counts as stuck. AWS promises no time; minutes were seen. */
export const STEP_WITHIN_MINUTES = 120;

export const destroyKnowledgeBase = defineContract({
  name: 'destroy-knowledge-base',
  stateName: 'Destroy knowledge base',
  repeatable:
    'Each run looks at what is left, takes the next step of the teardown, and leaves the rest to the next run.',
  entry: 'knowledge-base/destroy',
  input: TaskInput,
  output: Destroyed,
  resource: KNOWLEDGE_BASE,
  fence: PURGE_STATUSES,
  destructive: true,
  timeoutSeconds: 60,
  environment: [],
  permissions: (platform) => [
    LIST,
    look(platform, ['bedrock:GetKnowledgeBase']),
    knowledgeBases(platform, [
      'bedrock:DeleteKnowledgeBase',
      'bedrock:ListDataSources',
      'bedrock:GetDataSource',
      'bedrock:UpdateDataSource',
      'bedrock:DeleteDataSource',
      'bedrock:ListIngestionJobs',
      'bedrock:StopIngestionJob',
    ]),
  ],
});

export const knowledgeBaseResiduePermissions = (): readonly Permission[] => [LIST];

import { defineContract, type Permission, type Platform, Provisioned, TaskInput } from '../shared/contract';
import { ONBOARDING_STATUSES } from '../shared/tenant';

export const DATA_PARTITION = 'data-partition';

/** Sort keys of the items that every tenant's partition starts with. */
export const FIRST_ITEMS = ['META', 'SETTINGS'] as const;

const items = ({ dataTableArn }: Platform, actions: readonly string[]): Permission => ({
  actions,
  resources: [dataTableArn],
  conditions: {
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['TENANT#*'] },
    Null: { 'dynamodb:LeadingKeys': 'false' },
  },
  wildcardReason:
    'The task serves every tenant, one per execution; the condition keeps it to tenant partitions and rules out scans.',
});

export const provisionDataPartition = defineContract({
  name: 'provision-data-partition',
  stateName: 'Provision data partition',
  repeatable: 'Each item is put only where none exists; an item already there is compared, never overwritten.',
  entry: 'data-partition/provision',
  input: TaskInput,
  output: Provisioned,
  resource: DATA_PARTITION,
  fence: ONBOARDING_STATUSES,
  environment: ['DATA_TABLE'],
  permissions: (platform) => [items(platform, ['dynamodb:PutItem', 'dynamodb:GetItem'])],
});

export const verifyDataPartitionPermissions = (platform: Platform): readonly Permission[] => [
  items(platform, ['dynamodb:GetItem']),
];

import { Destroyed, defineContract, type Permission, type Platform, Provisioned, TaskInput } from '../shared/contract';
import { BY_TENANT_INDEX } from '../shared/names';
import { PROVISION_STATUSES, PURGE_STATUSES } from '../shared/tenant';

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
  fence: PROVISION_STATUSES,
  environment: ['DATA_TABLE'],
  permissions: (platform) => [items(platform, ['dynamodb:PutItem', 'dynamodb:GetItem'])],
});

export const verifyDataPartitionPermissions = (platform: Platform): readonly Permission[] => [
  items(platform, ['dynamodb:GetItem']),
];

const listed = ({ dataTableArn }: Platform): Permission => ({
  actions: ['dynamodb:Query'],
  resources: [dataTableArn, `${dataTableArn}/index/${BY_TENANT_INDEX}`],
  conditions: {
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['TENANT#*'] },
    Null: { 'dynamodb:LeadingKeys': 'false' },
  },
});

export const destroyDataPartition = defineContract({
  name: 'destroy-data-partition',
  stateName: 'Destroy data partition',
  repeatable: 'Each run queries from the start what is still there; deleting an item twice changes nothing.',
  entry: 'data-partition/destroy',
  input: TaskInput,
  output: Destroyed,
  resource: DATA_PARTITION,
  fence: PURGE_STATUSES,
  destructive: true,
  timeoutSeconds: 300,
  environment: ['DATA_TABLE'],
  permissions: (platform) => [listed(platform), items(platform, ['dynamodb:BatchWriteItem'])],
});

export const dataResiduePermissions = (platform: Platform): readonly Permission[] => [listed(platform)];

import { Destroyed, defineContract, type Permission, type Platform, Provisioned, TaskInput } from '../shared/contract';
import { PROVISION_STATUSES, PURGE_STATUSES } from '../shared/tenant';

export const VECTOR_INDEX = 'vector-index';

/** Fields that Bedrock reads and writes; the knowledge base names the same ones. */
export const FIELDS = {
  vector: 'vector',
  text: 'AMAZON_BEDROCK_TEXT_CHUNK',
  metadata: 'AMAZON_BEDROCK_METADATA',
} as const;

const indices = ({ vectorDomainArn }: Platform, actions: readonly string[]): Permission => ({
  actions,
  resources: [vectorDomainArn, `${vectorDomainArn}/tenant-*`],
  wildcardReason: 'The task serves every tenant; index names begin with tenant- and end with the exact id.',
});

export const provisionVectorIndex = defineContract({
  name: 'provision-vector-index',
  stateName: 'Provision vector index',
  repeatable: 'The index name is unique: an index already there is adopted if its settings fit and reported if not.',
  entry: 'vector-index/provision',
  input: TaskInput,
  output: Provisioned,
  resource: VECTOR_INDEX,
  fence: PROVISION_STATUSES,
  timeoutSeconds: 60,
  environment: ['VECTOR_DOMAIN_NAME', 'VECTOR_DIMENSION', 'VECTOR_REPLICAS'],
  permissions: (platform) => [
    // The control-plane calls are authorized as themselves and as the data-plane call they make: CreateIndex, GetIndex.
    indices(platform, [
      'es:CreateIndex',
      'es:GetIndex',
      'es:ESHttpGet',
      'es:ESHttpHead',
      'es:ESHttpPut',
      'es:ESHttpPost',
    ]),
  ],
});

export const verifyVectorIndexPermissions = (platform: Platform): readonly Permission[] => [
  indices(platform, ['es:GetIndex', 'es:ESHttpGet']),
];

export const destroyVectorIndex = defineContract({
  name: 'destroy-vector-index',
  stateName: 'Destroy vector index',
  repeatable: 'An index that is not there counts as destroyed, if its domain is there.',
  entry: 'vector-index/destroy',
  input: TaskInput,
  output: Destroyed,
  resource: VECTOR_INDEX,
  fence: PURGE_STATUSES,
  destructive: true,
  timeoutSeconds: 60,
  environment: ['VECTOR_DOMAIN_NAME'],
  permissions: (platform) => [
    indices(platform, ['es:DeleteIndex', 'es:ESHttpDelete']),
    { actions: ['es:DescribeDomain'], resources: [platform.vectorDomainArn] },
  ],
});

export const vectorIndexResiduePermissions = (platform: Platform): readonly Permission[] => [
  ...verifyVectorIndexPermissions(platform),
  { actions: ['es:DescribeDomain'], resources: [platform.vectorDomainArn] },
];

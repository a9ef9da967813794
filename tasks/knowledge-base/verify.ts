import { appId, dataSourceName, documentPrefix, MANAGED_BY_TAG, TENANT_TAG, vectorIndexName } from '../shared/names';
import { BY_HAND, missing, problemsOf, type Verify } from '../shared/verification';
import { KNOWLEDGE_BASE } from './contract';
import { dataSourcesOf, getKnowledgeBase, tagsOf } from './knowledge-base-calls';

/**
 * The knowledge base is active over the tenant's index and reads the tenant's documents only, which it does not own. It has
 * one data source: its role may read every tenant's documents, so another one could bring them into this tenant's index.
 */
export const verifyKnowledgeBase: Verify<
  'DATA_BUCKET' | 'VECTOR_DOMAIN_ARN' | 'KNOWLEDGE_BASE_ROLE_ARN' | 'EMBEDDING_MODEL_ARN'
> = async ({ tenantId, env, app, ledger }) => {
  const id = ledger(KNOWLEDGE_BASE)?.physicalId;
  const knowledgeBase = id === undefined ? undefined : await getKnowledgeBase(id);
  if (id === undefined || knowledgeBase === undefined)
    return [missing(`knowledge base ${id ?? 'of the ledger'} does not exist`)];
  const [sources, tags] = await Promise.all([dataSourcesOf(id), tagsOf(knowledgeBase)]);
  const source = sources.find(({ name }) => name === dataSourceName(tenantId));
  const storage = knowledgeBase.storageConfiguration?.opensearchManagedClusterConfiguration;
  const documents = source?.dataSourceConfiguration?.s3Configuration;
  const model = knowledgeBase.knowledgeBaseConfiguration?.vectorKnowledgeBaseConfiguration?.embeddingModelArn;
  return [
    ...problemsOf(
      {
        [`knowledge base ${id} is ${knowledgeBase.status}, not ACTIVE`]: knowledgeBase.status === 'ACTIVE',
        [`knowledge base ${id} is not over index ${vectorIndexName(tenantId)}`]:
          storage?.vectorIndexName === vectorIndexName(tenantId) && storage.domainArn === env.VECTOR_DOMAIN_ARN,
        [`knowledge base ${id} has another role`]: knowledgeBase.roleArn === env.KNOWLEDGE_BASE_ROLE_ARN,
        [`knowledge base ${id} has another embedding model`]: model === env.EMBEDDING_MODEL_ARN,
      },
      BY_HAND,
    ),
    ...(source === undefined
      ? [missing(`knowledge base ${id} has no available data source`)]
      : problemsOf(
          {
            [`knowledge base ${id} has no available data source`]: source.status === 'AVAILABLE',
            [`the data source of ${id} does not read ${documentPrefix(tenantId)} of ${env.DATA_BUCKET} alone`]:
              documents?.inclusionPrefixes?.join() === documentPrefix(tenantId) &&
              documents.bucketArn?.split(':::')[1] === env.DATA_BUCKET,
            [`the data source of ${id} does not retain the index when it is deleted`]:
              source.dataDeletionPolicy === 'RETAIN',
          },
          BY_HAND,
        )),
    ...sources
      .filter((one) => one !== source)
      .flatMap(({ dataSourceId }) =>
        problemsOf({ [`knowledge base ${id} has the further data source ${dataSourceId}`]: false }, BY_HAND),
      ),
    ...problemsOf(
      {
        [`knowledge base ${id} is not tagged ${TENANT_TAG}=${tenantId}`]: tags[TENANT_TAG] === tenantId,
        [`knowledge base ${id} is not tagged ${MANAGED_BY_TAG}=${appId(app)}`]: tags[MANAGED_BY_TAG] === appId(app),
      },
      { kind: 'mis-tagged' },
    ),
  ];
};

import { dataSourceName, documentPrefix, vectorIndexName } from '../shared/names';
import { problemsOf, type Verify } from '../shared/verification';
import { KNOWLEDGE_BASE } from './contract';
import { getDataSource, getKnowledgeBase } from './knowledge-base-calls';

/** The knowledge base is active over the tenant's index and reads the tenant's documents only, which it does not own. */
export const verifyKnowledgeBase: Verify<'DATA_BUCKET'> = async ({ tenantId, env, ledger }) => {
  const id = ledger(KNOWLEDGE_BASE)?.physicalId;
  const knowledgeBase = id === undefined ? undefined : await getKnowledgeBase(id);
  if (id === undefined || knowledgeBase === undefined)
    return [`knowledge base ${id ?? 'of the ledger'} does not exist`];
  const source = await getDataSource(id, dataSourceName(tenantId));
  const documents = source?.dataSourceConfiguration?.s3Configuration;
  return problemsOf({
    [`knowledge base ${id} is ${knowledgeBase.status}, not ACTIVE`]: knowledgeBase.status === 'ACTIVE',
    [`knowledge base ${id} is not over index ${vectorIndexName(tenantId)}`]:
      knowledgeBase.storageConfiguration?.opensearchManagedClusterConfiguration?.vectorIndexName ===
      vectorIndexName(tenantId),
    [`knowledge base ${id} has no available data source`]: source?.status === 'AVAILABLE',
    [`the data source of ${id} does not read ${documentPrefix(tenantId)} of ${env.DATA_BUCKET} alone`]:
      documents?.inclusionPrefixes?.join() === documentPrefix(tenantId) &&
      documents.bucketArn?.split(':::')[1] === env.DATA_BUCKET,
    [`the data source of ${id} does not retain the index when it is deleted`]: source?.dataDeletionPolicy === 'RETAIN',
  });
};

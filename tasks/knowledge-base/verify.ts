import { dataSourceName, documentPrefix, vectorIndexName } from '../shared/names';
import { problemsOf, type Verify } from '../shared/verification';
import { KNOWLEDGE_BASE } from './contract';
import { getDataSource, getKnowledgeBase } from './knowledge-base-calls';

/** The knowledge base is active over the tenant's index and reads the tenant's documents only. */
export const verifyKnowledgeBase: Verify<never> = async ({ tenantId, ledger }) => {
  const id = ledger(KNOWLEDGE_BASE)?.physicalId;
  const knowledgeBase = id === undefined ? undefined : await getKnowledgeBase(id);
  if (id === undefined || knowledgeBase === undefined)
    return [`knowledge base ${id ?? 'of the ledger'} does not exist`];
  const source = await getDataSource(id, dataSourceName(tenantId));
  return problemsOf({
    [`knowledge base ${id} is ${knowledgeBase.status}, not ACTIVE`]: knowledgeBase.status === 'ACTIVE',
    [`knowledge base ${id} is not over index ${vectorIndexName(tenantId)}`]:
      knowledgeBase.storageConfiguration?.opensearchManagedClusterConfiguration?.vectorIndexName ===
      vectorIndexName(tenantId),
    [`knowledge base ${id} has no available data source`]: source?.status === 'AVAILABLE',
    [`the data source of ${id} does not read ${documentPrefix(tenantId)} alone`]:
      source?.dataSourceConfiguration?.s3Configuration?.inclusionPrefixes?.join() === documentPrefix(tenantId),
  });
};

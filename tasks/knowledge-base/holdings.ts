import { after, type ListHoldings } from '../shared/holdings';
import { knowledgeBaseName } from '../shared/names';
import { knowledgeBasesOfAccount } from './knowledge-base-calls';

export const knowledgeBaseHoldings: ListHoldings<never> = async function* ({ app }) {
  for (const { id, name } of await knowledgeBasesOfAccount()) {
    const tenantId = after(knowledgeBaseName(app, ''), name);
    if (tenantId !== undefined) yield { tenantId, physicalId: id };
  }
};

import { knowledgeBaseName } from '../shared/names';
import type { FindResidue } from '../shared/residue';
import { knowledgeBasesOfAccount } from './knowledge-base-calls';

export const knowledgeBaseResidue: FindResidue<never> = async ({ tenantId, app }) => {
  const name = knowledgeBaseName(app, tenantId);
  return (await knowledgeBasesOfAccount())
    .filter((found) => found.name === name)
    .map(({ id }) => `knowledge base ${id} (${name}) exists`);
};

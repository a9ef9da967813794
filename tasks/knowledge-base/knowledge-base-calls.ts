import {
  BedrockAgentClient,
  type DataSource,
  GetDataSourceCommand,
  GetKnowledgeBaseCommand,
  type KnowledgeBase,
  ListTagsForResourceCommand,
  paginateListDataSources,
  paginateListKnowledgeBases,
} from '@aws-sdk/client-bedrock-agent';
import { isNamed } from '../shared/aws-errors';
import { REPEATABLE } from '../shared/clients';

export const bedrock = new BedrockAgentClient(REPEATABLE);

/** At most 100 knowledge bases fit into an account and Region, so this is one page. */
export async function knowledgeBasesOfAccount(): Promise<readonly { id: string; name: string }[]> {
  const found: { id: string; name: string }[] = [];
  for await (const page of paginateListKnowledgeBases({ client: bedrock, pageSize: 1000 }, {})) {
    for (const { knowledgeBaseId, name } of page.knowledgeBaseSummaries ?? []) {
      if (knowledgeBaseId !== undefined && name !== undefined) found.push({ id: knowledgeBaseId, name });
    }
  }
  return found;
}

export async function getKnowledgeBase(knowledgeBaseId: string): Promise<KnowledgeBase | undefined> {
  try {
    return (await bedrock.send(new GetKnowledgeBaseCommand({ knowledgeBaseId }))).knowledgeBase;
  } catch (error) {
    if (isNamed(error, 'ResourceNotFoundException')) return undefined;
    throw error;
  }
}

export async function tagsOf({
  knowledgeBaseArn,
}: Pick<KnowledgeBase, 'knowledgeBaseArn'>): Promise<Readonly<Record<string, string>>> {
  return (await bedrock.send(new ListTagsForResourceCommand({ resourceArn: knowledgeBaseArn }))).tags ?? {};
}

/** All data sources of a knowledge base. */
export async function dataSourcesOf(knowledgeBaseId: string): Promise<readonly DataSource[]> {
  const found: DataSource[] = [];
  for await (const page of paginateListDataSources({ client: bedrock }, { knowledgeBaseId })) {
    for (const { dataSourceId } of page.dataSourceSummaries ?? []) {
      const { dataSource } = await bedrock.send(new GetDataSourceCommand({ knowledgeBaseId, dataSourceId }));
      if (dataSource !== undefined) found.push(dataSource);
    }
  }
  return found;
}

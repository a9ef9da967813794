import {
  CreateDataSourceCommand,
  CreateKnowledgeBaseCommand,
  type KnowledgeBase,
  TagResourceCommand,
} from '@aws-sdk/client-bedrock-agent';
import { isNamed } from '../shared/aws-errors';
import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { NotReadyError, RejectedCallError, ResourceConflictError, ResourceTimedOutError } from '../shared/errors';
import {
  appId,
  clientToken,
  dataSourceName,
  documentPrefix,
  executionNameOf,
  knowledgeBaseName,
  MANAGED_BY_TAG,
  TENANT_TAG,
  vectorIndexName,
} from '../shared/names';
import type { LedgerEntry } from '../shared/registry';
import { FIELDS } from '../vector-index/contract';
import { provisionKnowledgeBase as contract, READY_WITHIN_MINUTES } from './contract';
import { bedrock, dataSourcesOf, getKnowledgeBase, knowledgeBasesOfAccount, tagsOf } from './knowledge-base-calls';

type Scope = FencedScope<(typeof contract.environment)[number]>;

/**
 * Ensures the tenant's knowledge base over its index, and its data source over its documents. One look per invocation:
 * while Bedrock is still creating, `ready` is false and the machine comes back.
 */
export async function provisionKnowledgeBase({ tenantId, executionArn }: TaskInput, scope: Scope) {
  const entry = await scope.ledger.read();
  const ledgered = entry?.phase === 'DONE' ? entry.physicalId : undefined;
  if (ledgered !== undefined) await ensureTags(tenantId, ledgered, scope);
  const known = ledgered === undefined ? undefined : await getKnowledgeBase(ledgered);
  const { id, knowledgeBase, since } = known?.knowledgeBaseId
    ? { id: known.knowledgeBaseId, knowledgeBase: known, since: entry?.since }
    : await ensureKnowledgeBase(tenantId, executionArn, entry?.phase === 'INTENT' ? entry : undefined, scope);

  if (knowledgeBase.status === 'FAILED') {
    const reasons = knowledgeBase.failureReasons?.join('; ') ?? 'no reason given';
    throw new RejectedCallError(
      `tenant ${tenantId}: knowledge base ${id} failed: ${reasons}. Delete it, then redrive.`,
    );
  }
  const ready = knowledgeBase.status === 'ACTIVE' && (await ensureDataSource(tenantId, id, scope));
  if (!ready) assertInTime(tenantId, id, since, scope.now());
  return { physicalId: id, ready };
}

/** Tags that somebody has removed come back first: without them the tasks have no power over their own knowledge base. */
async function ensureTags(tenantId: string, id: string, { env, app }: Scope): Promise<void> {
  const [, partition, , region, account] = env.VECTOR_DOMAIN_ARN.split(':');
  const resourceArn = `arn:${partition}:bedrock:${region}:${account}:knowledge-base/${id}`;
  const expected = { [TENANT_TAG]: tenantId, [MANAGED_BY_TAG]: appId(app) };
  try {
    const tags = await tagsOf({ knowledgeBaseArn: resourceArn });
    if (Object.entries(expected).every(([name, value]) => tags[name] === value)) return;
    await bedrock.send(new TagResourceCommand({ resourceArn, tags: expected }));
  } catch (error) {
    if (!isNamed(error, 'ResourceNotFoundException')) throw error;
  }
}

async function ensureKnowledgeBase(
  tenantId: string,
  executionArn: string,
  intent: LedgerEntry | undefined,
  scope: Scope,
) {
  const entry = intent ?? (await scope.ledger.intend(`${executionNameOf(executionArn)}.${scope.now().getTime()}`));
  const made = await create(tenantId, entry, scope);
  const knowledgeBase = made ?? (await adopt(tenantId, scope));
  const id = knowledgeBase.knowledgeBaseId;
  if (id === undefined) throw new NotReadyError(`tenant ${tenantId}: Bedrock answered without a knowledge base id`);
  // The intent may be of an attempt that Bedrock refused long before a redrive: the time runs from the accepted call.
  const since = made === undefined ? entry.since : scope.now().toISOString();
  await scope.ledger.complete(id, { ...entry, since });
  return { id, knowledgeBase, since };
}

/** Undefined when the name is taken: by an earlier attempt of ours, or by a stranger. */
async function create(tenantId: string, entry: LedgerEntry, { env, app }: Scope): Promise<KnowledgeBase | undefined> {
  try {
    const { knowledgeBase } = await bedrock.send(
      new CreateKnowledgeBaseCommand({
        // Auto-filled with a random value per send() if left out, so it would not survive a crash.
        clientToken: clientToken(appId(app), tenantId, entry.attemptId ?? ''),
        name: knowledgeBaseName(app, tenantId),
        roleArn: env.KNOWLEDGE_BASE_ROLE_ARN,
        knowledgeBaseConfiguration: {
          type: 'VECTOR',
          vectorKnowledgeBaseConfiguration: { embeddingModelArn: env.EMBEDDING_MODEL_ARN },
        },
        storageConfiguration: {
          type: 'OPENSEARCH_MANAGED_CLUSTER',
          opensearchManagedClusterConfiguration: {
            domainArn: env.VECTOR_DOMAIN_ARN,
            domainEndpoint: env.VECTOR_DOMAIN_ENDPOINT,
            vectorIndexName: vectorIndexName(tenantId),
            fieldMapping: { vectorField: FIELDS.vector, textField: FIELDS.text, metadataField: FIELDS.metadata },
          },
        },
        tags: { [TENANT_TAG]: tenantId, [MANAGED_BY_TAG]: appId(app) },
      }),
    );
    return knowledgeBase;
  } catch (error) {
    if (isNamed(error, 'ConflictException')) return undefined;
    throw propagating(tenantId, error);
  }
}

async function adopt(tenantId: string, { env, app }: Scope): Promise<KnowledgeBase> {
  const name = knowledgeBaseName(app, tenantId);
  // Two creates in flight can both succeed; every searcher takes the smallest id, so all agree.
  const [found] = (await knowledgeBasesOfAccount())
    .filter((summary) => summary.name === name)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const knowledgeBase = found && (await getKnowledgeBase(found.id));
  if (knowledgeBase === undefined) {
    throw new NotReadyError(`tenant ${tenantId}: the name ${name} is taken, but no knowledge base shows it yet`);
  }
  const storage = knowledgeBase.storageConfiguration?.opensearchManagedClusterConfiguration;
  const ours =
    knowledgeBase.roleArn === env.KNOWLEDGE_BASE_ROLE_ARN &&
    storage?.domainArn === env.VECTOR_DOMAIN_ARN &&
    storage.vectorIndexName === vectorIndexName(tenantId) &&
    knowledgeBase.knowledgeBaseConfiguration?.vectorKnowledgeBaseConfiguration?.embeddingModelArn ===
      env.EMBEDDING_MODEL_ARN;
  if (!ours) {
    throw new ResourceConflictError(
      `tenant ${tenantId}: knowledge base ${name} (${found?.id}) exists with another role, index or embedding model`,
    );
  }
  return knowledgeBase;
}

/** True once the data source can be used. */
async function ensureDataSource(tenantId: string, knowledgeBaseId: string, { env }: Scope): Promise<boolean> {
  const name = dataSourceName(tenantId);
  const bucketArn = `arn:${env.VECTOR_DOMAIN_ARN.split(':')[1]}:s3:::${env.DATA_BUCKET}`;
  const sources = await dataSourcesOf(knowledgeBaseId);
  const existing = sources.find((source) => source.name === name);
  const further = sources.filter((source) => source !== existing).map(({ dataSourceId }) => dataSourceId);
  if (further.length > 0) {
    throw new ResourceConflictError(
      `tenant ${tenantId}: knowledge base ${knowledgeBaseId} has further data sources, which may read anybody's documents: ${further.join(', ')}`,
    );
  }
  const dataSource = existing ?? (await createDataSource());
  const source = dataSource?.dataSourceConfiguration?.s3Configuration;
  const prefixes = source?.inclusionPrefixes;
  if (source?.bucketArn !== bucketArn || prefixes?.join() !== documentPrefix(tenantId)) {
    throw new ResourceConflictError(
      `tenant ${tenantId}: data source ${name} of ${knowledgeBaseId} reads ${prefixes?.join() ?? 'all'} of ${source?.bucketArn ?? 'no bucket'}, not ${documentPrefix(tenantId)} of ${bucketArn}`,
    );
  }
  if (dataSource?.dataDeletionPolicy !== 'RETAIN') {
    throw new ResourceConflictError(
      `tenant ${tenantId}: data source ${name} of ${knowledgeBaseId} has the deletion policy ${dataSource?.dataDeletionPolicy ?? 'of no answer'}, not RETAIN`,
    );
  }
  return dataSource.status === 'AVAILABLE';

  async function createDataSource() {
    try {
      const created = await bedrock.send(
        new CreateDataSourceCommand({
          clientToken: clientToken(knowledgeBaseId, name),
          knowledgeBaseId,
          name,
          // The trailing slash keeps acme2's documents out of acme's index.
          dataSourceConfiguration: {
            type: 'S3',
            s3Configuration: { bucketArn, inclusionPrefixes: [documentPrefix(tenantId)] },
          },
          // With DELETE, Bedrock empties the index itself at teardown and is stuck when anything is gone already.
          dataDeletionPolicy: 'RETAIN',
        }),
      );
      return created.dataSource;
    } catch (error) {
      // Busy, or an earlier attempt's data source is not listed yet: the name says both.
      if (isNamed(error, 'ConflictException')) {
        throw new NotReadyError(`tenant ${tenantId}: ${knowledgeBaseId} cannot take data source ${name} yet`, {
          cause: error,
        });
      }
      throw propagating(tenantId, error);
    }
  }
}

/** Messages of a ValidationException that mean "IAM or OpenSearch has not heard of it yet". Bedrock has no error name for it. */
const PROPAGATING = /cannot assume role|unable to assume the given role|storage configuration provided is invalid/i;

function propagating(tenantId: string, error: unknown): unknown {
  if (!isNamed(error, 'ValidationException') || !PROPAGATING.test((error as Error).message)) return error;
  return new NotReadyError(
    `tenant ${tenantId}: Bedrock cannot use the role or the index yet: ${(error as Error).message}`,
    { cause: error },
  );
}

function assertInTime(tenantId: string, id: string, since: string | undefined, now: Date): void {
  if (since === undefined || now.getTime() - Date.parse(since) < READY_WITHIN_MINUTES * 60_000) return;
  throw new ResourceTimedOutError(
    `tenant ${tenantId}: knowledge base ${id} is not ready ${READY_WITHIN_MINUTES} minutes after it was asked for`,
  );
}

export const handler = defineStep(contract, provisionKnowledgeBase);

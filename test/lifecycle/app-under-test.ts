import { Script } from 'node:vm';
import { BedrockAgentClient, ListDataSourcesCommand } from '@aws-sdk/client-bedrock-agent';
import { ServiceError } from '../../sandbox/aws/service';
import { takeInventory } from '../../sandbox/inventory';
import { type OnboardRequest, toTheEnd } from '../../sandbox/requests';
import { Sandbox, type SandboxOptions } from '../../sandbox/sandbox';
import {
  auditLogGroupName,
  auditPrefix,
  canonicalJson,
  executionName,
  keyAlias,
  partitionKey,
  storagePrefix,
  TENANT_ATTRIBUTE,
  TENANT_TAG,
  vectorIndexName,
} from '../../tasks/shared/names';
import type { TenantState } from '../../tasks/shared/registry';
import { ASSEMBLY } from '../support/assembly';

export const APP = { name: 'tenant-lifecycle', stage: 'dev' } as const;

/** The whole app, synthesized and running, for the tests of one file. */
export function useApp(options: SandboxOptions = {}): () => Sandbox {
  let sandbox: Sandbox | undefined;
  beforeAll(async () => {
    sandbox = await startApp(options);
  });
  afterAll(async () => await sandbox?.stop());
  return () => {
    if (sandbox === undefined) throw new Error('the sandbox runs only during tests');
    return sandbox;
  };
}

export const startApp = (options: SandboxOptions = {}): Promise<Sandbox> =>
  Sandbox.start({ assembly: ASSEMBLY, random: () => 0.5, ...options });

export const aRequest = (changes: Partial<OnboardRequest> & { tenantId: string }): OnboardRequest => ({
  requestId: 'request-1',
  displayName: 'Example Clinic',
  adminEmail: `admin@${changes.tenantId}.example`,
  tier: 'standard',
  ...changes,
});

export const functionName = (task: string): string => `${APP.name}-${APP.stage}-${task}`;

export const executionArnOf = (
  sandbox: Sandbox,
  { tenantId, requestId }: Pick<OnboardRequest, 'tenantId' | 'requestId'>,
) =>
  `${sandbox.output('OnboardTenantStateMachineArn').replace(':stateMachine:', ':execution:')}:${executionName('onboard', tenantId, requestId)}`;

/** Starts the machine as somebody does by hand, and waits until its end is recorded. */
export async function startByHand(sandbox: Sandbox, input: unknown, name?: string) {
  const { executionArn } = sandbox.machines.start({
    stateMachineArn: sandbox.output('OnboardTenantStateMachineArn'),
    input: JSON.stringify(input),
    ...(name !== undefined && { name }),
  });
  return await toTheEnd(sandbox, executionArn);
}

export async function redriveToTheEnd(sandbox: Sandbox, executionArn: string) {
  sandbox.machines.redrive(executionArn);
  return await toTheEnd(sandbox, executionArn);
}

type Item = Record<string, unknown>;

export async function registryItems(sandbox: Sandbox, tenantId: string): Promise<Item[]> {
  const items = await sandbox.services.dynamodb.dump(sandbox.output('RegistryTableName'));
  return items
    .filter(({ pk }) => pk === partitionKey(tenantId))
    .sort((a, b) => String(a['sk']).localeCompare(String(b['sk'])));
}

export async function registryItem(sandbox: Sandbox, tenantId: string, sk: string): Promise<Item | undefined> {
  return (await registryItems(sandbox, tenantId)).find((item) => item['sk'] === sk);
}

/** The tenant's STATE item. */
export async function stateOf(sandbox: Sandbox, tenantId: string): Promise<TenantState> {
  const item = await registryItem(sandbox, tenantId, 'STATE');
  if (item === undefined) throw new Error(`tenant ${tenantId} is not in the registry`);
  return item as unknown as TenantState;
}

/** How many places of each quota are taken. */
export async function capacity(sandbox: Sandbox): Promise<Item> {
  const items = await sandbox.services.dynamodb.dump(sandbox.output('RegistryTableName'));
  const { pk: _pk, sk: _sk, ...counters } = items.find(({ sk }) => sk === 'CAPACITY') ?? {};
  return counters;
}

/** What must never be found, whatever happened. */
export async function irregularities(sandbox: Sandbox) {
  const { orphans, duplicates, missing } = await takeInventory(sandbox);
  return { orphans, duplicates, missing };
}

export const CLEAN = { orphans: [], duplicates: [], missing: [] };

/** Functions that look at every execution once it has ended, and act for no tenant. */
const WATCHERS = ['archive-execution', 'reconcile-archive'].map(functionName);

/** True for what the audit archive adds to the tenant's prefix. */
const isArchive = ({ key }: { readonly key: string }): boolean =>
  /\/chain\/|\/history-redrive-\d+\.json\.gz$/.test(key);

/** Calls made since then, by function, for example `provision-user-group: cognito-identity-provider CreateGroup`. */
export const callsOf = (sandbox: Sandbox, since = 0): string[] =>
  sandbox.calls
    .entries()
    .filter(({ seq, functionName: caller }) => seq > since && caller !== undefined && !WATCHERS.includes(caller))
    .map(
      ({ functionName: caller, service, operation }) =>
        `${caller?.replace(functionName(''), '')}: ${service} ${operation}`,
    );

export const lastCall = (sandbox: Sandbox): number => sandbox.calls.entries().at(-1)?.seq ?? 0;

const bodies = (sandbox: Sandbox, bucketName: string, prefix: string) => {
  const bucket = sandbox.services.s3.bucket(bucketName);
  return [...(bucket?.keysFrom(prefix) ?? [])]
    .filter((key) => key.startsWith(prefix))
    .map((key) => ({
      key,
      versions: (bucket?.versionsOf(key) ?? []).map(({ content }) => ({
        body: content?.body.toString('utf8'),
        encryption: content?.encryption,
      })),
    }));
};

/** Everything that exists of one tenant, in every store, as it lies there. */
export async function everythingOf(sandbox: Sandbox, tenantId: string) {
  const { services } = sandbox;
  const data = await services.dynamodb.dump(sandbox.output('DataTableName'));
  const pool = services.cognito.userPool(sandbox.output('UserPoolId'));
  const users = [...pool.users.values()].filter(({ attributes }) => attributes.get(TENANT_ATTRIBUTE) === tenantId);
  const ids = services.bedrock.knowledgeBases().filter(({ tags }) => tags[TENANT_TAG] === tenantId);
  const bedrock = new BedrockAgentClient(sandbox.clientConfig);
  const log = services.logs.group(auditLogGroupName(APP, tenantId));
  const everything = {
    // How often an execution was archived depends on how often it ended.
    registry: (await registryItems(sandbox, tenantId)).filter(({ sk }) => sk !== 'ARCHIVE'),
    data: data.filter(({ tenantKey }) => tenantKey === partitionKey(tenantId)),
    objects: bodies(sandbox, sandbox.output('DataBucketName'), storagePrefix(tenantId)),
    audit: bodies(sandbox, sandbox.output('AuditBucketName'), auditPrefix(tenantId)).filter(
      (object) => !isArchive(object),
    ),
    keys: services.kms
      .keys()
      .filter(({ tags }) => tags.get(TENANT_TAG) === tenantId)
      .map(({ arn, tags, policy, state, rotates }) => ({ arn, tags: [...tags], policy, state, rotates })),
    keyBehindAlias: keyBehind(sandbox, keyAlias(APP, tenantId)),
    indices: services.opensearch
      .indices(sandbox.output('VectorDomainName'))
      .filter(({ name }) => name === vectorIndexName(tenantId))
      .map(({ name, shards, mappings }) => ({ name, shards, mappings })),
    knowledgeBases: await Promise.all(
      ids.map(async ({ id, name, status }) => ({
        id,
        name,
        status,
        dataSources: (
          (await bedrock.send(new ListDataSourcesCommand({ knowledgeBaseId: id }))).dataSourceSummaries ?? []
        ).map((source) => ({ name: source.name, status: source.status })),
      })),
    ),
    group: pool.groups.get(tenantId)?.description,
    users: users.map(({ attributes, groups, enabled }) => ({
      attributes: [...attributes],
      groups: [...groups],
      enabled,
    })),
    invitations: pool.messages.filter(({ username }) => users.some((user) => user.username === username)).length,
    auditLog: log && {
      retention: log.retentionInDays,
      key: log.kmsKeyId,
      tags: [...log.tags],
      records: loggedRecords(sandbox, tenantId),
    },
  };
  bedrock.destroy();
  return everything;
}

/** Of the tenant's log group, by key; a record may be logged more than once, and is the same each time. */
export function loggedRecords({ services }: Sandbox, tenantId: string): readonly { readonly key: string }[] {
  const messages = new Set(services.logs.lines(auditLogGroupName(APP, tenantId)));
  const records = [...messages].map((message) => JSON.parse(message) as { readonly key: string });
  return records.sort((a, b) => (a.key < b.key ? -1 : 1));
}

function keyBehind({ services }: Sandbox, alias: string): string | undefined {
  try {
    return services.kms.describe(alias).arn;
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'NotFoundException') return undefined;
    throw error;
  }
}

/**
 * The same for every tenant of a tier that was onboarded by one request: times, generated ids and the tenant's id are replaced.
 * @param without what tells by which way the tenant came there; `audit` stands for what is logged of it, too
 */
export async function endStateOf(
  sandbox: Sandbox,
  tenantId: string,
  without: readonly ('registry' | 'audit')[] = [],
): Promise<string[]> {
  const everything = withoutFailures(await everythingOf(sandbox, tenantId));
  const compared = Object.entries(everything).filter(([name]) => !without.some((left) => left === name));
  // Sorted, because the order of an item's attributes is that in which they were first written.
  const sorted = JSON.parse(canonicalJson(Object.fromEntries(compared)));
  if (without.includes('audit')) delete sorted.auditLog?.records;
  let text = JSON.stringify(sorted, undefined, 1).replaceAll(tenantId, '<tenant>');
  // By the ledger, because of a tenant that is gone nothing else is left to tell it.
  const ledgered = everything.registry.find(({ sk }) => sk === 'RESOURCE#knowledge-base')?.['physicalId'];
  for (const id of [...everything.knowledgeBases.map((one) => one.id), ledgered])
    if (id !== undefined) text = text.replaceAll(String(id), '<knowledge base>');
  return text
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '<time>')
    .replace(/\b\d{13}\b/g, '<milliseconds>')
    .replace(/\b[0-9a-f]{64}\b/g, '<hash>')
    .split('\n');
}

/** How often it failed on the way is no part of where a tenant ends. */
function withoutFailures({ audit, auditLog, ...rest }: Awaited<ReturnType<typeof everythingOf>>) {
  const isFailure = ({ key }: { readonly key: string }) => /\/failure-redrive-\d+\.json$/.test(key);
  return {
    ...rest,
    audit: audit.filter((object) => !isFailure(object)),
    auditLog: auditLog && { ...auditLog, records: auditLog.records.filter((record) => !isFailure(record)) },
  };
}

/** Lines that only one of the two has. */
export function differences(actual: readonly string[], expected: readonly string[]): string[] {
  const without = (lines: readonly string[], others: readonly string[]) => {
    const left = [...others];
    return lines.filter((line) => {
      const at = left.indexOf(line);
      if (at >= 0) left.splice(at, 1);
      return at < 0;
    });
  };
  return [
    ...without(actual, expected).map((line) => `+ ${line.trim()}`),
    ...without(expected, actual).map((line) => `- ${line.trim()}`),
  ];
}

/**
 * Lets the SDK in the bundles repeat at once: its pauses are random parts of real seconds. The bundles run outside of
 * Jest's realm, so their Math is not this one's.
 */
export function withoutPausesOfTheSdk(): void {
  const theirMath = new Script('Math').runInThisContext() as Math;
  let random: jest.SpyInstance | undefined;
  beforeAll(() => {
    random = jest.spyOn(theirMath, 'random').mockReturnValue(0);
  });
  afterAll(() => random?.mockRestore());
}

import { createHash } from 'node:crypto';
import { sha256Hex } from './digest';
import { OPERATIONS, type OperationName } from './tenant';

/**
 * Every name derived from a tenant id, and nothing else. Names that are used as prefixes end in a delimiter, so that
 * `acme` never covers `acme2`.
 */
export interface App {
  /** For example tenant-lifecycle. */
  readonly name: string;
  /** dev, staging or prod: several stages share an account without colliding. */
  readonly stage: string;
}

/** Tag on resources (KMS keys, knowledge bases, log groups) that says whose they are. */
export const TENANT_TAG = 'tenant-id';
/** Tag that says which app made and may change a resource. */
export const MANAGED_BY_TAG = 'managed-by';
/** Tag that says which attempt made a key, so that an orphan can be told from a competitor's key. */
export const ATTEMPT_TAG = 'attempt-id';
/** Cognito attribute that holds the tenant a user was made for. */
export const TENANT_ATTRIBUTE = 'custom:tenant_id';
/** Tag on the principal of a tenant's session, and claim of ID and access tokens that it comes from. */
export const PRINCIPAL_TAG = 'tenant_id';
/** Tag on the principal of a tenant's session: the user in whose name it was started. */
export const USER_TAG = 'user_id';

/** Index of the registry with partition key `status` and sort key `tenantId`; only STATE items have both. */
export const BY_STATUS = 'by-status';

export const appId = ({ name, stage }: App): string => `${name}-${stage}`;

/** Partition key of the tenant's own items in both tables. */
export const partitionKey = (tenantId: string): string => `TENANT#${tenantId}`;
/** What every further partition key of the tenant starts with. */
export const partitionPrefix = (tenantId: string): string => `TENANT#${tenantId}#`;
/** What the prefixes of all tenants start with. */
export const STORAGE_ROOT = 'tenants/';
/** Index of a table that lists all keys of one tenant, whatever its partitions; its partition key is `tenantKey`. */
export const BY_TENANT_INDEX = 'by-tenant';
/** Partition key of what belongs to a user, in the membership table. */
export const userKey = (sub: string): string => `USER#${sub}`;
/** Sort key of a user's membership in a tenant. */
export const membershipKey = (tenantId: string): string => `TENANT#${tenantId}`;
/** Sort key of a role that a tenant has defined, below the tenant in the membership table. */
export const roleKey = (roleId: string): string => `ROLE#${roleId}`;
/** Sort key of the tenant that a user has chosen for one session, which is named by its `origin_jti`. */
export const sessionKey = (sessionId: string): string => `SESSION#${sessionId}`;
/** Key prefix in the tenant data bucket. */
export const storagePrefix = (tenantId: string): string => `${STORAGE_ROOT}${tenantId}/`;
/** Key of the object that says the prefix was provisioned. */
export const storageMarkerKey = (tenantId: string): string => `${storagePrefix(tenantId)}.provisioned`;
/** Where the documents of the tenant's knowledge base lie. */
export const documentPrefix = (tenantId: string): string => `${storagePrefix(tenantId)}docs/`;
/** What the prefixes of all tenants in the audit bucket start with. */
export const AUDIT_ROOT = 'audit/';
/** Key prefix in the audit bucket. */
export const auditPrefix = (tenantId: string): string => `${AUDIT_ROOT}${tenantId}/`;
/** Where the archive keeps executions whose input names no tenant. */
export const UNASSIGNED_AUDIT_ROOT = 'audit-unassigned/';
/** Where the records of the tenant's hash chain lie. */
export const chainPrefix = (tenantId: string): string => `${auditPrefix(tenantId)}chain/`;
/** Of one record of the chain; fixed width, so that keys come in the order of their numbers. @param sequence from 1 */
export const chainKey = (tenantId: string, sequence: number): string =>
  `${chainPrefix(tenantId)}${String(sequence).padStart(10, '0')}.json`;
/** Pattern of the records of every tenant's chain. */
export const CHAINS = `${chainPrefix('*')}*.json`;
/** Of what was asked for: an accepted request or hold change. */
export const requestRecordKey = (tenantId: string, requestId: string): string =>
  `${auditPrefix(tenantId)}requests/${requestId}.json`;
/**
 * Of what a signed-in user did, or was refused. @param call the same for every repeat of one call
 */
export const callRecordKey = (tenantId: string, operation: string, call: string): string =>
  `${auditPrefix(tenantId)}calls/${operation}--${call}.json`;
/** How their keys end, as a pattern. */
export const callRecords = (operation: string): string => `calls/${operation}--*.json`;
/** How their keys end, as a pattern, whatever is recorded about a request. */
export const REQUEST_RECORDS = 'requests/*.json';
/**
 * Of a refused request. One id may be refused to several principals, and for several reasons, before it is accepted.
 * @param of action, principal and error
 */
export const refusalRecordKey = (tenantId: string, requestId: string, ...of: readonly string[]): string =>
  `${auditPrefix(tenantId)}requests/${requestId}.refused-${sha256Hex(of.join('\n')).slice(0, 16)}.json`;
/** Whether an audit record lies there; chain, histories and evidence of deletion lie below the same prefix. */
export const isAuditRecordKey = (tenantId: string, key: string): boolean =>
  key.startsWith(auditPrefix(tenantId)) &&
  key.endsWith('.json') &&
  !key.startsWith(chainPrefix(tenantId)) &&
  !key.startsWith(`${auditPrefix(tenantId)}evidence-of-deletion/`);
/** Where the evidence of deletion lies. */
export const evidenceKey = (tenantId: string, requestId: string): string =>
  `${auditPrefix(tenantId)}evidence-of-deletion/${requestId}.json`;
/** Of a key that the doctor retired. @param keyId not its ARN */
export const retiredKeyRecordKey = (tenantId: string, keyId: string): string =>
  `${auditPrefix(tenantId)}retired-keys/${keyId}.json`;
export const keyAlias = (app: App, tenantId: string): string => `alias/${appId(app)}/tenant/${tenantId}`;
export const vectorIndexName = (tenantId: string): string => `tenant-${tenantId}`;
export const knowledgeBaseName = (app: App, tenantId: string): string => `${appId(app)}-${tenantId}`;
export const dataSourceName = (tenantId: string): string => `documents-${tenantId}`;
export const groupName = (tenantId: string): string => tenantId;
export const auditLogGroupName = (app: App, tenantId: string): string =>
  `/${app.name}/${app.stage}/tenants/${tenantId}/audit`;
/** Stream of that group with the audit records. */
export const AUDIT_LOG_STREAM = 'lifecycle';

/** IAM role of a task. Fixed, because per-tenant key policies name roles by ARN. */
export const taskRoleName = (app: App, task: string): string => `${appId(app)}-${task}`;
export const taskFunctionName = (app: App, task: string): string => `${appId(app)}-${task}`;
/** Ended executions on their way into the audit archive, and those that the archiver failed on for good. */
export const archiveQueueName = (app: App): string => `${appId(app)}-audit-archive`;
export const archiveDeadLetterQueueName = (app: App): string => `${archiveQueueName(app)}-failed`;
/** Rule that feeds the archive. */
export const archiveRuleName = (app: App): string => `${appId(app)}-archive-execution`;
export const stateMachineName = (app: App, operation: OperationName): string => `${appId(app)}-${operation}-tenant`;

/** Vended logs share one resource policy; names outside this prefix fill it up [bp-cwl]. */
export const stateMachineLogGroupName = (machineName: string): string => `/aws/vendedlogs/states/${machineName}`;

/** The machine that examines all tenants; it acts for none, so no rule about tenants' executions matches its name. */
export const examinationMachineName = (app: App): string => `${appId(app)}-examine-tenants`;

/** Below the audit prefix of no tenant: what the doctor found, kept as long as the audit trail. */
export const DOCTOR_PREFIX = 'reports/doctor/';
/** Where the report of one examination lies. @param startedAt ISO 8601, of the execution */
export const doctorReportKey = (executionArn: string, startedAt: string): string =>
  `${DOCTOR_PREFIX}${startedAt.slice(0, 10)}/${executionNameOf(executionArn)}.json`;
/** Prefix of what one examination has found so far. */
export const doctorPartsPrefix = (executionArn: string, startedAt: string): string =>
  `${DOCTOR_PREFIX}${startedAt.slice(0, 10)}/${executionNameOf(executionArn)}/`;

/** Step Functions allows 80 characters in an execution name [client-sfn, StartExecution]. */
const REQUEST_ID_IN_NAME = 26;

/**
 * `<operation>--<tenantId>--<requestId>`; a requestId that is longer, or ends like the name of a successor or a replay, is stood for by the
 * start of its base32 SHA-256.
 */
export function executionName(operation: OperationName, tenantId: string, requestId: string): string {
  const fits = requestId.length <= REQUEST_ID_IN_NAME && !/-[gr]\d+$/.test(requestId);
  const id = fits ? requestId : base32(sha256(requestId)).slice(0, REQUEST_ID_IN_NAME);
  return `${operation}--${tenantId}--${id}`;
}

/** Errors of executions that the app stops itself; they are no failures. */
export const STOPPED_BY_APP = {
  cancelled: 'Cancelled',
  holdShortened: 'HoldShortened',
  suspendedAgain: 'SuspendedAgain',
} as const;

/**
 * Name of a request's further execution, which starts anew what an earlier one did not finish; no request's own execution
 * is named so. At most 80 characters up to the 999th. No dot: executions whose names have one are not logged [client-sfn, StartExecution].
 * @param count of the request's replays, this one included
 */
export const replayName = (name: string, count: number): string => `${name}-r${count}`;

/** Name of the execution that goes on with an offboarding at that generation; no request's own execution is named so. */
export const successorName = (name: string, generation: number): string => `${name}-g${generation}`;

/** Operation of an execution, by the state machine in its ARN: executions started by hand have any name. */
export const operationOf = (executionArn: string): OperationName | undefined =>
  OPERATIONS.find((operation) => executionArn.split(':')[6]?.endsWith(`-${operation}-tenant`));

/** Last part of an execution ARN. */
export const executionNameOf = (executionArn: string): string => executionArn.slice(executionArn.lastIndexOf(':') + 1);

/** Ids in an execution's name, if it has a name of ours. The requestId is the name's: a long one is stood for by its hash. */
export function idsInName(executionArn: string): { tenantId: string; requestId: string } | undefined {
  const [, tenantId, requestId] = /^[a-z]+--([a-z0-9-]+?)--(.+)$/.exec(executionNameOf(executionArn)) ?? [];
  return tenantId === undefined || requestId === undefined ? undefined : { tenantId, requestId };
}

/** Folders of the audit prefix that hold something else than an execution's records. */
const RESERVED_FOLDERS: ReadonlySet<string> = new Set([
  'calls',
  'chain',
  'requests',
  'retired-keys',
  'evidence-of-deletion',
]);

/** An execution that is started by hand may be named after a reserved folder. */
function executionFolder(executionArn: string): string {
  const name = executionNameOf(executionArn);
  return RESERVED_FOLDERS.has(name) ? `${name}--execution` : name;
}

/** Where the audit record of one step of one execution lies: the same step always writes the same key. */
export const auditRecordKey = (tenantId: string, executionArn: string, step: string): string =>
  `${auditPrefix(tenantId)}${executionFolder(executionArn)}/${slug(step)}.json`;
/** How the keys of a step's records end, as a pattern: of what it did, and of its refusals. */
export const stepRecords = (step: string): string => `${slug(step)}*.json`;

/**
 * Where the history of an execution lies, as it stood when that attempt ended: each redrive adds to the history, so each
 * gets an object of its own. @param tenantId undefined when the execution's input names none
 */
export const historyKey = (tenantId: string | undefined, executionArn: string, redriveCount: number): string =>
  `${tenantId === undefined ? UNASSIGNED_AUDIT_ROOT : auditPrefix(tenantId)}${executionFolder(executionArn)}/history-redrive-${redriveCount}.json.gz`;

/** Bedrock client token: 33 to 256 characters [API_agent_CreateKnowledgeBase]; the same for every repeat of one attempt. */
export const clientToken = (...parts: readonly string[]): string => sha256Hex(parts.join('\n'));

/** JSON with sorted keys: the same value is always the same bytes, as StartExecution's idempotency needs. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    member !== null && typeof member === 'object' && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

export const payloadHash = (payload: unknown): string => sha256Hex(canonicalJson(payload));

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

const slug = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]+/g, '-');

function base32(bytes: Buffer): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  return (bits.match(/.{5}/g) ?? []).map((five) => alphabet[Number.parseInt(five, 2)]).join('');
}

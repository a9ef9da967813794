import type { AccessRequest } from '../../sandbox/iam/access';
import type { Authorizer } from '../../sandbox/iam/authorizer';
import type { ContextRecord } from '../../sandbox/iam/context';
import { readPolicy } from '../../sandbox/iam/policy';
import type { Principal, RoleSession } from '../../sandbox/iam/principal';
import {
  auditLogGroupName,
  auditPrefix,
  BY_TENANT_INDEX,
  documentPrefix,
  PRINCIPAL_TAG,
  partitionKey,
  partitionPrefix,
  storagePrefix,
  TENANT_ATTRIBUTE,
  vectorIndexName,
} from '../../tasks/shared/names';
import {
  ACCOUNT,
  APP,
  dataBucketOf,
  iamOf,
  named,
  ofType,
  REGION,
  resourcePolicy,
  roleArnOf,
  roleOf,
  type Stage,
  statementsOf,
} from './policies';

/** Tenants whose ids begin each other, with and without the delimiters that ids may hold. */
export const TENANTS = ['acme', 'acme2', 'acme-2'] as const;
/** Tags of sessions: of each tenant, of one whose id is the start of all, of none, and an empty one. */
const SESSIONS = [...TENANTS, 'ac', undefined, ''] as const;
export type SessionTag = (typeof SESSIONS)[number];

/** Which policies are looked at. One layer alone must isolate where there are two. */
export type Layers = 'both' | 'role alone' | 'resource alone';

/** A call as IAM sees it. */
interface Attempt extends Pick<AccessRequest, 'action' | 'resource' | 'policy'> {
  readonly context?: ContextRecord;
  readonly how: string;
  /** Whether the tenant's own session may. */
  readonly own: boolean;
  /** Whether a policy on the resource keeps other tenants out by itself; `alone`: the tenant, too, and nothing else does. */
  readonly locked?: boolean | 'alone';
}

const RESOURCE_ARN = (service: string, resource: string) => `arn:aws:${service}:${REGION}:${ACCOUNT}:${resource}`;
const TENANT_ROLE = `${APP.name}-${APP.stage}-tenant-access`;
const OTHER_ROLES_SESSION = 'matrix';

/** Everything that somebody might try on a tenant's data, and on what is the platform's. */
function attemptsOn(stage: Stage, tenantId: string): Attempt[] {
  return [
    ...onTable(stage, tenantId),
    ...onBucket(stage, tenantId),
    ...onKey(stage, tenantId),
    ...onOthers(stage, tenantId),
  ];
}

function onTable(stage: Stage, tenantId: string): Attempt[] {
  const table = (prefix: string) => RESOURCE_ARN('dynamodb', `table/${logicalIdOfTable(stage, prefix)}`);
  const data = table('Data');
  const on = (
    actions: readonly string[],
    leading: readonly string[] | undefined,
    { own, resource = data, how = leading?.join(' and ') ?? 'no key' }: Partial<Attempt> & { own: boolean },
  ): Attempt[] =>
    actions.map((action) => ({
      action: `dynamodb:${action}`,
      resource,
      how,
      own,
      context: { 'dynamodb:LeadingKeys': leading },
    }));
  const reads = ['GetItem', 'Query', 'BatchGetItem', 'ConditionCheckItem'];
  const writes = ['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem'];
  const [itself, further] = [partitionKey(tenantId), `${partitionPrefix(tenantId)}ORDERS`];
  const foreign = `${partitionPrefix('zeta')}ORDERS`;
  return [
    ...on(reads, [itself], { own: true }),
    ...on([...reads, ...writes], [further], { own: true }),
    ...on(writes, [itself], { own: false }),
    ...on(['BatchGetItem', 'BatchWriteItem'], [further, foreign], { own: false }),
    ...on(['Scan', 'PartiQLSelect', 'GetItem', 'Query'], undefined, { own: false }),
    ...on(['PartiQLSelect', 'PartiQLInsert', 'PartiQLUpdate', 'PartiQLDelete'], [further], { own: false }),
    ...on(['Query', 'Scan'], [itself], { own: false, resource: `${data}/index/${BY_TENANT_INDEX}`, how: 'index' }),
    ...on(['Query', 'Scan'], undefined, { own: false, resource: `${data}/index/${BY_TENANT_INDEX}`, how: 'index' }),
    ...on(['GetRecords'], undefined, { own: false, resource: `${data}/stream/2026-01-01`, how: 'stream' }),
    ...on(['ExportTableToPointInTime', 'CreateBackup', 'DeleteTable', 'UpdateTable'], undefined, { own: false }),
    ...['Registry', 'Memberships'].flatMap((prefix) =>
      on([...reads, ...writes], [itself], { own: false, resource: table(prefix), how: `${prefix} ${itself}` }),
    ),
  ];
}

/** Tables are not among the resources here; their ids stand in the environment of a role that names them. */
function logicalIdOfTable(stage: Stage, prefix: string): string {
  for (const [, role] of ofType(stage, 'AWS::IAM::Role')) {
    const found = new RegExp(`:table/(${prefix}Table[0-9A-F]{8})`).exec(JSON.stringify(role.Policies ?? []));
    if (found?.[1] !== undefined) return found[1];
  }
  throw new Error(`no role names the table ${prefix}`);
}

function onBucket(stage: Stage, tenantId: string): Attempt[] {
  const { arn: bucket, policy: document } = dataBucketOf(stage);
  const policy = resourcePolicy('policy of the data bucket', document, false);
  const object = `${bucket}/${storagePrefix(tenantId)}docs/one.txt`;
  const onObject = (actions: readonly string[], own: boolean, resource = object): Attempt[] =>
    actions.map((action) => ({
      action: `s3:${action}`,
      resource,
      policy,
      how: resource.slice(bucket.length + 1),
      own,
      locked: true,
    }));
  const onList = (actions: readonly string[], prefix: string | undefined, own: boolean): Attempt[] =>
    actions.map((action) => ({
      action: `s3:${action}`,
      resource: bucket,
      policy,
      how: prefix === undefined ? 'without prefix' : `prefix ${prefix}`,
      own,
      locked: true,
      context: { 's3:prefix': prefix },
    }));
  const onUpload = (encryption: ContextRecord, how: string, own: boolean): Attempt => ({
    action: 's3:PutObject',
    resource: object,
    policy,
    how,
    own,
    locked: own || 'alone',
    context: Object.fromEntries(
      Object.entries(encryption).map(([header, value]) => [`s3:x-amz-server-side-encryption${header}`, value]),
    ),
  });
  const objectActions = ['AbortMultipartUpload', 'DeleteObject', 'GetObject', 'ListMultipartUploadParts', 'PutObject'];
  return [
    ...onObject(objectActions, true),
    ...onObject(
      [
        'DeleteObjectVersion',
        'GetObjectAcl',
        'GetObjectAttributes',
        'GetObjectTagging',
        'GetObjectVersion',
        'PutObjectAcl',
        'PutObjectRetention',
        'PutObjectTagging',
        'RestoreObject',
      ],
      false,
    ),
    onUpload({ '': 'aws:kms', '-aws-kms-key-id': RESOURCE_ARN('kms', `key/${tenantId}`) }, 'under a key', true),
    onUpload({ '': 'AES256' }, 'under a key of S3', false),
    onUpload({ '': 'aws:kms' }, 'under aws/s3', false),
    onUpload({ '-customer-algorithm': 'AES256' }, 'under a key of the caller', false),
    ...onObject(['GetObject', 'PutObject'], false, `${bucket}/tenants/${tenantId}`),
    ...onObject(['GetObject'], false, `${bucket}/elsewhere`),
    ...onList(['ListBucket'], storagePrefix(tenantId), true),
    ...onList(['ListBucket'], documentPrefix(tenantId), true),
    ...onList(['ListBucketVersions', 'ListBucketMultipartUploads'], storagePrefix(tenantId), false),
    ...['tenants/', `tenants/${tenantId}`, '', undefined].flatMap((prefix) => onList(['ListBucket'], prefix, false)),
    { action: 's3:PutBucketPolicy', resource: bucket, policy, how: '', own: false },
  ];
}

const CRYPTOGRAPHY = ['Decrypt', 'Encrypt', 'GenerateDataKey'];

function onKey(stage: Stage, tenantId: string): Attempt[] {
  const policy = resourcePolicy(`policy of ${tenantId}'s key`, stage.keyPolicyOf(tenantId), true);
  const tags = { 'aws:ResourceTag/tenant-id': tenantId, 'aws:ResourceTag/managed-by': `${APP.name}-${APP.stage}` };
  const resource = RESOURCE_ARN('kms', `key/${tenantId}`);
  const on = (actions: readonly string[], own: boolean, locked: boolean, how: string, context = {}): Attempt[] =>
    actions.map((action) => ({
      action: `kms:${action}`,
      resource,
      policy,
      how,
      own,
      locked,
      context: { ...tags, ...context },
    }));
  const dataKey = named(stage, 'AWS::KMS::Key', 'DataKey').KeyPolicy;
  const platform = {
    resource: RESOURCE_ARN(
      'kms',
      `key/${ofType(stage, 'AWS::KMS::Key').find(([id]) => id.startsWith('DataKey'))?.[0]}`,
    ),
    policy: resourcePolicy('policy of the data key', dataKey, true),
    own: false,
  };
  return [
    ...on(CRYPTOGRAPHY, true, true, `key of ${tenantId}`),
    ...on(['Decrypt', 'GenerateDataKey'], true, true, `key of ${tenantId}, through S3`, {
      'kms:ViaService': `s3.${REGION}.amazonaws.com`,
    }),
    ...on(['DescribeKey'], true, false, `key of ${tenantId}`),
    ...on(['CreateGrant', 'GenerateDataKeyPair', 'ReEncryptFrom', 'ReEncryptTo'], false, true, `key of ${tenantId}`),
    ...on(
      ['PutKeyPolicy', 'TagResource', 'UntagResource', 'ScheduleKeyDeletion', 'DisableKey', 'UpdateAlias'],
      false,
      false,
      `key of ${tenantId}`,
    ),
    ...['Decrypt', 'GenerateDataKey', 'CreateGrant', 'PutKeyPolicy'].map((action) => ({
      ...platform,
      action: `kms:${action}`,
      how: 'the data key',
    })),
    {
      ...platform,
      action: 'kms:Decrypt',
      how: 'the data key, through S3',
      context: { 'kms:ViaService': `s3.${REGION}.amazonaws.com` },
    },
  ];
}

function onOthers(stage: Stage, tenantId: string): Attempt[] {
  const logs = RESOURCE_ARN('logs', `log-group:${auditLogGroupName(APP, tenantId)}`);
  const role = roleArnOf(TENANT_ROLE);
  const trust = {
    policy: readPolicy(
      'trust policy of the tenant-access role',
      roleOf(stage, 'tenant-access').AssumeRolePolicyDocument,
      'trust',
    ),
    decides: true,
  };
  const knowledgeBase = RESOURCE_ARN('bedrock', 'knowledge-base/KB1');
  const tags = { 'aws:ResourceTag/tenant-id': tenantId };
  const no = (action: string, resource: string, context: ContextRecord = {}): Attempt => ({
    action,
    resource,
    context,
    how: tenantId,
    own: false,
  });
  return [
    ...['DescribeLogStreams', 'FilterLogEvents', 'GetLogEvents'].map((action) => ({
      action: `logs:${action}`,
      resource: `${logs}:log-stream:${action === 'GetLogEvents' ? 'one' : ''}`,
      how: tenantId,
      own: true,
    })),
    ...['CreateLogStream', 'PutLogEvents', 'DeleteLogGroup', 'PutRetentionPolicy'].map((action) =>
      no(`logs:${action}`, `${logs}:log-stream:one`),
    ),
    no('logs:FilterLogEvents', RESOURCE_ARN('logs', `log-group:/${APP.name}/${APP.stage}/tenants/:log-stream:`)),
    { action: 'bedrock:Retrieve', resource: knowledgeBase, context: tags, how: tenantId, own: true },
    no('bedrock:Retrieve', knowledgeBase),
    no('bedrock:RetrieveAndGenerate', '*'),
    no('bedrock:TagResource', knowledgeBase, tags),
    no('bedrock:DeleteKnowledgeBase', knowledgeBase, tags),
    no('es:ESHttpGet', RESOURCE_ARN('es', `domain/${APP.name}-${APP.stage}/${vectorIndexName(tenantId)}/_search`)),
    no('es:ESHttpPost', RESOURCE_ARN('es', `domain/${APP.name}-${APP.stage}/_msearch`)),
    no('s3:GetObject', `${auditBucketArn(stage)}/${auditPrefix(tenantId)}record.json`),
    no('s3:ListBucket', auditBucketArn(stage), { 's3:prefix': auditPrefix(tenantId) }),
    ...['AssumeRole', 'TagSession'].map((action) => ({
      ...no(`sts:${action}`, role, requestTags({ [PRINCIPAL_TAG]: tenantId })),
      policy: trust,
    })),
    ...['iam:TagRole', 'iam:UntagRole', 'iam:PutRolePolicy', 'iam:UpdateAssumeRolePolicy', 'iam:PassRole'].map(
      (action) => no(action, role),
    ),
    no('states:StartExecution', RESOURCE_ARN('states', `stateMachine:${APP.name}-${APP.stage}-offboard-tenant`)),
    no('lambda:InvokeFunction', RESOURCE_ARN('lambda', `function:${APP.name}-${APP.stage}-request-operation`)),
    no('events:PutEvents', RESOURCE_ARN('events', 'event-bus/default')),
    no('cognito-idp:AdminUpdateUserAttributes', RESOURCE_ARN('cognito-idp', 'userpool/pool')),
  ];
}

const auditBucketArn = (stage: Stage): string =>
  `arn:aws:s3:::${String(named(stage, 'AWS::S3::BucketPolicy', 'AuditBucket').Bucket).toLowerCase()}`;

const requestTags = (tags: Readonly<Record<string, string>>): ContextRecord => ({
  ...Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:RequestTag/${key}`, value])),
  'aws:TagKeys': Object.keys(tags),
});

const EVERYTHING = readPolicy(
  'everything',
  { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] },
  'identity',
);
/** What KMS gives a key that is made without a policy. */
const DEFAULT_KEY_POLICY = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: 'kms:*', Resource: '*' }],
};

const sessionOf = (iam: Authorizer, roleArn: string, tag: SessionTag): RoleSession => {
  const session = iam.sessionOf(roleArn, OTHER_ROLES_SESSION);
  const own = tag === undefined ? [] : ([[PRINCIPAL_TAG, tag]] as const);
  return { ...session, tags: new Map([...session.tags, ...own]) };
};

/** With one layer taken away: a role that may do everything, or resources without policies. */
function asked(session: RoleSession, attempt: Attempt, layers: Layers): readonly [Principal, AccessRequest] {
  const { own: _own, how: _how, locked: _locked, ...request } = attempt;
  if (layers === 'resource alone') return [{ ...session, policies: [EVERYTHING] }, request];
  if (layers === 'both' || request.policy === undefined || request.action.startsWith('sts:')) return [session, request];
  const { policy: _policy, ...bare } = request;
  return [
    session,
    request.policy.decides ? { ...bare, policy: resourcePolicy('the default', DEFAULT_KEY_POLICY, true) } : bare,
  ];
}

/** What sessions of the tenant-access role reach and must not, or must and do not. Empty: tenants are isolated. */
export function leaks(stage: Stage, layers: Layers = 'both'): { readonly found: string[]; readonly tried: number } {
  const { iam } = iamOf(stage, [TENANT_ROLE]);
  const found: string[] = [];
  let tried = 0;
  for (const tenantId of TENANTS) {
    for (const attempt of attemptsOn(stage, tenantId)) {
      if (layers === 'resource alone' && !attempt.locked) continue;
      if (layers === 'role alone' && attempt.locked === 'alone') continue;
      for (const tag of SESSIONS) {
        tried += 1;
        const session = sessionOf(iam, roleArnOf(TENANT_ROLE), tag);
        const allowed = iam.refusal('s3', ...asked(session, attempt, layers)) === undefined;
        const expected = attempt.own && tag === tenantId;
        // What the role may not do even with its own tenant's data is the role's affair alone.
        if (layers === 'resource alone' && tag === tenantId && attempt.locked !== 'alone') continue;
        if (allowed === expected) continue;
        const who = tag === undefined ? 'a session without tag' : tag === '' ? 'a session with an empty tag' : tag;
        found.push(`${who} ${allowed ? 'may' : 'may not'} ${attempt.action} ${attempt.how} of ${tenantId} (${layers})`);
      }
    }
  }
  return { found, tried };
}

/** Who can start a session for a tenant, and with which tags. Empty: those that must, as they must. */
export function starts(stage: Stage): string[] {
  const { iam, directory } = iamOf(stage);
  const role = roleArnOf(TENANT_ROLE);
  const policy = {
    policy: readPolicy('trust', roleOf(stage, 'tenant-access').AssumeRolePolicyDocument, 'trust'),
    decides: true,
  };
  const pool = ofType(stage, 'AWS::Cognito::IdentityPool')[0]?.[0] ?? '';
  const may = (principal: Principal, actions: readonly string[], context: ContextRecord) =>
    actions.every((action) => iam.refusal('sts', principal, { action, resource: role, policy, context }) === undefined);
  const functions = (name: string) => iam.sessionOf(roleArnOf(name), OTHER_ROLES_SESSION);
  const starters = directory
    .roles()
    .filter(({ arn }) =>
      may(
        iam.sessionOf(arn, OTHER_ROLES_SESSION),
        ['sts:AssumeRole', 'sts:TagSession'],
        requestTags({ [PRINCIPAL_TAG]: 'acme' }),
      ),
    );
  const administrator: Principal = { kind: 'user', accountId: ACCOUNT, name: 'admin', policies: [EVERYTHING] };
  const cognito: Principal = { kind: 'federated', provider: 'cognito-identity.amazonaws.com' };
  const federated = (changes: ContextRecord, tags: Readonly<Record<string, string>> = { [PRINCIPAL_TAG]: 'acme' }) =>
    may(cognito, ['sts:AssumeRoleWithWebIdentity', 'sts:TagSession'], {
      'cognito-identity.amazonaws.com:aud': pool,
      'cognito-identity.amazonaws.com:amr': ['authenticated', 'cognito-idp'],
      ...requestTags(tags),
      ...changes,
    });
  const verifier = functions(`${APP.name}-${APP.stage}-verify-isolation`);
  const assume = (tags: Readonly<Record<string, string>>) =>
    may(
      verifier,
      Object.keys(tags).length === 0 ? ['sts:AssumeRole'] : ['sts:AssumeRole', 'sts:TagSession'],
      requestTags(tags),
    );
  const claims: Readonly<Record<string, boolean>> = {
    [`sessions are started by ${starters.map(({ name }) => name).join(', ')}`]:
      starters
        .map(({ name }) => name)
        .sort()
        .join() === STARTERS.map((task) => `${APP.name}-${APP.stage}-${task}`).join(),
    'an administrator starts a session': !may(
      administrator,
      ['sts:AssumeRole', 'sts:TagSession'],
      requestTags({ [PRINCIPAL_TAG]: 'acme' }),
    ),
    'a function cannot start a tagged session': assume({ [PRINCIPAL_TAG]: 'acme', user_id: 'one' }),
    'a function starts a session without tag': !assume({}),
    'a function starts a session for a user of no tenant': !assume({ user_id: 'one' }),
    'a function starts a session with an empty tag': !assume({ [PRINCIPAL_TAG]: '' }),
    'a function starts a session with a tag of its own': !assume({ [PRINCIPAL_TAG]: 'acme', admin: 'true' }),
    'a signed-in user gets no session': federated({}),
    'a signed-in user gets a session without tag': !federated({}, {}),
    'a signed-in user gets a session with an empty tag': !federated({}, { [PRINCIPAL_TAG]: '' }),
    'a signed-in user gets a session with a further tag': !federated({}, { [PRINCIPAL_TAG]: 'acme', admin: 'true' }),
    'another identity pool gives sessions': !federated({ 'cognito-identity.amazonaws.com:aud': `${REGION}:another` }),
    'guests get a session': !federated({ 'cognito-identity.amazonaws.com:amr': ['unauthenticated'] }),
    'another provider gives sessions': !may(
      { kind: 'federated', provider: 'accounts.google.com' },
      ['sts:AssumeRoleWithWebIdentity'],
      requestTags({ [PRINCIPAL_TAG]: 'acme' }),
    ),
  };
  return Object.entries(claims).flatMap(([claim, holds]) => (holds ? [] : [claim]));
}

/** The functions that may start sessions. */
const STARTERS = ['issue-tenant-credentials', 'verify-isolation'];

/** Powers over tenants' data that only the roles listed here may have; `…` are what the app's role names begin with. */
const POWERS: Readonly<Record<string, readonly string[]>> = {
  'scan the data table': [],
  'read a tenant’s items': [
    'provision-data-partition',
    'verify-tenant',
    'destroy-data-partition',
    'prove-tenant-gone',
    'examine-tenant',
  ],
  'decrypt with a tenant’s key': [],
  'decrypt with a tenant’s key through S3': ['provision-storage-prefix', 'knowledge-base'],
  'grant a tenant’s key': [],
  'read a tenant’s documents': ['knowledge-base'],
  'read a tenant’s other objects': [],
  'change a tenant key’s policy': ['provision-encryption-key'],
  'change a tenant key’s tags': ['provision-encryption-key'],
  'remove a tenant key’s tags': [],
  'change the tenant-access role': [],
  'retrieve from a tenant’s knowledge base': [],
};

/** Who has powers that are not on the list, and who has lost one that is. Empty: as listed. */
export function powers(stage: Stage): string[] {
  const { iam, directory } = iamOf(stage);
  const data = RESOURCE_ARN('dynamodb', `table/${logicalIdOfTable(stage, 'Data')}`);
  const { arn: bucket, policy: bucketPolicy } = dataBucketOf(stage);
  const onKeyOf = (action: string, context: ContextRecord = {}): AccessRequest => ({
    action: `kms:${action}`,
    resource: RESOURCE_ARN('kms', 'key/acme'),
    policy: resourcePolicy('policy of a key', stage.keyPolicyOf('acme'), true),
    context: {
      'aws:ResourceTag/tenant-id': 'acme',
      'aws:ResourceTag/managed-by': `${APP.name}-${APP.stage}`,
      ...requestTags({ 'managed-by': `${APP.name}-${APP.stage}` }),
      ...context,
    },
  });
  const viaS3 = { 'kms:ViaService': `s3.${REGION}.amazonaws.com` };
  const object = (key: string): AccessRequest => ({
    action: 's3:GetObject',
    resource: `${bucket}/${key}`,
    policy: resourcePolicy('policy of the bucket', bucketPolicy, false),
  });
  const item = (action: string, leading: string | undefined, index = ''): AccessRequest => ({
    action: `dynamodb:${action}`,
    resource: `${data}${index}`,
    context: { 'dynamodb:LeadingKeys': leading },
  });
  const asks: Readonly<Record<string, readonly AccessRequest[]>> = {
    'scan the data table': [
      item('Scan', undefined),
      item('Scan', undefined, `/index/${BY_TENANT_INDEX}`),
      item('PartiQLSelect', undefined),
      item('ExportTableToPointInTime', undefined),
    ],
    'read a tenant’s items': [
      ...['GetItem', 'Query', 'BatchGetItem', 'PartiQLSelect'].map((action) => item(action, partitionKey('acme'))),
      item('Query', partitionKey('acme'), `/index/${BY_TENANT_INDEX}`),
    ],
    'decrypt with a tenant’s key': CRYPTOGRAPHY.map((action) => onKeyOf(action)),
    'decrypt with a tenant’s key through S3': [onKeyOf('Decrypt', viaS3)],
    'grant a tenant’s key': [onKeyOf('CreateGrant')],
    'read a tenant’s documents': [object(`${documentPrefix('acme')}one.txt`)],
    'read a tenant’s other objects': [object(`${storagePrefix('acme')}one.txt`)],
    'change a tenant key’s policy': [onKeyOf('PutKeyPolicy')],
    'change a tenant key’s tags': [onKeyOf('TagResource')],
    'remove a tenant key’s tags': [onKeyOf('UntagResource')],
    'change the tenant-access role': [
      'TagRole',
      'UntagRole',
      'PutRolePolicy',
      'AttachRolePolicy',
      'UpdateAssumeRolePolicy',
    ].map((action) => ({ action: `iam:${action}`, resource: roleArnOf(TENANT_ROLE) })),
    'retrieve from a tenant’s knowledge base': [
      {
        action: 'bedrock:Retrieve',
        resource: RESOURCE_ARN('bedrock', 'knowledge-base/KB1'),
        context: { 'aws:ResourceTag/tenant-id': 'acme' },
      },
    ],
  };
  return Object.entries(asks).flatMap(([power, requests]) => {
    const holders = directory
      .roles()
      .filter(({ name }) => name !== TENANT_ROLE)
      .filter(({ arn }) =>
        requests.some((request) => iam.refusal('s3', iam.sessionOf(arn, OTHER_ROLES_SESSION), request) === undefined),
      )
      .map(({ name }) => name.replace(`${APP.name}-${APP.stage}-`, ''));
    const listed = POWERS[power] ?? [];
    return [
      ...holders.filter((name) => !listed.includes(name)).map((name) => `${name} can ${power}`),
      ...listed.filter((name) => !holders.includes(name)).map((name) => `${name} cannot ${power}`),
    ];
  });
}

/** What the template must not say, whatever it comes to: the classic mistakes, by their looks. */
export function offences(stage: Stage): string[] {
  return [...inStatements(stage), ...inUserPool(stage), ...inIdentityPool(stage), ...inKeyPolicy(stage)];
}

function inStatements(stage: Stage): string[] {
  return ofType(stage, 'AWS::IAM::Role').flatMap(([, role]) =>
    statementsOf(role).flatMap((statement) => {
      const text = JSON.stringify(statement);
      const conditions = Object.entries((statement.Condition ?? {}) as Record<string, Record<string, unknown>>);
      const leading = conditions.filter(([, keys]) => 'dynamodb:LeadingKeys' in keys).map(([operator]) => operator);
      const actions = [statement.Action].flat() as string[];
      const problems: Readonly<Record<string, boolean>> = {
        'leading keys without a Null guard':
          leading.length > 0 && statement.Condition.Null?.['dynamodb:LeadingKeys'] !== 'false',
        'leading keys of any item instead of all': leading.some((operator) => operator.startsWith('ForAnyValue')),
        'a set operator on a tag, which has one value': conditions.some(
          ([operator, keys]) =>
            operator.startsWith('For') && Object.keys(keys).some((key) => /^aws:(Principal|Resource)Tag\//i.test(key)),
        ),
        'a tag that is followed by no delimiter': /\$\{aws:PrincipalTag\/[^}]*\}[^/#:"]/.test(text),
        'a tag with a default': /\$\{aws:PrincipalTag\/[^}]*,/.test(text),
        'every index': /\/index\/\*/.test(text),
        'all actions of a service': actions.some((action) => /^(\*|[a-z0-9-]+:\*)$/i.test(action)),
        'IfExists on a tag': conditions.some(
          ([operator, keys]) =>
            operator.endsWith('IfExists') && /aws:(Principal|Resource|Request)Tag/.test(JSON.stringify(keys)),
        ),
        'a tenant’s session without a look at its tag':
          role.RoleName === TENANT_ROLE && statement.Condition?.Null?.[`aws:PrincipalTag/${PRINCIPAL_TAG}`] !== 'false',
      };
      return Object.entries(problems).flatMap(([problem, is]) => (is ? [`${role.RoleName}: ${problem}`] : []));
    }),
  );
}

function inUserPool(stage: Stage): string[] {
  const attribute = TENANT_ATTRIBUTE.replace('custom:', '');
  const clients = ofType(stage, 'AWS::Cognito::UserPoolClient').flatMap(([id, client]) =>
    problemsIn(id, {
      'attributes that the client may write are not named':
        !client.WriteAttributes || client.WriteAttributes.length === 0,
      'the client may write the tenant': JSON.stringify(client.WriteAttributes ?? []).includes(attribute),
      'the client has the implicit flow': (client.AllowedOAuthFlows ?? ['implicit']).includes('implicit'),
      'tokens of the client may edit the user': (
        client.AllowedOAuthScopes ?? ['aws.cognito.signin.user.admin']
      ).includes('aws.cognito.signin.user.admin'),
      'passwords get tokens that may edit the user': (client.ExplicitAuthFlows ?? ['ALLOW_USER_SRP_AUTH']).some(
        (flow: string) => /PASSWORD|SRP/.test(flow),
      ),
    }),
  );
  const pools = ofType(stage, 'AWS::Cognito::UserPool').flatMap(([id, pool]) => {
    const tenant = (pool.Schema ?? []).find(({ Name }: { Name: string }) => Name === attribute);
    return problemsIn(id, {
      'users sign up by themselves': pool.AdminCreateUserConfig?.AllowAdminCreateUserOnly !== true,
      'the tenant is a required attribute, which clients always write': tenant?.Required === true,
      'the tenant attribute is not in the schema': tenant === undefined,
      'no trigger writes the claim': pool.LambdaConfig?.PreTokenGenerationConfig?.LambdaVersion !== 'V2_0',
      'unverified addresses count': !(pool.AutoVerifiedAttributes ?? []).includes('email'),
    });
  });
  const providers = ofType(stage, 'AWS::Cognito::UserPoolIdentityProvider').flatMap(([id, provider]) =>
    problemsIn(id, {
      'a provider writes the tenant': JSON.stringify(provider.AttributeMapping ?? {}).includes(attribute),
    }),
  );
  const groups = ofType(stage, 'AWS::Cognito::UserPoolGroup').flatMap(([id, group]) =>
    problemsIn(id, { 'a group has a role that a client can choose': group.RoleArn !== undefined }),
  );
  // Cognito's session cookie signs a user of one client into the other one.
  const apps = problemsIn('the user pool', {
    'several apps share its sign-in': ofType(stage, 'AWS::Cognito::UserPoolClient').length !== 1,
    'it takes the sign-in of an identity provider, which other apps may trust too':
      ofType(stage, 'AWS::Cognito::UserPoolIdentityProvider').length > 0 ||
      ofType(stage, 'AWS::Cognito::UserPoolClient').some(([, { SupportedIdentityProviders = ['COGNITO'] }]) =>
        SupportedIdentityProviders.some((provider: string) => provider !== 'COGNITO'),
      ),
  });
  return [...clients, ...pools, ...providers, ...groups, ...apps];
}

function inIdentityPool(stage: Stage): string[] {
  return [
    ...ofType(stage, 'AWS::Cognito::IdentityPool').flatMap(([id, pool]) =>
      problemsIn(id, {
        'clients call STS themselves (classic flow)': pool.AllowClassicFlow !== false,
        'tokens of several apps get credentials': pool.CognitoIdentityProviders.length !== 1,
        'guests get an identity': pool.AllowUnauthenticatedIdentities !== false,
        'tokens of users that are signed out count': pool.CognitoIdentityProviders.some(
          ({ ServerSideTokenCheck }: { ServerSideTokenCheck?: boolean }) => ServerSideTokenCheck !== true,
        ),
      }),
    ),
    ...ofType(stage, 'AWS::Cognito::IdentityPoolRoleAttachment').flatMap(([id, attachment]) =>
      problemsIn(id, {
        'the role depends on the token': attachment.RoleMappings !== undefined,
        'there is a role for guests': attachment.Roles.unauthenticated !== undefined,
      }),
    ),
    ...ofType(stage, 'AWS::Cognito::IdentityPoolPrincipalTag').flatMap(([id, { PrincipalTags, UseDefaults }]) =>
      problemsIn(id, {
        'the tag does not come from the claim':
          PrincipalTags?.[PRINCIPAL_TAG] !== PRINCIPAL_TAG || UseDefaults !== false,
      }),
    ),
    ...problemsIn(TENANT_ROLE, {
      'the role has a tenant of its own': JSON.stringify(roleOf(stage, 'tenant-access').Tags ?? [])
        .toLowerCase()
        .includes(`"${PRINCIPAL_TAG}"`),
      'sessions of more than an hour': (roleOf(stage, 'tenant-access').MaxSessionDuration ?? 3600) > 3600,
    }),
  ];
}

function inKeyPolicy(stage: Stage): string[] {
  const { Statement: statements } = stage.keyPolicyOf('acme') as { Statement: Record<string, unknown>[] };
  const open = statements.filter(
    ({ Effect, Action, Condition }) =>
      Effect === 'Allow' &&
      Condition === undefined &&
      ([Action].flat() as string[]).some((action) =>
        /^(\*|kms:(\*|Encrypt|Decrypt|GenerateDataKey|ReEncrypt|CreateGrant))/.test(action),
      ),
  );
  return problemsIn('a tenant’s key', { 'the account may use the key': open.length > 0 });
}

const problemsIn = (what: string, problems: Readonly<Record<string, boolean>>): string[] =>
  Object.entries(problems).flatMap(([problem, is]) => (is ? [`${what}: ${problem}`] : []));

/** What each part of the suite finds. */
/**
 * What roles of the stage could mark as made by it, and so have power over, although it is another app's or stage's; and
 * what of the stage's own they could not mark. Stages may share an account.
 */
export function takings(stage: Stage): string[] {
  const { iam, directory } = iamOf(stage);
  const own = `${APP.name}-${APP.stage}`;
  const sharing = resourcePolicy('the default', DEFAULT_KEY_POLICY, true);
  const mark = (service: string, resource: string, context: ContextRecord): AccessRequest => ({
    action: `${service}:TagResource`,
    resource,
    ...(service === 'kms' && resource !== '*' && { policy: sharing }),
    context: { ...requestTags({ 'managed-by': own }), ...context },
  });
  const key = (context: ContextRecord) => mark('kms', RESOURCE_ARN('kms', 'key/one'), context);
  const knowledgeBase = (context: ContextRecord) =>
    mark('bedrock', RESOURCE_ARN('bedrock', 'knowledge-base/ONE'), context);
  const madeBy = (app: string): ContextRecord => ({ 'aws:ResourceTag/managed-by': app });
  const foreign: Readonly<Record<string, AccessRequest>> = {
    'a key of another stage': key(madeBy(`${APP.name}-prod`)),
    'a key of another app': key({ ...madeBy('other-app-dev'), 'kms:ResourceAliases': [`alias/${own}/tenant/acme`] }),
    'a key of nobody, with an alias': key({ 'kms:ResourceAliases': [`alias/${APP.name}-prod/platform/data`] }),
    'a knowledge base of another stage': knowledgeBase(madeBy(`${APP.name}-prod`)),
  };
  const ours: Readonly<Record<string, readonly [task: string, request: AccessRequest]>> = {
    'a key that it makes': ['provision-encryption-key', mark('kms', '*', {})],
    'its key': ['provision-encryption-key', key(madeBy(own))],
    'its key without tag': ['provision-encryption-key', key({ 'kms:ResourceAliases': [`alias/${own}/tenant/acme`] })],
    'a knowledge base that it makes': ['provision-knowledge-base', mark('bedrock', '*', {})],
    'its knowledge base without tag': ['provision-knowledge-base', knowledgeBase({})],
  };
  const may = (roleArn: string, request: AccessRequest) =>
    iam.refusal('kms', iam.sessionOf(roleArn, OTHER_ROLES_SESSION), request) === undefined;
  const platformKeys = ofType(stage, 'AWS::KMS::Key').map(([id, { KeyPolicy }]) => ({
    id,
    policy: resourcePolicy(`policy of ${id}`, KeyPolicy, true),
  }));
  const session = iam.sessionOf(roleArnOf(`${own}-provision-encryption-key`), OTHER_ROLES_SESSION);
  return [
    ...Object.entries(foreign).flatMap(([what, request]) =>
      directory.roles().flatMap(({ arn, name }) => (may(arn, request) ? [`${name} may mark ${what}`] : [])),
    ),
    ...Object.entries(ours).flatMap(([what, [task, request]]) =>
      may(roleArnOf(`${own}-${task}`), request) ? [] : [`${task} may not mark ${what}`],
    ),
    ...platformKeys.flatMap(({ id, policy }) =>
      ['dev', 'prod'].flatMap((other) => {
        const roleArn = roleArnOf(`${APP.name}-${other}-provision-encryption-key`);
        const request = { ...key({}), policy };
        return iam.refusal('kms', { ...session, roleArn, policies: [EVERYTHING] }, request) === undefined
          ? [`a task of ${other} may mark ${id}`]
          : [];
      }),
    ),
  ];
}

export const PARTS = {
  matrix: (stage) => leaks(stage).found,
  'role alone': (stage) => leaks(stage, 'role alone').found,
  'resource alone': (stage) => leaks(stage, 'resource alone').found,
  starts,
  powers,
  takings,
  offences,
} as const satisfies Readonly<Record<string, (stage: Stage) => readonly string[]>>;
export type Part = keyof typeof PARTS;

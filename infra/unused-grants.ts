/**
 * Grants that no call uses when the sandbox runs through whole lifecycles, each with the reason why it is given all the
 * same. test/lifecycle/template-permissions.test.ts fails for one that is not here, and for an entry that is used after all.
 * By role (without the app's prefix; * is every role), action, and resource where the same action is also granted on another.
 */
export const UNUSED_GRANTS: readonly UnusedGrant[] = [
  ...grants('*', ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], 'the tracer; there is no X-Ray in the sandbox'),
  ...grants(
    '*',
    ['kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey'],
    'what DynamoDB’s guide asks for of whoever uses a table under a customer managed key; the sandbox decrypts the table’s key only',
    'table keys',
  ),
  ...grants(
    '*',
    ['kms:Decrypt'],
    'S3 may have to open the bucket key it has made for the audit bucket; the sandbox makes a new data key for each object',
    'audit key',
  ),
  ...['*-tenant', 'examine-tenants'].flatMap((role) =>
    grants(
      role,
      [
        'logs:CreateLogDelivery',
        'logs:DeleteLogDelivery',
        'logs:DescribeLogGroups',
        'logs:DescribeResourcePolicies',
        'logs:GetLogDelivery',
        'logs:ListLogDeliveries',
        'logs:PutResourcePolicy',
        'logs:UpdateLogDelivery',
        'xray:GetSamplingRules',
        'xray:GetSamplingTargets',
      ],
      'Step Functions’ own, for the machine’s log and traces; the sandbox writes the log itself',
    ),
  ),
  ...grants(
    '*',
    ['s3:GetObject'],
    'reads back the audit record (and the evidence of deletion) that an earlier attempt has written',
    'audit records',
  ),
  ...grants(
    'examine-tenants',
    ['states:StartExecution', 'states:DescribeExecution', 'states:RedriveExecution', 'states:StopExecution'],
    'Step Functions’ own, for the children of a Map Run; the sandbox runs them itself',
  ),
  ...grants(
    'knowledge-base',
    [
      's3:GetObject',
      's3:ListBucket',
      'kms:Decrypt',
      'es:ESHttpDelete',
      'es:ESHttpGet',
      'es:ESHttpHead',
      'es:ESHttpPost',
      'es:ESHttpPut',
      'es:DescribeDomain',
      'bedrock:InvokeModel',
    ],
    'Bedrock’s own, for ingestion and retrieval; the sandbox ingests nothing',
  ),
  ...grants(
    'provision-encryption-key',
    ['kms:UpdateAlias'],
    'moves the alias away from a key that is being deleted by hand',
  ),
  ...grants(
    'provision-encryption-key',
    ['kms:TagResource'],
    'gives a key the tag of its tenant back where it still has the app’s',
    'tenant keys',
  ),
  ...grants(
    'provision-knowledge-base',
    ['bedrock:TagResource'],
    'gives a knowledge base the tag of its tenant back where it still has the app’s',
  ),
  ...grants(
    'provision-storage-prefix',
    ['kms:Decrypt'],
    'S3 may open a data key it has just made; the sandbox does not',
    'tenant keys',
  ),
  ...grants(
    'provision-storage-prefix',
    ['s3:ListBucket'],
    'lets S3 say “not found” if it asks with the key as prefix, which AWS does not document; the sandbox asks without',
  ),
  ...grants(
    'suspend-users',
    ['cognito-idp:AdminGetUser'],
    'whether a member is enabled whom memberships name and the group does not: after drift only',
  ),
  ...grants(
    'examine-tenant',
    ['cognito-idp:AdminGetUser'],
    'shared with verify-tenant, which looks at the first admin of a tenant that is not ACTIVE yet',
  ),
  ...grants(
    'retire-orphaned-key',
    ['kms:EnableKey'],
    'gives a key back that an onboarding took while it was being retired',
  ),
  ...grants(
    'examine-tenant',
    ['dynamodb:Query'],
    'whether a user who is enabled in a blocked tenant, or the first admin of a closed one, belongs to another tenant',
  ),
  ...grants(
    'prove-tenant-gone',
    ['dynamodb:Query'],
    'whether a first admin who still exists belongs to another tenant',
  ),
  ...['provision-first-admin', 'suspend-users', 'destroy-user-group'].flatMap((role) =>
    grants(role, ['cognito-idp:DescribeUserPool'], 'asked when a group is gone already: its pool must not be'),
  ),
  ...['suspend-encryption-key', 'destroy-encryption-key'].flatMap((role) =>
    grants(
      role,
      ['kms:ListKeys', 'kms:ListResourceTags'],
      'the search for a key whose CreateKey answer was lost, of an onboarding that failed right there',
    ),
  ),
  ...grants('destroy-encryption-key', ['kms:DisableKey'], 'for a key that was enabled by hand after the hold began'),
  ...grants('destroy-knowledge-base', ['bedrock:StopIngestionJob'], 'for a purge during an ingestion'),
  ...grants(
    'destroy-knowledge-base',
    ['bedrock:UpdateDataSource'],
    'for a data source that was changed by hand from RETAIN to DELETE',
  ),
  ...grants(
    'destroy-vector-index',
    ['es:DescribeDomain'],
    'asked when an index is gone already: its domain must not be',
  ),
  ...grants('destroy-storage-prefix', ['s3:AbortMultipartUpload'], 'for uploads that were never completed'),
  ...grants(
    'destroy-storage-prefix',
    ['s3:DeleteObject'],
    'the API reference asks for it “always”, also where every object is deleted by its version; the sandbox does not',
  ),
  ...['claim-reinstatement', 'examine-account', 'retire-orphaned-key'].flatMap((role) =>
    grants(role, ['states:DescribeExecution'], 'asks whether the owner of a lease still runs'),
  ),
  ...grants(
    'summarize-examination',
    ['kms:Decrypt'],
    'every task gets the registry’s key; this one reads objects only',
    'table keys',
  ),
  ...grants(
    'tenant-access',
    [
      'dynamodb:BatchGetItem',
      'dynamodb:BatchWriteItem',
      'dynamodb:ConditionCheckItem',
      'dynamodb:DeleteItem',
      'dynamodb:Query',
      'dynamodb:UpdateItem',
      'kms:DescribeKey',
      'kms:Encrypt',
      'logs:DescribeLogStreams',
      'logs:GetLogEvents',
      's3:AbortMultipartUpload',
      's3:DeleteObject',
      's3:ListMultipartUploadParts',
    ],
    'what applications do in a tenant’s name; verify-isolation tries one call of each kind',
  ),
  ...grants('record-outcome', ['sqs:SendMessage'], 'Lambda’s own, for events that failed for good'),
];

export interface UnusedGrant {
  readonly role: string;
  readonly action: string;
  readonly reason: string;
  readonly resource?: string;
}

function grants(role: string, actions: readonly string[], reason: string, resource?: string): UnusedGrant[] {
  return actions.map((action) => ({ role, action, reason, ...(resource !== undefined && { resource }) }));
}

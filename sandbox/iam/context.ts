/** Condition keys of one request, in lower case, as IAM does not tell their case apart. A key without a value is absent. */
export type Context = ReadonlyMap<string, readonly string[]>;

/** A context as services write it down. What is undefined is absent; an empty list too. */
export type ContextRecord = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export function contextOf(...records: readonly ContextRecord[]): Context {
  const context = new Map<string, readonly string[]>();
  for (const record of records) {
    for (const [key, value] of Object.entries(record)) {
      const values = value === undefined ? [] : Array.isArray(value) ? value.map(String) : [String(value)];
      if (values.length > 0) context.set(key.toLowerCase(), values);
    }
  }
  return context;
}

/** One key per tag, for example aws:RequestTag/tenant-id. */
export const tagKeys = (prefix: string, tags: Iterable<readonly [string, string]>): ContextRecord =>
  Object.fromEntries([...tags].map(([key, value]) => [`${prefix}/${key}`, value]));

/** What a request says about tags that it sets. */
export const requestedTags = (tags: Iterable<readonly [string, string]>): ContextRecord => {
  const all = [...tags];
  return { ...tagKeys('aws:RequestTag', all), 'aws:TagKeys': all.map(([key]) => key) };
};

type Cardinality = 'one' | 'many';

/**
 * Condition keys that requests in the sandbox carry, with the number of values that they have ["Single-valued vs.
 * multivalued context keys"; Service Authorization Reference]. A policy that names another one is refused: its condition
 * would be evaluated as if the key were absent, which on AWS it may not be.
 */
const KNOWN: Readonly<Record<string, Cardinality>> = {
  'aws:CalledVia': 'many',
  'aws:CalledViaFirst': 'one',
  'aws:CalledViaLast': 'one',
  'aws:CurrentTime': 'one',
  'aws:EpochTime': 'one',
  'aws:FederatedProvider': 'one',
  'aws:PrincipalAccount': 'one',
  'aws:PrincipalArn': 'one',
  'aws:PrincipalIsAWSService': 'one',
  'aws:PrincipalServiceName': 'one',
  'aws:PrincipalType': 'one',
  'aws:RequestedRegion': 'one',
  'aws:ResourceAccount': 'one',
  'aws:SecureTransport': 'one',
  'aws:SourceAccount': 'one',
  'aws:SourceArn': 'one',
  'aws:TagKeys': 'many',
  'aws:TokenIssueTime': 'one',
  'aws:userid': 'one',
  'aws:username': 'one',
  'aws:ViaAWSService': 'one',

  'cognito-identity.amazonaws.com:amr': 'many',
  'cognito-identity.amazonaws.com:aud': 'one',
  'cognito-identity.amazonaws.com:sub': 'one',

  'dynamodb:Attributes': 'many',
  'dynamodb:LeadingKeys': 'many',
  'dynamodb:ReturnConsumedCapacity': 'one',
  'dynamodb:ReturnValues': 'one',
  'dynamodb:Select': 'one',

  'iam:PassedToService': 'one',

  'kms:BypassPolicyLockoutSafetyCheck': 'one',
  'kms:CallerAccount': 'one',
  'kms:EncryptionContextKeys': 'many',
  'kms:KeyOrigin': 'one',
  'kms:KeySpec': 'one',
  'kms:KeyUsage': 'one',
  'kms:MultiRegion': 'one',
  'kms:RequestAlias': 'one',
  'kms:ResourceAliases': 'many',
  'kms:ScheduleKeyDeletionPendingWindowInDays': 'one',
  'kms:ViaService': 'one',

  's3:delimiter': 'one',
  's3:if-match': 'one',
  's3:if-none-match': 'one',
  's3:max-keys': 'one',
  's3:object-lock-legal-hold': 'one',
  's3:object-lock-mode': 'one',
  's3:object-lock-retain-until-date': 'one',
  's3:prefix': 'one',
  's3:RequestObjectTagKeys': 'many',
  's3:ResourceAccount': 'one',
  's3:TlsVersion': 'one',
  's3:VersionId': 'one',
  's3:x-amz-server-side-encryption': 'one',
  's3:x-amz-server-side-encryption-aws-kms-key-id': 'one',
  's3:x-amz-server-side-encryption-customer-algorithm': 'one',

  'sts:ExternalId': 'one',
  'sts:RoleSessionName': 'one',
  'sts:TransitiveTagKeys': 'many',
};

/** Families of keys: what stands after the prefix is a tag or a member of an encryption context. */
const FAMILIES = [
  'aws:PrincipalTag/',
  'aws:RequestTag/',
  'aws:ResourceTag/',
  'kms:EncryptionContext:',
  's3:ExistingObjectTag/',
  's3:RequestObjectTag/',
].map((prefix) => prefix.toLowerCase());

const CARDINALITIES = new Map(Object.entries(KNOWN).map(([key, cardinality]) => [key.toLowerCase(), cardinality]));

/** How many values the key has in a request; undefined for keys that the sandbox does not know. */
export function cardinalityOf(key: string): Cardinality | undefined {
  const lower = key.toLowerCase();
  const ofFamily = FAMILIES.some((prefix) => lower.startsWith(prefix) && lower.length > prefix.length);
  return ofFamily ? 'one' : CARDINALITIES.get(lower);
}

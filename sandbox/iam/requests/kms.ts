import { sealedWith } from '../../aws/kms/cipher';
import type { Key } from '../../aws/kms/key-store';
import { type Call, ServiceError } from '../../aws/service';
import { type AccessRequest, type AccessTable, arn, EVERYTHING, named, type Surroundings, text } from '../access';
import { type ContextRecord, requestedTags } from '../context';
import type { ServicePrincipal } from '../principal';

type Tag = { readonly TagKey: string; readonly TagValue?: string };

export interface KeyUse {
  /** Service in the caller's name. */
  readonly via?: string;
  readonly by?: ServicePrincipal;
  readonly encryptionContext?: Readonly<Record<string, string>>;
  readonly context?: ContextRecord;
  readonly refusal?: AccessRequest['refusal'];
}

/**
 * One use of a key. Its policy decides: IAM counts only where the policy names the account [control-access-overview]. A key
 * that does not exist has no policy and no tags: only a grant without conditions on them lets its caller see the
 * NotFoundException. KMS's message ("because the resource does not exist in this Region") says that much; that it holds
 * within an account is assumed, being the stricter reading.
 */
export function keyUse(around: Surroundings, keyId: string, action: string, use: KeyUse = {}): AccessRequest[] {
  const key = find(around, keyId);
  const { via, by, refusal, encryptionContext = {}, context } = use;
  const { services, directory, estate } = around;
  const aliasName = /(?:^|:)(alias\/.+)$/.exec(keyId)?.[1];
  if (key === undefined) {
    // Services say in their own words that a key is missing.
    if (via !== undefined || by !== undefined) return [];
    const resource = arn(estate, 'kms', aliasName ?? `key/${keyId.slice(keyId.lastIndexOf('/') + 1)}`);
    return [{ action, resource, context: { 'kms:RequestAlias': aliasName, ...context } }];
  }
  return [
    {
      action,
      resource: key.arn,
      policy: { policy: directory.keyPolicy(key), decides: true },
      ...(via !== undefined && { via }),
      ...(by !== undefined && { by }),
      ...(refusal !== undefined && { refusal }),
      context: {
        ...keyFacts(key, estate.accountId),
        'kms:RequestAlias': aliasName,
        'kms:ResourceAliases': services.kms.aliasesOf(key.arn),
        'kms:ViaService': via && `${via}.${estate.region}.amazonaws.com`,
        'kms:EncryptionContextKeys': Object.keys(encryptionContext),
        ...Object.fromEntries(
          Object.entries(encryptionContext).map(([name, value]) => [`kms:EncryptionContext:${name}`, value]),
        ),
        ...context,
      },
    },
  ];
}

const keyFacts = (
  { tags, spec, usage, multiRegion }: Pick<Key, 'tags' | 'spec' | 'usage' | 'multiRegion'>,
  account: string,
) => ({
  ...Object.fromEntries([...tags].map(([name, value]) => [`aws:ResourceTag/${name}`, value])),
  'kms:CallerAccount': account,
  'kms:KeyOrigin': 'AWS_KMS',
  'kms:KeySpec': spec,
  'kms:KeyUsage': usage,
  'kms:MultiRegion': multiRegion,
});

function find({ services }: Surroundings, keyId: string): Readonly<Key> | undefined {
  try {
    return services.kms.describe(keyId);
  } catch (error) {
    if (error instanceof ServiceError) return undefined;
    throw error;
  }
}

const BY_KEY = [
  'CancelKeyDeletion',
  'DescribeKey',
  'DisableKey',
  'DisableKeyRotation',
  'EnableKey',
  'EnableKeyRotation',
  'GetKeyLastUsage',
  'GetKeyPolicy',
  'GetKeyRotationStatus',
  'ListGrants',
  'ListResourceTags',
  'PutKeyPolicy',
];
const CRYPTOGRAPHIC = ['Encrypt', 'GenerateDataKey', 'GenerateDataKeyWithoutPlaintext'];

/** AWS KMS [kms-api-permissions-reference; policy-conditions]. */
export const kms: AccessTable = {
  ...Object.fromEntries(
    BY_KEY.map((operation) => [
      operation,
      (call: Call, around: Surroundings) => keyUse(around, text(call, 'KeyId'), `kms:${operation}`),
    ]),
  ),
  ...Object.fromEntries(
    CRYPTOGRAPHIC.map((operation) => [
      operation,
      (call: Call, around: Surroundings) =>
        keyUse(around, text(call, 'KeyId'), `kms:${operation}`, { encryptionContext: encryptionContextOf(call) }),
    ]),
  ),
  Decrypt: (call, around) =>
    keyUse(around, sealingKey(call), 'kms:Decrypt', { encryptionContext: encryptionContextOf(call) }),
  ...named('kms', ['ListAliases', 'ListKeys'], EVERYTHING),

  /**
   * A key with tags asks for TagResource as well, both without a resource. Then the lockout check: the caller must be able
   * to change the new key's policy [key-policy-default, "policy lockout safety check"]. That the check sees the tags of the
   * request as the key's is an assumption; without it a condition on aws:ResourceTag could never pass it.
   */
  CreateKey(call, { estate, directory }) {
    const tags = tagsOf(call);
    const spec = (call.input['KeySpec'] ?? 'SYMMETRIC_DEFAULT') as Key['spec'];
    const usage = (call.input['KeyUsage'] ?? 'ENCRYPT_DECRYPT') as Key['usage'];
    const bypass = call.input['BypassPolicyLockoutSafetyCheck'] === true;
    const facts = keyFacts(
      { tags: new Map(), spec, usage, multiRegion: call.input['MultiRegion'] === true },
      estate.accountId,
    );
    const context = { ...facts, ...requestedTags(tags), 'kms:BypassPolicyLockoutSafetyCheck': bypass };
    const policy = call.input['Policy'] as string | undefined;
    return [
      { action: 'kms:CreateKey', resource: '*', context },
      ...(tags.length > 0 ? [{ action: 'kms:TagResource', resource: '*', context }] : []),
      ...(policy === undefined || bypass
        ? []
        : [
            {
              action: 'kms:PutKeyPolicy',
              resource: arn(estate, 'kms', 'key/new'),
              policy: { policy: directory.keyPolicy({ arn: 'the new key', policy }), decides: true },
              context: {
                ...facts,
                ...keyFacts({ tags: new Map(tags), spec, usage, multiRegion: false }, estate.accountId),
              },
              refusal: (message: string) =>
                new ServiceError(
                  'MalformedPolicyDocumentException',
                  `The new key policy will not allow you to update the key policy in the future. ${message}`,
                ),
            },
          ]),
    ];
  },

  /** Asked of the alias, by IAM alone, and of each key that is concerned [alias-access]. */
  CreateAlias: (call, around) => [
    ...onAlias(call, around, 'kms:CreateAlias'),
    ...keyUse(around, text(call, 'TargetKeyId'), 'kms:CreateAlias'),
  ],
  UpdateAlias: (call, around) => [
    ...onAlias(call, around, 'kms:UpdateAlias'),
    ...keyUse(around, text(call, 'AliasName'), 'kms:UpdateAlias'),
    ...keyUse(around, text(call, 'TargetKeyId'), 'kms:UpdateAlias'),
  ],
  DeleteAlias: (call, around) => [
    ...onAlias(call, around, 'kms:DeleteAlias'),
    ...keyUse(around, text(call, 'AliasName'), 'kms:DeleteAlias'),
  ],

  TagResource: (call, around) =>
    keyUse(around, text(call, 'KeyId'), 'kms:TagResource', { context: requestedTags(tagsOf(call)) }),
  UntagResource: (call, around) =>
    keyUse(around, text(call, 'KeyId'), 'kms:UntagResource', {
      context: { 'aws:TagKeys': (call.input['TagKeys'] ?? []) as string[] },
    }),
  ScheduleKeyDeletion: (call, around) =>
    keyUse(around, text(call, 'KeyId'), 'kms:ScheduleKeyDeletion', {
      context: { 'kms:ScheduleKeyDeletionPendingWindowInDays': Number(call.input['PendingWindowInDays'] ?? 30) },
    }),
};

const onAlias = (call: Call, { estate }: Surroundings, action: string): AccessRequest[] => [
  { action, resource: arn(estate, 'kms', text(call, 'AliasName')) },
];

const tagsOf = (call: Call): [string, string][] =>
  ((call.input['Tags'] ?? []) as readonly Tag[]).map(({ TagKey, TagValue = '' }) => [TagKey, TagValue]);

const encryptionContextOf = (call: Call) => (call.input['EncryptionContext'] ?? {}) as Readonly<Record<string, string>>;

function sealingKey(call: Call): string {
  try {
    return sealedWith(Buffer.from(text(call, 'CiphertextBlob'), 'base64'));
  } catch {
    return ''; // No key's: the operation says InvalidCiphertextException.
  }
}

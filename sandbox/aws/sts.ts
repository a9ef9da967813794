import type { AssumeRoleResponse, GetCallerIdentityResponse } from '@aws-sdk/client-sts';
import { sessionNameOf } from '../iam/authorizer';
import { Directory } from '../iam/directory';
import { readPolicy, UnreadablePolicyError } from '../iam/policy';
import { arnOf } from '../iam/principal';
import { sessionTags } from '../iam/requests/sts';
import { Sessions } from '../iam/sessions';
import { queryService } from './query-protocol';
import { type Call, type Estate, type RawService, ServiceError } from './service';

/** A session that was itself started by a session lasts no longer than this, seconds [id_roles_terms-and-concepts, role chaining]. */
const CHAINED_LIMIT = 3600;
const SHORTEST = 900;
const TAG_LIMIT = 50;

/** AWS STS: who am I, and sessions of roles with tags. IAM has been asked before an operation runs. */
export function createSts(
  estate: Estate,
  {
    directory = new Directory(),
    sessions = new Sessions(estate),
  }: { readonly directory?: Directory; readonly sessions?: Sessions } = {},
): { readonly service: RawService } {
  const { accountId } = estate;
  return {
    service: queryService({
      name: 'sts',
      signingNames: ['sts'],
      namespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
      operations: {
        GetCallerIdentity: (_input: unknown, { caller }: Call) => identityOf(caller, accountId),
        AssumeRole: (_input: unknown, call: Call) => assumeRole(call, accountId, directory, sessions),
      },
    }),
  };
}

function identityOf(caller: Call['caller'], accountId: string): GetCallerIdentityResponse {
  const { accessKeyId, roleArn } = caller;
  if (roleArn === undefined)
    return { UserId: accessKeyId, Account: accountId, Arn: `arn:aws:iam::${accountId}:user/sandbox` };
  const sessionName = sessionNameOf(caller);
  return {
    UserId: `AROASANDBOX:${sessionName}`,
    Account: accountId,
    Arn: arnOf({ kind: 'role', accountId, roleArn, sessionName, policies: [], tags: new Map() }),
  };
}

/** The query protocol leaves numbers as text; an empty list is an empty string. */
interface AssumeRoleInput {
  readonly RoleArn?: string;
  readonly RoleSessionName?: string;
  readonly DurationSeconds?: string;
  readonly Policy?: string;
  readonly PolicyArns?: unknown;
  readonly TransitiveTagKeys?: unknown;
}

function assumeRole(call: Call, accountId: string, directory: Directory, sessions: Sessions): AssumeRoleResponse {
  const {
    RoleArn,
    RoleSessionName = '',
    DurationSeconds,
    Policy,
    PolicyArns,
    TransitiveTagKeys,
  } = call.input as AssumeRoleInput;
  const role = directory.role(RoleArn ?? '');
  if (role === undefined) throw new ServiceError('AccessDenied', `Role ${RoleArn} cannot be assumed`, 403);
  if (!/^[\w+=,.@-]{2,64}$/.test(RoleSessionName)) throw invalid('roleSessionName', 'must match [\\w+=,.@-]{2,64}');
  if (PolicyArns !== undefined) throw invalid('policyArns', 'is not known to the sandbox; give Policy');

  const state = sessions.stateOf(call.caller);
  const caller = typeof state === 'object' ? state : undefined;
  const longest = call.caller.roleArn === undefined ? role.maxSessionDuration : CHAINED_LIMIT;
  const seconds = Number(DurationSeconds ?? CHAINED_LIMIT);
  if (!(seconds >= SHORTEST && seconds <= longest)) {
    throw invalid('durationSeconds', `must be between ${SHORTEST} and ${longest} for this role and this caller`);
  }
  const tags = checkedTags(sessionTags(call));
  for (const key of caller?.transitiveTagKeys ?? []) {
    if (tags.has(key))
      throw new ServiceError('InvalidParameterValue', `The tag ${key} is transitive and cannot be set again`);
    const value = caller?.tags.get(key);
    if (value !== undefined) tags.set(key, value);
  }
  const session = sessions.start({
    roleArn: role.arn,
    name: RoleSessionName,
    tags,
    transitiveTagKeys: [
      ...(caller?.transitiveTagKeys ?? []),
      ...(Array.isArray(TransitiveTagKeys) ? TransitiveTagKeys : []),
    ],
    policy: Policy === undefined ? undefined : sessionPolicy(Policy),
    seconds,
  });
  return {
    Credentials: {
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: session.secretAccessKey,
      SessionToken: session.sessionToken,
      Expiration: new Date(session.expiresAt),
    },
    AssumedRoleUser: {
      AssumedRoleId: `AROASANDBOX:${RoleSessionName}`,
      Arn: arnOf({ kind: 'role', accountId, roleArn: role.arn, sessionName: RoleSessionName, policies: [], tags }),
    },
    PackedPolicySize: 1,
  };
}

/** Limits of session tags [reference_iam-quotas; id_session-tags]. Values may be empty. */
function checkedTags(tags: readonly [string, string][]): Map<string, string> {
  if (tags.length > TAG_LIMIT) throw invalid('tags', `must have at most ${TAG_LIMIT} members`);
  for (const [key, value] of tags) {
    if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u.test(key)) throw invalid('tags', `holds the invalid key '${key}'`);
    if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u.test(value))
      throw invalid('tags', `holds an invalid value under '${key}'`);
  }
  if (new Set(tags.map(([key]) => key.toLowerCase())).size < tags.length) {
    throw new ServiceError(
      'InvalidParameterValue',
      'Duplicate tag keys found. Please note that Tag keys are case insensitive.',
    );
  }
  return new Map(tags);
}

function sessionPolicy(document: string) {
  try {
    return readPolicy('session policy', JSON.parse(document), 'identity');
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof UnreadablePolicyError)) throw error;
    throw new ServiceError('MalformedPolicyDocument', error.message);
  }
}

function invalid(member: string, reason: string): ServiceError {
  return new ServiceError('ValidationError', `1 validation error detected: Value at '${member}' ${reason}`);
}

import type { WebIdentity } from '../aws/cognito-identity';
import type { Call, Caller, ServiceError } from '../aws/service';
import type { AccessRequest, Surroundings } from './access';
import { type ContextRecord, contextOf, requestedTags, tagKeys } from './context';
import { AccessDenied, deniedBy, explain, rejectedToken } from './denial';
import { decide } from './evaluate';
import { type Policy, readPolicy } from './policy';
import { type Principal, principalArn, type RoleSession } from './principal';
import { ACCESS } from './requests';
import type { Sessions } from './sessions';
import { type UnusedGrant, Usage } from './usage';

/** What an administrator may do; resource policies that have to allow are still asked. */
const ADMINISTRATOR: Policy = readPolicy(
  'AdministratorAccess',
  { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: '*', Resource: '*' } },
  'identity',
);

/**
 * Decides, for each call of a role, whether IAM allows it. Other credentials are the operator's, who may do everything but
 * assume a role that does not trust them.
 */
export class Authorizer {
  readonly #around: Surroundings;
  readonly #sessions: Sessions;
  readonly #usage = new Usage();

  constructor(around: Surroundings, sessions: Sessions) {
    this.#around = around;
    this.#sessions = sessions;
  }

  /** Throws the service's AccessDenied error. Returns the call, with what of its batch is refused. */
  authorize(call: Call): Call {
    const principal = this.#principalOf(call);
    if (principal === undefined) return call;
    const refused = new Map<string, ServiceError>();
    for (const request of this.#requestsOf(call)) {
      const error = this.#ask(call.service, principal, request);
      if (error === undefined) continue;
      if (request.item === undefined) throw error;
      if (!refused.has(request.item)) refused.set(request.item, error);
    }
    return refused.size === 0 ? call : { ...call, refused };
  }

  /** The refusal of a single access outside of the endpoint, for example of a state machine's invocation; undefined: allowed. */
  refusal(service: string, principal: Principal, request: AccessRequest): AccessDenied | ServiceError | undefined {
    return this.#ask(service, principal, request);
  }

  /** A role as a service uses it: Lambda for a function, Step Functions for an execution. */
  sessionOf(roleArn: string, sessionName: string): RoleSession {
    const role = this.#around.directory.role(roleArn);
    return {
      kind: 'role',
      accountId: this.#around.estate.accountId,
      roleArn,
      sessionName,
      policies: role?.policies ?? [],
      tags: role?.tags ?? new Map(),
    };
  }

  /** Whether the role's trust policy lets the service have it. */
  trusts(roleArn: string, service: string, source: { readonly sourceArn?: string } = {}): boolean {
    const { directory, estate } = this.#around;
    const role = directory.role(roleArn);
    if (role === undefined) return false;
    const principal: Principal = { kind: 'service', name: service, sourceAccount: estate.accountId, ...source };
    const request = { action: 'sts:AssumeRole', resource: roleArn, policy: { policy: role.trust, decides: true } };
    return this.#ask('sts', principal, request) === undefined;
  }

  /** Whether the role's trust policy lets an identity pool start such a session: AssumeRoleWithWebIdentity, with tags. */
  trustsWebIdentity(roleArn: string, { identityPoolId, identityId, amr, tags }: WebIdentity): boolean {
    const role = this.#around.directory.role(roleArn);
    if (role === undefined) return false;
    const provider = 'cognito-identity.amazonaws.com';
    const context: ContextRecord = {
      ...requestedTags(tags),
      [`${provider}:aud`]: identityPoolId,
      [`${provider}:amr`]: amr,
      [`${provider}:sub`]: identityId,
    };
    const actions = ['sts:AssumeRoleWithWebIdentity', ...(tags.size > 0 ? ['sts:TagSession'] : [])];
    return actions.every(
      (action) =>
        this.#ask(
          'sts',
          { kind: 'federated', provider },
          { action, resource: roleArn, context, policy: { policy: role.trust, decides: true } },
        ) === undefined,
    );
  }

  /** Granted actions that no call has used so far. */
  unusedGrants(): UnusedGrant[] {
    return this.#usage.unused(this.#around.directory.roles());
  }

  #principalOf({ caller, service, operation }: Call): Principal | undefined {
    const { accountId } = this.#around.estate;
    const session = this.#sessions.stateOf(caller);
    if (session === 'expired' || session === 'unknown') throw rejectedToken(service, session);
    if (caller.roleArn === undefined) {
      return service === 'sts' && operation === 'AssumeRole'
        ? { kind: 'user', accountId, name: 'sandbox', policies: [ADMINISTRATOR] }
        : undefined;
    }
    const ofRole = this.sessionOf(caller.roleArn, sessionNameOf(caller));
    if (session === undefined) return ofRole;
    const tags = overridden(ofRole.tags, session.tags);
    return { ...ofRole, tags, sessionPolicy: session.policy, issuedAt: session.issuedAt };
  }

  #requestsOf(call: Call): readonly AccessRequest[] {
    const table = ACCESS[call.service];
    const access = table && Object.hasOwn(table, call.operation) ? table[call.operation] : undefined;
    if (access === undefined) {
      throw new Error(
        `The sandbox does not know which permissions ${call.service} ${call.operation} needs: add it to sandbox/iam/requests`,
      );
    }
    return access(call, this.#around);
  }

  #ask(service: string, caller: Principal, request: AccessRequest): ServiceError | undefined {
    const principal = request.by ?? caller;
    const { action, resource, policy } = request;
    const context = contextOf(this.#globalKeys(principal, request), request.context ?? {});
    const asked = { action, resource, context };
    const decision = decide(asked, principal, policy);
    if (decision.allowed) {
      this.#usage.note(decision.by, asked);
      return undefined;
    }
    const { denial, message } = explain(asked, principal, decision);
    if (request.refusal !== undefined) return request.refusal(message);
    const { code, status } = deniedBy(service);
    return new AccessDenied(code, message, status, denial);
  }

  /** Keys that AWS puts into every request [reference_policies_condition-keys]. The wire of the sandbox counts as TLS 1.3. */
  #globalKeys(principal: Principal, { via }: AccessRequest): ContextRecord {
    const { clock, region, accountId } = this.#around.estate;
    const now = clock.now();
    return {
      'aws:CurrentTime': new Date(now).toISOString(),
      'aws:EpochTime': Math.floor(now / 1000),
      'aws:RequestedRegion': region,
      'aws:ResourceAccount': accountId,
      'aws:SecureTransport': true,
      's3:TlsVersion': '1.3',
      's3:ResourceAccount': accountId,
      'aws:ViaAWSService': via !== undefined,
      'aws:CalledVia': via === undefined ? [] : [`${via}.amazonaws.com`],
      'aws:CalledViaFirst': via && `${via}.amazonaws.com`,
      'aws:CalledViaLast': via && `${via}.amazonaws.com`,
      'aws:PrincipalIsAWSService': principal.kind === 'service',
      ...principalKeys(principal),
    };
  }
}

function principalKeys(principal: Principal): ContextRecord {
  if (principal.kind === 'service') {
    const { name, sourceArn, sourceAccount } = principal;
    return { 'aws:PrincipalServiceName': name, 'aws:SourceArn': sourceArn, 'aws:SourceAccount': sourceAccount };
  }
  if (principal.kind === 'federated') return { 'aws:FederatedProvider': principal.provider };
  const { accountId } = principal;
  const common = { 'aws:PrincipalArn': principalArn(principal), 'aws:PrincipalAccount': accountId };
  if (principal.kind === 'user') {
    return { ...common, 'aws:PrincipalType': 'User', 'aws:userid': principal.name, 'aws:username': principal.name };
  }
  const { tags, sessionName, issuedAt } = principal;
  return {
    ...common,
    'aws:PrincipalType': 'AssumedRole',
    'aws:userid': `AROASANDBOX:${sessionName}`,
    'aws:TokenIssueTime': issuedAt === undefined ? undefined : new Date(issuedAt).toISOString(),
    ...tagKeys('aws:PrincipalTag', tags),
  };
}

export const sessionNameOf = ({ sessionName, functionName }: Caller): string =>
  sessionName ?? functionName ?? 'sandbox';

/** A session's tag takes the place of the role's of the same key, whatever the case [id_session-tags]. */
function overridden(ofRole: ReadonlyMap<string, string>, ofSession: ReadonlyMap<string, string>): Map<string, string> {
  const taken = new Set([...ofSession.keys()].map((key) => key.toLowerCase()));
  return new Map([...[...ofRole].filter(([key]) => !taken.has(key.toLowerCase())), ...ofSession]);
}

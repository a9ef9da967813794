import type { Policy } from './policy';

/** Who makes a request, as IAM sees them. */
export type Principal = RoleSession | User | ServicePrincipal | FederatedPrincipal;

/** Credentials of a role: of a function, a state machine, or from AssumeRole. */
export interface RoleSession {
  readonly kind: 'role';
  readonly accountId: string;
  readonly roleArn: string;
  readonly sessionName: string;
  /** Identity policies: inline and managed ones of the role. */
  readonly policies: readonly Policy[];
  /** Tags of the role, overridden by those of the session. */
  readonly tags: ReadonlyMap<string, string>;
  /** Policy given to AssumeRole: the session may do no more than it allows. */
  readonly sessionPolicy?: Policy | undefined;
  /** Epoch milliseconds. */
  readonly issuedAt?: number | undefined;
}

export interface User {
  readonly kind: 'user';
  readonly accountId: string;
  readonly name: string;
  readonly policies: readonly Policy[];
}

/** An AWS service that acts on its own, for example events.amazonaws.com. */
export interface ServicePrincipal {
  readonly kind: 'service';
  readonly name: string;
  /** The resource in whose name it acts, for example a rule. */
  readonly sourceArn?: string;
  readonly sourceAccount?: string;
}

/** Somebody whom an identity provider vouches for, as AssumeRoleWithWebIdentity brings them: without policies and account. */
export interface FederatedPrincipal {
  readonly kind: 'federated';
  /** For example cognito-identity.amazonaws.com. */
  readonly provider: string;
}

/** How the Principal of a resource policy's statement means somebody. */
export type Mention =
  | 'nobody'
  /** The principal itself, or everybody. */
  | 'itself'
  /** The session by its own ARN: what is granted to it is not limited by its session policy. */
  | 'session'
  /** Its account: for an Allow, the account's identity policies decide. */
  | 'account';

/** The Principal element of a statement. */
export type NamedPrincipals =
  | 'everybody'
  | { readonly aws: readonly string[]; readonly services: readonly string[]; readonly federated: readonly string[] };

export function mention(named: NamedPrincipals, principal: Principal): Mention {
  if (named === 'everybody') return 'itself';
  if (principal.kind === 'service') return named.services.includes(principal.name) ? 'itself' : 'nobody';
  if (principal.kind === 'federated') return named.federated.includes(principal.provider) ? 'itself' : 'nobody';
  const { aws } = named;
  if (aws.includes('*')) return 'itself';
  if (principal.kind === 'role' && aws.includes(arnOf(principal))) return 'session';
  if (aws.includes(principalArn(principal))) return 'itself';
  return aws.includes(principal.accountId) || aws.includes(rootArn(principal.accountId)) ? 'account' : 'nobody';
}

/**
 * Whether NotPrincipal leaves somebody out. For a session all three of its account, its role and itself have to be named
 * [reference_policies_elements_notprincipal].
 */
export function isExcepted(named: NamedPrincipals, principal: Principal): boolean {
  if (named === 'everybody') return true;
  if (principal.kind === 'service') return named.services.includes(principal.name);
  if (principal.kind === 'federated') return named.federated.includes(principal.provider);
  const wanted = [rootArn(principal.accountId), principalArn(principal), arnOf(principal)];
  return wanted.every((arn) => named.aws.includes(arn));
}

/** As error messages and CloudTrail name it. A role's path is not part of the name of its sessions. */
export function arnOf(principal: Principal): string {
  switch (principal.kind) {
    case 'role': {
      const roleName = principal.roleArn.slice(principal.roleArn.lastIndexOf('/') + 1);
      return `arn:aws:sts::${principal.accountId}:assumed-role/${roleName}/${principal.sessionName}`;
    }
    case 'user':
      return `arn:aws:iam::${principal.accountId}:user/${principal.name}`;
    case 'service':
      return principal.name;
    case 'federated':
      return principal.provider;
  }
}

/** aws:PrincipalArn: of a session, the ARN of its role. */
export function principalArn(principal: Principal): string {
  return principal.kind === 'role' ? principal.roleArn : arnOf(principal);
}

export const rootArn = (accountId: string): string => `arn:aws:iam::${accountId}:root`;

import { type Asked, applies, mentioned, type Policy, type Statement } from './policy';
import type { Principal } from './principal';

/** The policy of the resource that is asked for. */
export interface ResourcePolicy {
  readonly policy: Policy;
  /**
   * True for keys and roles: nothing is allowed that their policy does not allow, and it may leave the decision to the
   * account's identity policies by naming the account. False for everything else in the same account: one Allow on
   * either side is enough [reference_policies_evaluation-logic_policy-eval-basics-single-account].
   */
  readonly decides: boolean;
}

export type Decision =
  | { readonly allowed: true; readonly by: readonly Statement[] }
  | { readonly allowed: false; readonly reason: Reason; readonly by?: Statement };

export type Reason =
  | 'explicit deny'
  /** No identity policy allows it. */
  | 'identity policy'
  /** The policy of the resource does not allow it, and it has to. */
  | 'resource policy'
  /** The policy given to AssumeRole does not allow it. */
  | 'session policy';

/**
 * IAM's evaluation logic within one account [reference_policies_evaluation-logic]: an explicit Deny in any policy wins;
 * else an Allow is needed, by the identity policies or by the resource's policy, whichever may give it; a session policy
 * limits both. There are no organizations and no permissions boundaries here.
 */
export function decide(asked: Asked, principal: Principal, resource: ResourcePolicy | undefined): Decision {
  const identity = 'policies' in principal ? statementsOf(principal.policies, asked) : [];
  const onResource = statementsOf(resource ? [resource.policy] : [], asked);
  const sessionPolicy = principal.kind === 'role' ? principal.sessionPolicy : undefined;
  const session = sessionPolicy && statementsOf([sessionPolicy], asked);

  const mentions = onResource.map((statement) => ({ statement, how: mentioned(statement, principal) }));
  const denial =
    [...identity, ...(session ?? [])].find(({ effect }) => effect === 'Deny') ??
    mentions.find(({ statement, how }) => statement.effect === 'Deny' && how !== 'nobody')?.statement;
  if (denial !== undefined) return { allowed: false, reason: 'explicit deny', by: denial };

  const allowedBy = (how: string) =>
    mentions
      .filter((found) => found.statement.effect === 'Allow' && found.how === how)
      .map(({ statement }) => statement);
  const bySession = allowedBy('session');
  if (bySession.length > 0) return { allowed: true, by: bySession };

  const byResource = allowedBy('itself');
  const byIdentity = identity.filter(({ effect }) => effect === 'Allow');
  const byAccount = allowedBy('account');
  const delegated = resource?.decides !== true || byAccount.length > 0;
  const found = [...byResource, ...(delegated ? [...byIdentity, ...(byIdentity.length > 0 ? byAccount : [])] : [])];
  if (found.length === 0) {
    const missing = !('policies' in principal) || !delegated ? 'resource policy' : 'identity policy';
    return { allowed: false, reason: missing };
  }
  if (session !== undefined && !session.some(({ effect }) => effect === 'Allow')) {
    return { allowed: false, reason: 'session policy' };
  }
  return { allowed: true, by: found };
}

const statementsOf = (policies: readonly Policy[], asked: Asked): Statement[] =>
  policies.flatMap(({ statements }) => statements.filter((statement) => applies(statement, asked)));

import type { OperationScope } from '../access/define-operation';
import type { CallerEnvironmentName } from '../access/operation';
import { openRoles, whyNotGrantable } from '../access/roles';
import { InvalidInputError } from '../shared/errors';

type Scope = Pick<OperationScope<CallerEnvironmentName>, 'env' | 'registry' | 'caller' | 'refuse'>;

/**
 * Refuses what would give more than the caller holds, or take it from somebody who holds more than they: else whoever may
 * invite makes themselves an accomplice with every permission.
 * @param given roles that somebody gets
 * @param taken roles that somebody loses; one that was removed meanwhile may go
 */
export async function assertMayGrant(
  { given, taken }: { readonly given: readonly string[]; readonly taken: readonly string[] },
  { env, registry, caller, refuse }: Scope,
): Promise<void> {
  const { tenantId, sub } = caller;
  const roles = openRoles(env.MEMBERSHIP_TABLE, registry.client);
  for (const roleId of [...given, ...taken]) {
    const permissions = await roles.permissionsOfRole(tenantId, roleId);
    if (permissions === undefined && given.includes(roleId))
      throw new InvalidInputError(`tenant ${tenantId}: there is no role ${roleId}`);
    const why = permissions && whyNotGrantable(caller, roleId, permissions);
    if (why !== undefined) await refuse('NOT_HELD', `user ${sub} may neither give nor take role ${roleId}: ${why}`);
  }
}

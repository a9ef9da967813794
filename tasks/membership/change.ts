import { LastOwnerError, TransientError, VersionConflictError } from '../shared/errors';
import { isOwner, type Membership, type Memberships } from './memberships';

/** How often an owner's membership is written again because the tenant's owners changed in the same moment. */
const TRIES = 5;

/**
 * Writes a membership at its next version, and keeps the count of owners. Two items, and no transaction: the order keeps
 * the promise that whoever is counted is an owner, so that the last one counted cannot go.
 *
 * Who stops being an owner is first taken out of the count, which raises its version. Who becomes one is counted last, and
 * only if that version is the one that was read before the membership was written; otherwise the membership is written once
 * more, so that somebody who has read it meanwhile in order to end it finds another version. Whichever call is the last,
 * an owner may be left uncounted, which a repeat heals; a former owner is never counted.
 * @param read the membership as it is; undefined when there is none
 */
export async function changeMembership(
  memberships: Memberships,
  read: Membership | undefined,
  wanted: Omit<Membership, 'version'>,
): Promise<Membership> {
  const { tenantId, sub } = wanted;
  let from = read;
  let next: Membership = { ...wanted, version: (read?.version ?? 0) + 1 };
  if (read !== undefined && isOwner(read) && !isOwner(next) && !(await memberships.uncountOwner(tenantId, sub)))
    throw new LastOwnerError(`tenant ${tenantId}: user ${sub} is its only owner`);
  for (let tries = 0; tries < TRIES; tries += 1) {
    const owners = isOwner(next) ? await memberships.owners(tenantId) : undefined;
    const written = from === undefined ? memberships.putNew(next) : memberships.replace(next, from.version);
    if (!(await written) && !(await isWritten(memberships, next)))
      throw new VersionConflictError(`tenant ${tenantId}: the membership of user ${sub} was changed meanwhile`);
    if (owners === undefined || (await memberships.countOwner(tenantId, sub, owners.version))) return next;
    from = next;
    next = { ...next, version: next.version + 1 };
  }
  throw new TransientError(`tenant ${tenantId}: its owners change all the time`);
}

/** After the answer to a conditional write was lost, its repeat fails on what it wrote itself. */
async function isWritten(memberships: Memberships, { sub, tenantId, version, requestId }: Membership) {
  const current = await memberships.get(sub, tenantId);
  return current?.version === version && requestId !== undefined && current.requestId === requestId;
}

/** A repeat of the request that made this version: counts an owner whom an earlier attempt did not come to count. */
export async function finishChange(memberships: Memberships, membership: Membership): Promise<Membership> {
  const { sub, tenantId } = membership;
  if (!isOwner(membership)) return membership;
  const { subs } = await memberships.owners(tenantId);
  return subs.includes(sub) ? membership : await changeMembership(memberships, membership, membership);
}

import { DeleteCommand, GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { partitionKey } from './names';
import type { Registry } from './registry';

/**
 * Which users a suspension disabled, one registry item each: a user who had been disabled before must stay so when the
 * tenant comes back. Ids only: the key ends in the user's sub.
 */
const PREFIX = 'SUSPENDED#';

/**
 * INTENT: about to be disabled by this tenant's suspension. DONE: disabled and signed out by it. SIGNED_OUT: not disabled by
 * it, because another tenant of the user is active, or has disabled the user already.
 */
export type SuspensionPhase = 'INTENT' | 'DONE' | 'SIGNED_OUT';

export interface Suspension {
  readonly sub: string;
  readonly phase: SuspensionPhase;
}

export async function readSuspension(
  { client, table }: Registry,
  tenantId: string,
  sub: string,
): Promise<SuspensionPhase | undefined> {
  const { Item } = await client.send(
    new GetCommand({ TableName: table, Key: keyOf(tenantId, sub), ConsistentRead: true }),
  );
  return Item?.['phase'] as SuspensionPhase | undefined;
}

export async function writeSuspension(
  { client, table }: Registry,
  tenantId: string,
  sub: string,
  phase: SuspensionPhase,
): Promise<void> {
  await client.send(new PutCommand({ TableName: table, Item: { ...keyOf(tenantId, sub), phase } }));
}

export async function deleteSuspension({ client, table }: Registry, tenantId: string, sub: string): Promise<void> {
  await client.send(new DeleteCommand({ TableName: table, Key: keyOf(tenantId, sub) }));
}

/** Whether this phase says that the suspension has, or may have, disabled the user. */
export const disables = (phase: SuspensionPhase | undefined): boolean => phase === 'INTENT' || phase === 'DONE';

/** Those of the tenants whose suspensions have this user, in a phase that matches. */
export async function suspendedIn(
  registry: Registry,
  tenantIds: readonly string[],
  sub: string,
  matches: (phase: SuspensionPhase) => boolean,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const tenantId of tenantIds) {
    const phase = await readSuspension(registry, tenantId, sub);
    if (phase !== undefined && matches(phase)) found.push(tenantId);
  }
  return found;
}

/** Suspended users, a page from the start. */
export async function firstSuspensions(
  { client, table }: Registry,
  tenantId: string,
  limit: number,
): Promise<readonly Suspension[]> {
  const { Items = [] } = await client.send(
    new QueryCommand({
      TableName: table,
      KeyConditionExpression: 'pk = :pk AND begins_with(sk, :prefix)',
      ExpressionAttributeValues: { ':pk': partitionKey(tenantId), ':prefix': PREFIX },
      ConsistentRead: true,
      Limit: limit,
    }),
  );
  return Items.map(({ sk, phase }) => ({ sub: String(sk).slice(PREFIX.length), phase: phase as SuspensionPhase }));
}

const keyOf = (tenantId: string, sub: string) => ({ pk: partitionKey(tenantId), sk: `${PREFIX}${sub}` });

import * as z from 'zod/mini';
import { type EnvironmentName, type Permission, type Platform, type TaskContract, Text } from '../shared/contract';
import { callRecords } from '../shared/names';
import { membershipItems, tenantStatus } from '../shared/permissions';
import { RequestId, TenantId } from '../shared/tenant';
import type { PermissionName } from './catalogue';

/** Members of the input of everything that a signed-in user may call. Cognito's access tokens have some 2 KB. */
const callMembers = {
  accessToken: Text.check(z.maxLength(16_384)),
  /** Where the caller's request names a tenant (in its path, say); must be the token's, and decides nothing. */
  tenantId: z.optional(TenantId),
};

/** Input of an operation that only reads. */
export const readingInput = <Shape extends z.core.$ZodShape>(shape: Shape) =>
  z.strictObject({ ...callMembers, ...shape });
/** Input of an operation that changes something; the requestId makes a repeat recognizable. */
export const changingInput = <Shape extends z.core.$ZodShape>(shape: Shape) =>
  z.strictObject({ ...callMembers, requestId: RequestId, ...shape });

/** Input of an operation on the caller's own memberships. A tenant in it is one that is asked for. */
export const ownInput = <Shape extends z.core.$ZodShape>(shape: Shape) =>
  z.strictObject({ accessToken: callMembers.accessToken, ...shape });

/** What every operation's input has at least. */
export type CallInput = {
  readonly accessToken: string;
  readonly tenantId?: string | undefined;
  readonly requestId?: string | undefined;
};

/** Any member of the tenant may call it, whatever their roles. */
export const MEMBERSHIP = 'membership';

/** What the wrapper itself needs. */
export const CALLER_ENVIRONMENT = [
  'MEMBERSHIP_TABLE',
  'USER_POOL_ID',
  'USER_POOL_CLIENT_ID',
] as const satisfies readonly EnvironmentName[];
export type CallerEnvironmentName = (typeof CALLER_ENVIRONMENT)[number];

/** Reads of every call: membership, roles, whether the tenant is ACTIVE. */
export const callerPermissions = (platform: Platform): readonly Permission[] => [
  membershipItems(platform, ['dynamodb:GetItem']),
  tenantStatus(platform),
];

/** Something that a signed-in user may call, in the tenant of their access token. */
export interface OperationContract<
  Input extends z.ZodMiniType = z.ZodMiniType,
  Output extends z.ZodMiniType = z.ZodMiniType,
  Names extends EnvironmentName = EnvironmentName,
> extends TaskContract<Input, Output, Names> {
  readonly requires: PermissionName | typeof MEMBERSHIP;
  /** Type of what a call changes; its output then says which one (`physicalId`). Absent for operations that only read. */
  readonly changes?: string;
  /** Members of the input that are personal data: no record is made of them, nor a hash that stands in a name. */
  readonly personalData?: readonly string[];
}

/** A contract with the environment and the permissions that every operation needs beside its own. */
export const defineOperationContract = <
  Input extends z.ZodMiniType,
  Output extends z.ZodMiniType,
  const Names extends EnvironmentName = never,
>({
  environment,
  permissions = () => [],
  ...contract
}: Omit<OperationContract<Input, Output, Names>, 'environment' | 'permissions'> & {
  readonly environment?: readonly Names[];
  readonly permissions?: (platform: Platform) => readonly Permission[];
}): OperationContract<Input, Output, Names | CallerEnvironmentName> => ({
  // The engine of the policies alone has 4 MB; more memory is more CPU, for the cold start.
  memoryMiB: 512,
  records: [callRecords(contract.name)],
  ...contract,
  environment: [...new Set<Names | CallerEnvironmentName>([...CALLER_ENVIRONMENT, ...(environment ?? [])])],
  permissions: (platform) => [...callerPermissions(platform), ...permissions(platform)],
});

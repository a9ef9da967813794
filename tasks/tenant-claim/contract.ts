import * as z from 'zod/mini';
import { CALLER_ENVIRONMENT, ownInput } from '../access/operation';
import { defineContract, Text } from '../shared/contract';
import { membershipItems, tenantStatus } from '../shared/permissions';
import { TenantId } from '../shared/tenant';

/** Member of ClientMetadata that names the tenant for which tokens are asked. */
export const WANTED_TENANT = 'tenant_id';
/** Member of ClientMetadata that names the session whose choice counts: the `origin_jti` of its tokens. */
export const SESSION = 'session_id';

/** How long a sign-in can be refreshed, and so how long a session's choice counts. */
export const SESSION_SECONDS = 12 * 3600;

/**
 * Trigger of the user pool, event version V2_0: asked before tokens are issued, also for each refresh.
 * Source: Cognito developer guide, "Pre token generation Lambda trigger".
 */
export const issueTenantClaim = defineContract({
  name: 'issue-tenant-claim',
  stateName: 'Issue tenant claim',
  repeatable: 'It only reads: the same memberships give the same claims.',
  entry: 'tenant-claim/issue',
  /** The members that are used; the rest goes back to Cognito as it came. */
  input: z.looseObject({
    version: z.literal('2'),
    triggerSource: z.string().check(z.startsWith('TokenGeneration_')),
    request: z.looseObject({
      userAttributes: z.looseObject({ sub: Text }),
      /** From the client, and checked by nobody: it says what is wanted, never what is allowed. */
      clientMetadata: z.nullish(z.record(z.string(), z.string())),
    }),
  }),
  output: z.looseObject({ response: z.object({ claimsAndScopeOverrideDetails: z.looseObject({}) }) }),
  environment: ['MEMBERSHIP_TABLE'],
  // Cognito waits for five seconds; more memory is more CPU, for the cold start.
  timeoutSeconds: 5,
  memoryMiB: 512,
  permissions: (platform) => [
    membershipItems(platform, ['dynamodb:GetItem', 'dynamodb:Query'], ['USER#*']),
    tenantStatus(platform),
  ],
});

/** Called with a token that may be for another tenant, or for none. */
export const switchTenant = defineContract({
  name: 'switch-tenant',
  stateName: 'Switch tenant',
  repeatable: 'The choice of a session is overwritten with the same.',
  entry: 'tenant-claim/switch',
  input: ownInput({ tenantId: TenantId }),
  output: z.strictObject({
    tenantId: TenantId,
    /** ClientMetadata for the refreshes of this session from now on. */
    clientMetadata: z.record(z.string(), z.string()),
  }),
  environment: CALLER_ENVIRONMENT,
  permissions: (platform) => [
    membershipItems(platform, ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'], ['USER#*']),
    tenantStatus(platform),
  ],
});

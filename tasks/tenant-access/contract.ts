import * as z from 'zod/mini';
import { defineOperationContract, MEMBERSHIP, readingInput } from '../access/operation';
import { defineContract, type Permission, type Platform, TaskInput, Text } from '../shared/contract';
import { registryItems } from '../shared/permissions';
import { PROVISION_STATUSES } from '../shared/tenant';

/** Starting a session in a tenant's name, the tenant in its tag. */
const startSessions = ({ tenantAccessRoleArn }: Platform): Permission => ({
  actions: ['sts:AssumeRole', 'sts:TagSession'],
  resources: [tenantAccessRoleArn],
});

/** What one session tried, what had to happen, and what did. */
export const Check = z.strictObject({
  /** Whose session it was: the tenant's own, one of a tenant whose id is the start of this one's, or the function's. */
  session: z.enum(['tenant', 'neighbour', 'none']),
  call: Text,
  expected: z.enum(['allowed', 'denied']),
  answer: z.enum(['allowed', 'denied']),
});
export type Check = z.output<typeof Check>;

export const verifyIsolation = defineContract({
  name: 'verify-isolation',
  stateName: 'Verify isolation',
  repeatable: 'It only reads, with sessions that expire by themselves; the result is put only where none stands.',
  entry: 'tenant-access/verify-isolation',
  input: TaskInput,
  output: z.strictObject({ checks: z.int().check(z.positive()) }),
  fence: PROVISION_STATUSES,
  environment: ['DATA_BUCKET', 'DATA_TABLE', 'MEMBERSHIP_TABLE', 'TENANT_ACCESS_ROLE_ARN', 'DATA_KEY_ARN'],
  timeoutSeconds: 60,
  memoryMiB: 512,
  permissions: (platform) => [registryItems(platform, ['dynamodb:Query']), startSessions(platform)],
});

/** The one way from an access token to credentials of AWS for code on a server; clients of users have the identity pool. */
export const issueTenantCredentials = defineOperationContract({
  name: 'issue-tenant-credentials',
  stateName: 'Issue tenant credentials',
  repeatable: 'Every call starts a session of its own; sessions end by themselves.',
  entry: 'tenant-access/issue-credentials',
  requires: MEMBERSHIP,
  input: readingInput({}),
  output: z.strictObject({
    tenantId: Text,
    /** The user's `sub`. */
    userId: Text,
    credentials: z.strictObject({
      accessKeyId: Text,
      secretAccessKey: Text,
      sessionToken: Text,
      /** ISO 8601. */
      expiration: Text,
    }),
  }),
  environment: ['TENANT_ACCESS_ROLE_ARN'],
  permissions: (platform) => [startSessions(platform)],
});

/** Functions that may start a session in a tenant's name: the trust of the role names them and nobody else. */
export const SESSION_STARTERS = [verifyIsolation, issueTenantCredentials] as const;

export const TENANT_ACCESS_CONTRACTS = [...SESSION_STARTERS] as const;

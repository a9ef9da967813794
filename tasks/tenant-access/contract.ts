import * as z from 'zod/mini';
import { defineContract, type Permission, type Platform, TaskInput, Text } from '../shared/contract';
import { registryItems } from '../shared/permissions';
import { ONBOARDING_STATUSES } from '../shared/tenant';

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
  fence: [...ONBOARDING_STATUSES, 'REINSTATING'],
  environment: ['DATA_BUCKET', 'DATA_TABLE', 'MEMBERSHIP_TABLE', 'TENANT_ACCESS_ROLE_ARN', 'DATA_KEY_ARN'],
  timeoutSeconds: 60,
  memoryMiB: 512,
  permissions: (platform) => [registryItems(platform, ['dynamodb:Query']), startSessions(platform)],
});

/** Functions that may start a session in a tenant's name: the trust of the role names them and nobody else. */
export const SESSION_STARTERS = [verifyIsolation] as const;

export const TENANT_ACCESS_CONTRACTS = [...SESSION_STARTERS] as const;

import * as z from 'zod/mini';
import { defineContract } from '../shared/contract';
import { registryByStatus, registryItems } from '../shared/permissions';

/** How often observe-estate runs. */
export const OBSERVATION_MINUTES = 15;

export const observeEstate = defineContract({
  name: 'observe-estate',
  stateName: 'Observe estate',
  repeatable: 'It only reads; each run emits the values of its own moment.',
  entry: 'estate/observe',
  /** A scheduled event, or anything: there is nothing to choose. */
  input: z.object({}),
  output: z.strictObject({ tenants: z.int(), stuck: z.int(), unattended: z.int(), failed: z.int() }),
  // A run that takes longer than the pause between two fails, and is missed by the alarm on its absence.
  timeoutSeconds: 300,
  environment: [
    'ONBOARD_STATE_MACHINE_ARN',
    'OFFBOARD_STATE_MACHINE_ARN',
    'REINSTATE_STATE_MACHINE_ARN',
    'PURGE_NEEDS_APPROVAL',
    'QUOTA_LIMITS',
  ],
  permissions: (platform) => [
    registryByStatus(platform),
    registryItems(platform, ['dynamodb:GetItem'], ['ESTATE']),
    {
      actions: ['states:ListExecutions'],
      resources: [platform.onboardStateMachineArn, platform.offboardStateMachineArn, platform.reinstateStateMachineArn],
    },
    {
      actions: ['bedrock:ListKnowledgeBases'],
      resources: ['*'],
      wildcardReason:
        'ListKnowledgeBases has no resource-level permission; the quota counts every knowledge base of the account.',
    },
  ],
});

/** Functions about all tenants together. */
export const ESTATE_CONTRACTS = [observeEstate] as const;

import { type IChainable, JsonPath } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { activateTenant, checkQuotas, claimTenant, verifyTenant } from '../tasks/lifecycle/contract';
import { verifyIsolation } from '../tasks/tenant-access/contract';
import { provisionResources } from './provision-resources';
import { claim, type FunctionOf, step } from './step';

/**
 * Claim tenant → Check quotas → Provision encryption key → every other resource → Verify tenant → Verify isolation →
 * Activate tenant.
 *
 * On failure nothing is caught and nothing is undone: the execution ends FAILED at the failed step, what was made stays,
 * and a redrive goes on at that step. record-outcome writes the typed failure on the tenant.
 */
export function onboardTenant(scope: Construct, functionOf: FunctionOf): IChainable {
  return claim(scope, claimTenant, functionOf)
    .next(step(scope, checkQuotas, functionOf, JsonPath.DISCARD))
    .next(provisionResources(scope, functionOf))
    .next(step(scope, verifyTenant, functionOf, JsonPath.DISCARD))
    .next(step(scope, verifyIsolation, functionOf, JsonPath.DISCARD))
    .next(step(scope, activateTenant, functionOf, '$.activation'));
}

import { type IChainable, JsonPath } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { activateTenant, verifyTenant } from '../tasks/lifecycle/contract';
import { claimReinstatement } from '../tasks/lifecycle/offboarding-contract';
import { verifyIsolation } from '../tasks/tenant-access/contract';
import { restoreUsers } from '../tasks/user-group/contract';
import { provisionResources } from './provision-resources';
import { again, claim, type FunctionOf, step } from './step';

/**
 * Claim reinstatement (the sleeping offboarding is fenced, then stopped) → provision every resource (the key is enabled
 * again; what an update of this app or somebody has changed or removed during the hold is made what it must be) → Verify
 * tenant → Verify isolation → Restore users, whom nothing lets in before → Activate tenant. Only during the hold: once the
 * purge is claimed there is no way back.
 */
export function reinstateTenant(scope: Construct, functionOf: FunctionOf): IChainable {
  const activate = step(scope, activateTenant, functionOf, '$.activation');
  return claim(scope, claimReinstatement, functionOf)
    .next(provisionResources(scope, functionOf))
    .next(step(scope, verifyTenant, functionOf, JsonPath.DISCARD))
    .next(step(scope, verifyIsolation, functionOf, JsonPath.DISCARD))
    .next(again(scope, restoreUsers, functionOf, { field: 'ready', next: activate }));
}

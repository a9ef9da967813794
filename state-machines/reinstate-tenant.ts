import { type IChainable, JsonPath, Parallel } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { restoreEncryptionKey } from '../tasks/encryption-key/contract';
import { activateTenant, verifyTenant } from '../tasks/lifecycle/contract';
import { claimReinstatement } from '../tasks/lifecycle/offboarding-contract';
import { verifyIsolation } from '../tasks/tenant-access/contract';
import { restoreUsers } from '../tasks/user-group/contract';
import { again, claim, type FunctionOf, step } from './step';

/**
 * Claim reinstatement (the sleeping offboarding is fenced, then stopped) → restore key and users → Verify tenant →
 * Verify isolation → Activate tenant. Only during the hold: once the purge is claimed there is no way back.
 */
export function reinstateTenant(scope: Construct, functionOf: FunctionOf): IChainable {
  const restore = Parallel.jsonPath(scope, 'Restore access', {
    stateName: 'Restore access',
    comment: 'Both branches may be repeated.',
    resultPath: JsonPath.DISCARD,
  }).branch(
    step(scope, restoreEncryptionKey, functionOf, JsonPath.DISCARD),
    again(scope, restoreUsers, functionOf, { field: 'ready' }),
  );
  return claim(scope, claimReinstatement, functionOf)
    .next(restore)
    .next(step(scope, verifyTenant, functionOf, JsonPath.DISCARD))
    .next(step(scope, verifyIsolation, functionOf, JsonPath.DISCARD))
    .next(step(scope, activateTenant, functionOf, '$.activation'));
}

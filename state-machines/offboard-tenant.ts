import { Duration } from 'aws-cdk-lib';
import {
  Choice,
  Condition,
  type IChainable,
  type INextable,
  JsonPath,
  Parallel,
  Pass,
  type State,
  Succeed,
  Wait,
  WaitTime,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { sealAuditLog } from '../tasks/audit-log/contract';
import { destroyEncryptionKey, restoreEncryptionKey, suspendEncryptionKey } from '../tasks/encryption-key/contract';
import {
  checkHold,
  claimOffboarding,
  claimPurge,
  closeTenant,
  HOLD_STATE,
  handOver,
  proveTenantGone,
} from '../tasks/lifecycle/offboarding-contract';
import { TEARDOWN, type Teardown } from '../tasks/resources';
import { suspendUsers } from '../tasks/user-group/contract';
import { again, claim, type FunctionOf, fromTheStart, resultPath, type Step, step, words } from './step';

/**
 * Claim offboarding → block (users, key) → hold until an absolute time, as often as the record says → Claim purge →
 * destroy in the order of TEARDOWN, in pages → Prove tenant is gone → Destroy encryption key → Seal audit log → Close.
 *
 * Nothing is caught: a refusal (legal hold) or a fault ends the execution FAILED at its step, and a redrive goes on there.
 * The key works again from Claim purge until the knowledge base is gone, whose deletion may need it.
 */
export function offboardTenant(scope: Construct, functionOf: FunctionOf): IChainable {
  const purge = step(scope, claimPurge, functionOf, '$.purge')
    .next(step(scope, restoreEncryptionKey, functionOf, JsonPath.DISCARD))
    .next(teardown(scope, functionOf));
  const block = Parallel.jsonPath(scope, 'Block tenant', {
    stateName: 'Block tenant',
    comment: 'From here on every tenant-scoped access is refused; both branches may be repeated.',
    parameters: fromTheStart(),
    resultPath: JsonPath.DISCARD,
  }).branch(
    again(scope, suspendUsers, functionOf, { field: 'ready', progress: true }),
    step(scope, suspendEncryptionKey, functionOf, JsonPath.DISCARD),
  );
  return claim(scope, claimOffboarding, functionOf)
    .next(block)
    .next(hold(scope, functionOf, purge));
}

/** Sleeps to the end of the hold and looks again: it may have been extended, put under legal hold, or lack its approval. */
function hold(scope: Construct, functionOf: FunctionOf, purge: IChainable): IChainable {
  const wait = Wait.jsonPath(scope, HOLD_STATE, {
    stateName: HOLD_STATE,
    comment: 'Nothing is destroyed before this time. To change it: tenantctl hold. To cancel: tenantctl hold cancel.',
    time: WaitTime.timestampPath('$.holdUntil'),
  });
  const look = step(scope, checkHold, functionOf, '$.hold');
  const sleepOn = Pass.jsonPath(scope, 'Keep holding', {
    stateName: 'Keep holding',
    comment: 'Takes over the new end of the hold.',
    inputPath: '$.hold.output.until',
    resultPath: '$.holdUntil',
  });
  const successor = step(scope, handOver, functionOf, JsonPath.DISCARD).next(
    Succeed.jsonPath(scope, 'Goes on in a new execution', {
      stateName: 'Goes on in a new execution',
      comment: 'An execution may last a year at most.',
    }),
  );
  return wait.next(look).next(
    Choice.jsonPath(scope, 'What does the hold say?', {
      stateName: 'What does the hold say?',
      comment: 'Reads the decision of Check hold.',
    })
      .when(Condition.stringEquals('$.hold.output.decision', 'wait'), sleepOn.next(wait))
      .when(Condition.stringEquals('$.hold.output.decision', 'hand over'), successor)
      .otherwise(purge),
  );
}

/** Each destroy task, page by page, in order; the key last, when everything else is proved gone. */
function teardown(scope: Construct, functionOf: FunctionOf): IChainable {
  const ending = step(scope, proveTenantGone, functionOf, '$.proof')
    .next(step(scope, destroyEncryptionKey, functionOf, '$.encryptionKey'))
    .next(step(scope, sealAuditLog, functionOf, '$.evidence'))
    .next(step(scope, closeTenant, functionOf, '$.closing'));
  const [first, ...rest] = TEARDOWN;
  if (first === undefined) throw new Error('the teardown is empty');
  const [stateName = ''] = suspendEncryptionKey.furtherStates ?? [];
  const forGood: Step = { ...suspendEncryptionKey, stateName };
  const tail = rest.reduceRight<IChainable>((next, resource) => destroy(scope, resource, functionOf, next), ending);
  return destroy(scope, first, functionOf, step(scope, forGood, functionOf, JsonPath.DISCARD).next(tail));
}

/** Runs a destroy task until it says that nothing is left. */
function destroy(scope: Construct, resource: Teardown, functionOf: FunctionOf, next: IChainable): IChainable {
  const { destroy: contract, pollSeconds, single } = resource;
  const path = resultPath(resource);
  const task: State & INextable & IChainable = step(scope, contract, functionOf, path);
  if (single === true) return task.next(next);
  const name = words(resource);
  const repeat =
    pollSeconds === undefined
      ? task
      : Wait.jsonPath(scope, `Wait while ${name} is deleted`, {
          stateName: `Wait while ${name} is deleted`,
          comment: 'AWS is deleting it; waiting changes nothing.',
          time: WaitTime.duration(Duration.seconds(pollSeconds)),
        }).next(task);
  const gone = Choice.jsonPath(scope, `Is ${name} gone?`, {
    stateName: `Is ${name} gone?`,
    comment: 'Reads the answer of the step before.',
  })
    .when(Condition.booleanEquals(`${path}.output.gone`, false), repeat)
    .otherwise(next);
  task.next(gone);
  return task;
}

import { Duration } from 'aws-cdk-lib';
import {
  type Chain,
  Choice,
  Condition,
  type IChainable,
  type INextable,
  JsonPath,
  Parallel,
  Pass,
  type State,
  Wait,
  WaitTime,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { TENANT_RESOURCES, type TenantResource } from '../tasks/resources';
import { type FunctionOf, resultPath, step, words } from './step';

/**
 * Provision encryption key → every other resource, in parallel where they do not need each other. What is there is made
 * what it must be, what is missing is made.
 */
export function provisionResources(scope: Construct, functionOf: FunctionOf): Chain {
  const [first, ...rest] = TENANT_RESOURCES;
  if (first === undefined) throw new Error('the list of tenant resources is empty');
  const branches = rest
    .filter(({ after }) => after === first.type)
    .map((resource) => branch(scope, resource, functionOf));
  const together = Parallel.jsonPath(scope, 'Provision resources', {
    stateName: 'Provision resources',
    comment: 'Branches are repeated one by one: a redrive runs only those that had not succeeded.',
    resultPath: JsonPath.DISCARD,
  }).branch(...branches);
  return step(scope, first.provision, functionOf, resultPath(first)).next(together);
}

/** A resource and, behind it, those that need it. */
function branch(scope: Construct, resource: TenantResource, functionOf: FunctionOf): IChainable {
  const next = TENANT_RESOURCES.filter(({ after }) => after === resource.type);
  if (next.length > 1) throw new Error(`${resource.type}: a branch cannot fork; let one follow the other`);
  const [follower] = next;
  const rest = follower && branch(scope, follower, functionOf);
  const provision = step(scope, resource.provision, functionOf, resultPath(resource));
  const chain = resource.pollSeconds === undefined ? join(provision, rest) : poll(scope, resource, provision, rest);
  return resource.tiers === undefined ? chain : onlyFor(scope, resource, resource.tiers, chain, rest);
}

/** Runs the task again, with pauses, until it says that the resource is ready. The task itself bounds the time. */
function poll(
  scope: Construct,
  resource: TenantResource,
  provision: State & INextable & IChainable,
  rest: IChainable | undefined,
): IChainable {
  const wait = Wait.jsonPath(scope, `Wait for ${words(resource)}`, {
    stateName: `Wait for ${words(resource)}`,
    comment: 'AWS is still creating it; waiting changes nothing.',
    time: WaitTime.duration(Duration.seconds(resource.pollSeconds ?? 0)),
  });
  const ready = Choice.jsonPath(scope, `Is ${words(resource)} ready?`, {
    stateName: `Is ${words(resource)} ready?`,
    comment: 'Reads the answer of the step before; ResourceTimedOutError ends the loop.',
  });
  provision.next(
    ready
      .when(Condition.booleanEquals(`${resultPath(resource)}.output.ready`, false), wait.next(provision))
      .otherwise(rest ?? done(scope, `${capital(words(resource))} is ready`)),
  );
  return provision;
}

function onlyFor(
  scope: Construct,
  resource: TenantResource,
  tiers: readonly string[],
  chain: IChainable,
  rest: IChainable | undefined,
): IChainable {
  return Choice.jsonPath(scope, `Does tier include ${words(resource)}?`, {
    stateName: `Does tier include ${words(resource)}?`,
    comment: 'The tier comes from the registry, through Claim tenant.',
  })
    .when(Condition.or(...tiers.map((tier) => Condition.stringEquals('$.tier', tier))), chain)
    .otherwise(rest ?? done(scope, `No ${words(resource)} in this tier`));
}

const done = (scope: Construct, stateName: string): Pass =>
  Pass.jsonPath(scope, stateName, { stateName, comment: 'End of this branch.' });

const join = (state: State & INextable & IChainable, rest: IChainable | undefined): IChainable =>
  rest === undefined ? state : state.next(rest);

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

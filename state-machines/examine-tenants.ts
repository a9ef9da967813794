import {
  Choice,
  Condition,
  DistributedMap,
  type IChainable,
  JsonPath,
  Pass,
  Result,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { Walk } from '../tasks/doctor/contract';
import { examineAccount, examineTenant, listTenantsToExamine, summarizeExamination } from '../tasks/doctor/contract';
import { type FunctionOf, invoke } from './step';

/** Tenants examined at once: at about ten looks a second each, well below the rates of Cognito and CloudWatch Logs. */
const TENANTS_AT_ONCE = 5;

const START: Walk = { tenants: [], cursor: '', more: true, wholeEstate: true, examined: 0, unexamined: 0 };

/** Part of the ARNs of the child executions. */
export const MAP_LABEL = 'Tenants';

/**
 * List tenants, page by page → Examine each, in a Map Run → Examine account → Summarize. Input: `{}`, or `{tenantId}` for one.
 *
 * Pages through the state instead of a manifest in S3: 500 ids and their answers stay far below 256 KiB, whatever the number of
 * tenants. Children are STANDARD: each keeps its own history for 90 days, which is where an operator looks when a tenant could not
 * be examined, and a redrive of the execution takes up the children that had not ended. One tenant that fails is counted and named
 * in the report and stops nothing; a step outside of the Map Run that fails ends the execution FAILED, and a redrive goes on there.
 */
export function examineTenants(scope: Construct, functionOf: FunctionOf): IChainable {
  const examination = (step: string) => ({
    executionArn: JsonPath.executionId,
    startedAt: JsonPath.executionStartTime,
    step,
  });
  const begin = Pass.jsonPath(scope, 'Begin examination', {
    stateName: 'Begin examination',
    comment: 'Nothing is listed yet.',
    result: Result.fromObject({ walk: START, results: [] }),
  });
  const list = invoke(
    scope,
    listTenantsToExamine,
    functionOf,
    {
      ...examination(listTenantsToExamine.stateName),
      request: JsonPath.objectAt('$$.Execution.Input'),
      walk: JsonPath.objectAt('$.walk'),
      results: JsonPath.objectAt('$.results'),
    },
    { resultSelector: { 'walk.$': '$.Payload', results: [] } },
  );
  const each = DistributedMap.jsonPath(scope, 'Examine tenants', {
    stateName: 'Examine tenants',
    comment:
      'One child execution per tenant, which reads only. A tenant that cannot be examined does not stop the others.',
    label: MAP_LABEL,
    maxConcurrency: TENANTS_AT_ONCE,
    toleratedFailurePercentage: 100,
    itemsPath: '$.walk.tenants',
    itemSelector: { tenantId: JsonPath.stringAt('$$.Map.Item.Value'), ...examination(examineTenant.stateName) },
    resultPath: '$.results',
  }).itemProcessor(examineOne(scope, functionOf));
  const summarize = invoke(
    scope,
    summarizeExamination,
    functionOf,
    { ...examination(summarizeExamination.stateName), walk: JsonPath.objectAt('$.walk') },
    { outputPath: '$.Payload' },
  );
  const account = invoke(scope, examineAccount, functionOf, examination(examineAccount.stateName), {
    resultPath: JsonPath.DISCARD,
  });
  const listed = Choice.jsonPath(scope, 'Are there tenants to examine?', {
    stateName: 'Are there tenants to examine?',
    comment: 'Reads the answer of the step before.',
  })
    .when(Condition.booleanEquals('$.walk.more', true), each.next(list))
    .when(Condition.booleanEquals('$.walk.wholeEstate', true), account.next(summarize))
    .otherwise(summarize);
  return begin.next(list).next(listed);
}

/** What a child execution does. Its answer names the tenant and counts; the findings themselves lie in the report. */
function examineOne(scope: Construct, functionOf: FunctionOf): IChainable {
  const input = {
    tenantId: JsonPath.stringAt('$.tenantId'),
    executionArn: JsonPath.stringAt('$.executionArn'),
    startedAt: JsonPath.stringAt('$.startedAt'),
    step: examineTenant.stateName,
  };
  const answer = {
    'tenantId.$': '$.Payload.tenantId',
    'findings.$': 'States.ArrayLength($.Payload.findings)',
  };
  return invoke(scope, examineTenant, functionOf, input, { resultSelector: answer });
}

import { CfnQueryDefinition } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { LIFECYCLE_CONTRACTS } from '../../tasks/lifecycle/contract';
import { OFFBOARDING_CONTRACTS } from '../../tasks/lifecycle/offboarding-contract';
import { RESOURCE_VERBS, TENANT_RESOURCES } from '../../tasks/resources';
import { stateMachineLogGroupName, stateMachineName, taskFunctionName } from '../../tasks/shared/names';
import { OPERATIONS } from '../../tasks/shared/tenant';
import type { StageConfig } from '../config';
import { QUERY_NAMES, SAVED_QUERIES, type SavedQuery, savedQueryName } from '../saved-queries';

/** Log groups that one query may name [StartQuery]. */
const GROUPS_PER_QUERY = 50;

/** The saved queries of a stage: in the Logs Insights console, folder `<app>-<stage>`, and for tenantctl audit query. */
export class SavedQueries extends Construct {
  constructor(scope: Construct, id: string, { app }: Pick<StageConfig, 'app'>) {
    super(scope, id);
    const steps = [
      ...TENANT_RESOURCES.map(({ provision }) => provision),
      ...RESOURCE_VERBS,
      ...LIFECYCLE_CONTRACTS,
      ...OFFBOARDING_CONTRACTS,
    ];
    const groups = {
      functions: steps.map(({ name }) => `/aws/lambda/${taskFunctionName(app, name)}`),
      machines: OPERATIONS.map((operation) => stateMachineLogGroupName(stateMachineName(app, operation))),
    };
    if (groups.functions.length > GROUPS_PER_QUERY) {
      throw new Error(
        `a query covers ${GROUPS_PER_QUERY} log groups at most, not ${groups.functions.length}: split it`,
      );
    }
    for (const name of QUERY_NAMES) {
      const { query, over, parameters }: SavedQuery = SAVED_QUERIES[name];
      new CfnQueryDefinition(this, name, {
        name: savedQueryName(app, name),
        queryString: query,
        logGroupNames: groups[over],
        ...(parameters.length > 0 && { parameters: [...parameters] }),
      });
    }
  }
}

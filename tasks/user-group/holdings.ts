import { paginateListGroups } from '@aws-sdk/client-cognito-identity-provider';
import type { ListHoldings } from '../shared/holdings';
import { groupDescription } from './contract';
import { cognito } from './members';

/** Groups that this app made: their description says so, other groups of the pool are somebody else's. */
export const userGroupHoldings: ListHoldings<'USER_POOL_ID'> = async function* ({ env }) {
  for await (const page of paginateListGroups({ client: cognito }, { UserPoolId: env.USER_POOL_ID, Limit: 60 })) {
    for (const { GroupName = '', Description } of page.Groups ?? [])
      if (Description === groupDescription(GroupName)) yield { tenantId: GroupName, physicalId: GroupName };
  }
};

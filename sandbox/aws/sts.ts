import type { GetCallerIdentityResponse } from '@aws-sdk/client-sts';
import { queryService } from './query-protocol';
import type { Call, Estate, RawService } from './service';

/** AWS STS: who am I. Sessions with tags would be one more operation here, handing out keys that the endpoint's `callers` knows. */
export function createSts({ accountId }: Estate): { readonly service: RawService } {
  return {
    service: queryService({
      name: 'sts',
      signingNames: ['sts'],
      namespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
      operations: {
        GetCallerIdentity: (_input: unknown, { caller }: Call) => identityOf(caller, accountId),
      },
    }),
  };
}

function identityOf(
  { accessKeyId, roleArn, functionName }: Call['caller'],
  accountId: string,
): GetCallerIdentityResponse {
  if (roleArn === undefined)
    return { UserId: accessKeyId, Account: accountId, Arn: `arn:aws:iam::${accountId}:user/sandbox` };
  // A role's path is not part of the name of its sessions.
  const roleName = roleArn.slice(roleArn.lastIndexOf('/') + 1);
  const session = functionName ?? 'sandbox';
  return {
    UserId: `AROASANDBOX:${session}`,
    Account: accountId,
    Arn: `arn:aws:sts::${accountId}:assumed-role/${roleName}/${session}`,
  };
}

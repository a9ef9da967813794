import { defineOperation, type OperationScope } from '../access/define-operation';
import { issueTenantCredentials as contract } from './contract';
import { startSession } from './session';

type Scope = OperationScope<(typeof contract.environment)[number]>;

/** Credentials of a session in the name of the caller's tenant. The tenant is the verified token's, whatever the request says. */
export async function issueTenantCredentials(_input: unknown, { env, caller: { tenantId, sub } }: Scope) {
  const { expiration, ...keys } = await startSession(env.TENANT_ACCESS_ROLE_ARN, { tenantId, userId: sub });
  return { tenantId, userId: sub, credentials: { ...keys, expiration: expiration.toISOString() } };
}

export const handler = defineOperation(contract, issueTenantCredentials);

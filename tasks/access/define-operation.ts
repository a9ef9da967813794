import type * as z from 'zod/mini';
import type { EnvironmentName } from '../shared/contract';
import { defineTask, SUBJECT, type TaskScope } from '../shared/define-task';
import { type ErrorClass, ForbiddenError, TenantLifecycleError, TenantMismatchError } from '../shared/errors';
import { type Authorizer, cedarAuthorizer, type Resource } from './authorize';
import { auditAccepted, auditChange, auditNotMade, auditRefusal, type Call, type RefusalReason } from './call-records';
import { type Caller, memberOf, openTenantOf, verifiedToken } from './caller';
import type { PermissionName } from './catalogue';
import { requestIdOf } from './identify';
import { type CallerEnvironmentName, type CallInput, MEMBERSHIP, type OperationContract } from './operation';

/** What an operation is given beside its input. */
export interface OperationScope<Names extends EnvironmentName> extends TaskScope<Names> {
  readonly caller: Caller;
  /** Refuses, and audits it, unless the caller may do this to a record that was loaded; its tenant is the record's. */
  readonly authorize: (action: PermissionName, resource: Resource) => Promise<void>;
  /** Refuses for a reason of the operation's own, and audits it. */
  readonly refuse: (reason: RefusalReason, message: string) => Promise<never>;
}

const cedar = cedarAuthorizer();

/**
 * Wraps an operation of a signed-in user, as defineTask, and before it may do anything: the access token must be genuine; the
 * tenant is the token's and no other, and ACTIVE; the user is a member of it at this moment; and the authorizer permits what
 * the contract requires. A change has an audit record before and after it, a refusal has one too, once it is known that the
 * tenant is ACTIVE: the trail of one that is being closed may be sealed.
 */
export function defineOperation<
  Input extends z.ZodMiniType,
  Output extends z.ZodMiniType,
  Names extends EnvironmentName,
>(
  contract: OperationContract<Input, Output, Names>,
  run: (input: z.output<Input>, scope: OperationScope<Names>) => Promise<z.input<Output>>,
  authorizer: Authorizer = cedar,
) {
  return defineTask(
    contract,
    async (input, scope) => {
      // Every contract of an operation has these, whatever the compiler knows of it.
      const call = input as CallInput;
      const callerScope = scope as unknown as TaskScope<CallerEnvironmentName>;
      const token = await verifiedToken(call.accessToken, callerScope);
      scope.tag({ [SUBJECT]: token.sub, ...(token.tenantId !== undefined && { tenantId: token.tenantId }) });
      const tenantId = await openTenantOf(token, callerScope);

      const record: Call = { operation: contract.name, tenantId, caller: token, input: recorded(call, contract) };
      const refuseWith = async (reason: RefusalReason, error: Error): Promise<never> => {
        scope.logger.warn('refused', { reason });
        await auditRefusal(scope, record, reason);
        throw error;
      };
      const refuse = (reason: RefusalReason, message: string) =>
        refuseWith(reason, new ForbiddenError(`tenant ${tenantId}: ${message}`));

      if (call.tenantId !== undefined && call.tenantId !== tenantId)
        return await refuseWith(
          'OTHER_TENANT',
          new TenantMismatchError(`tenant ${tenantId}: the request names tenant ${call.tenantId}`),
        );
      const caller = await memberOf(token, tenantId, callerScope);
      if (caller === undefined) return await refuse('NO_MEMBER', `user ${token.sub} is no member`);

      const authorize = async (action: PermissionName, resource: Resource): Promise<void> => {
        const { allowed, reasons } = await authorizer.decide(caller, action, resource);
        if (allowed) return;
        scope.logger.warn('not permitted', { action, decidedBy: reasons });
        await refuse('NOT_PERMITTED', `user ${caller.sub} may not ${action}`);
      };
      if (contract.requires !== MEMBERSHIP)
        await authorize(contract.requires, { type: 'tenant', id: tenantId, tenantId });
      scope.logger.info('admitted', { requires: contract.requires });

      const operate = () => run(input, { ...scope, caller, authorize, refuse });
      if (contract.changes === undefined) return await operate();
      await auditAccepted(scope, record);
      try {
        const output = await operate();
        await auditChange(scope, record, { type: contract.changes, physicalId: physicalIdOf(output) });
        return output;
      } catch (error) {
        if (error instanceof TenantLifecycleError && !UNKNOWN_OUTCOME.includes(error.errorClass))
          await auditNotMade(scope, record, error.name);
        throw error;
      }
    },
    requestIdOf,
  );
}

/** After such an error the change may have been made. What the SDK throws is none of ours yet, and unknown as well. */
const UNKNOWN_OUTCOME: readonly ErrorClass[] = ['throttled', 'transient', 'not-ready'];

/** Of a call's input, what may be kept for ever. */
const recorded = (call: CallInput, { personalData = [] }: Pick<OperationContract, 'personalData'>): CallInput => {
  const kept = Object.entries(call).filter(([name]) => !personalData.includes(name));
  return Object.fromEntries(kept) as unknown as CallInput;
};

const physicalIdOf = (output: unknown): string => (output as { readonly physicalId: string }).physicalId;

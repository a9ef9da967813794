import { type AuditTrail, writeAuditRecord } from '../../shared/audit';
import { type ErrorClass, TenantLifecycleError, TenantNotRequestedError } from '../../shared/errors';
import { refusalRecordKey } from '../../shared/names';

/** Of errors that decide nothing: whoever asked asks again. */
const UNDECIDED: readonly ErrorClass[] = ['throttled', 'transient', 'not-ready', 'configuration'];

/**
 * Runs a request that passed validation, and audits its refusal. The same request refused for the same reason is one
 * record. An id that nobody ever requested has no audit trail, so that what is mistyped does not begin one that Object
 * Lock then keeps for years.
 */
export async function auditRefusal<Answer>(
  { tenantId, requestId, requestedBy }: { tenantId: string; requestId: string; requestedBy: string },
  action: string,
  trail: AuditTrail,
  run: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await run();
  } catch (error) {
    if (isRefusal(error)) {
      await writeAuditRecord(trail, refusalRecordKey(tenantId, requestId, action, requestedBy, error.name), {
        tenantId,
        action,
        requestedBy,
        requestId,
        outcome: 'REFUSED',
        error: error.name,
        at: trail.now().toISOString(),
      });
    }
    throw error;
  }
}

/** Errors of AWS are not mapped yet here, so that one of ours was thrown on purpose. */
const isRefusal = (error: unknown): error is TenantLifecycleError =>
  error instanceof TenantLifecycleError &&
  !(error instanceof TenantNotRequestedError) &&
  !UNDECIDED.includes(error.errorClass);

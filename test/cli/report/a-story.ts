import { RedriveExecutionCommand, SFNClient } from '@aws-sdk/client-sfn';
import { asleep, changeHold, offboard, onboard, toTheEnd } from '../../../sandbox/requests';
import type { Sandbox } from '../../../sandbox/sandbox';

const DAY_MS = 86_400_000;

/**
 * A tenant's whole life: its onboarding fails and is redriven, its offboarding is held by counsel, released and purged.
 * The clock of the sandbox is a month later afterwards.
 */
export async function liveAndLeave(sandbox: Sandbox, tenantId: string): Promise<void> {
  const fault = sandbox.faults.add({
    service: 'opensearch',
    operation: 'CreateIndex',
    when: 'before',
    effect: { kind: 'error', code: 'ValidationException', message: 'the mapping is rejected' },
    times: Number.POSITIVE_INFINITY,
  });
  const onboarding = await onboard(sandbox, {
    tenantId,
    requestId: 'signup-1',
    displayName: 'Acme Clinic',
    adminEmail: `ada@${tenantId}.example`,
    tier: 'premium',
  });
  await toTheEnd(sandbox, onboarding.executionArn ?? '');
  fault.remove();
  await new SFNClient(sandbox.clientConfig).send(
    new RedriveExecutionCommand({ executionArn: onboarding.executionArn }),
  );
  await toTheEnd(sandbox, onboarding.executionArn ?? '');

  const { executionArn } = await offboard(sandbox, {
    tenantId,
    requestId: 'leave-1',
    reason: 'contract ended',
    holdSeconds: 30 * 86_400,
  });
  await asleep(sandbox, executionArn);
  const counsel = { tenantId, requestedBy: 'counsel' };
  await changeHold(sandbox, { ...counsel, change: 'set-legal-hold', requestId: 'case-1', reason: 'case 42' });
  await sandbox.clock.advance(35 * DAY_MS);
  await asleep(sandbox, executionArn);
  await changeHold(sandbox, {
    ...counsel,
    change: 'release-legal-hold',
    requestId: 'case-2',
    legalHoldId: 'case-1',
    reason: 'case closed',
  });
  await sandbox.clock.advance(2 * DAY_MS);
  await toTheEnd(sandbox, executionArn);
  await sandbox.settled();
}

import type { TaskInput } from '../shared/contract';
import { defineStep, type FencedScope } from '../shared/define-task';
import { checkHold as contract, HAND_OVER_AFTER_MS, HOLD_RECHECK_MS } from './offboarding-contract';

/**
 * Decides, after each sleep, what the record says now: the hold may have been extended, a legal hold set, the approval
 * given. Decides only; Claim purge checks the same again in the write that is the point of no return.
 */
export async function checkHold(
  _input: TaskInput,
  { env, state, now }: FencedScope<(typeof contract.environment)[number]>,
) {
  const at = now().getTime();
  if (state.purgeStartedAt !== undefined) return { decision: 'purge' as const, until: now().toISOString() };
  const holdEnds = Date.parse(state.holdUntil ?? now().toISOString());
  const waitsForPeople =
    state.legalHolds !== undefined || (env.PURGE_NEEDS_APPROVAL && state.purgeApproval === undefined);
  if (holdEnds <= at && !waitsForPeople) return { decision: 'purge' as const, until: now().toISOString() };

  const handOverAt = Date.parse(state.leasedAt ?? now().toISOString()) + HAND_OVER_AFTER_MS;
  if (at >= handOverAt) return { decision: 'hand over' as const, until: now().toISOString() };
  const until = Math.max(holdEnds, waitsForPeople ? at + HOLD_RECHECK_MS : at);
  return { decision: 'wait' as const, until: new Date(Math.min(until, handOverAt)).toISOString() };
}

export const handler = defineStep(contract, checkHold);

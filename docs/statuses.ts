import { activateTenant, claimTenant, recordOutcome, requestOperation } from '../tasks/lifecycle/contract';
import { claimOffboarding, claimPurge, claimReinstatement, closeTenant } from '../tasks/lifecycle/offboarding-contract';
import type { TenantStatus } from '../tasks/shared/tenant';

/** A change of a tenant's status, and the step or function that writes it. */
export interface Move {
  /** Undefined: the tenant is not in the registry yet. */
  readonly from: TenantStatus | undefined;
  readonly to: TenantStatus;
  readonly by: string;
}

const moves = (
  { stateName }: { readonly stateName: string },
  ...pairs: readonly (readonly [TenantStatus | undefined, TenantStatus])[]
): readonly Move[] => pairs.map(([from, to]) => ({ from, to, by: stateName }));

/** Every change that can happen. test/docs/statuses.test.ts runs each function in each status and compares. */
export const MOVES: readonly Move[] = [
  ...moves(requestOperation, [undefined, 'REQUESTED']),
  ...moves(claimTenant, ['REQUESTED', 'PROVISIONING'], ['ONBOARDING_FAILED', 'PROVISIONING']),
  ...moves(activateTenant, ['PROVISIONING', 'ACTIVE'], ['ONBOARDING_FAILED', 'ACTIVE'], ['REINSTATING', 'ACTIVE']),
  ...moves(
    claimOffboarding,
    ['ACTIVE', 'OFFBOARDING'],
    ['REQUESTED', 'OFFBOARDING'],
    ['PROVISIONING', 'OFFBOARDING'],
    ['ONBOARDING_FAILED', 'OFFBOARDING'],
    ['REINSTATING', 'OFFBOARDING'],
    ['OFFBOARDING_FAILED', 'OFFBOARDING'],
    ['OFFBOARDING_FAILED', 'PURGING'],
  ),
  ...moves(
    claimReinstatement,
    ['OFFBOARDING', 'REINSTATING'],
    ['OFFBOARDING_FAILED', 'REINSTATING'],
    // Of an offboarding that no execution has claimed.
    ['ACTIVE', 'REINSTATING'],
  ),
  ...moves(claimPurge, ['OFFBOARDING', 'PURGING'], ['OFFBOARDING_FAILED', 'PURGING']),
  ...moves(closeTenant, ['PURGING', 'OFFBOARDED'], ['OFFBOARDING_FAILED', 'OFFBOARDED']),
  ...moves(
    recordOutcome,
    ['REQUESTED', 'ONBOARDING_FAILED'],
    ['PROVISIONING', 'ONBOARDING_FAILED'],
    ['OFFBOARDING', 'OFFBOARDING_FAILED'],
    ['PURGING', 'OFFBOARDING_FAILED'],
  ),
];

/** Mermaid state diagram of the moves; those between the same two statuses share an arrow. */
export function statusDiagram(chosen: readonly Move[] = MOVES): string {
  const arrows = new Map<string, string[]>();
  for (const { from = '[*]', to, by } of chosen) {
    const arrow = `${from} --> ${to}`;
    arrows.set(arrow, [...(arrows.get(arrow) ?? []), by]);
  }
  return [
    'stateDiagram-v2',
    ...[...arrows].map(([arrow, by]) => `  ${arrow}: ${by.join(', ')}`),
    '  OFFBOARDED --> [*]',
  ].join('\n');
}

/** The moves of a life without failures, for the first look. */
export const smoothMoves: readonly Move[] = MOVES.filter(
  ({ from, to }) =>
    !`${from} ${to}`.includes('_FAILED') &&
    !(to === 'OFFBOARDING' && from !== 'ACTIVE') &&
    !(to === 'REINSTATING' && from !== 'OFFBOARDING'),
);

import type { EnvironmentName, TaskEnvironment } from './contract';
import type { App } from './names';
import type { LedgerEntry } from './registry';
import type { Tier } from './tenant';

/** What a resource's verify.ts is given. It reads only, and reports instead of throwing. */
export interface Verification<Names extends EnvironmentName> {
  readonly tenantId: string;
  readonly tier: Tier;
  readonly env: TaskEnvironment<Names>;
  readonly app: App;
  /** True for a tenant whose access must be blocked: its key disabled, its users too. */
  readonly blocked: boolean;
  /** True once the tenant was ACTIVE: from then on who is a member is the tenant's own affair. */
  readonly activated: boolean;
  /** Ledger entry of this or another resource type. */
  ledger(type: string): LedgerEntry | undefined;
}

/** What is wrong with a resource. */
export interface Problem {
  readonly kind: 'missing' | 'mis-tagged' | 'mis-configured' | 'wrong-status';
  /** One clause that names the resource. */
  readonly message: string;
  /** True when the resource's own provisioning would refuse to change it: a person has to. */
  readonly byHand?: boolean;
}

/** Problems found; empty when all is as it must be. */
export type Verify<Names extends EnvironmentName> = (verification: Verification<Names>) => Promise<readonly Problem[]>;

/** Collects the clauses whose condition does not hold. */
export const problemsOf = (
  checks: Readonly<Record<string, boolean>>,
  about: Omit<Problem, 'message'> = { kind: 'mis-configured' },
): readonly Problem[] =>
  Object.entries(checks)
    .filter(([, holds]) => !holds)
    .map(([message]) => ({ ...about, message }));

export const missing = (message: string): Problem => ({ kind: 'missing', message });

/** Of problems that the resource's provisioning would refuse to change. */
export const BY_HAND = { kind: 'mis-configured', byHand: true } as const;

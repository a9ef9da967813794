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
  /** Ledger entry of this or another resource type. */
  ledger(type: string): LedgerEntry | undefined;
}

/** Problems found, each one clause that names the resource; empty when all is as it must be. */
export type Verify<Names extends EnvironmentName> = (verification: Verification<Names>) => Promise<readonly string[]>;

/** Collects the clauses whose condition does not hold. */
export const problemsOf = (checks: Readonly<Record<string, boolean>>): readonly string[] =>
  Object.entries(checks)
    .filter(([, holds]) => !holds)
    .map(([clause]) => clause);

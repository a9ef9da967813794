import type { EnvironmentName, TaskEnvironment } from './contract';
import type { App } from './names';
import type { LedgerEntry } from './registry';

/** What a resource's residue.ts is given. It lists the store anew and believes no ledger about what is gone. */
export interface ResidueSearch<Names extends EnvironmentName> {
  readonly tenantId: string;
  readonly env: TaskEnvironment<Names>;
  readonly app: App;
  ledger(type: string): LedgerEntry | undefined;
}

/** What is still there of a tenant, one clause each; empty when nothing is. */
export type FindResidue<Names extends EnvironmentName> = (search: ResidueSearch<Names>) => Promise<readonly string[]>;

import type { AuditRecord } from '../../tasks/shared/audit';

/** What the audit bucket holds of one tenant, as the report reads it. Instants are ISO 8601, UTC. */
export interface TenantArchive {
  readonly tenantId: string;
  /** One per effect, request, change of a hold and refusal; any order. */
  readonly records: readonly ArchivedRecord[];
  /** One per execution and redrive count; any order. */
  readonly executions: readonly ArchivedExecution[];
  readonly evidence: readonly ArchivedEvidence[];
  readonly verification: Verification;
}

export type ArchivedRecord = AuditRecord & { readonly key: string; readonly sha256: string };

export interface ArchivedExecution {
  readonly key: string;
  readonly sha256: string;
  readonly requestId: string;
  readonly arn: string;
  readonly name: string;
  readonly status: string;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly redriveCount: number;
  readonly error?: string;
  readonly cause?: string;
  /** Of the state machine, as the execution ran it. */
  readonly definition: Definition;
  /** Oldest first. */
  readonly events: readonly ArchivedEvent[];
}

/** Amazon States Language, the members that a drawing shows. */
export interface Definition {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
}

export interface State {
  readonly Type: string;
  readonly Comment?: string;
  readonly Next?: string;
  readonly Default?: string;
  readonly Choices?: readonly { readonly Next: string }[];
  readonly Branches?: readonly Definition[];
  readonly ItemProcessor?: Definition;
}

/** An event of GetExecutionHistory, the members that a drawing shows. */
export interface ArchivedEvent {
  readonly id: number;
  readonly previousEventId: number;
  readonly timestamp: string;
  readonly type: string;
  readonly stateEnteredEventDetails?: { readonly name: string };
  readonly stateExitedEventDetails?: { readonly name: string };
  readonly taskFailedEventDetails?: { readonly error?: string };
  readonly taskTimedOutEventDetails?: { readonly error?: string };
}

/** The evidence of deletion, as tasks/audit-log/seal.ts writes it. */
export interface ArchivedEvidence {
  readonly key: string;
  readonly sha256: string;
  readonly manifest: {
    readonly resources: readonly {
      readonly type: string;
      readonly physicalId?: string;
      readonly since?: string;
      readonly destroyedAt?: string;
      readonly destroyedBy?: string;
      readonly removed?: number;
      readonly deletionDate?: string;
    }[];
    readonly proof?: { readonly at: string; readonly stores: readonly string[]; readonly hits: number };
    readonly offboarding?: { readonly purgeApproval?: { readonly by: string; readonly at: string } };
    readonly kept: readonly string[];
    readonly hashes: Readonly<Record<string, string>>;
  };
}

export interface Verification {
  readonly ok: boolean;
  readonly records: readonly ChainEntry[];
  /** How many objects the chain covers. */
  readonly objects: number;
  /** Written lately, not in the chain yet. */
  readonly pending: readonly string[];
  readonly firstBreak?: { readonly place: string; readonly kind: string; readonly message: string };
}

export interface ChainEntry {
  readonly sequence: number;
  readonly at: string;
  readonly sha256: string;
  readonly execution: string;
  readonly objects: number;
}

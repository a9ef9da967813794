import { gunzipSync } from 'node:zlib';
import { parseChainRecord } from '../../tasks/audit-archive/chain-record';
import type { ReadArchive } from '../../tasks/audit-archive/read-archive';
import type { AuditRecord } from '../../tasks/shared/audit';
import { sha256Hex } from '../../tasks/shared/digest';
import { auditPrefix, chainPrefix } from '../../tasks/shared/names';
import type { ArchivedEvent, ArchivedExecution, TenantArchive, Verification } from './archive';

const HISTORY = /\/history-redrive-\d+\.json\.gz$/;

/** The report's archive, made of the very bytes that were verified. */
export function tenantArchiveOf({ contents, verification, kept }: ReadArchive): TenantArchive {
  const { tenantId } = contents;
  const objects = [...kept].map(([key, bytes]) => ({
    key,
    bytes,
    below: key.slice(auditPrefix(tenantId).length),
    told: { key, sha256: sha256Hex(bytes) },
  }));
  const isHistory = ({ below }: { below: string }) => HISTORY.test(below);
  const isEvidence = ({ below }: { below: string }) => below.startsWith('evidence-of-deletion/');
  return {
    tenantId,
    executions: objects.filter(isHistory).map(({ told, bytes }) => ({ ...told, ...executionIn(bytes) })),
    evidence: objects.filter(isEvidence).map(({ told, bytes }) => ({ ...told, manifest: json(bytes) })),
    records: objects
      .filter((object) => !isHistory(object) && !isEvidence(object))
      .map(({ told, bytes }) => ({ ...json<AuditRecord>(bytes), ...told })),
    verification: told(contents, verification),
  };
}

function told({ tenantId, chain }: ReadArchive['contents'], verification: ReadArchive['verification']): Verification {
  const { ok, objects, pending, firstBreak } = verification;
  const records = [...chain]
    .filter(([key]) => key.startsWith(chainPrefix(tenantId)))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, bytes]) => {
      const record = parseChainRecord(bytes);
      return record === undefined ? [] : [{ ...record, hash: sha256Hex(bytes) }];
    });
  return {
    ok,
    objects,
    pending,
    records: records.map(({ sequence, at, hash, execution, objects: vouchedFor }) => ({
      sequence,
      at,
      sha256: hash,
      execution: execution?.name ?? 'none: the daily reconciliation',
      objects: vouchedFor.length,
    })),
    ...(firstBreak && {
      firstBreak: {
        place: firstBreak.sequence === undefined ? firstBreak.key : `chain record ${firstBreak.sequence}`,
        kind: firstBreak.kind,
        message: firstBreak.message,
      },
    }),
  };
}

/** As tasks/audit-archive/history.ts writes it: what Step Functions told, its instants as text. */
interface StoredHistory {
  readonly requestId: string;
  readonly execution: {
    readonly executionArn: string;
    readonly name: string;
    readonly status: string;
    readonly startDate: string;
    readonly stopDate?: string;
    readonly redriveCount?: number;
    readonly error?: string;
    readonly cause?: string;
  };
  readonly stateMachine: { readonly definition: string };
  readonly events: readonly ArchivedEvent[];
}

function executionIn(bytes: Buffer): Omit<ArchivedExecution, 'key' | 'sha256'> {
  const { requestId, execution, stateMachine, events } = json<StoredHistory>(gunzipSync(bytes));
  const { executionArn, name, status, startDate, stopDate, redriveCount = 0, error, cause } = execution;
  return {
    requestId,
    arn: executionArn,
    name,
    status,
    startedAt: startDate,
    redriveCount,
    events,
    definition: JSON.parse(stateMachine.definition),
    ...(stopDate !== undefined && { endedAt: stopDate }),
    ...(error !== undefined && { error }),
    ...(cause !== undefined && { cause }),
  };
}

const json = <Value>(bytes: Buffer): Value => JSON.parse(bytes.toString('utf8')) as Value;

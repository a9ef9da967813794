import type { ArchivedEvent, ArchivedExecution, ArchivedRecord, TenantArchive } from '../../../cli/report/archive';
import { aHistory, type History } from '../../support/history';

const HASH = 'ab'.repeat(32);
export const EXECUTION_ARN = 'arn:aws:states:us-east-1:000000000000:execution:onboard:onboard--acme--signup-1';

export const aRecord = (record: Partial<ArchivedRecord> = {}): ArchivedRecord => ({
  tenantId: 'acme',
  action: 'request-onboard',
  requestedBy: 'signup',
  requestId: 'signup-1',
  outcome: 'ACCEPTED',
  at: '2026-11-01T10:00:00.000Z',
  key: `audit/acme/requests/${record.requestId ?? 'signup-1'}.json`,
  sha256: HASH,
  ...record,
});

/** A record of a step's effect on a resource. */
export const anEffect = (
  action: string,
  at: string,
  resource = { type: 'encryption-key', physicalId: 'key-1' },
): ArchivedRecord =>
  aRecord({
    action,
    at,
    step: action,
    resource,
    outcome: 'SUCCEEDED',
    executionArn: EXECUTION_ARN,
    key: `audit/acme/x/${action}-${at}.json`,
  });

export const anExecution = (execution: Partial<ArchivedExecution> = {}): ArchivedExecution => ({
  key: 'audit/acme/onboard--acme--signup-1/history-redrive-0.json.gz',
  sha256: HASH,
  requestId: 'signup-1',
  arn: EXECUTION_ARN,
  name: 'onboard--acme--signup-1',
  status: 'SUCCEEDED',
  startedAt: '2026-11-01T10:00:01.000Z',
  endedAt: '2026-11-01T10:05:00.000Z',
  redriveCount: 0,
  definition: { StartAt: 'Claim', States: { Claim: { Type: 'Task' } } },
  events: [],
  ...execution,
});

export const anArchive = (archive: Partial<TenantArchive> = {}): TenantArchive => ({
  tenantId: 'acme',
  records: [],
  executions: [],
  evidence: [],
  verification: { ok: true, records: [], objects: 0, pending: [] },
  ...archive,
});

/** Events as the archive has them: instants as text, one second apart. */
export function eventsOf(write: (history: History) => void): readonly ArchivedEvent[] {
  const history = aHistory();
  write(history);
  return JSON.parse(JSON.stringify(history.newestFirst().toReversed())) as ArchivedEvent[];
}

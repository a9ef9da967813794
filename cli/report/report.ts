import { executionNameOf, operationOf } from '../../tasks/shared/names';
import type { ArchivedEvidence, ArchivedExecution, ArchivedRecord, TenantArchive, Verification } from './archive';
import { type StateRun, stateRuns } from './state-runs';
import { ACTIONS, DECISIONS } from './wording';

/** The report as data: what `--format json` prints, and what the page and the table are made from. Ids only. */
export interface AuditReport {
  readonly schemaVersion: 1;
  readonly tenantId: string;
  readonly generatedAt: string;
  readonly stage: string;
  /** Of what is shown; the verification always covers the whole archive. */
  readonly period: { readonly from?: string; readonly to?: string };
  readonly timeline: readonly TimelineEntry[];
  readonly decisions: readonly TimelineEntry[];
  readonly executions: readonly ReportedExecution[];
  readonly resources: readonly ReportedResource[];
  readonly evidence: readonly ArchivedEvidence[];
  readonly verification: Verification;
}

export interface TimelineEntry {
  readonly at: string;
  readonly kind: 'request' | 'decision' | 'refusal' | 'failure' | 'execution' | 'step';
  /** As in the audit record, for example request-offboard. */
  readonly action: string;
  /** For a person. */
  readonly what: string;
  /** Principal that asked; absent for what Step Functions tells. */
  readonly by?: string;
  /** As somebody gave it, or the name of the error. */
  readonly reason?: string;
  readonly until?: string;
  readonly outcome: string;
  readonly requestId: string;
  readonly execution?: string;
  readonly step?: string;
  readonly resource?: { readonly type: string; readonly physicalId: string };
  /** Object that proves it, in the audit bucket. */
  readonly key: string;
  readonly sha256: string;
}

export interface ReportedExecution extends Omit<ArchivedExecution, 'events' | 'definition'> {
  readonly requestedBy?: string;
  /** In the order in which they were entered. */
  readonly states: readonly StateRun[];
}

export interface ReportedResource {
  readonly type: string;
  readonly physicalId: string;
  readonly made: readonly Event[];
  readonly blocked: readonly Event[];
  readonly restored: readonly Event[];
  readonly destroyed: readonly Event[];
  /** How many things the destruction removed, by the evidence. */
  readonly removed?: number;
  /** Day on which KMS destroys a key. */
  readonly deletionDate?: string;
}

interface Event {
  readonly at: string;
  readonly execution: string;
}

export interface ReportOptions {
  readonly stage: string;
  readonly generatedAt: string;
  readonly from?: string;
  readonly to?: string;
}

/** Makes the report; nothing in it comes from anywhere but the archive. */
export function makeReport(archive: TenantArchive, { from, to, stage, generatedAt }: ReportOptions): AuditReport {
  const within = (at: string): boolean =>
    (from === undefined || Date.parse(at) >= Date.parse(from)) &&
    (to === undefined || Date.parse(at) <= Date.parse(to));
  const timeline = [...archive.records.map(entryOf), ...archive.executions.map(endOf)]
    .filter(({ at }) => within(at))
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at) || (a.key < b.key ? -1 : 1));
  const askedBy = new Map(archive.records.map(({ requestId, requestedBy }) => [requestId, requestedBy]));
  return {
    schemaVersion: 1,
    tenantId: archive.tenantId,
    generatedAt,
    stage,
    period: { ...(from !== undefined && { from }), ...(to !== undefined && { to }) },
    timeline,
    decisions: timeline.filter(({ kind }) => kind === 'decision' || kind === 'refusal'),
    executions: latest(archive.executions)
      .filter(({ startedAt, endedAt = generatedAt }) => overlaps(startedAt, endedAt, { from, to }))
      .sort((a, b) => Date.parse(a.startedAt) - Date.parse(b.startedAt))
      .map((execution) => {
        const { events: _events, definition: _definition, ...told } = execution;
        const requestedBy = askedBy.get(execution.requestId);
        return { ...told, ...(requestedBy && { requestedBy }), states: [...stateRuns(execution).values()] };
      }),
    resources: resourcesOf(timeline, archive),
    evidence: archive.evidence,
    verification: archive.verification,
  };
}

const overlaps = (
  start: string,
  end: string,
  { from, to }: { from?: string | undefined; to?: string | undefined },
): boolean =>
  (from === undefined || Date.parse(end) >= Date.parse(from)) &&
  (to === undefined || Date.parse(start) <= Date.parse(to));

/** A redrive appends to the history: the export with the highest count has all of it. */
export function latest(executions: readonly ArchivedExecution[]): ArchivedExecution[] {
  const byArn = new Map<string, ArchivedExecution>();
  for (const execution of executions) {
    const known = byArn.get(execution.arn);
    if (known === undefined || known.redriveCount < execution.redriveCount) byArn.set(execution.arn, execution);
  }
  return [...byArn.values()];
}

function entryOf(record: ArchivedRecord): TimelineEntry {
  const { at, action, requestedBy, outcome, requestId, executionArn, step, resource, until, key, sha256 } = record;
  const reason = record.reason ?? record.error;
  return {
    at,
    kind: kindOf(record),
    action,
    what: wordingOf(record),
    by: requestedBy,
    outcome,
    requestId,
    ...(reason !== undefined && { reason }),
    ...(until !== undefined && { until }),
    ...(executionArn !== undefined && { execution: executionNameOf(executionArn) }),
    ...(step !== undefined && { step }),
    ...(resource && { resource }),
    key,
    sha256,
  };
}

function wordingOf({ action, outcome, step, legalHoldId }: ArchivedRecord): string {
  if (outcome === 'FAILED') return `${step ?? action} failed`;
  const what = [ACTIONS[action] ?? step ?? action, ...(legalHoldId ? [`(${legalHoldId})`] : [])].join(' ');
  return outcome === 'REFUSED' ? `${step ?? what} refused` : what;
}

function kindOf({ outcome, action, step }: ArchivedRecord): TimelineEntry['kind'] {
  if (outcome === 'REFUSED') return 'refusal';
  if (outcome === 'FAILED') return 'failure';
  if (DECISIONS.includes(action)) return 'decision';
  return step === undefined ? 'request' : 'step';
}

const endOf = ({
  endedAt,
  startedAt,
  status,
  name,
  requestId,
  redriveCount,
  error,
  key,
  sha256,
}: ArchivedExecution): TimelineEntry => ({
  at: endedAt ?? startedAt,
  kind: 'execution',
  action: 'execution-ended',
  what: `Execution ended ${status}${redriveCount === 0 ? '' : ` after ${redriveCount} redrive${redriveCount === 1 ? '' : 's'}`}`,
  outcome: status,
  requestId,
  ...(error !== undefined && { reason: error }),
  execution: name,
  key,
  sha256,
});

const VERBS = { provision: 'made', suspend: 'blocked', restore: 'restored', destroy: 'destroyed' } as const;

/** By resource: what the steps' records say was done to it, and what the evidence adds. */
function resourcesOf(
  timeline: readonly TimelineEntry[],
  { records, evidence }: TenantArchive,
): readonly ReportedResource[] {
  // A reinstatement provisions what the tenant had.
  const reinstatements = new Set(
    records.flatMap(({ executionArn = '' }) =>
      operationOf(executionArn) === 'reinstate' ? [executionNameOf(executionArn)] : [],
    ),
  );
  const resources = new Map<string, ReportedResource & Record<(typeof VERBS)[keyof typeof VERBS], Event[]>>();
  const evidenced = evidence.flatMap(({ manifest }) => manifest.resources);
  for (const { action, resource, at, execution, outcome } of timeline) {
    const done = VERBS[action.split('-')[0] as keyof typeof VERBS];
    if (resource === undefined || execution === undefined || done === undefined || outcome !== 'SUCCEEDED') continue;
    const verb = done === 'made' && reinstatements.has(execution) ? 'restored' : done;
    const { removed, deletionDate } =
      evidenced.find(({ type, physicalId }) => type === resource.type && physicalId === resource.physicalId) ?? {};
    const known = resources.get(`${resource.type} ${resource.physicalId}`) ?? {
      ...resource,
      made: [],
      blocked: [],
      restored: [],
      destroyed: [],
      ...(removed !== undefined && { removed }),
      ...(deletionDate !== undefined && { deletionDate }),
    };
    known[verb].push({ at, execution });
    resources.set(`${resource.type} ${resource.physicalId}`, known);
  }
  // The first admin, for example, goes with the group: the evidence knows, no step of its own does.
  for (const { type, physicalId, destroyedAt, destroyedBy } of evidenced) {
    const known = resources.get(`${type} ${physicalId}`);
    if (known === undefined || known.destroyed.length > 0 || destroyedAt === undefined) continue;
    known.destroyed.push({ at: destroyedAt, execution: executionNameOf(destroyedBy ?? '') });
  }
  return [...resources.values()];
}

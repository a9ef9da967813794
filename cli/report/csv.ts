import type { AuditReport, TimelineEntry } from './report';

const COLUMNS: Readonly<Record<string, (entry: TimelineEntry) => string | undefined>> = {
  at: ({ at }) => at,
  kind: ({ kind }) => kind,
  action: ({ action }) => action,
  what: ({ what }) => what,
  by: ({ by }) => by,
  outcome: ({ outcome }) => outcome,
  reason: ({ reason }) => reason,
  until: ({ until }) => until,
  requestId: ({ requestId }) => requestId,
  execution: ({ execution }) => execution,
  step: ({ step }) => step,
  resourceType: ({ resource }) => resource?.type,
  physicalId: ({ resource }) => resource?.physicalId,
  key: ({ key }) => key,
  sha256: ({ sha256 }) => sha256,
};

/** The timeline as CSV (RFC 4180), one line per entry, for a spreadsheet. */
export const csv = ({ tenantId, timeline }: AuditReport): string =>
  [
    ['tenantId', ...Object.keys(COLUMNS)],
    ...timeline.map((entry) => [tenantId, ...Object.values(COLUMNS).map((column) => column(entry) ?? '')]),
  ]
    .map((row) => `${row.map(cell).join(',')}\r\n`)
    .join('');

/** A cell that begins like a formula would be run by a spreadsheet; the apostrophe makes it text [OWASP, CSV injection]. */
function cell(text: string): string {
  const inert = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}

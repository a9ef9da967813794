import type { ArchivedEvidence, ArchivedExecution, TenantArchive } from './archive';
import { html, type Markup } from './html';
import { type AuditReport, latest, type ReportedExecution, type ReportedResource, type TimelineEntry } from './report';
import { drawStateGraph, wordsOf } from './state-graph';
import { STYLE } from './style';
import { duration, instant } from './wording';

/**
 * The report as one HTML page: no script, no font, no address that a browser would fetch, so that it can be filed and is
 * the same years later.
 */
export function page(report: AuditReport, archive: TenantArchive): string {
  const { tenantId, stage, generatedAt, period, verification } = report;
  const title = `Audit report of tenant ${tenantId}`;
  const sections: readonly (readonly [id: string, heading: string, content: Markup])[] = [
    ['operations', 'What happened', timelineSection(report)],
    ['decisions', 'Who approved and who held', decisionsSection(report)],
    ['resources', 'Resources made and destroyed', resourcesSection(report)],
    ['evidence', 'Evidence of deletion', evidenceSection(report)],
    ['executions', 'Executions', executionsSection(report, archive)],
    ['verification', 'Verification of the archive', verificationSection(report)],
  ];
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
<header>
<h1>${title}</h1>
<dl class="facts">
${fact('Stage', stage)}
${fact('Period', periodOf(period))}
${fact('Made', instant(generatedAt))}
${fact('Source', `audit archive of the tenant, ${count(verification.objects, 'object')} under ${count(verification.records.length, 'chain record')}`)}
</dl>
${verdict(report)}
<nav aria-label="Contents"><ol>${sections.map(([id, heading]) => html`<li><a href="#${id}">${heading}</a></li>`)}</ol></nav>
</header>
<main id="main">
${sections.map(([id, heading, content]) => html`<section aria-labelledby="${id}"><h2 id="${id}">${heading}</h2>${content}</section>`)}
</main>
<footer><p>Ids only: this page holds no personal data. Instants are UTC.</p></footer>
</body>
</html>
`.text;
}

const fact = (name: string, value: string): Markup => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;

function periodOf({ from, to }: AuditReport['period']): string {
  if (from === undefined && to === undefined) return 'everything there is';
  return `${from === undefined ? 'from the beginning' : `from ${instant(from)}`} ${to === undefined ? 'until now' : `to ${instant(to)}`}`;
}

function verdict({ verification: { ok, firstBreak, records, objects, pending } }: AuditReport): Markup {
  if (!ok) {
    return html`<p class="verdict broken" role="alert"><strong>✗ The archive does not verify.</strong> ${firstBreak?.place}: ${firstBreak?.kind}. ${firstBreak?.message}</p>`;
  }
  const waiting = pending.length === 0 ? '' : ` ${pending.length} written lately wait for the next chain record.`;
  return html`<p class="verdict intact"><strong>✓ The archive verifies.</strong> ${count(objects, 'object')} under ${count(records.length, 'chain record')}; none is altered, missing, reordered or another tenant’s.${waiting}</p>`;
}

const BADGES: Readonly<Record<string, string>> = {
  SUCCEEDED: 'good',
  ACCEPTED: 'plain',
  REFUSED: 'bad',
  FAILED: 'bad',
  TIMED_OUT: 'bad',
  ABORTED: 'plain',
};
const badge = (outcome: string): Markup =>
  html`<span class="badge ${BADGES[outcome] ?? 'plain'}">${outcome.replace('_', ' ')}</span>`;

const count = (number: number, thing: string): string => `${number} ${thing}${number === 1 ? '' : 's'}`;

const none = (text: string): Markup => html`<p class="none">${text}</p>`;

/** Requests, decisions, refusals and ends; the single steps stand with their executions. */
function timelineSection({ timeline }: AuditReport): Markup {
  const entries = timeline.filter(({ kind }) => kind !== 'step');
  if (entries.length === 0) return none('Nothing in this period.');
  return table(
    'Operations, oldest first',
    ['When', 'What', 'Who', 'Why', 'Outcome', 'Request'],
    entries.map(timelineRow),
  );
}

const timelineRow = (entry: TimelineEntry): readonly Cell[] => [
  when(entry.at),
  html`${entry.what}${entry.until === undefined ? undefined : html` to ${instant(entry.until)}`}${entry.execution === undefined ? undefined : html` <a href="#${anchor(entry.execution)}">${entry.execution}</a>`}`,
  entry.by ?? 'Step Functions',
  entry.reason ?? '–',
  badge(entry.outcome),
  html`<code>${entry.requestId}</code>`,
];

function decisionsSection({ decisions }: AuditReport): Markup {
  if (decisions.length === 0) return none('Nobody approved, held or was refused anything in this period.');
  return table(
    'Approvals, holds and refusals, oldest first',
    ['When', 'What', 'Who', 'Why', 'Outcome', 'Record'],
    decisions.map((entry) => [...timelineRow(entry).slice(0, 5), html`<code>${entry.key}</code>`]),
  );
}

function resourcesSection({ resources }: AuditReport): Markup {
  if (resources.length === 0) return none('No resource was made or destroyed in this period.');
  return table(
    'What exists, or existed, for the tenant',
    ['Resource', 'Physical id', 'Made', 'Blocked and restored', 'Destroyed'],
    resources.map((resource) => [
      resource.type,
      html`<code>${resource.physicalId}</code>`,
      events(resource.made),
      events([
        ...resource.blocked.map((event) => ({ ...event, what: 'blocked' })),
        ...resource.restored.map((event) => ({ ...event, what: 'restored' })),
      ]),
      html`${events(resource.destroyed)}${destruction(resource)}`,
    ]),
  );
}

function destruction({ removed, deletionDate }: ReportedResource): Markup {
  return html`${removed === undefined || deletionDate !== undefined ? undefined : html`<div>${removed} removed</div>`}${deletionDate === undefined ? undefined : html`<div>KMS destroys it on ${instant(deletionDate)}</div>`}`;
}

function events(list: readonly { at: string; execution: string; what?: string }[]): Markup {
  if (list.length === 0) return html`–`;
  const ordered = [...list].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return html`${ordered.map(({ at, execution, what }) => html`<div>${what === undefined ? undefined : `${what} `}<a href="#${anchor(execution)}">${when(at)}</a></div>`)}`;
}

function evidenceSection({ evidence }: AuditReport): Markup {
  if (evidence.length === 0) return none('The tenant has not been destroyed: there is no evidence of deletion.');
  return html`${evidence.map(oneEvidence)}`;
}

function oneEvidence({ key, sha256, manifest }: ArchivedEvidence): Markup {
  const { proof, resources, kept, offboarding, hashes } = manifest;
  const approval = offboarding?.purgeApproval;
  return html`<dl class="facts wide">
${fact('Object', key)}
${fact('SHA-256', sha256)}
${proof && fact('Proof', `${instant(proof.at)}: ${proof.stores.join(', ')} were listed again: ${proof.hits} hits`)}
${approval && fact('Purge approved', `${instant(approval.at)} by ${approval.by}`)}
${fact('Kept', kept.length === 0 ? 'nothing but this archive' : kept.join(', '))}
</dl>
${table(
  'What was destroyed',
  ['Resource', 'Physical id', 'Destroyed', 'Removed', 'By execution'],
  resources
    .filter(({ destroyedAt }) => destroyedAt !== undefined)
    .map((resource) => [
      resource.type,
      html`<code>${resource.physicalId ?? '–'}</code>`,
      html`${when(resource.destroyedAt ?? '')}${resource.deletionDate === undefined ? undefined : html`<div>key gone on ${instant(resource.deletionDate)}</div>`}`,
      resource.removed === undefined ? '–' : String(resource.removed),
      html`<code>${(resource.destroyedBy ?? '–').split(':').at(-1)}</code>`,
    ]),
)}
${table(
  'Hashes of the parts of the evidence',
  ['Part', 'SHA-256'],
  Object.entries(hashes).map(([part, hash]) => [part, html`<code>${hash}</code>`]),
)}`;
}

function executionsSection({ executions, timeline }: AuditReport, archive: TenantArchive): Markup {
  if (executions.length === 0) return none('No execution has ended in this period.');
  const archived = new Map(latest(archive.executions).map((execution) => [execution.arn, execution]));
  return html`${executions.map((execution) => {
    const steps = timeline.filter(({ kind, execution: name }) => kind === 'step' && name === execution.name);
    return oneExecution(execution, archived.get(execution.arn), steps);
  })}`;
}

function oneExecution(
  execution: ReportedExecution,
  archived: ArchivedExecution | undefined,
  steps: readonly TimelineEntry[],
): Markup {
  const { name, status, startedAt, endedAt, redriveCount, requestedBy, requestId, error, key, sha256 } = execution;
  const runs = new Map(execution.states.map((run) => [run.name, run]));
  const took = endedAt === undefined ? '' : `, took ${duration(Date.parse(endedAt) - Date.parse(startedAt))}`;
  return html`<article aria-labelledby="${anchor(name)}">
<h3 id="${anchor(name)}">${name} ${badge(status)}</h3>
<dl class="facts wide">
${fact('Ran', `${instant(startedAt)} to ${endedAt === undefined ? 'now' : instant(endedAt)}${took}`)}
${fact('Requested', `by ${requestedBy ?? 'nobody on record'}, request ${requestId}`)}
${fact('Redrives', String(redriveCount))}
${error === undefined ? undefined : fact('Error', error)}
${fact('History', `${key} (SHA-256 ${sha256})`)}
</dl>
${archived && html`<figure>${drawStateGraph(execution, archived.definition, runs)}<figcaption>States of ${name}: ✓ succeeded, ✗ failed, ■ cut off, – not reached.</figcaption></figure>`}
<details><summary>The states of ${name} as a table</summary>
${table(
  `States of ${name}`,
  ['State', 'Entered', 'Outcome'],
  execution.states.map((run) => [run.name, when(run.enteredAt), wordsOf(run)]),
)}</details>
${
  steps.length === 0
    ? undefined
    : html`<details><summary>What its steps did: ${count(steps.length, 'audit record')}</summary>${table(
        `Effects of ${name}`,
        ['When', 'Step', 'Resource', 'Outcome', 'Record'],
        steps.map((entry) => [
          when(entry.at),
          entry.what,
          entry.resource === undefined ? '–' : html`${entry.resource.type} <code>${entry.resource.physicalId}</code>`,
          badge(entry.outcome),
          html`<code>${entry.key}</code>`,
        ]),
      )}</details>`
}
</article>`;
}

function verificationSection({ tenantId, verification }: AuditReport): Markup {
  const { records, firstBreak, pending } = verification;
  return html`<p>Each chain record names the SHA-256 of the one before and of every object that it covers; the bucket’s Object Lock keeps all of them. A break is an object that is altered, missing, in another order, or another tenant’s.</p>
${firstBreak === undefined ? undefined : html`<p><strong>First break:</strong> ${firstBreak.place}: ${firstBreak.kind}. ${firstBreak.message}</p>`}
${
  records.length === 0
    ? none('There is no chain record yet.')
    : table(
        'Chain records',
        ['Number', 'Written', 'For execution', 'Objects', 'SHA-256'],
        records.map((record) => [
          String(record.sequence),
          when(record.at),
          html`<code>${record.execution}</code>`,
          String(record.objects),
          html`<code>${record.sha256}</code>`,
        ]),
      )
}
${pending.length === 0 ? undefined : html`<p>Not in the chain yet: ${pending.map((key) => html`<code>${key}</code> `)}</p>`}
<p>To verify again: <code>tenantctl audit verify --tenant-id ${tenantId}</code>; without this software: “How to show it to an auditor” in docs/compliance.md.</p>`;
}

type Cell = string | Markup;

const table = (caption: string, headings: readonly string[], rows: readonly (readonly Cell[])[]): Markup =>
  html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table><caption>${caption}</caption>
<thead><tr>${headings.map((heading) => html`<th scope="col">${heading}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>\n`)}</tbody></table></div>`;

const when = (iso: string): Markup => html`<time datetime="${iso}">${instant(iso)}</time>`;
const anchor = (execution: string): string => `execution-${execution}`;

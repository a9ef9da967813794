import { writeFileSync } from 'node:fs';
import * as z from 'zod';
import { TenantId } from '../../tasks/shared/tenant';
import { check, defineCommand } from '../command';
import { UsageError } from '../errors';
import { EXIT } from '../exit-code';
import { csv } from '../report/csv';
import { page } from '../report/page';
import { tenantArchiveOf } from '../report/read';
import { makeReport } from '../report/report';

const FORMATS = ['html', 'json', 'csv'] as const;

const DAY = /^\d{4}-\d{2}-\d{2}$/;
/** A day stands for its first instant, or for its last where it ends a period. */
const instant = (ofDay: string) =>
  z
    .string()
    .transform((text) => (DAY.test(text) ? `${text}T${ofDay}Z` : text))
    .pipe(z.iso.datetime({ offset: true, error: 'must be a day (2026-11-24) or an instant (2026-11-24T10:00:00Z)' }))
    .transform((text) => new Date(text).toISOString())
    .optional();

const Input = z
  .strictObject({
    tenantId: TenantId,
    from: instant('00:00:00.000'),
    to: instant('23:59:59.999'),
    format: z.enum(FORMATS, { error: `must be ${FORMATS.join(', ')}` }).default('html'),
    output: z.string().min(1, 'must name a file, or - for standard output').optional(),
  })
  .refine(({ from, to }) => from === undefined || to === undefined || from <= to, {
    path: ['to'],
    error: 'must not be before --from',
  });

/** From the archive alone, so it works for tenants that are gone and for executions that Step Functions has forgotten. */
export const auditReport = defineCommand<z.output<typeof Input>>({
  name: 'audit report',
  summary: 'Write a report of everything that was done for a tenant, as a page, JSON or CSV.',

  configure(command) {
    command
      .option('--tenant-id <id>', 'tenant, also one that is gone')
      .option('--from <when>', 'first day or instant shown, UTC')
      .option('--to <when>', 'last day or instant shown, UTC')
      .option('--format <format>', `${FORMATS.join(', ')} (default: html)`)
      .option(
        '--output <file>',
        'where it is written, - for standard output (default: audit-report-<tenant>.<format>)',
      );
  },

  parse: (options) => check(Input, options),

  async run(
    { tenantId, from, to, format, output: file = `audit-report-${tenantId}.${format}` },
    { output, openTarget },
  ) {
    const target = await openTarget();
    const archive = tenantArchiveOf(await target.readArchive(tenantId, () => true));
    const report = makeReport(archive, {
      stage: target.stage,
      generatedAt: new Date().toISOString(),
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
    });
    const text = {
      html: () => page(report, archive),
      json: () => `${JSON.stringify(report, undefined, 2)}\n`,
      csv: () => csv(report),
    }[format]();
    if (file === '-') output.document(text);
    else write(file, text);
    const { ok, firstBreak } = report.verification;
    if (file !== '-') {
      output.result({ tenantId, file, format, verified: ok, ...(firstBreak && { firstBreak }) }, [
        `Written to ${file}: entries ${report.timeline.length}, executions ${report.executions.length}.`,
        ok ? 'The archive verifies.' : `The archive does not verify: ${firstBreak?.place}: ${firstBreak?.message}`,
      ]);
    }
    return ok ? EXIT.done : EXIT.refused;
  },
});

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new UsageError([`--output: ${error instanceof Error ? error.message : String(error)}`], 'audit report');
  }
}

import { z } from 'zod';
import type { Verification } from '../../tasks/audit-archive/verify-chain';
import { TenantId } from '../../tasks/shared/tenant';
import { check, defineCommand } from '../command';
import { EXIT } from '../exit-code';
import { type Colors, facts, printable } from '../output';

const Input = z.strictObject({ tenantId: TenantId });

/** Proves that a tenant's audit archive is whole and unaltered, or names the first thing that is not. */
export const auditVerify = defineCommand<z.output<typeof Input>>({
  name: 'audit verify',
  summary: 'Verify a tenant’s audit archive: every byte against its hash chain; exit code 1 on the first break.',

  configure(command) {
    command.option('--tenant-id <id>', 'the tenant, also one that is gone');
  },

  parse: (options) => check(Input, options),

  async run({ tenantId }, { output, openTarget }) {
    const { verification } = await (await openTarget()).readArchive(tenantId);
    output.result(verification, verificationLines(verification, output.colors));
    return verification.ok ? EXIT.done : EXIT.refused;
  },
});

export function verificationLines(verification: Verification, { bold, red, green, ...colors }: Colors): string[] {
  const { ok, tenantId, records, objects, pending, head, endKnown, firstBreak } = verification;
  const all = { bold, red, green, ...colors };
  return [
    ok
      ? `${green('✓')} ${bold(tenantId)}: ${records === 0 ? 'nothing is chained yet' : 'the audit chain is unbroken'}`
      : `${red('✗')} ${bold(tenantId)}: the audit chain is broken: ${bold(red(firstBreak?.kind ?? ''))}`,
    ...facts(
      [
        ['records', records],
        ['objects', objects],
        ['not chained yet', pending.length > 0 ? `${pending.length}, younger than a day` : undefined],
        ['last record', head && `${head.sequence}, SHA-256 ${head.sha256}`],
        ['its end', endKnown ? 'compared with the registry' : 'the registry has noted none to compare with'],
        [
          'broken at',
          firstBreak &&
            (firstBreak.sequence === undefined ? firstBreak.key : `record ${firstBreak.sequence}, ${firstBreak.key}`),
        ],
        ['what', firstBreak && printable(firstBreak.message)],
      ],
      all,
    ),
  ];
}

import { z } from 'zod';
import type { TenantState } from '../../tasks/shared/registry';
import { STATUSES } from '../../tasks/shared/tenant';
import { check, defineCommand } from '../command';
import { EXIT } from '../exit-code';
import { type Colors, table } from '../output';

const Input = z.strictObject({
  status: z.array(z.enum(STATUSES, { error: `must be one of ${STATUSES.join(', ')}` })).default([...STATUSES]),
});

/** All tenants, also those that are gone. No personal data. */
export const list = defineCommand<z.output<typeof Input>>({
  name: 'list',
  summary: 'List tenants: id, status, tier, last failure.',

  configure(command) {
    command.option('--status <status>', 'only tenants in this status; may be given more than once', collect);
  },

  parse: (options) => check(Input, options),

  async run(input, { output, openTarget }) {
    const registry = await (await openTarget()).registry();
    const lists = await Promise.all([...new Set(input.status)].map((status) => registry.listTenants(status)));
    const tenants = lists.flat().sort((a, b) => (a.tenantId < b.tenantId ? -1 : 1));
    output.result({ tenants: tenants.map(summaryOf) }, listLines(tenants, output.colors));
    return EXIT.done;
  },
});

const collect = (status: string, earlier: readonly string[] | undefined): readonly string[] => [
  ...(earlier ?? []),
  status,
];

export const summaryOf = ({
  tenantId,
  status,
  tier,
  generation,
  requestedAt,
  updatedAt,
  lastFailure,
}: TenantState) => ({
  tenantId,
  status,
  tier,
  generation,
  requestedAt,
  updatedAt,
  ...(lastFailure && { lastFailure: { step: lastFailure.step, error: lastFailure.error } }),
});

export function listLines(tenants: readonly TenantState[], colors: Colors): string[] {
  if (tenants.length === 0) return ['No tenants.'];
  const rows = tenants.map(({ tenantId, status, tier, updatedAt, lastFailure }) => [
    tenantId,
    status,
    tier,
    updatedAt,
    lastFailure && `${lastFailure.error} at ${lastFailure.step}`,
  ]);
  return table(['TENANT', 'STATUS', 'TIER', 'UPDATED', 'LAST FAILURE'], rows, colors);
}

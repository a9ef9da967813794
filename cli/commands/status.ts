import { z } from 'zod';
import { resourcesOf } from '../../tasks/resources';
import { legalHoldsOf } from '../../tasks/shared/legal-holds';
import type { TenantRecord, TenantState } from '../../tasks/shared/registry';
import { TenantId } from '../../tasks/shared/tenant';
import { check, defineCommand } from '../command';
import { EXIT } from '../exit-code';
import { knownState } from '../known-tenant';
import { type Colors, facts, table } from '../output';

const Input = z.strictObject({ tenantId: TenantId, showProfile: z.boolean().default(false) });

/** Everything the registry knows about one tenant, personal data only on demand. */
export const status = defineCommand<z.output<typeof Input>>({
  name: 'status',
  summary: 'Show one tenant: status, last failure with the next action, resources, operations.',

  configure(command) {
    command
      .option('--tenant-id <id>', 'the tenant')
      .option('--show-profile', 'also show display name and admin e-mail address (personal data)');
  },

  parse: (options) => check(Input, options),

  async run({ tenantId, showProfile }, { output, openTarget }) {
    const target = await openTarget();
    const registry = await target.registry();
    const record = await registry.getTenant(tenantId);
    const state = knownState(tenantId, record);
    const { leaseOwner } = state;
    const owner = leaseOwner === undefined ? undefined : await target.executions().describe(leaseOwner);
    const view = viewOf(record, state, { showProfile, leaseOwnerStatus: owner?.status ?? 'FORGOTTEN' });
    output.result(view, statusLines(view, output.colors));
    return EXIT.done;
  },
});

export type TenantView = ReturnType<typeof viewOf>;

/** What is shown of a tenant; the hash over its personal data is not. */
export function viewOf(
  { profile, operations, resources }: TenantRecord,
  state: TenantState,
  { showProfile, leaseOwnerStatus = 'UNKNOWN' }: { readonly showProfile: boolean; readonly leaseOwnerStatus?: string },
) {
  const {
    leaseOwner,
    leasedAt,
    lastFailure,
    activatedAt,
    offboarding,
    holdUntil,
    legalHolds,
    purgeApproval,
    purgeStartedAt,
    tombstone,
  } = state;
  const order = resourcesOf(state.tier).map(({ type }) => type);
  const place = (type: string): number => (order.includes(type) ? order.indexOf(type) : order.length);
  return {
    tenantId: state.tenantId,
    status: state.status,
    tier: state.tier,
    generation: state.generation,
    ...(leaseOwner !== undefined && {
      lease: {
        owner: leaseOwner,
        ...(leasedAt !== undefined && { since: leasedAt }),
        executionStatus: leaseOwnerStatus,
      },
    }),
    requestId: state.requestId,
    requestedBy: state.requestedBy,
    requestedAt: state.requestedAt,
    updatedAt: state.updatedAt,
    ...(activatedAt !== undefined && { activatedAt }),
    ...(lastFailure && { lastFailure }),
    ...(offboarding && { offboarding }),
    ...(holdUntil !== undefined && { holdUntil }),
    ...(legalHolds && { legalHolds: legalHoldsOf(state) }),
    ...(purgeApproval && { purgeApproval }),
    ...(purgeStartedAt !== undefined && { purgeStartedAt }),
    ...(tombstone && { tombstone }),
    resources: resources
      .map(({ type, phase, physicalId, since, generation }) => ({
        type,
        phase,
        ...(physicalId !== undefined && { physicalId }),
        since,
        generation,
      }))
      .sort((a, b) => place(a.type) - place(b.type)),
    operations: operations
      .map(({ requestId, operation, requestedBy, requestedAt, executionArn, outcome, endedAt, replays }) => ({
        requestId,
        operation,
        requestedBy,
        requestedAt,
        ...(executionArn !== undefined && { executionArn }),
        ...(outcome !== undefined && { outcome }),
        ...(endedAt !== undefined && { endedAt }),
        ...(replays && { replays }),
      }))
      .sort((a, b) => (a.requestedAt < b.requestedAt ? -1 : 1)),
    ...(showProfile &&
      profile && { profile: { displayName: profile.displayName, adminEmail: profile.adminEmail, tier: profile.tier } }),
  };
}

/** A lease whose owner does not run is taken over by the next execution. */
const leaseLine = ({ owner, since, executionStatus }: NonNullable<TenantView['lease']>): string =>
  `${owner}${since === undefined ? '' : `, since ${since}`}, ${executionStatus === 'RUNNING' ? 'running' : `not running (${executionStatus})`}`;

export function statusLines(view: TenantView, colors: Colors): string[] {
  const { bold, red } = colors;
  const { lastFailure: failure, profile } = view;
  const lines = [
    bold(`Tenant ${view.tenantId}`),
    ...facts(
      [
        ['status', view.status],
        ['tier', view.tier],
        ['generation', view.generation],
        ['lease', view.lease === undefined ? 'none' : leaseLine(view.lease)],
        ['requested', `${view.requestedAt} by ${view.requestedBy} (request ${view.requestId})`],
        ['active since', view.activatedAt],
        ['offboarding', view.offboarding && `requested by ${view.offboarding.requestedBy}: ${view.offboarding.reason}`],
        ['hold until', view.holdUntil],
        ...(view.legalHolds ?? []).map(
          ({ id, since, by, reason }) => ['legal hold', `${id} since ${since} by ${by}: ${reason}`] as const,
        ),
        ['approved', view.purgeApproval && `${view.purgeApproval.at} by ${view.purgeApproval.by}`],
        ['purge since', view.purgeStartedAt],
        ['closed', view.tombstone?.closedAt],
        ['evidence', view.tombstone && `${view.tombstone.evidenceKey} (SHA-256 ${view.tombstone.evidenceSha256})`],
        ['key gone on', view.tombstone?.encryptionKeyDeletionDate],
        ['updated', view.updatedAt],
      ],
      colors,
    ),
  ];
  if (failure !== undefined) {
    lines.push(
      '',
      red(bold('Last failure')),
      ...facts(
        [
          ['step', failure.step],
          ['error', `${failure.error} (${failure.errorClass})`],
          ['message', failure.message],
          ['attempt', `${failure.attempt}, after ${failure.redriveCount} redrives`],
          ['failed at', failure.failedAt],
          ['execution', failure.executionArn],
          ['next', failure.nextAction],
        ],
        colors,
      ),
    );
  }
  const resources = view.resources.map(({ type, phase, physicalId, since }) => [type, phase, physicalId, since]);
  lines.push('', bold('Resources'), ...(resources.length === 0 ? ['  none yet'] : []));
  if (resources.length > 0) lines.push(...table(['TYPE', 'PHASE', 'PHYSICAL ID', 'SINCE'], resources, colors));
  const operations = view.operations.map((entry) => [
    entry.requestId,
    entry.operation,
    entry.outcome ?? 'running or not recorded yet',
    entry.requestedAt,
    entry.endedAt,
    entry.requestedBy,
  ]);
  const headings = ['REQUEST', 'OPERATION', 'OUTCOME', 'REQUESTED', 'ENDED', 'BY'];
  lines.push('', bold('Operations'), ...table(headings, operations, colors));
  if (profile !== undefined) {
    lines.push(
      '',
      bold('Profile (personal data)'),
      ...facts(
        [
          ['name', profile.displayName],
          ['admin', profile.adminEmail],
          ['tier', profile.tier],
        ],
        colors,
      ),
    );
  }
  return lines;
}

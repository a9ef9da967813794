import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { MOVES, type Move, statusDiagram } from '../../docs/statuses';
import * as activateTenant from '../../tasks/lifecycle/activate-tenant';
import * as claimOffboarding from '../../tasks/lifecycle/claim-offboarding';
import * as claimPurge from '../../tasks/lifecycle/claim-purge';
import * as claimReinstatement from '../../tasks/lifecycle/claim-reinstatement';
import * as claimTenant from '../../tasks/lifecycle/claim-tenant';
import * as closeTenant from '../../tasks/lifecycle/close-tenant';
import { LIFECYCLE_CONTRACTS } from '../../tasks/lifecycle/contract';
import { OFFBOARDING_CONTRACTS } from '../../tasks/lifecycle/offboarding-contract';
import * as recordOutcome from '../../tasks/lifecycle/record-outcome';
import * as requestOperation from '../../tasks/lifecycle/request-operation';
import type { TenantState } from '../../tasks/shared/registry';
import { STATUSES, type TenantStatus } from '../../tasks/shared/tenant';
import { serveAuditLog } from '../support/audit-log';
import {
  aContext,
  aHeldTenant,
  anExecutionArnOf,
  anOperationItem,
  aPurgedTenant,
  aRequest,
  aStateItem,
  aTaskInput,
  REGISTRY_TABLE,
  setEnvironment,
} from '../support/builders';
import { captureOutput } from '../support/output';
import { serveTables, type Tables } from '../support/tables';

const dynamodb = mockClient(DynamoDBDocumentClient);
const sfn = mockClient(SFNClient);
const s3 = mockClient(S3Client);
serveAuditLog();
let tables: Tables;

const REQUEST = { onboard: 'request-1', offboard: 'request-2', reinstate: 'request-3' } as const;
const LATER = '2026-02-02T00:00:00.000Z';
const evidence = { key: 'audit/acme/evidence-of-deletion/request-2.json', sha256: 'a'.repeat(64) };
const approved = { purgeApproval: { by: 'ops/two', at: LATER } };
const wasActive = { activatedAt: '2026-01-01T00:10:00.000Z' };

/** What a tenant looks like in each status, once nothing runs for it. */
const TENANTS: Readonly<Record<TenantStatus, readonly Partial<TenantState>[]>> = {
  REQUESTED: [{ generation: 0, leaseOwner: undefined as never }],
  PROVISIONING: [{}],
  ONBOARDING_FAILED: [{}],
  // Its offboarding may be asked for, and not claimed yet.
  ACTIVE: [
    { ...wasActive, leaseOwner: undefined as never },
    aHeldTenant({ status: 'ACTIVE', leaseOwner: undefined as never, holdUntil: undefined as never }),
  ],
  OFFBOARDING: [aHeldTenant(approved)],
  // Its purge may have started or not.
  OFFBOARDING_FAILED: [aHeldTenant(approved), aPurgedTenant({ evidence })],
  PURGING: [aPurgedTenant({ evidence })],
  OFFBOARDED: [aPurgedTenant({ evidence, leaseOwner: undefined as never })],
  REINSTATING: [{ ...wasActive, leaseOwner: anExecutionArnOf('reinstate--acme--request-0') }],
};

const request = (operation: 'onboard' | 'offboard' | 'reinstate') =>
  requestOperation.handler(
    operation === 'onboard'
      ? aRequest({ requestId: REQUEST.onboard })
      : { operation, tenantId: 'acme', requestId: REQUEST[operation], reason: 'a test', requestedBy: 'ops/one' },
    aContext(),
  );
const claim = (task: { handler: typeof claimTenant.handler }, operation: keyof typeof REQUEST) =>
  task.handler(
    {
      request: { tenantId: 'acme', requestId: REQUEST[operation] },
      executionArn: anExecutionArnOf(`${operation}--acme--new`),
      step: 'Claim',
    },
    aContext(),
  );
const step =
  (task: { handler: typeof claimTenant.handler }) =>
  ({ generation = 1 }: Partial<TenantState>) =>
    task.handler(aTaskInput({ generation }), aContext());

/** Everything that writes a status, as it is reached: a claim follows its request. */
const MOVERS: Readonly<Record<string, (tenant: Partial<TenantState>) => Promise<unknown>>> = {
  'Request operation': () => request('onboard'),
  'Claim tenant': () => claim(claimTenant, 'onboard'),
  'Activate tenant': step(activateTenant),
  'Claim offboarding': () => request('offboard').then(() => claim(claimOffboarding, 'offboard')),
  'Claim purge': step(claimPurge),
  'Close tenant': step(closeTenant),
  'Claim reinstatement': () => request('reinstate').then(() => claim(claimReinstatement, 'reinstate')),
  'Record outcome': async ({ leaseOwner = anExecutionArnOf(`onboard--acme--${REQUEST.onboard}`) }) => {
    await tables.put(REGISTRY_TABLE, anOperationItem({ requestId: REQUEST.offboard, operation: 'offboard' }));
    await recordOutcome.handler({ detail: { executionArn: leaseOwner, status: 'FAILED' } }, aContext());
  },
};

beforeEach(() => {
  captureOutput();
  setEnvironment();
  for (const mock of [dynamodb, sfn, s3]) mock.reset();
  s3.on(PutObjectCommand).resolves({});
  sfn.on(StartExecutionCommand).resolves({});
  sfn.on(StopExecutionCommand).resolves({});
  sfn.on(GetExecutionHistoryCommand).resolves({ events: [] });
  sfn.on(DescribeExecutionCommand).callsFake(({ executionArn }: { executionArn: string }) => {
    const operation = /:(\w+)--acme/.exec(executionArn)?.[1] as keyof typeof REQUEST;
    return { status: 'FAILED', input: `{"requestId":"${REQUEST[operation]}","tenantId":"acme"}` };
  });
});

afterEach(() => jest.restoreAllMocks());

const statusNow = async () => (await tables.get(REGISTRY_TABLE, 'TENANT#acme', 'STATE'))?.['status'];

/** What the mover makes of a tenant; a refusal leaves it as it is. */
async function move(
  by: string,
  from: TenantStatus | undefined,
  tenant: Partial<TenantState>,
): Promise<readonly Move[]> {
  tables = await serveTables(dynamodb, REGISTRY_TABLE);
  if (from !== undefined) {
    const onboarding = anOperationItem({ requestId: REQUEST.onboard, operation: 'onboard' });
    await tables.put(REGISTRY_TABLE, aStateItem({ ...tenant, status: from }), onboarding);
  }
  await MOVERS[by]?.(tenant).catch(() => undefined);
  const to = (await statusNow()) as TenantStatus | undefined;
  return to === from || to === undefined ? [] : [{ from, to, by }];
}

const text = (moves: readonly Move[]): string[] =>
  [...new Set(moves.map(({ from = 'nothing', to, by }) => `${from} → ${to}: ${by}`))].sort();

describe('the statuses in the documentation', () => {
  it('change exactly as the functions change them', async () => {
    const found: Move[] = [];
    for (const by of Object.keys(MOVERS)) {
      found.push(...(await move(by, undefined, {})));
      for (const from of STATUSES) for (const tenant of TENANTS[from]) found.push(...(await move(by, from, tenant)));
    }

    expect(text(found)).toEqual(text(MOVES));
  });

  it('name steps that exist, and leave no status out', () => {
    const names: readonly string[] = [...LIFECYCLE_CONTRACTS, ...OFFBOARDING_CONTRACTS].map(
      ({ stateName }) => stateName,
    );

    expect(Object.keys(MOVERS).filter((by) => !names.includes(by))).toEqual([]);
    expect(new Set(MOVES.map(({ to }) => to))).toEqual(new Set(STATUSES));
  });

  it('are drawn with one arrow per pair', () => {
    expect(
      statusDiagram([
        { from: undefined, to: 'REQUESTED', by: 'A' },
        { from: 'OFFBOARDING', to: 'PURGING', by: 'B' },
        { from: 'OFFBOARDING', to: 'PURGING', by: 'C' },
      ]),
    ).toBe('stateDiagram-v2\n  [*] --> REQUESTED: A\n  OFFBOARDING --> PURGING: B, C\n  OFFBOARDED --> [*]');
  });
});

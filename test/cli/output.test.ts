import { createColors } from 'picocolors';
import { repairLine } from '../../cli/commands/doctor';
import { executionLines } from '../../cli/commands/executions';
import { holdLines } from '../../cli/commands/hold-change';
import { listLines } from '../../cli/commands/list';
import { offboardLines } from '../../cli/commands/offboard';
import { replayLine } from '../../cli/commands/replay';
import { statusLines, viewOf } from '../../cli/commands/status';
import { RefusedError, reportOf, UsageError } from '../../cli/errors';
import { createOutput, errorLines, facts, table } from '../../cli/output';
import { answerLines } from '../../cli/waiting';
import { QuotaExceededError } from '../../tasks/shared/errors';
import type { Failure } from '../../tasks/shared/registry';
import {
  aHeldTenant,
  aLedgerEntry,
  anExecutionArn,
  anOperation,
  aProfile,
  aPurgedTenant,
  aTenantState,
  oneLegalHold,
  PERSONAL,
} from '../support/builders';
import { aTerminal } from './a-terminal';

const plain = createColors(false);

const aFailure: Failure = {
  step: 'Provision vector index',
  error: 'QuotaExceededError',
  errorClass: 'quota',
  message: 'tenant acme: no room',
  attempt: 1,
  executionArn: anExecutionArn(),
  redriveCount: 2,
  nextAction: 'Raise the quota.',
  failedAt: '2026-01-01T00:01:00.000Z',
};

const TOMBSTONE = {
  closedAt: '2026-02-01T00:10:00.000Z',
  encryptionKeyArn: 'arn:key',
  encryptionKeyDeletionDate: '2026-03-03T00:00:00.000Z',
  evidenceKey: 'audit/acme/evidence-of-deletion/r1.json',
  evidenceSha256: 'abc',
};

const aRecord = () => ({
  profile: aProfile(),
  operations: [anOperation({ executionArn: anExecutionArn(), outcome: 'FAILED' })],
  resources: [aLedgerEntry({ type: 'audit-log' }), aLedgerEntry()],
});

describe('output', () => {
  it('aligns columns and shows absent cells', () => {
    expect(table(['A', 'LONGER'], [['value', undefined]], plain)).toEqual(['  A      LONGER', '  value  –']);
  });

  it('leaves facts out that are not known', () => {
    const lines = facts([['one', 1], ['two', undefined], ['three', 'x']], plain); // biome-ignore format: one line

    expect(lines).toEqual(['  one    1', '  three  x']);
  });

  it('lets no text steer the terminal', () => {
    const hostile = 'a\u001b[2Jb\r\nc';

    const lines = [
      ...table(['A'], [[hostile]], plain),
      ...facts([['a', hostile]], plain),
      ...errorLines({ name: hostile, message: hostile, nextAction: hostile }, plain),
      ...errorLines({ name: hostile, message: '', problems: [hostile], nextAction: hostile }, plain),
      ...executionLines('acme', [{ executionArn: 'x', name: 'x', status: 'ABORTED', error: hostile }], plain),
      replayLine({ tenantId: 'acme', status: 'ONBOARDING_FAILED', action: 'failed', why: hostile }, true, plain),
      replayLine(
        {
          tenantId: 'acme',
          status: 'ONBOARDING_FAILED',
          action: 'refuse',
          failure: { ...aFailure, error: hostile, step: hostile },
          why: 'x',
        },
        true,
        plain,
      ),
      repairLine({ repair: 'onboard', tenantId: 'acme', findings: [], outcome: hostile, ok: false }, plain),
    ];

    for (const line of lines) expect(line).not.toMatch(/\p{Cc}/u);
  });

  it('with --json, stdout is one document and progress goes to stderr', () => {
    const { terminal, stdout, stderr } = aTerminal();
    const output = createOutput(terminal, { json: true });

    output.note('started');
    output.result({ tenantId: 'acme' }, ['text']);

    expect(JSON.parse(stdout())).toEqual({ tenantId: 'acme' });
    expect(stderr()).toBe('started\n');
  });

  it.each([
    ['a pipe', { tty: false, env: {} }, false],
    ['NO_COLOR', { tty: true, env: { NO_COLOR: '1' } }, false],
    ['a dumb terminal', { tty: true, env: { TERM: 'dumb' } }, false],
    ['a terminal', { tty: true, env: {} }, true],
  ])('%s gets its kind of lines', (_name, kind, decorated) => {
    const output = createOutput(aTerminal(kind).terminal, { json: false });

    expect(output.live).toBe(decorated);
    expect(output.colors.isColorSupported).toBe(decorated);
  });
});

describe('error report', () => {
  it('lists every problem of a usage error', () => {
    const { report, exitCode } = reportOf(new UsageError(['--a: is required', '--b: is required'], 'onboard'));

    expect(exitCode).toBe(2);
    expect(errorLines(report, plain)).toEqual([
      '✗ UsageError:',
      '  - --a: is required',
      '  - --b: is required',
      '  next: See npm run tenant -- onboard --help.',
    ]);
  });

  it('shows name, message and next action of a typed error of the function', () => {
    const { report, exitCode } = reportOf(new RefusedError('RequestConflictError', 'tenant acme: other', 'repeat'));

    expect(exitCode).toBe(1);
    expect(report).toEqual({
      name: 'RequestConflictError',
      message: 'tenant acme: other',
      nextAction: expect.stringContaining('tenantctl status'),
    });
  });

  it.each(['ThrottledError', 'TransientError', 'Sandbox.Timedout'])('says how to repeat after %s', (name) => {
    const { report } = reportOf(new RefusedError(name, 'message', 'repeat the command with --request-id r1.'));

    expect(report.nextAction).toContain('--request-id r1');
  });

  it('knows the errors of the tasks', () => {
    expect(reportOf(new QuotaExceededError('full'))).toMatchObject({
      exitCode: 1,
      report: { name: 'QuotaExceededError' },
    });
  });

  it('admits a fault of its own', () => {
    const { report, exitCode } = reportOf(new TypeError('undefined is not a function'));

    expect(exitCode).toBe(3);
    expect(report).toMatchObject({ name: 'TypeError', nextAction: expect.stringContaining('fault of tenantctl') });
  });
});

describe('status', () => {
  it('shows status, resources in the order in which they are made, and operations', () => {
    const view = viewOf(aRecord(), aTenantState(), { showProfile: false });
    const text = statusLines(view, plain).join('\n');

    expect(view.resources.map(({ type }) => type)).toEqual(['encryption-key', 'audit-log']);
    for (const part of ['PROVISIONING', 'premium', 'generation  1', anExecutionArn(), 'request-1', 'FAILED']) {
      expect(text).toContain(part);
    }
  });

  it('holds no personal data, nor a hash of it, unless asked', () => {
    const view = viewOf(aRecord(), aTenantState(), { showProfile: false });
    const shown = JSON.stringify(view) + statusLines(view, plain).join('\n');

    for (const secret of [...Object.values(PERSONAL), 'payloadHash']) expect(shown).not.toContain(secret);
  });

  it('shows the profile on demand', () => {
    const view = viewOf(aRecord(), aTenantState(), { showProfile: true });

    expect(view.profile).toEqual({ ...PERSONAL, tier: 'premium' });
    expect(statusLines(view, plain).join('\n')).toContain(PERSONAL.adminEmail);
  });

  it('shows the last failure with its next action', () => {
    const state = aTenantState({ status: 'ONBOARDING_FAILED', lastFailure: aFailure });

    const text = statusLines(viewOf(aRecord(), state, { showProfile: false }), plain).join('\n');

    expect(text).toContain('QuotaExceededError (quota)');
    expect(text).toContain('Raise the quota.');
    expect(text).toContain('1, after 2 redrives');
  });
});

describe('status of a tenant that leaves', () => {
  const linesOf = (changes: Parameters<typeof aTenantState>[0]) =>
    statusLines(viewOf(aRecord(), aTenantState(changes), { showProfile: false }), plain);

  it('shows who asked, until when it is held, and what holds it back', () => {
    const lines = linesOf(
      aHeldTenant({ legalHolds: oneLegalHold, purgeApproval: { by: 'ops/two', at: '2026-01-03' } }),
    );

    expect(lines).toEqual(
      expect.arrayContaining([
        '  status        OFFBOARDING',
        '  offboarding   requested by ops/one: contract ended',
        '  hold until    2026-02-01T00:00:00.000Z',
        '  legal hold    hold-17 since 2026-01-15T00:00:00.000Z by counsel/one: case 17',
        '  approved      2026-01-03 by ops/two',
      ]),
    );
  });

  it('shows since when it is purged', () => {
    expect(linesOf(aPurgedTenant())).toContain('  purge since   2026-02-01T00:00:01.000Z');
  });

  it('shows the tombstone', () => {
    const text = linesOf(aPurgedTenant({ status: 'OFFBOARDED', tombstone: TOMBSTONE })).join('\n');

    for (const shown of ['closed', 'audit/acme/evidence-of-deletion/r1.json (SHA-256 abc)', 'key gone on']) {
      expect(text).toContain(shown);
    }
  });

  it('has the same as JSON', () => {
    const state = aTenantState(aPurgedTenant({ legalHolds: oneLegalHold, tombstone: TOMBSTONE }));

    expect(viewOf(aRecord(), state, { showProfile: false })).toMatchObject({
      offboarding: { requestedBy: 'ops/one' },
      holdUntil: '2026-02-01T00:00:00.000Z',
      legalHolds: [{ id: 'hold-17', by: 'counsel/one', reason: 'case 17' }],
      purgeApproval: { by: 'ops/two' },
      purgeStartedAt: '2026-02-01T00:00:01.000Z',
      tombstone: TOMBSTONE,
    });
  });
});

describe('list', () => {
  it('shows a line per tenant', () => {
    const lines = listLines([aTenantState(), aTenantState({ tenantId: 'acme2', lastFailure: aFailure })], plain);

    expect(lines).toHaveLength(3);
    expect(lines[2]).toContain('QuotaExceededError at Provision vector index');
  });

  it('says that there are none', () => expect(listLines([], plain)).toEqual(['No tenants.']));
});

describe('onboard', () => {
  const anAnswer = {
    tenantId: 'acme',
    requestId: 'r1',
    operation: 'onboard',
    status: 'REQUESTED',
    executionArn: anExecutionArn(),
    executionStatus: 'RUNNING',
    repeated: false,
    alreadyActive: false,
  };

  it('says what was accepted and how to go on', () => {
    const lines = answerLines(anAnswer, plain, ' --stage prod');

    expect(lines[0]).toBe('✓ acme is REQUESTED');
    expect(lines.at(-1)).toContain('status --tenant-id acme --stage prod');
  });

  it.each([
    [{ repeated: true }, '✓ acme is REQUESTED: this request was accepted before, nothing was started again'],
    [{ alreadyActive: true, status: 'ACTIVE' }, '✓ acme is ACTIVE: it was already, nothing was started'],
    [{ executionStatus: 'FAILED', status: 'ONBOARDING_FAILED' }, '✗ acme is ONBOARDING_FAILED'],
  ])('%j', (changes, line) => {
    expect(answerLines({ ...anAnswer, ...changes }, plain, '')[0]).toBe(line);
  });
});

describe('offboard', () => {
  const anAnswer = {
    tenantId: 'acme',
    requestId: 'r1',
    operation: 'offboard',
    status: 'OFFBOARDING',
    executionArn: anExecutionArn('offboard--acme--r1'),
    executionStatus: 'RUNNING',
    repeated: false,
    alreadyActive: false,
  };
  const textOf = (changes: object, targetArguments = '') =>
    offboardLines({ ...anAnswer, ...changes }, plain, targetArguments).join('\n');

  it('in its hold, says until when, that nothing is lost, and how to change it', () => {
    const text = textOf({ holdUntil: '2026-02-01T00:00:00.000Z', legalHolds: [] }, ' --target aws');

    for (const shown of [
      '✓ acme is OFFBOARDING',
      'hold until  2026-02-01T00:00:00.000Z',
      'Nothing is lost',
      'npm run tenant -- hold extend --tenant-id acme --by 10d --target aws',
      'npm run tenant -- hold cancel --tenant-id acme --reason "…" --target aws',
      'npm run tenant -- offboard approve --tenant-id acme --target aws',
    ]) {
      expect(text).toContain(shown);
    }
    expect(text).not.toContain('legal hold  ');
  });

  it('says that a legal hold stands', () => {
    expect(textOf({ holdUntil: '2026-02-01T00:00:00.000Z', legalHolds: ['hold-17'] })).toContain(
      'legal hold  hold-17: nothing is destroyed before it is released',
    );
  });

  it.each([
    [{ status: 'ACTIVE' }, '✓ acme is ACTIVE'],
    [
      { status: 'ACTIVE', repeated: true },
      '✓ acme is ACTIVE: this request was accepted before, nothing was started again',
    ],
    [{ status: 'OFFBOARDED', executionStatus: 'SUCCEEDED' }, '✓ acme is OFFBOARDED'],
    [
      { status: 'OFFBOARDED', executionArn: undefined, executionStatus: undefined },
      '✓ acme is OFFBOARDED: it was already, nothing was started',
    ],
    [
      { executionStatus: 'ABORTED' },
      '✓ acme is OFFBOARDING: its hold was changed, and another execution goes on with it',
    ],
    [{ status: 'OFFBOARDING_FAILED', executionStatus: 'FAILED' }, '✗ acme is OFFBOARDING_FAILED'],
    [{ status: 'ACTIVE', executionStatus: 'ABORTED' }, '✗ acme is ACTIVE'],
    [{ status: 'PURGING', executionStatus: 'FAILED' }, '✗ acme is PURGING'],
  ])('%j', (changes, line) => {
    expect(textOf(changes).split('\n')[0]).toBe(line);
  });

  it('shows the tombstone of a tenant that is gone, and nothing more to do', () => {
    const text = textOf({ status: 'OFFBOARDED', tombstone: TOMBSTONE });

    expect(text).toContain('evidence     audit/acme/evidence-of-deletion/r1.json (SHA-256 abc)');
    expect(text).toContain('key gone on  2026-03-03T00:00:00.000Z');
    expect(text).not.toMatch(/npm run|next/);
  });
});

describe('hold', () => {
  it('shows what holds a purge back', () => {
    const answer = {
      tenantId: 'acme',
      status: 'OFFBOARDING',
      holdUntil: '2026-02-01',
      legalHolds: ['hold-17', 'hold-18'],
      approvedBy: 'ops/two',
    };

    expect(holdLines(answer, plain)).toEqual([
      '✓ acme is OFFBOARDING',
      '  hold until   2026-02-01',
      '  legal hold   hold-17, hold-18: nothing is destroyed before all are released',
      '  approved by  ops/two',
    ]);
  });

  it('leaves out what there is not', () => {
    expect(holdLines({ tenantId: 'acme', status: 'ACTIVE', legalHolds: [] }, plain)).toEqual([
      '✓ acme is ACTIVE',
      '  legal hold  none',
    ]);
  });
});

import { createColors } from 'picocolors';
import { listLines } from '../../cli/commands/list';
import { answerLines } from '../../cli/commands/onboard';
import { statusLines, viewOf } from '../../cli/commands/status';
import { RefusedError, reportOf, UsageError } from '../../cli/errors';
import { createOutput, errorLines, facts, table } from '../../cli/output';
import { QuotaExceededError } from '../../tasks/shared/errors';
import type { Failure } from '../../tasks/shared/registry';
import { aLedgerEntry, anExecutionArn, anOperation, aProfile, aTenantState, PERSONAL } from '../support/builders';
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
      ...errorLines({ name: 'E', message: hostile, nextAction: hostile }, plain),
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

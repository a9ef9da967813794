import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { AuditReport } from '../../cli/report/report';
import { Sandbox } from '../../sandbox/sandbox';
import { ASSEMBLY } from '../support/assembly';
import { PERSONAL } from '../support/builders';
import { tenantctl } from './a-terminal';
import { liveAndLeave } from './report/a-story';

let sandbox: Sandbox;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'audit-report-'));
  sandbox = await Sandbox.start({ assembly: ASSEMBLY });
  await liveAndLeave(sandbox, 'acme');
});
afterAll(async () => {
  await sandbox.stop();
  rmSync(folder, { recursive: true });
});

const report = (...args: readonly string[]) =>
  tenantctl('audit', 'report', ...args, '--endpoint', sandbox.endpoint.url);
const written = async (format: string, ...args: readonly string[]) => {
  const file = join(folder, `report.${format}`);
  const { exitCode, stdout } = await report('--tenant-id', 'acme', '--format', format, '--output', file, ...args);
  return { exitCode, stdout: stdout(), text: readFileSync(file, 'utf8') };
};

describe('tenantctl audit report', () => {
  it('writes one page for a tenant that is gone, and says where', async () => {
    const { exitCode, stdout, text } = await written('html');

    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Written to .*report\.html: entries \d+, executions 2\.\nThe archive verifies\.\n/);
    expect(text).toContain('<h1>Audit report of tenant acme</h1>');
    expect(text).toContain('✓ The archive verifies.');
    expect(text.match(/<svg /g)).toHaveLength(2);
    expect(text).toContain('Execution ended SUCCEEDED after 1 redrive');
    for (const personal of [PERSONAL.displayName, 'Acme Clinic', 'ada@acme.example'])
      expect(text).not.toContain(personal);
  });

  it('tells as JSON who asked, who held, what was made and destroyed, and the evidence', async () => {
    const { text } = await written('json');
    const told = JSON.parse(text) as AuditReport;

    expect(told.decisions.map(({ what, by, reason }) => [what, by, reason])).toEqual([
      ['Legal hold set', 'counsel', 'case 42'],
      ['Legal hold released (case-1)', 'counsel', 'case closed'],
    ]);
    expect(told.executions.map(({ name, status, redriveCount }) => [name, status, redriveCount])).toEqual([
      ['onboard--acme--signup-1', 'SUCCEEDED', 1],
      ['offboard--acme--leave-1', 'SUCCEEDED', 0],
    ]);
    const gone = [
      'data-partition',
      'encryption-key',
      'first-admin',
      'knowledge-base',
      'storage-prefix',
      'user-group',
      'vector-index',
    ];
    for (const type of gone) {
      const resource = told.resources.find((candidate) => candidate.type === type);
      expect([type, resource?.made.length, resource?.destroyed.length]).toEqual([type, 1, 1]);
    }
    expect(told.resources.find(({ type }) => type === 'audit-log')?.destroyed).toEqual([]);
    expect(told.evidence[0]?.manifest.proof?.hits).toBe(0);
    const index = told.executions[0]?.states.find(({ name }) => name === 'Provision vector index');
    expect(index).toMatchObject({ outcome: 'succeeded', attempts: 2 });
    expect(told.verification).toMatchObject({ ok: true });
    // Every entry names an object of the archive that proves it.
    expect(told.timeline.every(({ key, sha256 }) => key.startsWith('audit/acme/') && sha256.length === 64)).toBe(true);
  });

  it('has a line for every entry as CSV', async () => {
    const { timeline } = JSON.parse((await written('json')).text) as AuditReport;
    const lines = (await written('csv')).text.trimEnd().split('\r\n');
    expect(lines).toHaveLength(timeline.length + 1);
  });

  it('shows a period only, and still verifies the whole archive', async () => {
    const all = JSON.parse((await written('json')).text) as AuditReport;
    const first = all.timeline[0]?.at.slice(0, 10) ?? '';
    const one = JSON.parse((await written('json', '--from', first, '--to', first)).text) as AuditReport;
    expect(one.timeline.length).toBeGreaterThan(0);
    expect(one.timeline.length).toBeLessThan(all.timeline.length);
    expect(one.timeline.every(({ at }) => at.startsWith(first))).toBe(true);
    expect(one.evidence).toHaveLength(1);
    expect(one.verification).toEqual(all.verification);
  });

  it('prints the document alone to standard output', async () => {
    const { stdout } = await report('--tenant-id', 'acme', '--format', 'json', '--output', '-');
    expect(JSON.parse(stdout())).toMatchObject({ tenantId: 'acme' });
  });

  it('refuses a tenant that the archive does not know', async () => {
    const { exitCode, stderr } = await report('--tenant-id', 'nobody');
    expect(exitCode).toBe(1);
    expect(stderr()).toContain('TenantNotRequestedError: tenant nobody: it has no audit archive');
    expect(existsSync('audit-report-nobody.html')).toBe(false);
  });

  it('reports all wrong arguments at once and asks nobody', async () => {
    const calls = sandbox.calls.entries.length;
    const { exitCode, stderr } = await report('--tenant-id', 'A', '--from', 'yesterday', '--format', 'pdf');
    expect(exitCode).toBe(2);
    for (const flag of ['--tenant-id', '--from', '--format']) expect(stderr()).toContain(`- ${flag}: `);
    expect(sandbox.calls.entries.length).toBe(calls);
  });

  it('refuses a period that ends before it begins', async () => {
    const { exitCode, stderr } = await report('--tenant-id', 'acme', '--from', '2026-02-02', '--to', '2026-02-01');
    expect(exitCode).toBe(2);
    expect(stderr()).toContain('--to: must not be before --from');
  });

  it('names the first break, in the page and by its exit code', async () => {
    const s3 = new S3Client({ ...sandbox.clientConfig, forcePathStyle: true });
    const Key = 'audit/acme/requests/case-1.json';
    await s3.send(new PutObjectCommand({ Bucket: sandbox.output('AuditBucketName'), Key, Body: '{"forged":true}' }));

    const { exitCode, stdout, text } = await written('html');

    expect(exitCode).toBe(1);
    expect(stdout).toContain(`The archive does not verify: `);
    expect(text).toContain('✗ The archive does not verify.');
    expect(text).toContain(Key);
    // What was there first is what the report tells.
    expect(text).toContain('case 42');
    expect(text).not.toContain('forged');
  });
});

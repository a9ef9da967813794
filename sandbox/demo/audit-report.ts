import { mkdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from '../../cli/program';
import type { Sandbox } from '../sandbox';
import { stage } from './stage';

const FOLDER = join(__dirname, '../../build/demo');

/** An auditor asks for everything that was done for the tenant that is gone; the command is the one of the real stages. */
export async function writeAuditReport(
  sandbox: Sandbox,
  prove: (fact: string, holds: boolean) => void,
): Promise<string> {
  await sandbox.settled();
  mkdirSync(FOLDER, { recursive: true });
  const file = relative(process.cwd(), join(FOLDER, 'audit-report-acme.html'));
  const said: string[] = [];
  const keep = { write: (text: string) => void said.push(text) };
  const exitCode = await run(
    ['audit', 'report', '--tenant-id', 'acme', '--output', file, '--endpoint', sandbox.endpoint.url],
    { stdout: keep, stderr: keep, env: {}, onInterrupt: () => () => {} },
  );
  for (const line of said.join('').trim().split('\n')) stage.say(line);
  prove('the audit archive of acme verifies, and one page tells its whole life', exitCode === 0);
  return file;
}

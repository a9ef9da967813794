import { Sandbox } from '../../sandbox/sandbox';
import { tenantctl } from '../cli/a-terminal';
import { liveAndLeave } from '../cli/report/a-story';
import { ASSEMBLY } from '../support/assembly';

/** Writes the report of a tenant that is gone, by the command that an auditor uses. Answers the file. */
export async function anAuditReport(file: string): Promise<string> {
  const sandbox = await Sandbox.start({ assembly: ASSEMBLY });
  try {
    await liveAndLeave(sandbox, 'acme');
    const args = ['--tenant-id', 'acme', '--output', file, '--endpoint', sandbox.endpoint.url];
    const { exitCode, stderr } = await tenantctl('audit', 'report', ...args);
    if (exitCode !== 0) throw new Error(`tenantctl audit report ended with ${exitCode}: ${stderr()}`);
    return file;
  } finally {
    await sandbox.stop();
  }
}

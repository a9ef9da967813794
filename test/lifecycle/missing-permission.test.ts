import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onboardToTheEnd } from '../../sandbox/requests';
import type { Sandbox } from '../../sandbox/sandbox';
import { ASSEMBLY } from '../support/assembly';
import { aRequest, functionName, startApp, stateOf, withoutPausesOfTheSdk } from './app-under-test';

withoutPausesOfTheSdk();

interface Statement {
  Action: string | string[];
}
interface Template {
  Resources: Record<
    string,
    { Properties: { RoleName?: string; Policies?: { PolicyDocument: { Statement: Statement[] } }[] } }
  >;
}

const directories: string[] = [];
let sandbox: Sandbox | undefined;
afterEach(async () => await sandbox?.stop());
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true });
});

/** The synthesized app, one action of one role taken away. */
function assemblyWithout(task: string, action: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'assembly-'));
  directories.push(directory);
  for (const name of readdirSync(ASSEMBLY)) {
    if (name.endsWith('.json')) cpSync(join(ASSEMBLY, name), join(directory, name));
    else symlinkSync(join(ASSEMBLY, name), join(directory, name));
  }
  const file = join(directory, 'tenant-lifecycle-dev-lifecycle.template.json');
  const template = JSON.parse(readFileSync(file, 'utf8')) as Template;
  const role = Object.values(template.Resources).find(({ Properties }) => Properties?.RoleName === functionName(task));
  for (const statement of role?.Properties.Policies?.flatMap(({ PolicyDocument }) => PolicyDocument.Statement) ?? []) {
    statement.Action = [statement.Action].flat().filter((one) => one !== action);
  }
  writeFileSync(file, JSON.stringify(template));
  return directory;
}

describe('a role that lacks a permission', () => {
  it.each([
    ['provision-audit-log', 'logs:PutRetentionPolicy', 'logs'],
    ['provision-storage-prefix', 'kms:GenerateDataKey', 's3'],
    ['verify-tenant', 'dynamodb:Query', 'dynamodb'],
  ])('fails the onboarding in %s with %s, and nothing else', async (task, action, service) => {
    sandbox = await startApp({ assembly: assemblyWithout(task, action) });

    const { status } = await onboardToTheEnd(sandbox, aRequest({ tenantId: 'acme' }));

    const refused = sandbox.calls.entries().filter(({ denied }) => denied !== undefined);
    expect(status).toBe('FAILED');
    expect(new Set(refused.map((call) => `${call.functionName} ${call.service} ${call.denied?.action}`))).toEqual(
      new Set([`${functionName(task)} ${service} ${action}`]),
    );
    expect(refused[0]?.denied?.statement).toContain(`{"Effect":"Allow","Action":"${action}","Resource":"arn:aws:`);
    expect((await stateOf(sandbox, 'acme')).status).toBe('ONBOARDING_FAILED');
  });
});

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { run } from '../../cli/program';
import { onboardToTheEnd } from '../../sandbox/requests';
import { Sandbox } from '../../sandbox/sandbox';
import { ASSEMBLY } from '../support/assembly';
import { anOnboarding, aTerminal, tenantctl } from './a-terminal';

const ROOT = join(__dirname, '../..');

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await Sandbox.start({ assembly: ASSEMBLY });
});
afterAll(() => sandbox.stop());
afterEach(() => sandbox.faults.clear());

const there = () => ['--endpoint', sandbox.endpoint.url];
const tenant = (...args: readonly string[]) => tenantctl(...args, ...there());
const aRequest = (tenantId: string) => ({
  tenantId,
  requestId: `request-${tenantId}`,
  displayName: 'Acme Clinic',
  // A person belongs to one tenant.
  adminEmail: `ada@${tenantId}.example`,
  tier: 'standard' as const,
});

/** Runs the command in a process of its own, as a user does. */
function spawned(...args: readonly string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const command = ['--import', 'tsx', 'cli/tenantctl.ts', ...args, ...there()];
    const child = execFile(process.execPath, command, { cwd: ROOT }, (_error, stdout, stderr) =>
      resolve({ exitCode: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

describe('tenantctl onboard', () => {
  it('with --wait shows each state and ends when the tenant is ACTIVE', async () => {
    const { exitCode, stdout, stderr } = await spawned(...anOnboarding({ 'tenant-id': 'waited' }), '--wait');

    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/done {7}Claim tenant/);
    expect(stdout).toMatch(/done {7}Activate tenant/);
    expect(stdout).toContain('✓ waited is ACTIVE');
    expect(stdout).not.toContain('\u001b');
  });

  it('accepts a request, and the same request again without starting anything', async () => {
    const args = [...anOnboarding({ 'tenant-id': 'again', 'request-id': 'r1' }), '--json'];

    const first = await tenant(...args);
    const second = await tenant(...args);

    expect(first).toMatchObject({ exitCode: 0 });
    expect(first.json()).toMatchObject({
      tenantId: 'again',
      requestId: 'r1',
      repeated: false,
      executionStatus: 'RUNNING',
    });
    expect(second).toMatchObject({ exitCode: 0 });
    expect(second.json()).toMatchObject({ repeated: true, executionArn: first.json()['executionArn'] });
  });

  it('generates lower-case ULIDs as request ids and says who asks', async () => {
    const { json } = await tenant(...anOnboarding({ 'tenant-id': 'generated' }), '--json');

    const status = await tenant('status', '--tenant-id', 'generated', '--json');

    expect(json()['requestId']).toMatch(/^[0-9a-z]{26}$/);
    expect(status.json()['requestedBy']).toMatch(/^arn:aws:iam::\d{12}:user\/sandbox$/);
  });

  it('shows a conflict with its next action and no stack trace', async () => {
    await onboardToTheEnd(sandbox, aRequest('taken'));

    const { exitCode, stdout, stderr } = await spawned(...anOnboarding({ 'tenant-id': 'taken', tier: 'premium' }));

    expect(exitCode).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^✗ RequestConflictError: tenant taken: /);
    expect(stderr).toContain('next: Compare with tenantctl status');
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('with --wait shows the typed failure and the tenant’s status, also as JSON', async () => {
    sandbox.faults.add({
      operation: 'CreateIndex',
      when: 'before',
      effect: { kind: 'error', code: 'ValidationException', status: 400 },
    });

    const { exitCode, json, stderr } = await tenant(...anOnboarding({ 'tenant-id': 'failing' }), '--wait', '--json');
    const status = await tenant('status', '--tenant-id', 'failing');
    const again = await tenant(...anOnboarding({ 'tenant-id': 'failing', 'request-id': String(json()['requestId']) }));

    expect(exitCode).toBe(1);
    expect(stderr()).toContain('failed     Provision vector index: RejectedCallError');
    expect(json()).toMatchObject({
      status: 'ONBOARDING_FAILED',
      executionStatus: 'FAILED',
      failure: { step: 'Provision vector index', error: 'RejectedCallError', attempt: 1 },
    });
    expect(status.stdout()).toContain('RejectedCallError (validation)');
    expect(again.exitCode).toBe(1);
    expect(again.stdout()).toContain('✗ failing is ONBOARDING_FAILED');
  });

  it('stops watching on Ctrl-C and says that the execution goes on', async () => {
    sandbox.faults.add({ operation: 'CreateKey', when: 'before', effect: { kind: 'delay', ms: 3_000 } });
    const { terminal, interrupt, listening, stdout } = aTerminal();

    const running = run([...anOnboarding({ 'tenant-id': 'interrupted' }), '--wait', ...there()], terminal);
    while (!listening()) await new Promise((resolve) => setTimeout(resolve, 20));
    interrupt();

    expect(await running).toBe(130);
    expect(stdout()).toContain('the execution goes on');
    expect(listening()).toBe(false);
  });

  it('says how to repeat a request whose answer was lost, and the repeat finds it', async () => {
    sandbox.faults.add({ operation: 'Invoke', when: 'after', effect: { kind: 'reset' }, times: 3 });

    const lost = await tenant(...anOnboarding({ 'tenant-id': 'lost', 'request-id': 'r1' }));
    const found = await tenant(...anOnboarding({ 'tenant-id': 'lost', 'request-id': 'r1' }), '--json');

    expect(lost.exitCode).toBe(3);
    expect(lost.stderr()).toContain('repeat the command with --request-id r1 --endpoint');
    expect(found.json()).toMatchObject({ repeated: true });
  });

  it('names the permission that is missing', async () => {
    const effect = { kind: 'error', code: 'AccessDeniedException', status: 403 } as const;
    sandbox.faults.add({ operation: 'Invoke', when: 'before', effect });

    const { exitCode, stderr } = await tenant(...anOnboarding({ 'tenant-id': 'denied' }));

    expect(exitCode).toBe(2);
    expect(stderr()).toContain('The caller needs lambda:InvokeFunction');
  });

  it('says that the stage is not deployed', async () => {
    const { exitCode, stderr } = await tenant(...anOnboarding(), '--stage', 'prod');

    expect(exitCode).toBe(2);
    expect(stderr()).toContain('has no stack tenant-lifecycle-prod-lifecycle');
  });
});

describe('tenantctl status and list', () => {
  it('show what was made, without personal data', async () => {
    await onboardToTheEnd(sandbox, aRequest('shown'));

    const status = await tenant('status', '--tenant-id', 'shown', '--json');
    const list = await tenant('list', '--status', 'ACTIVE', '--json');

    expect(status.json()).toMatchObject({ tenantId: 'shown', status: 'ACTIVE', tier: 'standard', generation: 1 });
    expect(status.json()['resources']).toContainEqual(
      expect.objectContaining({ type: 'vector-index', phase: 'DONE', physicalId: 'tenant-shown' }),
    );
    expect(list.json()['tenants']).toContainEqual(expect.objectContaining({ tenantId: 'shown', status: 'ACTIVE' }));
    for (const { stdout } of [status, list]) expect(stdout()).not.toMatch(/Acme Clinic|ada@/);
  });

  it('--show-profile shows it', async () => {
    await onboardToTheEnd(sandbox, aRequest('profiled'));

    const { stdout } = await tenant('status', '--tenant-id', 'profiled', '--show-profile');

    expect(stdout()).toContain('ada@profiled.example');
  });

  it('lists by tenant id, over all statuses', async () => {
    const { json } = await tenant('list', '--json');

    const ids = (json()['tenants'] as { tenantId: string }[]).map(({ tenantId }) => tenantId);

    expect(ids).toEqual([...ids].sort());
    expect(ids).toEqual(expect.arrayContaining(['shown', 'profiled']));
  });

  it('an unknown tenant is an error of its own', async () => {
    const { exitCode, stderr } = await spawned('status', '--tenant-id', 'nobody');

    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^✗ TenantNotRequestedError: tenant nobody: /);
  });
});

import { run } from '../../cli/program';
import { anOnboarding, aTerminal, tenantctl } from './a-terminal';

/** Nothing listens there: a command that got past its arguments would say so. */
const NOWHERE = ['--endpoint', 'http://127.0.0.1:9'];

const problemsOf = async (...args: readonly string[]) => {
  const { exitCode, json } = await tenantctl(...args, ...NOWHERE, '--json');
  const { error } = json() as { error: { name: string; problems: string[] } };
  return { exitCode, name: error.name, problems: error.problems };
};

describe('arguments', () => {
  it.each(['', 'ab', 'UPPER', 'a--b', 'acme*', 'acme#1', 'a/b', '..', 'acmé', `a${'b'.repeat(36)}`])(
    'tenant id %j is refused before any AWS call',
    async (tenantId) => {
      const { exitCode, name, problems } = await problemsOf(
        ...anOnboarding({ 'tenant-id': tenantId, 'admin-email': 'ada@acme.example' }),
      );

      expect(exitCode).toBe(2);
      expect(name).toBe('UsageError');
      expect(problems.every((problem) => problem.startsWith('--tenant-id: must '))).toBe(true);
    },
  );

  it('all problems are reported at once, by the names of the options', async () => {
    const { exitCode, problems } = await problemsOf(
      'onboard',
      ...['--tenant-id', 'ACME', '--name', 'a\u0000b', '--admin-email', 'nobody', '--tier', 'gold'],
      ...['--request-id', '/', '--stage', 'test', '--bogus', 'stray'],
    );

    expect(exitCode).toBe(2);
    expect(problems).toEqual([
      '--stage: must be one of dev, staging, prod',
      '--tenant-id: must be lower-case letters and digits, with single hyphens inside',
      '--request-id: must be 1 to 128 letters, digits, hyphens or underscores',
      '--name: must not hold control characters',
      '--admin-email: must be an e-mail address',
      '--tier: must be standard or premium',
      '--bogus: unknown option',
      '"stray": unexpected argument',
    ]);
  });

  it('options that are missing are named', async () => {
    const { problems } = await problemsOf('onboard');

    expect(problems).toEqual([
      '--tenant-id: is required',
      '--name: is required',
      '--admin-email: is required',
      '--tier: is required',
    ]);
  });

  it.each([
    ['status', ['status', '--tenant-id', 'A'], '--tenant-id: must have at least 3 characters'],
    ['list', ['list', '--status', 'GONE'], '--status: must be one of REQUESTED'],
    ['target', ['list', '--target', 'moon'], '--target: must be sandbox or aws'],
    ['aws with an endpoint', ['list', '--target', 'aws'], '--endpoint: is for --target sandbox'],
  ])('%s: a bad value is refused', async (_name, args, problem) => {
    const { exitCode, problems } = await problemsOf(...args);

    expect(exitCode).toBe(2);
    expect(problems[0]).toContain(problem);
  });

  it('an endpoint must be a URL', async () => {
    const { exitCode, stderr } = await tenantctl('list', '--endpoint', '127.0.0.1:4599');

    expect(exitCode).toBe(2);
    expect(stderr()).toContain('--endpoint: must be an http:// or https:// URL');
  });

  it.each([
    ['an unknown command', ['offbord'], "unknown command 'offbord'"],
    ['an option without its value', ['status', '--tenant-id'], 'argument missing'],
  ])('%s is a usage error', async (_name, args, message) => {
    const { exitCode, stdout, stderr } = await tenantctl(...args);

    expect(exitCode).toBe(2);
    expect(stdout()).toBe('');
    expect(stderr()).toContain(message);
  });

  it('without a command it shows its help and exits 2', async () => {
    const { exitCode, stderr } = await tenantctl();

    expect(exitCode).toBe(2);
    expect(stderr()).toContain('Usage: tenantctl');
  });

  it('help lists commands and exit codes', async () => {
    const { exitCode, stdout } = await tenantctl('--help');

    expect(exitCode).toBe(0);
    for (const word of ['onboard', 'status', 'list', 'Exit codes', '130']) expect(stdout()).toContain(word);
  });

  it('a sandbox that is not running is said to be so, and how to start it', async () => {
    const { terminal, stderr } = aTerminal();

    const exitCode = await run([...anOnboarding(), ...NOWHERE], terminal);

    expect(exitCode).toBe(2);
    expect(stderr()).toContain('no sandbox answers at http://127.0.0.1:9');
    expect(stderr()).toContain('npm start');
    expect(stderr()).not.toMatch(/^\s+at /m);
  });
});

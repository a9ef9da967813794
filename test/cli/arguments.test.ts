import { COMMANDS } from '../../cli/commands';
import { secondsOf } from '../../cli/duration';
import { run } from '../../cli/program';
import { STATUSES } from '../../tasks/shared/tenant';
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

  const TENANT = '--tenant-id: must have at least 3 characters';
  const REQUEST = '--request-id: must be 1 to 128 letters, digits, hyphens or underscores';
  const REASON = '--reason: must have at least 3 characters';
  const DURATION = 'must be a duration such as 30d, 12h or 0';
  const WRONG = ['--tenant-id', 'ab', '--request-id', '/', '--reason', 'x'];

  it.each<[string, string[], string[]]>([
    ['offboard', [...WRONG, '--hold', 'soon'], [`--hold: ${DURATION}`, TENANT, REQUEST, REASON]],
    ['offboard', [...WRONG, '--hold', '9999d'], [TENANT, REQUEST, REASON, '--hold: must be at most 10 years']],
    ['offboard', [], ['--tenant-id: is required', '--reason: is required']],
    ['offboard approve', ['--tenant-id', 'ab', '--request-id', '/'], [TENANT, REQUEST]],
    ['offboard approve', [], ['--tenant-id: is required']],
    ['hold cancel', WRONG, [TENANT, REQUEST, REASON]],
    ['hold cancel', [], ['--tenant-id: is required', '--reason: is required']],
    [
      'hold set',
      ['--tenant-id', 'ab', '--until', 'tomorrow', '--by', 'soon'],
      [
        '--until, --by: exactly one of them is required',
        `--by: ${DURATION}`,
        TENANT,
        '--until: must be an ISO 8601 instant, for example 2027-01-31T00:00:00Z',
      ],
    ],
    ['hold set', [], ['--until, --by: exactly one of them is required', '--tenant-id: is required']],
    ['hold set', ['--tenant-id', 'acme', '--by', '9999d'], ['--by: must be at most 10 years']],
    ['hold extend', ['--tenant-id', 'ab', '--by', '-3d'], [`--by: ${DURATION}`, TENANT]],
    ['hold extend', ['--tenant-id', 'acme', '--by', '0'], ['--by: must be longer than 0']],
    ['hold extend', [], ['--tenant-id: is required', '--by: is required']],
    [
      'hold legal',
      [...WRONG, '--on', '--off'],
      ['--on, --off: exactly one of them is required', TENANT, REQUEST, REASON],
    ],
    [
      'hold legal',
      ['--on', '--reason', 'ask ada@acme.example'],
      [
        '--tenant-id: is required',
        '--reason: must not hold control characters or e-mail addresses: it goes into the audit trail',
      ],
    ],
    [
      'list',
      ['--status', 'GONE', '--bogus'],
      [`--status: must be one of ${STATUSES.join(', ')}`, '--bogus: unknown option'],
    ],
    [
      'status',
      ['--bogus', 'stray'],
      ['--tenant-id: is required', '--bogus: unknown option', '"stray": unexpected argument'],
    ],
  ])('%s %j: all problems are reported at once, and nothing is sent', async (command, args, expected) => {
    const { exitCode, name, problems } = await problemsOf(...command.split(' '), ...args);

    expect({ exitCode, name }).toEqual({ exitCode: 2, name: 'UsageError' });
    expect([...problems].sort()).toEqual([...expected].sort());
  });

  it.each<[string | undefined, number | undefined]>([
    ['0', 0],
    ['90s', 90],
    ['12h', 43_200],
    ['30d', 2_592_000],
    ...['', '30', 'd', '1.5d', '-1d', '1w', ' 1d', '1d ', undefined].map((text): [string | undefined, undefined] => [
      text,
      undefined,
    ]),
  ])('the duration %j is %j seconds', (text, seconds) => expect(secondsOf(text)).toBe(seconds));

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
    for (const word of ['onboard', 'offboard', 'hold', 'status', 'list', 'Exit codes', '130'])
      expect(stdout()).toContain(word);
  });

  it.each(COMMANDS.map(({ name, summary }) => [name, summary]))(
    'help of %s says what it does',
    async (name, summary) => {
      const { exitCode, stdout } = await tenantctl(...name.split(' '), '--help');

      expect(exitCode).toBe(0);
      expect(stdout().replace(/\s+/g, ' ')).toContain(summary);
    },
  );

  it('a sandbox that is not running is said to be so, and how to start it', async () => {
    const { terminal, stderr } = aTerminal();

    const exitCode = await run([...anOnboarding(), ...NOWHERE], terminal);

    expect(exitCode).toBe(2);
    expect(stderr()).toContain('no sandbox answers at http://127.0.0.1:9');
    expect(stderr()).toContain('npm start');
    expect(stderr()).not.toMatch(/^\s+at /m);
  });
});

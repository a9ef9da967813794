import { run, type Terminal } from '../../cli/program';

/** A terminal that keeps what is written to it, and on which Ctrl-C is pressed by a test. */
export function aTerminal({ tty = false, env = {} }: { tty?: boolean; env?: Record<string, string> } = {}) {
  const written = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  const stream = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => {
      written[name] += text;
    },
    isTTY: tty,
    columns: 80,
  });
  const terminal: Terminal = {
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    env,
    onInterrupt(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return {
    terminal,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    json: () => JSON.parse(written.stdout) as Record<string, unknown>,
    interrupt: () => {
      for (const listener of listeners) listener();
    },
    listening: () => listeners.size > 0,
  };
}

/** Runs a command line and answers what became of it. */
export async function tenantctl(...args: readonly string[]) {
  const { terminal, ...seen } = aTerminal();
  const exitCode = await run(args, terminal);
  return { exitCode, ...seen };
}

/** A complete, valid onboard command. */
export const anOnboarding = (changes: Readonly<Record<string, string | undefined>> = {}): string[] => {
  const options = {
    'tenant-id': 'acme',
    name: 'Acme Clinic',
    'admin-email': `ada@${changes['tenant-id'] || 'acme'}.example`,
    tier: 'standard',
    ...changes,
  };
  const given = Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value]));
  return ['onboard', ...given];
};

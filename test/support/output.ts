/** Everything the code under test writes to the process' output, kept from the terminal. */
export interface Output {
  text(): string;
  /** Lines that are JSON, as Powertools writes them: log lines and metrics. */
  lines(): readonly Record<string, unknown>[];
}

/** Call it in beforeEach; jest.restoreAllMocks gives the output back. */
export function captureOutput(): Output {
  let written = '';
  const keep = (chunk: unknown): boolean => {
    written += String(chunk);
    return true;
  };
  jest.spyOn(process.stdout, 'write').mockImplementation(keep);
  jest.spyOn(process.stderr, 'write').mockImplementation(keep);
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    jest.spyOn(console, method).mockImplementation((...parts: unknown[]) => void keep(`${parts.join(' ')}\n`));
  }
  return {
    text: () => written,
    lines: () =>
      written
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

import { createColors } from 'picocolors';
import type { ErrorReport } from './errors';

export type Colors = ReturnType<typeof createColors>;

/** A terminal, a pipe or a test's buffer. */
export interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface Streams {
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Lines of a command, or one JSON document. */
export interface Output {
  readonly json: boolean;
  readonly colors: Colors;
  /** Where progress goes: beside the JSON document, not into it. */
  readonly progress: Stream;
  /** True where lines may be rewritten. */
  readonly live: boolean;
  /** The result: text lines, or with --json the value, as the only thing on stdout. */
  result(value: object, lines: readonly string[]): void;
  /** A document instead of lines: it alone goes to stdout. */
  document(text: string): void;
  /** A remark for the person who waits. */
  note(line: string): void;
  error(report: ErrorReport): void;
}

export function createOutput({ stdout, stderr, env }: Streams, { json }: { readonly json: boolean }): Output {
  const progress = json ? stderr : stdout;
  const decorated = (stream: Stream): boolean =>
    stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb' && !env['CI'];
  const colors = createColors(decorated(progress));
  return {
    json,
    colors,
    progress,
    live: decorated(progress),
    result(value, lines) {
      stdout.write(json ? `${JSON.stringify(value, undefined, 2)}\n` : asText(lines));
    },
    document(text) {
      stdout.write(text);
    },
    note(line) {
      progress.write(asText([line]));
    },
    error(report) {
      if (json) stdout.write(`${JSON.stringify({ error: report }, undefined, 2)}\n`);
      else stderr.write(asText(errorLines(report, createColors(decorated(stderr)))));
    },
  };
}

const asText = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

export function errorLines({ name, message, problems, nextAction }: ErrorReport, colors: Colors): string[] {
  const { bold, red, dim } = colors;
  const next = `  ${dim('next:')} ${printable(nextAction)}`;
  if (problems === undefined || problems.length === 0) {
    return [`${red('✗')} ${bold(red(printable(name)))}: ${printable(message)}`, next];
  }
  return [
    `${red('✗')} ${bold(red(printable(name)))}:`,
    ...problems.map((problem) => `  - ${printable(problem)}`),
    next,
  ];
}

/** Text from elsewhere, on one line and unable to steer the terminal. */
export const printable = (text: string): string => text.replace(/\p{Cc}+/gu, ' ');

/** `name  value` lines below a heading, values aligned; undefined values are left out. */
export function facts(entries: readonly (readonly [string, string | number | undefined])[], colors: Colors): string[] {
  const shown = entries.filter(([, value]) => value !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `  ${colors.dim(name.padEnd(width))}  ${printable(String(value))}`);
}

/** Rows under headings, columns as wide as their widest cell. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly (string | undefined)[])[],
  colors: Colors,
): string[] {
  const cells = rows.map((row) => headings.map((_, column) => printable(row[column] ?? '–')));
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    `  ${row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()}`;
  return [colors.dim(line(headings)), ...cells.map(line)];
}

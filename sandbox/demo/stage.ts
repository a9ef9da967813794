import pc from 'picocolors';

/** Everything the demo prints: headings, facts and tables that read well with and without colour. */
export const stage = {
  title(text: string, subtitle: string): void {
    console.log(`\n${pc.bold(text)}\n${pc.dim(subtitle)}`);
  },
  act(number: number, text: string): void {
    console.log(`\n${pc.bold(pc.cyan(`${number}  ${text}`))}\n`);
  },
  say(text: string): void {
    console.log(`   ${text}`);
  },
  fact(holds: boolean, text: string): boolean {
    console.log(`   ${holds ? pc.green('✓') : pc.red('✗ NOT TRUE:')} ${text}`);
    return holds;
  },
  table(headings: readonly string[], rows: readonly (readonly string[])[]): void {
    const widths = headings.map((heading, column) =>
      Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
    );
    const format = (row: readonly string[]) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd();
    console.log(`\n   ${pc.bold(format(headings))}\n   ${pc.dim(widths.map((width) => '─'.repeat(width)).join('  '))}`);
    for (const row of rows) console.log(`   ${format(row)}`);
    console.log();
  },
  /** True where colours and symbols are seen as such. */
  decorated: pc.isColorSupported && process.stdout.isTTY === true,
};

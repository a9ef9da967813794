import pc from 'picocolors';

/** Everything the demo prints, in one place: headings, facts and tables that read well with and without colour. */
export const stage = {
  title(text: string, subtitle: string): void {
    console.log(`\n${pc.bold(text)}\n${pc.dim(subtitle)}`);
  },
  act(number: number, text: string): void {
    console.log(`\n${pc.bold(pc.cyan(`${number}  ${text}`))}`);
  },
  say(text: string): void {
    console.log(`   ${text}`);
  },
  good(text: string): void {
    console.log(`   ${pc.green('✓')} ${text}`);
  },
  bad(text: string): void {
    console.log(`   ${pc.red('✗')} ${text}`);
  },
  line(text: string): void {
    console.log(`   ${text}`);
  },
  table(headings: readonly string[], rows: readonly (readonly string[])[]): void {
    const widths = headings.map((heading, column) => Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)));
    const format = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd();
    console.log(`\n   ${pc.bold(format(headings))}\n   ${pc.dim(widths.map((width) => '─'.repeat(width)).join('  '))}`);
    for (const row of rows) console.log(`   ${format(row)}`);
    console.log();
  },
};

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const directories: string[] = [];

/** A directory with the code of a function, as an asset of the assembly is one. */
export function aBundle(code: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'bundle-'));
  directories.push(directory);
  writeFileSync(join(directory, 'index.js'), code);
  return directory;
}

/** Call it in afterAll. */
export function removeBundles(): void {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
}

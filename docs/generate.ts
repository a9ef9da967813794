import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { rendered } from './parts';

const ROOT = join(__dirname, '..');

/** Every page of the documentation, by path below the root. */
export function pages(): readonly string[] {
  const below = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => `docs/${path}`);
  return ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...below.sort()];
}

export const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

/** The page as it must be. */
export function upToDate(page: string): string {
  const folder = dirname(page);
  return rendered(read(page), folder === '.' ? '' : folder);
}

/** `npm run docs`: writes the generated parts into the pages. */
function main(): void {
  for (const page of pages()) {
    const text = upToDate(page);
    if (text === read(page)) continue;
    writeFileSync(join(ROOT, page), text);
    console.log(`${page} updated`);
  }
}

if (require.main === module) main();

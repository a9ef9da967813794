import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pages, read, upToDate } from '../../docs/generate';
import { effectOf } from '../../docs/parts';
import { ALARMS } from '../../infra/constructs/alarms';
import { CONTRACTS } from '../../infra/contracts';
import { scripts } from '../../package.json';
import { ERRORS } from '../../tasks/shared/errors';

const ROOT = join(__dirname, '../..');
const PAGES = pages();
const ADRS = PAGES.filter((page) => /^docs\/adr\/\d{4}-/.test(page));

/** Every match's first group, each once. */
const found = (text: string, pattern: RegExp): readonly string[] => [
  ...new Set([...text.matchAll(pattern)].map(([, group = '']) => group)),
];

const headings = (page: string): readonly string[] => found(read(page).replace(/```[\s\S]*?```/g, ''), /^#+ (.+)$/gm);

/** As GitHub makes them. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} -]/gu, '')
    .replaceAll(' ', '-');

/** Paths of a tree of two levels, from the indentation of its lines. */
function treePaths(tree: string): readonly string[] {
  let folder = '';
  return tree.split('\n').flatMap((line) => {
    const [, indent, path] = /^( *)(\S+)/.exec(line) ?? [];
    if (indent === undefined || path === undefined) return [];
    if (indent !== '') return [`${folder}${path}`];
    folder = path;
    return [path];
  });
}

describe.each(PAGES)('%s', (page) => {
  it('has its generated parts and included files as the code has them (npm run docs)', () => {
    const text = read(page);

    expect(text).toBe(upToDate(page));
  });

  it('names only npm scripts that exist', () => {
    const named = found(read(page), /npm (?:run )?(?:--silent )?((?:start|test)\b|(?<=npm run )[\w:-]+)/g);

    expect(named.filter((script) => !Object.hasOwn(scripts, script))).toEqual([]);
  });

  it('names only files and folders that exist', () => {
    const paths = found(
      read(page),
      /`((?:\.ci|cli|docs|infra|sandbox|state-machines|tasks|test)\/[^`\s<>*…]*|\.\/[^`\s]+)`/g,
    );

    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it('links only to pages, files and headings that exist', () => {
    const links = found(read(page).replace(/```[\s\S]*?```/g, ''), /\]\(([^)\s]+)\)/g).filter(
      (link) => !/^https?:/.test(link),
    );

    const broken = links.filter((link) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== undefined && !headings(target).map(anchorOf).includes(anchor);
    });

    expect(broken).toEqual([]);
  });

  it('names only errors that exist', () => {
    const names = [
      'FunctionError',
      'Error',
      'TypeError',
      'UnsupportedDefinitionError',
      ...ERRORS.map((ErrorType) => new ErrorType('').name),
    ];

    expect(found(read(page), /`(\w*Error)`/g).filter((name) => !names.includes(name))).toEqual([]);
  });

  it('is ended by one newline and has no trailing blanks', () => {
    const text = read(page);

    expect(text).toMatch(/[^\n]\n$/);
    expect(found(text, /^(.*[^\S\n])$/gm)).toEqual([]);
  });
});

describe('README.md', () => {
  it('shows a tree of folders and files that exist', () => {
    const [tree = ''] = found(read('README.md'), /<!-- tree -->\n```text\n([\s\S]*?)```/g);

    const paths = treePaths(tree);

    expect(paths.length).toBeGreaterThan(10);
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it('shows the machine and the two commands before anything else', () => {
    const [first = ''] = read('README.md').split('\n## ');

    expect(first).toContain('```mermaid');
    expect(first).toMatch(/^npm ci && npm run demo\b.*\nnpm ci && npm test\b/m);
  });

  it('names the version of the CDK command line that is pinned', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      devDependencies: Record<string, string>;
    };

    expect(read('README.md')).toContain(`\`aws-cdk\` ${devDependencies['aws-cdk']}`);
  });
});

describe('docs/runbook.md', () => {
  it('has a heading for every alarm, and an alarm for every heading among them', () => {
    const [, alarms = ''] = /^## Alarms\n([\s\S]*?)^## /m.exec(read('docs/runbook.md')) ?? [];

    expect(found(alarms, /^### (.+)$/gm)).toEqual(ALARMS.map(({ name }) => name));
  });

  it('says of every alarm what it means, where to look, what to do and when it is over', () => {
    const [, alarms = ''] = /^## Alarms\n([\s\S]*?)^## /m.exec(read('docs/runbook.md')) ?? [];
    const sections = alarms.split(/^### /m).slice(1);

    const incomplete = sections.filter((text) =>
      ['**Meaning.**', '**Look', '**Do', '**Over**'].some((part) => !text.includes(part)),
    );

    expect(sections.length).toBe(ALARMS.length);
    expect(incomplete.map((text) => text.split('\n')[0])).toEqual([]);
  });
});

describe('docs/adr', () => {
  it.each(ADRS)('%s has the headings of a decision, in order', (page) => {
    expect(headings(page).slice(1)).toEqual(['Status', 'Context', 'Positions', 'Decision', 'Consequences']);
  });

  it.each(ADRS)('%s is listed in the index, under its number', (page) => {
    const [, number = '', name] = /(\d{4})-(.+)$/.exec(page) ?? [];

    expect(headings(page)[0]).toMatch(new RegExp(`^${Number(number)}\\. `));
    expect(read('docs/adr/README.md')).toContain(`[${number}](${number}-${name})`);
  });

  it('has numbers without gaps', () => {
    expect(ADRS.map((page) => Number(page.slice('docs/adr/'.length, 'docs/adr/'.length + 4)))).toEqual(
      ADRS.map((_, position) => position + 1),
    );
  });
});

describe('doc comments', () => {
  it.each(CONTRACTS.map(({ name, entry }) => ({ name, entry })))(
    'of $name begin with a sentence that says what it does',
    (contract) => {
      expect(effectOf(contract)).toMatch(/^[A-Z].{10,}\.$/);
    },
  );
});

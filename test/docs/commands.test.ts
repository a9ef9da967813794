import { Command } from 'commander';
import { COMMANDS } from '../../cli/commands';
import { pages, read } from '../../docs/generate';
import { ERRORS } from '../../tasks/shared/errors';

const GLOBAL = ['--target', '--stage', '--endpoint', '--json', '--help'];

/** Options of each command, by its name. */
const OPTIONS = new Map(
  COMMANDS.map((command) => {
    const declared = new Command();
    command.configure(declared);
    return [command.name, declared.options.flatMap(({ long }) => long ?? [])];
  }),
);

/** What stands behind the program's name: words, then options. A comment, a pipe or the end of the code ends it. */
const TYPED = /(?:npm run tenant -- |`tenantctl )([^`#\n|]*)/g;

const typedIn = (text: string): readonly string[] => [...text.matchAll(TYPED)].map(([, typed = '']) => typed.trim());

/** Problems with a command as it is written down; words may be a part of a name, as in `tenantctl hold`. */
function problemsOf(typed: string): readonly string[] {
  const words = /^[a-z -]*?(?=\s+-|\s*$|\s*…)/.exec(`${typed} `)?.[0].trim() ?? typed;
  const options = [...typed.matchAll(/(?:^|\s)(--[a-z][a-z-]*)/g)].map(([, option = '']) => option);
  if (words === '' && options.every((option) => GLOBAL.includes(option))) return [];
  const known = OPTIONS.get(words);
  if (known === undefined) {
    const group = COMMANDS.some(({ name }) => name.startsWith(`${words} `));
    return group && options.length === 0 ? [] : [`${typed}: there is no command "${words}"`];
  }
  return options
    .filter((option) => !known.includes(option) && !GLOBAL.includes(option))
    .map((option) => `${typed}: ${words} has no option ${option}`);
}

describe('the commands that a reader is told to run', () => {
  it.each(pages())('exist, with their options: %s', (page) => {
    expect(typedIn(read(page)).flatMap(problemsOf)).toEqual([]);
  });

  it('are found where they stand', () => {
    expect(typedIn(read('README.md')).length).toBeGreaterThan(20);
    expect(typedIn(read('docs/runbook.md')).length).toBeGreaterThan(10);
  });

  it.each([
    ['npm run tenant -- replay --tenant-id acme --now', ['replay --tenant-id acme --now: replay has no option --now']],
    ['`tenantctl reply`', ['reply: there is no command "reply"']],
    ['npm run tenant -- hold legal --on # comment --bogus', []],
    ['`tenantctl hold`', []],
  ])('are told from others: %s', (text, problems) => {
    expect(typedIn(text).flatMap(problemsOf)).toEqual(problems);
  });

  it.each(ERRORS.map((ErrorType) => [new ErrorType('').name, new ErrorType('').nextAction]))(
    'exist in the next action of %s',
    (_name, nextAction) => {
      const [, typed] = /tenantctl ([a-z]+(?: [a-z]+)?)/.exec(nextAction) ?? [];
      const [first = '', second = ''] = (typed ?? 'status').split(' ');

      expect(COMMANDS.some(({ name }) => name === first || name === `${first} ${second}`)).toBe(true);
    },
  );

  it.each(COMMANDS.map(({ name }) => name))('are all in the README: %s', (name) => {
    expect(read('README.md')).toContain(`npm run tenant -- ${name} `.trimEnd());
  });
});

import asyncHooks from 'node:async_hooks';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

/** What the sandbox puts in place of the host's own, for one execution environment. */
export interface Surroundings {
  readonly process: NodeJS.Process;
  readonly console: Console;
  readonly dateType: DateConstructor;
}

export type Handler = (event: unknown, context: object) => Promise<unknown>;

type Wrapper = (
  exports: object,
  require: NodeJS.Require,
  module: { exports: object },
  filename: string,
  dirname: string,
  process: NodeJS.Process,
  console: Console,
  dateType: DateConstructor,
) => void;

/**
 * The X-Ray SDK follows its segments by a hook on every promise of the process. Each cold start would add one, to the
 * sandbox itself and for good, and nothing is traced here.
 */
const inertHook: asyncHooks.AsyncHook = { enable: () => inertHook, disable: () => inertHook };
const WITHOUT_HOOKS = { ...asyncHooks, createHook: () => inertHook };

const compiled = new Map<string, Script>();

/**
 * Evaluates a bundled function anew, as a cold start does: the same bytes that go to Lambda, with a module scope, an
 * environment, an output and a clock of their own. Compiled once per file, like Node's own module wrapper.
 */
export function loadHandler(
  codeDirectory: string,
  handlerName: string,
  { process, console, dateType }: Surroundings,
): Handler {
  const [moduleName = '', exportName = ''] = handlerName.split('.');
  const filename = join(codeDirectory, `${moduleName}.js`);
  const hostRequire = createRequire(filename);
  const require = Object.assign((id: string) => {
    const name = id.replace(/^node:/, '');
    if (name === 'process') return process;
    return name === 'async_hooks' ? WITHOUT_HOOKS : (hostRequire(id) as unknown);
  }, hostRequire);
  const module = { exports: {} };
  const wrapper = scriptOf(filename).runInThisContext() as Wrapper;
  wrapper.call(
    module.exports,
    module.exports,
    require,
    module,
    filename,
    dirname(filename),
    process,
    console,
    dateType,
  );
  const handler = (module.exports as Record<string, unknown>)[exportName];
  if (typeof handler !== 'function') throw new Error(`${filename} exports no function named ${exportName}`);
  return handler as Handler;
}

function scriptOf(filename: string): Script {
  const known = compiled.get(filename);
  if (known !== undefined) return known;
  const source = readFileSync(filename, 'utf8');
  // On one line, so that line numbers in stack traces stay right.
  const script = new Script(
    `(function (exports, require, module, __filename, __dirname, process, console, Date) {${source}\n})`,
    { filename },
  );
  compiled.set(filename, script);
  return script;
}
